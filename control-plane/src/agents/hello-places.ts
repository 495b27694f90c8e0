// How many agents are greeted at once, and how often one: each new stream costs a compile and a rule set. When a whole fleet comes back, the
// first are greeted and the rest are told when to come, one after the other, so that they do not all come again at the same time.
//
// A place is given back by the agent's answer, and after some seconds without one, for the agent may never answer: what it was sent is then one rule
// set in flight, as every host has one after an apply. Hosts whose place ended so have half of the places between them until they answer.

import { RateBudget, type RateBudgetOptions } from '#control-plane/rpc/rate-budget.ts';

export interface HelloPlace {
  /** Its first rule set is answered, or there is none to send. Again does nothing. */
  answered(): void;
  /** It is gone. Again does nothing. */
  leave(): void;
}

/** Streams greeted in a second, at the least that was measured. */
const perSecond = 250;
/** From opening the stream to the answer; an agent on a loaded host takes some tenths of a second to load its first rules. */
const placeMs = 5000;
/** An agent has one; after a restart or a lost connection its old one may stand for a moment. */
const mostOfHost = 2;
/** Silent hosts: those of a fleet, and names that are no host's any more. */
const mostRemembered = 32_768;
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

interface Taken {
  readonly host: string;
  readonly since: number;
  readonly isOfSilent: boolean;
}

export class HelloPlaces {
  readonly #most: number;
  readonly #mostOfSilent: number;
  readonly #pace: RateBudget;
  /** The oldest first. */
  readonly #taken = new Set<Taken>();
  #takenBySilent = 0;
  /** A host that takes many is no reason for the others to wait. */
  readonly #ofHost = new Map<string, number>();
  /** Of hosts that are enrolled: whose last place did not end with an answer. */
  readonly #silent = new Set<string>();
  /** Sent away since there was room. */
  #sentAway = 0;

  constructor({ atOnce, ofHost }: HelloLimits) {
    this.#most = atOnce;
    this.#mostOfSilent = Math.max(1, Math.floor(atOnce / 2));
    this.#pace = new RateBudget(ofHost);
  }

  get taken(): number {
    return this.#taken.size;
  }

  /** Gives back the places whose time is over at `at`, in milliseconds of a clock that only goes forward, as the others are. */
  passTime(at: number): void {
    for (const place of this.#taken) {
      if (at - place.since < placeMs) return;
      this.#end(place);
    }
  }

  /** Why a stream of this host has no turn at `at`; one that has is counted in its pace. */
  refusalOf(host: string, at: number): HelloRefusal | undefined {
    this.passTime(at);
    if ((this.#ofHost.get(host) ?? 0) >= mostOfHost) return { of: 'host', retryAfterMs: leastRetryMs };
    const isFull = this.#silent.has(host) && this.#takenBySilent >= this.#mostOfSilent;
    if (isFull || this.#taken.size >= this.#most) {
      this.#sentAway += 1;
      const retryAfterMs = Math.min(mostRetryMs, leastRetryMs + (this.#sentAway * 1000) / perSecond);
      return { of: 'all', retryAfterMs };
    }
    this.#sentAway = 0;
    const waitMs = this.#pace.takeMany(host, { at, count: 1 });
    return waitMs === 0 ? undefined : { of: 'host', retryAfterMs: Math.max(waitMs, leastRetryMs) };
  }

  take(host: string, at: number): HelloPlace {
    const place: Taken = { host, since: at, isOfSilent: this.#silent.has(host) };
    this.#taken.add(place);
    if (place.isOfSilent) this.#takenBySilent += 1;
    this.#ofHost.set(host, (this.#ofHost.get(host) ?? 0) + 1);
    let isAnswered = false;
    return {
      answered: () => {
        if (isAnswered) return;
        isAnswered = true;
        this.#end(place);
        this.#silent.delete(host);
      },
      leave: () => this.#end(place),
    };
  }

  /** A host is taken to be silent until it answers. */
  #end(place: Taken): void {
    if (!this.#taken.delete(place)) return;
    const { host } = place;
    if (place.isOfSilent) this.#takenBySilent -= 1;
    this.#silent.add(host);
    const [first] = this.#silent;
    if (this.#silent.size > mostRemembered && first !== undefined) this.#silent.delete(first);
    const left = (this.#ofHost.get(host) ?? 1) - 1;
    if (left === 0) this.#ofHost.delete(host);
    else this.#ofHost.set(host, left);
  }
}
