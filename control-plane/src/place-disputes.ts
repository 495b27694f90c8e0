// Notices when two agents hold one host's identity, as after a copied disk, and lets the connected one keep the place. Otherwise each would
// throw the other out several times a second, and every turn would give the host other addresses throughout the fleet. Time is in
// milliseconds of a clock that only goes forward.

/** `begins` the first time, then `goes-on`. */
export type PlaceVerdict = 'yields' | { readonly stays: 'begins' | 'goes-on' };

/**
 * An agent that lost its connection comes back while the old stream still looks alive, even twice on a bad line. Even, so that who had the
 * place first has it back before the dispute begins.
 */
const takeoversMost = 2;
const takeoverWindowMs = 60_000;
/** A refused agent tries again every 30 s at least, so a dispute in which nobody came for so long is over. */
const quietMs = 120_000;

export class PlaceDisputes {
  readonly #takeovers = new Map<string, readonly number[]>();
  readonly #lastRefusal = new Map<string, number>();

  /** A stream comes while another of the same host is live: which of them has the place. */
  judge(host: string, at: number): PlaceVerdict {
    const isGoingOn = this.isDisputed(host, at);
    const recent = (this.#takeovers.get(host) ?? []).filter((one) => at - one < takeoverWindowMs);
    if (!isGoingOn && recent.length < takeoversMost) {
      this.#takeovers.set(host, [...recent, at]);
      return 'yields';
    }
    this.#takeovers.delete(host);
    this.#lastRefusal.set(host, at);
    return { stays: isGoingOn ? 'goes-on' : 'begins' };
  }

  isDisputed(host: string, at: number): boolean {
    const last = this.#lastRefusal.get(host);
    return last !== undefined && at - last < quietMs;
  }

  forget(host: string): void {
    this.#takeovers.delete(host);
    this.#lastRefusal.delete(host);
  }
}
