// The one order in which names, ids and addresses are listed wherever a list must come out the same on every machine:
// by UTF-16 code units, as `<` compares strings, never by locale.

export function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function sortedByCodeUnits<T extends string>(values: Iterable<T>): T[] {
  return [...values].sort(compareCodeUnits);
}

/** Where it stands, or would stand, in a list in that order. */
export function placeOf<T extends string>(ordered: readonly T[], text: T): number {
  let [low, high] = [0, ordered.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = ordered[middle];
    if (found !== undefined && found < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `ordered` is in that order. */
export function holds<T extends string>(ordered: readonly T[], text: T): boolean {
  return ordered[placeOf(ordered, text)] === text;
}
