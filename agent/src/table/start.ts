// What a start does with the table that it finds. If it is the last one in force, untouched, the agent adopts it.
// Otherwise it loads the last good policy. A table that the agent has no record of is left alone. Reports what other
// programs changed meanwhile.

import { explainRefusal } from '#agent/nft/nft-refusal.ts';
import type { LastGoodRecord } from '#agent/state/last-good-codec.ts';
import type { LastGoodStore } from '#agent/state/last-good-store.ts';
import { noRoomText } from '#agent-core/change/render-table.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { Table } from '#agent-core/table/table.ts';
import type { TableState } from '#agent-core/table/table-state.ts';
import { type MarkEpochs, misreadBits } from './epochs.ts';
import type { FingerprintKeeping } from './fingerprint.ts';
import type { Held } from './in-force.ts';
import { type Inspection, whatWasTouched } from './inspect.ts';
import { digestOf, type TableLoader } from './loader.ts';
import type { TableMaking } from './make.ts';
import type { PolicySaving } from './save-last-good.ts';
import type { UnitUpkeep } from './unit-upkeep.ts';

/**
 * How a start found the host. `open`: never had a policy. `adopted`: the kernel held what was last in force, untouched.
 * `loaded`: that was put into the kernel. `unknown-table`: the kernel holds a table this state directory knows nothing
 * of; it is left alone until a policy arrives. `panic`: someone opened the host at its console; nothing is loaded.
 */
export type StartOutcome =
  | { readonly kind: 'open' }
  | { readonly kind: 'adopted'; readonly revision: number; readonly problem?: string }
  | { readonly kind: 'loaded'; readonly revision: number; readonly problem?: string; readonly tampering?: Tampering }
  | { readonly kind: 'unknown-table'; readonly revision: number | undefined }
  | { readonly kind: 'panic'; readonly revision: number | undefined; readonly problem?: string }
  | { readonly kind: 'failed'; readonly problem: string };

/** What someone changed in our table while no agent ran, in words. */
export type Tampering = readonly string[];

export interface TableStartOptions {
  readonly held: Held;
  readonly lastGoodStore: Pick<LastGoodStore, 'read'>;
  readonly loader: TableLoader;
  readonly making: TableMaking;
  readonly epochs: MarkEpochs;
  readonly marks: MarkLayout;
  readonly saving: Pick<PolicySaving, 'found' | 'now'>;
  readonly fingerprints: Pick<FingerprintKeeping, 'inspect' | 'listInTurn' | 'remember'>;
  readonly upkeep: UnitUpkeep | undefined;
}

/** What was last in force, and the table that it makes today. */
interface LastInForce {
  readonly record: LastGoodRecord;
  readonly table: Table;
  readonly digest: string;
  readonly inspection: Inspection;
}

/** In a turn. */
export function createTableStart(options: TableStartOptions): () => Promise<StartOutcome> {
  const { held, lastGoodStore, loader, making, epochs, marks, saving, fingerprints, upkeep } = options;

  const start = async (): Promise<StartOutcome> => {
    const stored = await lastGoodStore.read();
    const kernel = await loader.readState();
    if (stored.kind === 'none') {
      if (held.isOpened()) return { kind: 'panic', revision: undefined };
      return (await loader.stands()) ? { kind: 'unknown-table', revision: kernel?.revision } : { kind: 'open' };
    }
    if (stored.kind === 'damaged') return { kind: 'failed', problem: stored.problem };
    const { record } = stored;
    const { revision } = record.ruleSet;
    const problem = stored.problem === undefined ? {} : { problem: stored.problem };
    const withProblem = (outcome: StartOutcome): StartOutcome =>
      outcome.kind === 'loaded' ? { ...outcome, ...problem } : outcome;
    const table = await make(record, kernel);
    if (table === undefined) return { kind: 'failed', problem: noRoomText(marks) };
    const digest = digestOf(table);
    saving.found(stored);
    const saveWhereNotOnDisk = async () => (stored.place === 'until-reboot' ? saving.now() : undefined);
    if (held.isOpened()) {
      held.found({ ruleSet: record.ruleSet, table, epoch: record.epoch, digest });
      await saveWhereNotOnDisk();
      return { kind: 'panic', revision, ...problem };
    }
    const last = { record, table, digest, inspection: await fingerprints.inspect(kernel) };
    const isBelieved = table.stamps === 'withheld' || !epochs.isInDoubt();
    if (kernel === undefined || kernel.digest !== digest || !isBelieved) {
      return withProblem(await loadLast(last, kernel));
    }
    held.found({ ruleSet: record.ruleSet, table, epoch: kernel.epoch, digest });
    upkeep?.follow(table);
    if (last.inspection.kind !== 'as-left') return withProblem(await loadAgain(last, kernel));
    await upkeep?.refill();
    await saveWhereNotOnDisk();
    return { kind: 'adopted', revision, ...problem };
  };

  /** Settles what the marks that stand may mean, too. */
  const make = async (record: LastGoodRecord, kernel: TableState | undefined): Promise<Table | undefined> => {
    const { ruleSet, numbering, markMask, unswept = 0 } = record;
    const isSameMask = markMask === marks.mask && unswept === 0;
    // Whoever wrote this may have known others that use these marks, and that are not there yet at a boot.
    if (unswept !== 0 || kernel?.unswept !== undefined) making.marksWereLeft();
    const otherBits = misreadBits(marks, kernel ?? { markMask, unswept });
    if (otherBits === 0) epochs.believe();
    else epochs.doubt((otherBits | marks.mask) >>> 0);
    const makeUnder = making.of(ruleSet);
    // Under a smaller mask its numbers may have no room; under any other no mark that names them is left.
    return (await makeUnder(numbering)) ?? (isSameMask ? undefined : makeUnder(emptyNumbering));
  };

  /**
   * The words are ours but the rules may not be, nor what they let in: load them again, and have every connection
   * judged again.
   */
  const loadAgain = async (last: LastInForce, kernel: TableState): Promise<StartOutcome> => {
    const { table, digest } = last;
    const { ruleSet } = last.record;
    const next = await epochs.next(kernel.epoch);
    if (!next.ok) return { kind: 'failed', problem: next.error };
    const loaded = await loader.load(
      table,
      held.stateOf({ revision: ruleSet.revision, epoch: next.value, digest }, table),
    );
    if (!loaded.ok) return { kind: 'failed', problem: loaded.error };
    await held.keep({ ruleSet, table, digest, ...loaded.value });
    return told(last, { epoch: loaded.value.epoch, loaded: 'same-table' });
  };

  const loadLast = async (last: LastInForce, kernel: TableState | undefined): Promise<StartOutcome> => {
    const { record, table, digest } = last;
    const { ruleSet } = record;
    // The kernel's own word goes first: the disk may have missed a wrap, or be full since yesterday.
    const epoch = await epochs.next(kernel?.epoch ?? record.epoch);
    if (!epoch.ok) return { kind: 'failed', problem: epoch.error };
    const state = held.stateOf({ revision: ruleSet.revision, epoch: epoch.value, digest }, table);
    const loaded = await (kernel === undefined ? loader.loadOnUnsureGround(table, state) : loader.load(table, state));
    if (!loaded.ok)
      return { kind: 'failed', problem: `nft refused the last good rule set: ${explainRefusal(loaded.error)}` };
    await held.keep({ ruleSet, table, digest, ...loaded.value });
    // While marks were in doubt it stood without the rules that believe them.
    const isSame = kernel === undefined || (kernel.digest === digest && kernel.unswept === undefined);
    return told(last, { epoch: loaded.value.epoch, loaded: isSame ? 'same-table' : 'another-table' });
  };

  const told = async (
    { record, inspection }: LastInForce,
    { epoch, loaded }: { readonly epoch: number; readonly loaded: 'same-table' | 'another-table' },
  ): Promise<StartOutcome> => {
    await fingerprints.remember('');
    const isToBeListed = loaded === 'same-table' && inspection.before.text !== '';
    const after = isToBeListed ? { text: (await fingerprints.listInTurn()) ?? '', epoch } : undefined;
    const tampering = whatWasTouched({ inspection, after, marks });
    return { kind: 'loaded', revision: record.ruleSet.revision, ...(tampering.length > 0 && { tampering }) };
  };

  return start;
}
