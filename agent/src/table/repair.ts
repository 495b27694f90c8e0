// Puts our table back where a stranger changed it, with a new epoch, since what passed meanwhile may carry today's.

import type { Logger } from 'pino';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { MarkEpochs } from './epochs.ts';
import type { FingerprintKeeping } from './fingerprint.ts';
import type { Held } from './in-force.ts';
import { whatWasTouched } from './inspect.ts';
import type { TableLoader } from './loader.ts';

/**
 * `opened`: the table is away because someone at the console said so; that is no tampering. `found`: in words, what was not as it
 * should be, where notices did not tell.
 */
export type RepairOutcome =
  | { readonly kind: 'repaired'; readonly found: readonly string[] }
  | { readonly kind: 'untouched' | 'failed' | 'opened' };

export interface TableRepairOptions {
  readonly held: Held;
  readonly loader: TableLoader;
  readonly epochs: MarkEpochs;
  readonly marks: MarkLayout;
  readonly fingerprints: FingerprintKeeping;
  readonly log: Logger;
}

/** In a turn. After lost notices (`overrun`), only where the table is not as it was. */
export type TableRepair = (cause: 'changed' | 'overrun') => Promise<RepairOutcome>;

export function createTableRepair(options: TableRepairOptions): TableRepair {
  const { held, loader, epochs, marks, fingerprints, log } = options;
  return async (cause) => {
    if (held.isOpened()) return { kind: 'opened' };
    const inForce = held.current();
    if (inForce === undefined) return { kind: 'untouched' };
    const { ruleSet, table, digest } = inForce;
    const { revision } = ruleSet;
    // Notices that were lost may have been of our own last change, or of a stranger's beside it: what stands tells.
    const isUnheard = cause === 'overrun';
    const inspection = isUnheard
      ? await fingerprints.inspect(held.stateOf({ revision, epoch: inForce.epoch, digest }, table))
      : undefined;
    if (inspection?.kind === 'as-left') {
      fingerprints.again();
      return { kind: 'untouched' };
    }
    const epoch = await epochs.next(inForce.epoch);
    const chosen = epoch.ok ? epoch.value : inForce.epoch;
    const state = held.stateOf({ revision, epoch: chosen, digest }, table);
    const { value, hands } = await loader.withWhoseHands(async () => {
      const result = await loader.load(table, state);
      return { loaded: result, listing: inspection === undefined ? undefined : await fingerprints.listInTurn() };
    });
    const { loaded, listing } = value;
    if (!loaded.ok) {
      log.error({ cause, reason: loaded.error }, 'another program changed the table, and the repair failed');
      return { kind: 'failed' };
    }
    await held.keep({ ...inForce, ...loaded.value });
    if (inspection === undefined) return { kind: 'repaired', found: [] };
    // The notices of this load may be lost as well: that must not lead to another one.
    if (hands === 'ours' && listing !== undefined) await fingerprints.settledBy(listing);
    const found = whatWasTouched({ inspection, after: { text: listing ?? '', epoch: loaded.value.epoch }, marks });
    return found.length === 0 ? { kind: 'untouched' } : { kind: 'repaired', found };
  };
}
