// How often each of many may do something: so many at once, then one in each interval. Time comes in, of any clock, in milliseconds; what has been idle long enough to
// be full again is forgotten, so that memory follows who is active now.

export interface RateBudgetOptions {
  readonly burst: number;
  /** The time in which one more is allowed. */
  readonly everyMs: number;
}

export class RateBudget {
  readonly #options: RateBudgetOptions;
  /** When all that was taken will have been given back. */
  readonly #fullAt = new Map<string, number>();
  #sweepAt = 0;

  constructor(options: RateBudgetOptions) {
    this.#options = options;
  }

  /** Takes one, or says no and takes nothing. */
  take(key: string, at: number): boolean {
    return this.takeMany(key, { at, count: 1 }) === 0;
  }

  /** Takes so many, and gives 0; or nothing, and gives the milliseconds after which there is room for them. `count` is at most `burst`. */
  takeMany(key: string, { at, count }: { readonly at: number; readonly count: number }): number {
    const waitMs = this.waitFor(key, { at, count });
    if (waitMs === 0) this.#fullAt.set(key, this.#owedUntil(key, at) + count * this.#options.everyMs);
    return waitMs;
  }

  /** What `takeMany` would say; nothing is taken. */
  waitFor(key: string, { at, count }: { readonly at: number; readonly count: number }): number {
    const { burst, everyMs } = this.#options;
    this.#sweep(at);
    return Math.max(0, this.#owedUntil(key, at) + count * everyMs - at - burst * everyMs);
  }

  #owedUntil(key: string, at: number): number {
    const { burst, everyMs } = this.#options;
    // After a clock that was set back, nothing is owed for longer than an empty budget takes to fill.
    return Math.max(at, Math.min(this.#fullAt.get(key) ?? at, at + burst * everyMs));
  }

  /** Takes so many whether or not there is room, and gives the milliseconds until there is again. `at` is of a clock that only goes forward. */
  spend(key: string, { at, count }: { readonly at: number; readonly count: number }): number {
    const { everyMs } = this.#options;
    this.#sweep(at);
    this.#fullAt.set(key, Math.max(this.#fullAt.get(key) ?? at, at) + count * everyMs);
    return this.owes(key, at);
  }

  /** The milliseconds until what was spent beyond the budget is given back; 0 while nothing was. */
  owes(key: string, at: number): number {
    const { burst, everyMs } = this.#options;
    return Math.max(0, (this.#fullAt.get(key) ?? at) - at - burst * everyMs);
  }

  get size(): number {
    return this.#fullAt.size;
  }

  #sweep(at: number): void {
    const { burst, everyMs } = this.#options;
    if (at < this.#sweepAt && this.#sweepAt - at <= burst * everyMs) return;
    this.#sweepAt = at + burst * everyMs;
    for (const [key, fullAt] of this.#fullAt) if (fullAt <= at) this.#fullAt.delete(key);
  }
}
