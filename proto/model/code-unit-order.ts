// The one order in which names, ids and addresses are listed wherever a list must come out the same on every machine:
// by UTF-16 code units, as `<` compares strings, never by locale.

export function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function sortedByCodeUnits<T extends string>(values: Iterable<T>): T[] {
  return [...values].sort(compareCodeUnits);
}
