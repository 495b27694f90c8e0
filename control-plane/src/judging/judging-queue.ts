// Who is next where operators wait for one worker: they take turns, each in the order he asked. Bounded in all and for each; where some fill all
// places, there is room yet for the first of each other one, so that nobody is kept away by a few.

export type Queued = 'queued' | 'full' | 'full-for-one';

/** Times as many wait at most, where each further one is the first of its operator. */
const firstRoom = 2;

export class TurnQueue<Item> {
  /** The first key is next; one that has had its turn goes to the end. */
  readonly #waiting = new Map<string, Item[]>();
  readonly #most: { readonly all: number; readonly each: number };
  #size = 0;

  constructor(most: { readonly all: number; readonly each: number }) {
    this.#most = most;
  }

  add(who: string, item: Item): Queued {
    const own = this.#waiting.get(who);
    if (own !== undefined && own.length >= this.#most.each) return 'full-for-one';
    const room = own === undefined ? firstRoom * this.#most.all : this.#most.all;
    if (this.#size >= room) return 'full';
    if (own === undefined) this.#waiting.set(who, [item]);
    else own.push(item);
    this.#size += 1;
    return 'queued';
  }

  next(): Item | undefined {
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    const [who, items] = first;
    const item = items.shift();
    this.#waiting.delete(who);
    if (items.length > 0) this.#waiting.set(who, items);
    this.#size -= 1;
    return item;
  }

  /** Whether it was waiting. */
  remove(who: string, item: Item): boolean {
    const items = this.#waiting.get(who);
    const at = items?.indexOf(item) ?? -1;
    if (items === undefined || at < 0) return false;
    items.splice(at, 1);
    if (items.length === 0) this.#waiting.delete(who);
    this.#size -= 1;
    return true;
  }
}
