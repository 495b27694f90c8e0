// How many agents are greeted at once: each new stream costs a compile and a rule set. When a whole fleet comes back, the first are greeted and
// the rest are told when to come, one after the other, so that they do not all come again at the same time.

export interface HelloPlace {
  /** Greeted, or gone. Again does nothing. */
  leave(): void;
}

/** Streams greeted in a second, at the least that was measured. */
const perSecond = 250;
const leastRetryMs = 1000;
const mostRetryMs = 30_000;

export class HelloPlaces {
  readonly #most: number;
  #taken = 0;
  /** Sent away since there was room. */
  #sentAway = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Milliseconds to come back after, where there is no room. */
  fullFor(): number | undefined {
    if (this.#taken < this.#most) {
      this.#sentAway = 0;
      return undefined;
    }
    this.#sentAway += 1;
    return Math.min(mostRetryMs, leastRetryMs + (this.#sentAway * 1000) / perSecond);
  }

  take(): HelloPlace {
    this.#taken += 1;
    let isTaken = true;
    return {
      leave: () => {
        if (isTaken) this.#taken -= 1;
        isTaken = false;
      },
    };
  }
}
