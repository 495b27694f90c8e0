// The judge of what ends at once is judged: it passes what grows with its input, and fails what grows with the square of it.

import { expect, test } from 'vitest';
import { leastReferencesOf } from './thread-time.ts';

const names = Array.from({ length: 20_000 }, (_, at) => `name-${at}`);
const limit = 5;

test('work that looks once at each of many names is within the limit', () => {
  expect(leastReferencesOf(() => new Set(names), limit)).toBeLessThan(limit);
});

test('the same, looking through all that came before, is not', () => {
  const seen: string[] = [];
  const cost = leastReferencesOf(() => {
    seen.length = 0;
    for (const name of names) if (!seen.includes(name)) seen.push(name);
  }, limit);
  expect(cost).toBeGreaterThan(limit);
});
