// Durations as people type them: a number with a unit.

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** What to say to who typed another thing. */
export const durationForm = 'a number with ms, s, m, h, d or w, as in 30s or 7d';

/** "500ms", "30s", "15m", "1h", "7d", "2w" in milliseconds; undefined where it is none. */
export function parseDurationMs(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,9})(ms|s|m|h|d|w)$/.exec(text) ?? [];
  const each = unitMs[unit];
  return each === undefined ? undefined : Number(count) * each;
}
