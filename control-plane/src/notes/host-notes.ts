// How many audit entries one host can cause: so many of each action in an hour, then one entry with the number of the others. An hour begins
// with a host's first entry. Each action has its own room, so that what comes often does not hide what comes once.

import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import { type Millis, millis } from '#model/time.ts';

export interface SkippedNote {
  readonly host: string;
  readonly details: {
    readonly entries: number;
    /** ISO 8601, of the first that was skipped. */
    readonly since: string;
    /** How many of each action. */
    readonly actions: Readonly<Record<string, number>>;
  };
}

export interface HostNotesOptions {
  readonly now: () => Millis;
  /** Milliseconds of a clock that only goes forward: hours are its. */
  readonly elapsedMs: () => number;
  readonly tell: (note: SkippedNote) => void;
  /** Of each action; default 30. */
  readonly mostInHour?: number;
}

interface HostHour {
  readonly endsAt: number;
  readonly taken: Map<string, number>;
  /** Not written, by action. */
  readonly skipped: Map<string, number>;
  since: Millis;
}

const hourMs = 3_600_000;
const lookEveryMs = 60_000;

export class HostNotes {
  readonly #options: HostNotesOptions;
  readonly #hours = new Map<string, HostHour>();
  readonly #skipped = new Map<string, number>();
  #timer: Timer | undefined;
  #all = 0;

  constructor(options: HostNotesOptions) {
    this.#options = options;
  }

  /** False: the entry is counted instead of written. */
  take(host: string, action: string): boolean {
    const at = this.#options.elapsedMs();
    this.#tellEnded(at);
    const hour = this.#hours.get(host) ?? {
      endsAt: at + hourMs,
      taken: new Map(),
      skipped: new Map(),
      since: millis(0),
    };
    this.#hours.set(host, hour);
    this.#timer ??= systemClock.every(lookEveryMs, () => this.#tellEnded(this.#options.elapsedMs())).unref();
    const taken = hour.taken.get(action) ?? 0;
    if (taken < (this.#options.mostInHour ?? 30)) {
      hour.taken.set(action, taken + 1);
      return true;
    }
    if (hour.skipped.size === 0) hour.since = this.#options.now();
    hour.skipped.set(action, (hour.skipped.get(action) ?? 0) + 1);
    this.#skipped.set(host, this.skippedOf(host) + 1);
    this.#all += 1;
    return false;
  }

  /** An entry that could not be written, and comes again. */
  giveBack(host: string, action: string): void {
    const taken = this.#hours.get(host)?.taken;
    taken?.set(action, Math.max(0, (taken.get(action) ?? 0) - 1));
  }

  /** Since the start. */
  get skipped(): number {
    return this.#all;
  }

  /** Since the start. */
  skippedOf(host: string): number {
    return this.#skipped.get(host) ?? 0;
  }

  forget(host: string): void {
    this.#hours.delete(host);
    this.#skipped.delete(host);
  }

  /** What was counted and not told yet is told now. */
  stop(): void {
    this.#timer?.cancel();
    this.#tellEnded(Number.POSITIVE_INFINITY);
  }

  #tellEnded(at: number): void {
    // In the order they began, and all are as long.
    for (const [host, { endsAt, skipped, since }] of this.#hours) {
      if (endsAt > at) break;
      this.#hours.delete(host);
      if (skipped.size === 0) continue;
      const entries = [...skipped.values()].reduce((sum, count) => sum + count, 0);
      const details = { entries, since: new Date(since).toISOString(), actions: Object.fromEntries(skipped) };
      this.#options.tell({ host, details });
    }
    if (this.#hours.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
