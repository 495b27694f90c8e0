// Numbers that outlive one rule set: a decision keeps its number in the conntrack marks of open connections, a class keeps its
// chain while its members stay, a map its size. A number once given is never given to another decision; when they run out the caller starts a
// new numbering and a new epoch.

/** Plain data, as the state directory keeps it. Keys are decision and class keys. */
export interface Numbering {
  readonly decisions: ReadonlyMap<string, number>;
  readonly nextDecision: number;
  readonly classes: ReadonlyMap<string, number>;
  readonly nextClass: number;
  /** How many elements each hash map is made for (peer-maps.ts), by the map's name without it. */
  readonly capacities: ReadonlyMap<string, number>;
}

export const emptyNumbering: Numbering = {
  decisions: new Map(),
  nextDecision: 1,
  classes: new Map(),
  nextClass: 1,
  capacities: new Map(),
};

/** Hands out numbers while a table is built, beginning with those already given. */
export class Numberer {
  readonly #decisions: Map<string, number>;
  #nextDecision: number;
  readonly #most: number;

  /** `most`: the greatest number there is room for (mark-layout.ts). Where one beyond it was given, none is left. */
  constructor(previous: Numbering, most: number) {
    this.#decisions = new Map(previous.decisions);
    this.#nextDecision = previous.nextDecision;
    this.#most = most;
  }

  /** The decision's number, or undefined when all are given. */
  decision(key: string): number | undefined {
    if (this.#nextDecision > this.#most + 1) return undefined;
    const known = this.#decisions.get(key);
    if (known !== undefined) return known;
    if (this.#nextDecision > this.#most) return undefined;
    const number = this.#nextDecision;
    this.#nextDecision += 1;
    this.#decisions.set(key, number);
    return number;
  }

  get decisions(): ReadonlyMap<string, number> {
    return this.#decisions;
  }

  get nextDecision(): number {
    return this.#nextDecision;
  }
}

/**
 * Numbers for this table's classes. A class that was there keeps its number. A new one takes the number of a class that is gone
 * and that most of its members had (`votes`), so that a changed rule refills one chain instead of moving every peer.
 */
export function numberClasses(request: {
  readonly previous: Numbering;
  readonly keys: ReadonlySet<string>;
  readonly votes: ReadonlyMap<string, ReadonlyMap<number, number>>;
}): { readonly classes: ReadonlyMap<string, number>; readonly nextClass: number } {
  const { previous, keys, votes } = request;
  const classes = new Map<string, number>();
  const gone = new Set<number>();
  for (const [key, number] of previous.classes) {
    if (keys.has(key)) classes.set(key, number);
    else gone.add(number);
  }
  let nextClass = previous.nextClass;
  for (const key of [...keys].sort()) {
    if (classes.has(key)) continue;
    const heir = [...(votes.get(key) ?? [])]
      .filter(([number]) => gone.has(number))
      .sort(([a, countA], [b, countB]) => countB - countA || a - b)[0]?.[0];
    if (heir !== undefined) gone.delete(heir);
    classes.set(key, heir ?? nextClass);
    if (heir === undefined) nextClass += 1;
  }
  return { classes, nextClass };
}
