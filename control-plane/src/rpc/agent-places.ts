// Connections of hosts whose certificate holds, in all and per host. A host needs one, and a second while it renews its certificate; what it
// left behind is found gone a little later. Where it has too many, one on which nothing is under way gives way to the next.

export interface AgentPlace {
  readonly host: string;
  isIdle(): boolean;
  close(): void;
}

export class AgentPlaces {
  readonly #limits: { readonly all: number; readonly ofHost: number };
  readonly #byHost = new Map<string, Set<AgentPlace>>();
  #size = 0;

  constructor(limits: { readonly all: number; readonly ofHost: number }) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  take(place: AgentPlace): 'taken' | 'too-many-agents' | 'too-many-of-host' {
    const places = this.#byHost.get(place.host) ?? new Set();
    if (places.size >= this.#limits.ofHost) {
      const idle = [...places].find((other) => other.isIdle());
      if (idle === undefined) return 'too-many-of-host';
      this.leave(idle);
      idle.close();
    }
    if (this.#size >= this.#limits.all) return 'too-many-agents';
    this.#byHost.set(place.host, places.add(place));
    this.#size += 1;
    return 'taken';
  }

  /** Again does nothing. */
  leave(place: AgentPlace): void {
    const places = this.#byHost.get(place.host);
    if (places?.delete(place) !== true) return;
    this.#size -= 1;
    if (places.size === 0) this.#byHost.delete(place.host);
  }
}
