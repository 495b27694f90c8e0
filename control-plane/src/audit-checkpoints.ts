// Signs the audit log as it grows: once a minute where there is something new, when it is asked to, and at a stop. It signs only what
// continues, entry by entry, from what it signed before; a store whose log does not (put back from an older copy, cut off, changed) goes
// on as a new lineage, with an entry that says so, and what operators hold of the one before shows them what is gone.

import type { Logger } from 'pino';
import type { Millis } from '#model/time.ts';
import { type ChainPlace, chainBegin, chainFault } from '#policy/audit-chain.ts';
import type { AuditCheckpoint } from '#policy/audit-checkpoint.ts';
import { type AuditKey, keepLastCheckpoint, openAuditKey, readLastCheckpoint } from './audit-key.ts';
import { sha256Hex } from './store/audit.ts';
import type { AuditHead } from './store/audit-checkpoints.ts';
import type { Store } from './store/store.ts';

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
  /** Of the key and of what was signed last. */
  readonly directory: string;
  readonly now: () => Millis;
  readonly log: Logger;
}

/** What came since can be cut off unseen by whoever writes to the store's file. */
const everyMs = 60_000;
const page = 1000;

export class AuditCheckpoints {
  readonly #options: AuditCheckpointsOptions;
  readonly #key: AuditKey;
  readonly #timer: NodeJS.Timeout;
  #last: AuditCheckpoint | undefined;
  #signing: Promise<unknown> = Promise.resolve();
  #isBehind = false;

  private constructor(options: AuditCheckpointsOptions, key: AuditKey, last: AuditCheckpoint | undefined) {
    this.#options = options;
    this.#key = key;
    this.#last = last;
    this.#timer = setInterval(() => void this.#signSoon(), everyMs).unref();
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
    const checkpoints = new AuditCheckpoints(options, key, last);
    if (key.origin === 'made') await checkpoints.#resignBase();
    if (last !== undefined) await checkpoints.#signSoon();
    return checkpoints;
  }

  /** The public key, 64 hex digits. */
  get key(): string {
    return this.#key.key;
  }

  /** Of the log as it is now. Rejects where it cannot be signed: the disk is full, or fails. */
  fresh(): Promise<AuditCheckpoint> {
    const signed = this.#signing.then(() => this.#sign());
    this.#signing = signed.catch(() => undefined);
    return signed;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#signSoon();
  }

  async #signSoon(): Promise<void> {
    try {
      await this.fresh();
      this.#isBehind = false;
    } catch (cause) {
      if (!this.#isBehind)
        this.#options.log.error({ err: cause }, 'the audit log could not be signed; this is tried again');
      this.#isBehind = true;
    }
  }

  async #sign(): Promise<AuditCheckpoint> {
    const { store, tenant, directory, now, log } = this.#options;
    let head = await store.readAuditHead({ tenant });
    const last = this.#last;
    if (last !== undefined && last.log === head.log && last.seq === head.seq && last.hash === head.hash) return last;
    const problem = await this.#problemOf(head);
    if (problem !== undefined) {
      log.error(
        { problem, signed: last },
        'the audit log is not the one that was signed last; it goes on as a new lineage',
      );
      head = await store.beginAuditLineage({ tenant, at: now(), previous: last, problem });
    }
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
    if (last === undefined) return this.#chainProblem((await this.#base(head)) ?? chainBegin, head);
    if (last.log !== head.log) return `it is log ${head.log}, and ${last.log} was signed last`;
    if (head.seq < last.seq) return `entries up to ${last.seq} were signed, and it ends at ${head.seq}`;
    if (last.seq > head.base) {
      const [signed] = await store.listAudit({ tenant, afterSeq: last.seq - 1, limit: 1 });
      if (signed?.seq !== last.seq || signed.hash !== last.hash) return `entry ${last.seq} is another than was signed`;
    }
    return this.#chainProblem(last, head);
  }

  async #base({ base }: AuditHead): Promise<AuditCheckpoint | undefined> {
    const { store, tenant } = this.#options;
    if (base === 0) return undefined;
    const [first] = await store.listAuditCheckpoints({ tenant, fromSeq: base, limit: 1 });
    return first;
  }

  /** Of a log that was pruned: the new key vouches for where it begins. */
  async #resignBase(): Promise<void> {
    const { store, tenant, now } = this.#options;
    const base = await this.#base(await store.readAuditHead({ tenant }));
    if (base === undefined) return;
    const { log, seq, hash } = base;
    await store.resignAuditBase({ tenant, checkpoint: this.#key.sign({ log, seq, hash, at: now() }) });
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
