// "Did you mean": the same answer as comparing all names in full gives, with work that is bounded whatever the names and what is written.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { closestName } from '#model/closest-name.ts';

/** By the definition: all of the table, of all names. */
function closestOfAll(written: string, names: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.floor(written.length / 3));
  const near = names
    .map((name) => ({ name, distance: editDistance(written.toLowerCase(), name.toLowerCase()) }))
    .filter(({ distance }) => distance <= limit);
  return near.toSorted((one, other) => one.distance - other.distance)[0]?.name;
}

function editDistance(a: string, b: string): number {
  const table: number[][] = [];
  const at = (row: number, column: number) => table[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 0; row <= a.length; row += 1) {
    table.push([]);
    for (let column = 0; column <= b.length; column += 1) {
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const ways = [
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1),
        isSwap ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
      ];
      table[row]?.push(row === 0 && column === 0 ? 0 : Math.min(...ways));
    }
  }
  return at(a.length, b.length);
}

test.each([
  ['web', [], undefined],
  ['', ['a', 'ab'], 'a'],
  ['wbe-1', ['api-1', 'web-1'], 'web-1'],
  ['WEB-1', ['web-2', 'web-1'], 'web-1'],
  ['web-3', ['web-2', 'web-1'], 'web-2'],
  ['mainframe', ['web-1', 'api-1'], undefined],
  ['x'.repeat(81), ['x'.repeat(81)], undefined],
] as const)('for %j among %j it is %j', (written, names, closest) => {
  expect(closestName(written, names)).toBe(closest);
});

test('it is what comparing all of them in full gives', () => {
  const alphabet = fc.constantFrom('a', 'b', 'C', '-', 'İ');
  const text = fc.string({ unit: alphabet, maxLength: 24 });
  fc.assert(
    fc.property(text, fc.array(text, { maxLength: 12 }), (written, names) => {
      const near = names.filter((name) => Math.abs(name.length - written.length) <= Math.max(1, written.length / 3));
      expect(closestName(written, near)).toBe(closestOfAll(written, near));
    }),
    { numRuns: 500 },
  );
});

test('of a fleet of 20,000 hosts the last is found', () => {
  const fleet = Array.from({ length: 20_000 }, (_, index) => `web-${index}.fra1.prod.example.com`);
  expect(closestName('wbe-19999.fra1.prod.example.com', fleet)).toBe('web-19999.fra1.prod.example.com');
});

test.each([
  [
    'of the longest names, all alike',
    'a'.repeat(60) + 'c'.repeat(20),
    (i: number) => `${'a'.repeat(60)}-${i}-${'b'.repeat(12)}`,
  ],
  ['of long names that have nothing in common', 'jihgfedcba'.repeat(8), (i: number) => `${i}`.repeat(80).slice(0, 80)],
] as const)('%s, only so many are compared', (_what, written, nameOf) => {
  let taken = 0;
  const names = (function* () {
    for (; taken < 20_000; taken += 1) yield nameOf(taken);
  })();
  closestName(written, names);
  expect(taken).toBeGreaterThan(100);
  expect(taken).toBeLessThan(5000);
});
