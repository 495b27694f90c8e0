// How fast one may do something: so many at once, then one in each interval. What was done too soon is owed, and says how long to wait.

import type { RateBudgetOptions } from './rate-budget.ts';

export class Pace {
  readonly #options: RateBudgetOptions;
  /** When all that was spent will have been given back; in any monotonic milliseconds. */
  #fullAt = 0;

  constructor(options: RateBudgetOptions) {
    this.#options = options;
  }

  /** 0: it was in time. Otherwise so many milliseconds too early, and counted all the same. */
  spend(at: number): number {
    const { burst, everyMs } = this.#options;
    this.#fullAt = Math.max(this.#fullAt, at) + everyMs;
    return Math.max(0, this.#fullAt - at - burst * everyMs);
  }
}
