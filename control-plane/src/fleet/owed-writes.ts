// What the store is owed: a revision that has gone out without being stored with a change of its own, and audit entries. Nothing waits
// for them, so nothing that is in force depends on whether the disk takes them now: what it does not take is tried again until it does,
// entries in the order they came. Their number is bounded; what had to go is counted, and told in an entry of its own.

import type { Logger } from 'pino';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import type { Store } from '#control-plane/store/store.ts';

export interface OwedWritesOptions {
  readonly store: Pick<Store, 'setRevision' | 'appendAudit'>;
  readonly tenant: string;
  readonly now: () => AuditNote['at'];
  readonly log: Logger;
  /** The time has come to try again: `pay` is to be called where changes take their turns. */
  readonly payAgain: () => void;
}

/** The store did not take what was to be written, and has not since. */
export interface StoreTrouble {
  readonly since: AuditNote['at'];
  readonly reason: string;
}

/** Some hundred bytes each. */
const notesMost = 1000;
const payAgainMs = 5000;

export class OwedWrites {
  readonly #options: OwedWritesOptions;
  readonly #notes: AuditNote[] = [];
  #revision: number | undefined;
  #dropped = 0;
  #timer: Timer | undefined;
  #isBehind = false;
  #trouble: StoreTrouble | undefined;

  constructor(options: OwedWritesOptions) {
    this.#options = options;
  }

  trouble(): StoreTrouble | undefined {
    return this.#trouble;
  }

  /** A newer one takes its place. */
  revision(revision: number): void {
    this.#revision = revision;
  }

  /** A revision has gone out that is not stored. */
  get owesRevision(): boolean {
    return this.#revision !== undefined;
  }

  note(note: AuditNote): void {
    if (this.#notes.length < notesMost) this.#notes.push(note);
    else this.#dropped += 1;
  }

  /** Never rejects. Not to be called again before it has resolved. */
  async pay(): Promise<void> {
    const { store, tenant, log, now, payAgain } = this.#options;
    this.#timer?.cancel();
    try {
      const revision = this.#revision;
      if (revision !== undefined) {
        await store.setRevision({ tenant, revision });
        if (this.#revision === revision) this.#revision = undefined;
      }
      for (let [note] = this.#notes; note !== undefined; [note] = this.#notes) {
        await store.appendAudit({ tenant, note });
        this.#notes.shift();
      }
      if (this.#dropped > 0) {
        const details = { entries: this.#dropped };
        const note = { at: now(), actor: 'control-plane', action: 'audit-lost', target: 'audit', details };
        await store.appendAudit({ tenant, note });
        this.#dropped -= details.entries;
      }
      if (this.#isBehind) log.info('what the store could not take is stored');
      this.#isBehind = false;
      this.#trouble = undefined;
    } catch (cause) {
      if (!this.#isBehind)
        log.error({ err: cause }, 'revision and audit entries could not be stored; this is tried again');
      this.#isBehind = true;
      this.#trouble ??= { since: now(), reason: cause instanceof Error ? cause.message : String(cause) };
      this.#timer = systemClock.after(payAgainMs, payAgain).unref();
    }
  }

  stop(): void {
    this.#timer?.cancel();
    const entries = this.#notes.length + this.#dropped;
    if (entries > 0) this.#options.log.error({ entries }, 'audit entries are lost: the store did not take them');
  }
}
