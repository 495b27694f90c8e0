// Bounded places that are shared among clients: where there are too many, the oldest goes of whoever has most. So a client that has no more
// than its equal part of the places loses none, however many others take. Says nothing about time; who asks forgets what is old.

export class SharedPlaces<Value> {
  readonly #most: number;
  /** The oldest first. */
  readonly #entries = new Map<string, { readonly client: string; readonly value: Value }>();
  /** Each with its keys, the oldest first; none without. */
  readonly #clients = new Map<string, Set<string>>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** The oldest first. */
  *[Symbol.iterator](): IterableIterator<readonly [key: string, value: Value]> {
    for (const [key, { value }] of this.#entries) yield [key, value];
  }

  /** As the newest. Gives what had to go for it, if anything. */
  set(key: string, client: string, value: Value): { readonly key: string; readonly value: Value } | undefined {
    this.delete(key);
    this.#entries.set(key, { client, value });
    const own = this.#clients.get(client);
    if (own === undefined) this.#clients.set(client, new Set([key]));
    else own.add(key);
    if (this.#entries.size <= this.#most) return undefined;
    const oldest = this.#toGoFor(client);
    const gone = oldest === undefined ? undefined : this.#entries.get(oldest);
    if (oldest === undefined || gone === undefined) return undefined;
    this.delete(oldest);
    return { key: oldest, value: gone.value };
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    const own = this.#clients.get(entry.client);
    own?.delete(key);
    if (own?.size === 0) this.#clients.delete(entry.client);
  }

  /** Who takes more than an equal part is told at once; only somebody small who comes to full places has the others counted. */
  #toGoFor(client: string): string | undefined {
    let most = this.#clients.get(client) ?? new Set<string>();
    if (most.size <= this.#most / this.#clients.size)
      for (const own of this.#clients.values()) if (own.size > most.size) most = own;
    // Everybody has one, or none.
    const [oldest] = most.size > 1 ? most : this.#entries.keys();
    return oldest;
  }
}
