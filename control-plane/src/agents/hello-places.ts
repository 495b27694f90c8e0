// How many agents are greeted at once, and how often one: each new stream costs a compile and a rule set. When a whole fleet comes back, the
// first are greeted and the rest are told when to come, one after the other, so that they do not all come again at the same time.

import { RateBudget, type RateBudgetOptions } from '#control-plane/rpc/rate-budget.ts';

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

export interface HelloLimits {
  readonly atOnce: number;
  readonly ofHost: RateBudgetOptions;
}

/** `host`: of this one's own doing. */
export interface HelloRefusal {
  readonly of: 'host' | 'all';
  readonly retryAfterMs: number;
}

export class HelloPlaces {
  readonly #most: number;
  readonly #pace: RateBudget;
  #taken = 0;
  /** A host that takes many is no reason for the others to wait. */
  readonly #ofHost = new Map<string, number>();
  /** Sent away since there was room. */
  #sentAway = 0;

  constructor({ atOnce, ofHost }: HelloLimits) {
    this.#most = atOnce;
    this.#pace = new RateBudget(ofHost);
  }

  get taken(): number {
    return this.#taken;
  }

  /** Why a stream of this host has no turn at `at`, in milliseconds of a clock that only goes forward; one that has is counted in its pace. */
  refusalOf(host: string, at: number): HelloRefusal | undefined {
    if ((this.#ofHost.get(host) ?? 0) >= mostOfHost) return { of: 'host', retryAfterMs: leastRetryMs };
    if (this.#taken >= this.#most) {
      this.#sentAway += 1;
      const retryAfterMs = Math.min(mostRetryMs, leastRetryMs + (this.#sentAway * 1000) / perSecond);
      return { of: 'all', retryAfterMs };
    }
    this.#sentAway = 0;
    const waitMs = this.#pace.takeMany(host, { at, count: 1 });
    return waitMs === 0 ? undefined : { of: 'host', retryAfterMs: Math.max(waitMs, leastRetryMs) };
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
