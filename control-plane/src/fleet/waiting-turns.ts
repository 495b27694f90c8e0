// Who is next where several wait for one queue: they take turns, each in the order asked. Of what has a key at most one waits, the newest, in
// the place of the first.

export class WaitingTurns<Item> {
  /** The first is next; one that has had its turn goes to the end. */
  readonly #waiting = new Map<string, Map<string | symbol, Item>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  sizeOf(who: string): number {
    return this.#waiting.get(who)?.size ?? 0;
  }

  /** Gives what waited with that key. */
  add(who: string, key: string | symbol, item: Item): Item | undefined {
    const own = this.#waiting.get(who) ?? new Map<string | symbol, Item>();
    const before = own.get(key);
    this.#waiting.set(who, own.set(key, item));
    if (before === undefined) this.#size += 1;
    return before;
  }

  take(): Item | undefined {
    for (const [who, own] of this.#waiting) {
      for (const [key, item] of own) {
        own.delete(key);
        this.#waiting.delete(who);
        if (own.size > 0) this.#waiting.set(who, own);
        this.#size -= 1;
        return item;
      }
    }
    return undefined;
  }
}
