// Counts that others gave: kept within what JavaScript and the store hold exactly, with the greatest one standing for
// "so many or more".

/** 2^53 - 1. A sum that reaches it is a lower bound, and is shown as one. */
export const mostCount = Number.MAX_SAFE_INTEGER;

/** The last millisecond of the year 9999: what ISO 8601 writes in four digits, and no time of a host is later. */
export const latestInstant = 253_402_300_799_999;

export function addCounts(a: number, b: number): number {
  return Math.min(mostCount, a + b);
}

export function sumCounts(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum = addCounts(sum, count);
  return sum;
}

export function isSaturated(count: number): boolean {
  return count >= mostCount;
}

/** A mark beside counts of which one is a lower bound; nothing beside others. */
export function atLeast(...counts: readonly number[]): { readonly atLeast?: true } {
  return counts.some(isSaturated) ? { atLeast: true } : {};
}

/** "≥ 9007199254740991" for one that is a lower bound. */
export function countText(count: number): string {
  return isSaturated(count) ? `≥ ${count}` : String(count);
}
