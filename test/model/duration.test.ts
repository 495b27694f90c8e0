import { expect, test } from 'vitest';
import { parseDurationMs } from '#model/duration.ts';

test.each<readonly [text: string, ms: number | undefined]>([
  ['0s', 0],
  ['500ms', 500],
  ['30s', 30_000],
  ['15m', 900_000],
  ['1h', 3_600_000],
  ['7d', 604_800_000],
  ['2w', 1_209_600_000],
  ['007s', 7000],
  ['999999999w', 999_999_999 * 604_800_000],
  ['', undefined],
  ['s', undefined],
  ['30', undefined],
  ['-1s', undefined],
  ['+1s', undefined],
  ['1.5h', undefined],
  ['1e3s', undefined],
  ['1 s', undefined],
  [' 1s', undefined],
  ['1s ', undefined],
  ['1s\n', undefined],
  ['1S', undefined],
  ['1y', undefined],
  ['1h30m', undefined],
  ['1000000000s', undefined],
  ['1constructor', undefined],
])('%j is %j ms', (text, ms) => {
  expect(parseDurationMs(text)).toBe(ms);
});
