// How long to wait before the next try: twice as long after each failure, up to a bound, and each waits its own share of that, so that
// those who failed together do not come again together. Pure: chance, from 0 up to 1, is given.

export interface Backoff {
  /** After the first failure. */
  readonly leastMs: number;
  readonly mostMs: number;
}

/** Between half and the whole of what the failures make. */
export function backoffMs({ leastMs, mostMs }: Backoff, failures: number, chance: number): number {
  return backoffCeilingMs({ leastMs, mostMs }, failures) * (0.5 + chance / 2);
}

/** Without chance. */
export function backoffCeilingMs({ leastMs, mostMs }: Backoff, failures: number): number {
  return Math.min(mostMs, leastMs * 2 ** (Math.max(1, failures) - 1));
}

/** What another said to wait, never less, and up to half as long again: those who were sent away together do not come together. */
export function askedMs(saidMs: number, chance: number): number {
  return saidMs * (1 + chance / 2);
}
