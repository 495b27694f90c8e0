// What a benchmark hands back: figures with the limit each must hold. test/bench/run.ts prints, judges and records them.

export interface BenchResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** In `unit`. A figure without a limit is shown and never fails. */
  readonly limit?: { readonly kind: 'at-most' | 'at-least'; readonly value: number };
  /** The quarters of what `value` is the median of. */
  readonly spread?: { readonly low: number; readonly high: number };
  /** What it was measured against in the same interleaved run; `ratio` is this value over that one. */
  readonly reference?: { readonly name: string; readonly value: number; readonly ratio: number };
}

export interface BenchReport {
  /** One sentence: what was done, how often, and what a figure is (a median, a 99th percentile). */
  readonly method: string;
  readonly results: readonly BenchResult[];
}

/** Each file test/bench/NAME.ts exports this; it cleans up after itself, also when it throws. */
export type Bench = () => Promise<BenchReport>;

export function holds(result: BenchResult): boolean {
  if (Number.isNaN(result.value)) return false;
  switch (result.limit?.kind) {
    case undefined:
      return true;
    case 'at-most':
      return result.value <= result.limit.value;
    case 'at-least':
      return result.value >= result.limit.value;
  }
}

/** The median and the quarters around it. */
export function quartersOf(values: readonly number[]): { low: number; middle: number; high: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.trunc(share * (sorted.length - 1))] ?? Number.NaN;
  return { low: at(0.25), middle: at(0.5), high: at(0.75) };
}
