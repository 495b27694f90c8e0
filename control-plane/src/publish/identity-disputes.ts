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
/** A host that moves (DHCP, roaming, failing over) leaves streams behind that end for nobody, as often as its address changes. */
const movesMost = 12;
/** A refused agent tries again every 30 s at least, so a dispute in which nobody came for so long is over. */
const quietMs = 120_000;

export interface Takeover {
  readonly at: number;
  /** The other ends' addresses: of who comes, and of the live stream. Not known: it may be the same. */
  readonly from: string | undefined;
  readonly live: string | undefined;
}

export class PlaceDisputes {
  readonly #takeovers = new Map<string, readonly Takeover[]>();
  readonly #lastRefusal = new Map<string, number>();

  /**
   * A stream comes while another of the same host is live: which of them has the place. Of two agents the one that was thrown out comes back
   * from where it was; one that moves comes from where nobody was.
   */
  judge(host: string, takeover: Takeover): PlaceVerdict {
    const { at, from } = takeover;
    const isGoingOn = this.isDisputed(host, at);
    const recent = (this.#takeovers.get(host) ?? []).filter((one) => at - one.at < takeoverWindowMs);
    const isMove =
      from !== undefined &&
      recent.length < movesMost &&
      [takeover, ...recent].every(({ live }) => live !== undefined && live !== from);
    if (!isGoingOn && (isMove || recent.length < takeoversMost)) {
      this.#takeovers.set(host, [...recent, takeover]);
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
