// Drops entries of the audit log that lie elsewhere by now: up to a checkpoint that this control plane signed, and none younger than the
// setting `keepAuditDays`, so that whoever holds an operator's token cannot remove what it did with it. What is kept verifies from that
// checkpoint on. The rows go in small steps, of which an interrupted one is taken up at the next start.

import type { Logger } from 'pino';
import type { AuditPruning } from '#control-plane/store/audit-pruning.ts';
import type { Store } from '#control-plane/store/store.ts';
import { type Millis, millis } from '#model/time.ts';
import { type AuditCheckpoint, checkpointText } from '#policy/audit/audit-checkpoint.ts';
import { prunedAction } from '#policy/audit/audit-verifier.ts';
import type { AuditCheckpoints } from './audit-checkpoints.ts';
import { isSigned } from './audit-key.ts';

export interface AuditPrunerOptions {
  readonly store: Pick<Store, 'pruneAudit' | 'dropPrunedAudit'>;
  readonly tenant: string;
  /** Whose key signs here, and who knows where the log begins. */
  readonly checkpoints: Pick<AuditCheckpoints, 'key' | 'base' | 'moveBase'>;
  readonly keepDays: number;
  readonly now: () => Millis;
  readonly log: Logger;
}

const dayMs = 86_400_000;
/** Of one transaction: some 30 ms, in which no other change is written. */
const rowsAtOnce = 2000;

export class AuditPruner {
  readonly #options: AuditPrunerOptions;
  #dropping: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: AuditPrunerOptions) {
    this.#options = options;
    this.#drop();
  }

  get keepDays(): number {
    return this.#options.keepDays;
  }

  async prune(checkpoint: AuditCheckpoint, actor: string): Promise<AuditPruning> {
    const { store, tenant, checkpoints, keepDays, now } = this.#options;
    if (checkpoint.key !== checkpoints.key || !isSigned(checkpointText(checkpoint), checkpoint))
      return { kind: 'unknown' };
    const pruned = await checkpoints.moveBase(checkpoint, () =>
      store.pruneAudit({
        tenant,
        checkpoint,
        before: millis(now() - keepDays * dayMs),
        note: { at: now(), actor, action: prunedAction, target: 'audit' },
      }),
    );
    if (pruned.kind === 'pruned') this.#drop();
    return pruned;
  }

  /** After the step that is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#dropping;
  }

  #drop(): void {
    this.#dropping = this.#dropping
      .then(() => this.#dropAll())
      .catch((cause: unknown) => {
        this.#options.log.warn(
          { err: cause },
          'pruned audit entries could not be dropped; the next start will drop them',
        );
      });
  }

  async #dropAll(): Promise<void> {
    const { store, tenant, checkpoints } = this.#options;
    const drop = () => store.dropPrunedAudit({ tenant, base: checkpoints.base?.seq ?? 0, limit: rowsAtOnce });
    while (!this.#isStopped && (await drop()) > 0);
  }
}
