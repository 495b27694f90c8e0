// What somebody does again and again, for the audit log, without letting anybody fill it: the first time of one source and kind is told at
// once, those after it as one entry with their number when the window ends. A window tells so many pairs of source and kind apart; what
// comes beyond them is counted by kind alone. Counts not yet told are told when the process stops in order.

import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import { type Millis, millis } from '#model/time.ts';

export interface Happening<Kind extends string, Details> {
  readonly source: string;
  readonly kind: Kind;
  readonly target: string;
  readonly details: Details;
}

/** Of a first time, or of all that were counted since. */
export interface HappeningNote<Kind extends string, Details> {
  readonly source: string;
  readonly kind: Kind;
  /** The first target that was counted. */
  readonly target: string;
  readonly times: number;
  /** Of the newest time. */
  readonly details: Details;
  /** Absent for a first time. */
  readonly counted?: {
    /** ISO 8601, of the first that is counted here. */
    readonly since: string;
    /** Some of the targets. */
    readonly names: readonly string[];
  };
}

export interface RepeatedNotesOptions<Kind extends string, Details> {
  readonly now: () => Millis;
  readonly tell: (note: HappeningNote<Kind, Details>) => void;
  /** Pairs of source and kind that a window tells apart. */
  readonly pairsMost: number;
  /** Default ten minutes: at most two entries a pair, and one a kind, in that time. */
  readonly windowMs?: number;
}

interface Repeats<Kind extends string, Details> {
  readonly source: string;
  readonly kind: Kind;
  times: number;
  since: Millis;
  details: Details | undefined;
  readonly names: Set<string>;
}

const namesTold = 5;
export const otherSources = '(others)';

export class RepeatedNotes<Kind extends string, Details> {
  readonly #options: RepeatedNotesOptions<Kind, Details>;
  /** Told of once; what has come since is counted. */
  #told = new Map<string, Repeats<Kind, Details>>();
  readonly #others = new Map<Kind, Repeats<Kind, Details>>();
  #timer: Timer | undefined;

  constructor(options: RepeatedNotesOptions<Kind, Details>) {
    this.#options = options;
  }

  take(happening: Happening<Kind, Details>): void {
    const { source, kind } = happening;
    const key = `${source} ${kind}`;
    const told = this.#told.get(key);
    if (told !== undefined) this.#count(told, happening);
    else if (this.#told.size < this.#options.pairsMost) {
      this.#told.set(key, repeatsOf(source, kind));
      this.#options.tell({ ...happening, times: 1 });
    } else {
      const others = this.#others.get(kind) ?? repeatsOf<Kind, Details>(otherSources, kind);
      this.#others.set(kind, others);
      this.#count(others, happening);
    }
    this.#timer ??= this.#windowEnd();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#tellCounts();
  }

  #count(repeats: Repeats<Kind, Details>, { target, details }: Happening<Kind, Details>): void {
    if (repeats.times === 0) repeats.since = this.#options.now();
    repeats.times += 1;
    repeats.details = details;
    if (repeats.names.size < namesTold) repeats.names.add(target);
  }

  #windowEnd(): Timer {
    const end = () => {
      this.#tellCounts();
      this.#timer = this.#told.size > 0 ? this.#windowEnd() : undefined;
    };
    return systemClock.after(this.#options.windowMs ?? 600_000, end).unref();
  }

  /** Who goes on is counted on, and told of once a window; who has stopped is new when he comes again. */
  #tellCounts(): void {
    const goingOn = new Map<string, Repeats<Kind, Details>>();
    for (const [key, repeats] of this.#told) {
      if (repeats.times === 0) continue;
      this.#tellOf(repeats);
      goingOn.set(key, repeatsOf(repeats.source, repeats.kind));
    }
    for (const repeats of this.#others.values()) this.#tellOf(repeats);
    this.#told = goingOn;
    this.#others.clear();
  }

  #tellOf({ source, kind, times, since, details, names }: Repeats<Kind, Details>): void {
    const [target] = names;
    if (target === undefined || details === undefined) return;
    const counted = { since: new Date(since).toISOString(), names: [...names] };
    this.#options.tell({ source, kind, target, times, details, counted });
  }
}

function repeatsOf<Kind extends string, Details>(source: string, kind: Kind): Repeats<Kind, Details> {
  return { source, kind, times: 0, since: millis(0), details: undefined, names: new Set() };
}
