// How many bytes of messages are held at once, in all and for each host or address: what has come of unfinished ones, and those that are
// being worked on. A message takes room as its bytes come, never for what it only says it will be. One may have at most half of what the
// others leave, so that a few who take all they can leave something to everybody else.

export interface ByteLimits {
  readonly all: number;
  readonly each: number;
}

/** The room of one message. */
export interface HeldBytes {
  /** `no-room` leaves what was held as it is. */
  grow(bytes: number): 'held' | 'no-room';
  /** Once; again does nothing. */
  release(): void;
}

export class ByteBudget {
  readonly #limits: ByteLimits;
  readonly #each = new Map<string, number>();
  #all = 0;

  constructor(limits: ByteLimits) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#all;
  }

  of(key: string): number {
    return this.#each.get(key) ?? 0;
  }

  hold(key: string): HeldBytes {
    let held = 0;
    return {
      grow: (bytes) => {
        const own = this.of(key);
        const left = this.#limits.all - (this.#all - own);
        if (own + bytes > Math.min(this.#limits.each, left / 2)) return 'no-room';
        held += bytes;
        this.#all += bytes;
        this.#each.set(key, own + bytes);
        return 'held';
      },
      release: () => {
        this.#all -= held;
        const left = this.of(key) - held;
        if (left > 0) this.#each.set(key, left);
        else this.#each.delete(key);
        held = 0;
      },
    };
  }
}
