// Signs the audit log as it grows: once a minute where there is something new, when it is asked to, and at a stop. It signs only what
// continues, entry by entry, from what it signed before; a store whose log does not (put back from an older copy, cut off, changed) goes
// on as a new lineage, with an entry that says so, and what operators hold of the one before shows them what is gone. From where on the log
// is kept is no word of the store's either (audit-base.ts).

import type { Logger } from 'pino';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import { sha256Hex } from '#control-plane/store/audit.ts';
import type { AuditHead } from '#control-plane/store/audit-checkpoints.ts';
import type { AuditPruning } from '#control-plane/store/audit-pruning.ts';
import type { Store } from '#control-plane/store/store.ts';
import type { Millis } from '#model/time.ts';
import { type ChainPlace, chainBegin, chainFault } from '#policy/audit/audit-chain.ts';
import { type AuditCheckpoint, checkpointText } from '#policy/audit/audit-checkpoint.ts';
import { type AuditBase, keepAuditBase, readAuditBase } from './audit-base.ts';
import { type AuditKey, isSigned, keepLastCheckpoint, openAuditKey, readLastCheckpoint } from './audit-key.ts';

export interface AuditCheckpointsOptions {
  readonly store: Pick<
    Store,
    | 'appendAudit'
    | 'resignAuditBase'
    | 'readAuditHead'
    | 'listAudit'
    | 'listAuditCheckpoints'
    | 'saveAuditCheckpoint'
    | 'beginAuditLineage'
  >;
  readonly tenant: string;
  /** Of the key, of what was signed last, and of where the log begins. */
  readonly directory: string;
  readonly now: () => Millis;
  readonly log: Logger;
}

interface Start {
  readonly key: AuditKey;
  readonly last: AuditCheckpoint | undefined;
  readonly base: AuditBase;
}

/** What came since can be cut off unseen by whoever writes to the store's file. */
const everyMs = 60_000;
const page = 1000;

export class AuditCheckpoints {
  readonly #options: AuditCheckpointsOptions;
  readonly #key: AuditKey;
  readonly #timer: Timer;
  #last: AuditCheckpoint | undefined;
  #base: AuditBase;
  #signing: Promise<unknown> = Promise.resolve();
  #isBehind = false;
  #departure: string | undefined;

  private constructor(options: AuditCheckpointsOptions, start: Start) {
    this.#options = options;
    this.#key = start.key;
    this.#last = start.last;
    this.#base = start.base;
    this.#timer = systemClock.every(everyMs, () => void this.#signSoon()).unref();
  }

  /** Looks at the log before anything is written to it, where it was signed before. A full disk does not keep it from starting. */
  static async open(options: AuditCheckpointsOptions): Promise<AuditCheckpoints> {
    const { store, tenant, directory, now } = options;
    const key = await openAuditKey(directory);
    if (key.origin === 'made') {
      const details = { key: key.key };
      const note = { at: now(), actor: 'control-plane', action: 'audit-key-made', target: 'audit', details };
      await store.appendAudit({ tenant, note });
    }
    const last = await readLastCheckpoint(directory, key);
    const kept = await readAuditBase(directory);
    const checkpoints = new AuditCheckpoints(options, { key, last, base: kept ?? {} });
    if (kept === undefined) await checkpoints.#adoptBase();
    if (key.origin === 'made') await checkpoints.#resignBase();
    if (last !== undefined) await checkpoints.#signSoon();
    return checkpoints;
  }

  /** Why the log did not continue from what was signed last, where that was so since the start. */
  get departure(): string | undefined {
    return this.#departure;
  }

  /** The public key, 64 hex digits. */
  get key(): string {
    return this.#key.key;
  }

  /** Entries up to this one were pruned; undefined where none were. */
  get base(): AuditCheckpoint | undefined {
    return this.#base.base;
  }

  /** Of the log as it is now. Rejects where it cannot be signed: the disk is full, or fails. */
  fresh(): Promise<AuditCheckpoint> {
    return this.#inTurn(() => this.#sign());
  }

  /** Of a store that somebody put back and says so: the log goes on under another name, unless it had to already. */
  beginLineage(problem: string): Promise<AuditCheckpoint> {
    return this.#inTurn(async () => {
      const { store, tenant } = this.#options;
      const head = await store.readAuditHead({ tenant });
      return this.#signAt(this.#departure === undefined ? await this.#depart(head, problem) : head);
    });
  }

  /** Where `prune` dropped what lies before the checkpoint, the log begins after it from then on. */
  moveBase(checkpoint: AuditCheckpoint, prune: () => Promise<AuditPruning>): Promise<AuditPruning> {
    return this.#inTurn(async () => {
      await this.#sign();
      const before = this.#base;
      await this.#keepBase({ ...before, pending: checkpoint });
      const pruned = await prune();
      await this.#keepBase(pruned.kind === 'pruned' ? { base: checkpoint } : before);
      return pruned;
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#signing.then(work);
    this.#signing = done.catch(() => undefined);
    return done;
  }

  async stop(): Promise<void> {
    this.#timer.cancel();
    await this.#signSoon();
  }

  async #signSoon(): Promise<void> {
    try {
      await this.fresh();
      this.#isBehind = false;
    } catch (cause) {
      if (!this.#isBehind) this.#options.log.error({ err: cause }, 'the audit log could not be signed; trying again');
      this.#isBehind = true;
    }
  }

  async #sign(): Promise<AuditCheckpoint> {
    const { store, tenant, log } = this.#options;
    let head = await store.readAuditHead({ tenant });
    await this.#concludePruning(head);
    const last = this.#last;
    const problem = this.#beginProblem(head) ?? (isSame(last, head) ? undefined : await this.#problemOf(head));
    if (problem === undefined && last !== undefined && isSame(last, head)) return last;
    if (problem !== undefined) {
      log.error(
        { problem, signed: last },
        'the audit log does not continue the one signed last; it starts a new lineage',
      );
      head = await this.#depart(head, problem);
    }
    return this.#signAt(head);
  }

  async #depart(head: AuditHead, problem: string): Promise<AuditHead> {
    const { store, tenant, now } = this.#options;
    this.#departure = problem;
    const base = await this.#baseOf(head);
    const begun = await store.beginAuditLineage({
      ...{ tenant, at: now(), problem, base: base?.seq ?? 0 },
      previous: this.#last,
    });
    await this.#keepBase(base === undefined ? {} : { base });
    return begun;
  }

  async #signAt(head: AuditHead): Promise<AuditCheckpoint> {
    const { store, tenant, directory, now } = this.#options;
    const { log: name, seq, hash } = head;
    const checkpoint = this.#key.sign({ log: name, seq, hash, at: now() });
    await store.saveAuditCheckpoint({ tenant, checkpoint });
    await keepLastCheckpoint(directory, checkpoint);
    this.#last = checkpoint;
    return checkpoint;
  }

  /** Why the log up to `head` does not continue from what was signed last. */
  async #problemOf(head: AuditHead): Promise<string | undefined> {
    const { store, tenant } = this.#options;
    const last = this.#last;
    if (last === undefined) return this.#chainProblem(this.#base.base ?? chainBegin, head);
    if (last.log !== head.log) return `it is log ${head.log}, and ${last.log} was signed last`;
    if (head.seq < last.seq) return `entries up to ${last.seq} were signed, and it ends at ${head.seq}`;
    if (last.seq > head.base) {
      const [signed] = await store.listAudit({ tenant, afterSeq: last.seq - 1, limit: 1 });
      if (signed?.seq !== last.seq || signed.hash !== last.hash) return `entry ${last.seq} is another than was signed`;
    }
    return this.#chainProblem(last, head);
  }

  /** Why the log does not begin where it was pruned to, or holds what no entry can be; undefined where it does. */
  #beginProblem({ base: found, unreadable }: AuditHead): string | undefined {
    const kept = this.#base.base?.seq ?? 0;
    if (found !== kept) return `it begins after entry ${found}, and entries up to ${kept} were pruned`;
    return unreadable === 0 ? undefined : `${unreadable} entries have numbers beyond all bounds`;
  }

  /** Of a pruning during which the process ended, or the disk failed: the store says whether it took it. */
  async #concludePruning({ base: found }: AuditHead): Promise<void> {
    const { base, pending } = this.#base;
    if (pending === undefined) return;
    const now = found === pending.seq ? pending : base;
    await this.#keepBase(now === undefined ? {} : { base: now });
  }

  /**
   * Where a log that does not begin where it was pruned to begins: not later than is known here. Earlier, where the store was put back from a
   * copy of before the pruning, does no harm: then more of it has to hold.
   */
  async #baseOf({ base: found }: AuditHead): Promise<AuditCheckpoint | undefined> {
    const kept = this.#base.base;
    if (kept === undefined || found < 0 || found >= kept.seq) return kept;
    return found === 0 ? undefined : ((await this.#signedAt(found)) ?? kept);
  }

  async #signedAt(seq: number): Promise<AuditCheckpoint | undefined> {
    const { store, tenant } = this.#options;
    const [found] = await store.listAuditCheckpoints({ tenant, fromSeq: seq, limit: 1 });
    if (found?.seq !== seq || found.key !== this.key) return undefined;
    return isSigned(checkpointText(found), found) ? found : undefined;
  }

  /** Of a data directory from before this was kept beside the key: the store's word, once. */
  async #adoptBase(): Promise<void> {
    const { store, tenant } = this.#options;
    const { base: seq } = await store.readAuditHead({ tenant });
    const [found] = seq > 0 ? await store.listAuditCheckpoints({ tenant, fromSeq: seq, limit: 1 }) : [];
    // A key that was made just now signs it anew.
    const isOurs = this.#key.origin === 'made' || (await this.#signedAt(seq)) !== undefined;
    await this.#keepBase(found?.seq === seq && isOurs ? { base: found } : {});
  }

  /** Of a log that was pruned: the new key vouches for where it begins. */
  async #resignBase(): Promise<void> {
    const { store, tenant, now } = this.#options;
    const { base } = this.#base;
    if (base === undefined) return;
    const { log, seq, hash } = base;
    const checkpoint = this.#key.sign({ log, seq, hash, at: now() });
    await store.resignAuditBase({ tenant, checkpoint });
    await this.#keepBase({ base: checkpoint });
  }

  async #keepBase(base: AuditBase): Promise<void> {
    await keepAuditBase(this.#options.directory, base);
    this.#base = base;
  }

  async #chainProblem(from: ChainPlace, head: AuditHead): Promise<string | undefined> {
    const { store, tenant } = this.#options;
    let place = from;
    while (place.seq < head.seq) {
      const entries = await store.listAudit({ tenant, afterSeq: place.seq, limit: page });
      for (const entry of entries) {
        const fault = chainFault(place, entry, sha256Hex);
        if (fault !== undefined) return fault.problem;
        place = { seq: entry.seq, hash: entry.hash };
        if (place.seq >= head.seq) break;
      }
      if (entries.length === 0) return `entry ${place.seq + 1} is missing`;
    }
    return place.hash === head.hash ? undefined : `entry ${head.seq} changed while it was read`;
  }
}

function isSame(last: AuditCheckpoint | undefined, head: AuditHead): boolean {
  return last !== undefined && last.log === head.log && last.seq === head.seq && last.hash === head.hash;
}
