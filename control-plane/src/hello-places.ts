// How many agents are greeted at once: each new stream costs a compile and a rule set. When a whole fleet comes back, the first are greeted and
// the rest are told when to come, one after the other, so that they do not all come again at the same time.

export interface HelloPlace {
  /** Greeted, or gone. Again does nothing. */
  leave(): void;
}

/** Streams greeted in a second, at the least that was measured. */
const perSecond = 250;
/** An agent has one; after a restart or a lost connection its old one may stand for a moment. */
const mostOfHost = 2;
const leastRetryMs = 1000;
const mostRetryMs = 30_000;

export class HelloPlaces {
  readonly #most: number;
  #taken = 0;
  /** A host that takes many is no reason for the others to wait. */
  readonly #ofHost = new Map<string, number>();
  /** Sent away since there was room. */
  #sentAway = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Milliseconds to come back after, where there is no room, or where this host has its share. */
  fullFor(host: string): number | undefined {
    if ((this.#ofHost.get(host) ?? 0) >= mostOfHost) return leastRetryMs;
    if (this.#taken < this.#most) {
      this.#sentAway = 0;
      return undefined;
    }
    this.#sentAway += 1;
    return Math.min(mostRetryMs, leastRetryMs + (this.#sentAway * 1000) / perSecond);
  }

  take(host: string): HelloPlace {
    this.#taken += 1;
    this.#ofHost.set(host, (this.#ofHost.get(host) ?? 0) + 1);
    let isTaken = true;
    return {
      leave: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#taken -= 1;
        const left = (this.#ofHost.get(host) ?? 1) - 1;
        if (left === 0) this.#ofHost.delete(host);
        else this.#ofHost.set(host, left);
      },
    };
  }
}
