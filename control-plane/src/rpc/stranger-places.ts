// Places for connections that have shown nothing yet, in all and per address. Everyone is sure of a place for a short while, long enough for
// a handshake and a request; after that, whoever comes next may have it, taken from the address that has most. So those who sit on places
// keep nobody out, and a crowd that comes at once is served in turn and not thrown out by its own last.

export interface PlaceLimits {
  readonly all: number;
  /** Of one IPv4 address or IPv6 network of 64 bits. */
  readonly ofSource: number;
  readonly graceMs: number;
}

export interface Place {
  readonly source: string;
  /** Told when somebody else gets it. */
  readonly evicted: () => void;
  /** In any monotonic milliseconds. */
  readonly since: number;
  /** While its request is worked on, it stays. */
  isServed: boolean;
}

export type PlaceRefusal = 'too-many-of-address' | 'too-many';

export class StrangerPlaces {
  readonly #limits: PlaceLimits;
  /** Each in the order they came. */
  readonly #bySource = new Map<string, Set<Place>>();
  #size = 0;

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  of(source: string): number {
    return this.#bySource.get(source)?.size ?? 0;
  }

  /** `shared`: many hosts come from there, so that only the bound on all counts. */
  take(place: Place, { shared }: { readonly shared: boolean }): PlaceRefusal | 'taken' {
    const { all, ofSource } = this.#limits;
    const isCrowded = !shared && this.of(place.source) >= ofSource;
    if (isCrowded || this.#size >= all) {
      const loser = this.#loserTo(place, isCrowded ? [place.source] : this.#busiestFirst());
      if (loser === undefined) return isCrowded ? 'too-many-of-address' : 'too-many';
      this.leave(loser);
      loser.evicted();
    }
    const places = this.#bySource.get(place.source) ?? new Set();
    this.#bySource.set(place.source, places.add(place));
    this.#size += 1;
    return 'taken';
  }

  /** Again does nothing. */
  leave(place: Place): void {
    const places = this.#bySource.get(place.source);
    if (places?.delete(place) !== true) return;
    this.#size -= 1;
    if (places.size === 0) this.#bySource.delete(place.source);
  }

  /** The oldest of the first source that has one past its grace. */
  #loserTo(next: Place, sources: Iterable<string>): Place | undefined {
    for (const source of sources) {
      for (const place of this.#bySource.get(source) ?? []) {
        // They stand in the order they came: those behind are younger still.
        if (next.since - place.since < this.#limits.graceMs) break;
        if (!place.isServed) return place;
      }
    }
    return undefined;
  }

  #busiestFirst(): readonly string[] {
    const bySize = [...this.#bySource].sort(([, one], [, other]) => other.size - one.size);
    return bySize.map(([source]) => source);
  }
}
