// Whatever becomes of the kernel's counters, what is told is never negative and nothing is told twice.

import { expect, test } from 'vitest';
import { UnrecordedDenials } from '#agent-core/flows/unrecorded-denials.ts';

const of = (inbound: number, outbound = 0) => ({ inbound, outbound });

test.each([
  ['nothing', [of(0), of(0)], [of(0), of(0)]],
  ['what is new, once', [of(5, 2), of(5, 2), of(8, 2)], [of(5, 2), of(0), of(3)]],
  ['a table made anew counts from nothing', [of(9), of(2), of(3)], [of(9), of(2), of(1)]],
  ['no table, and then one', [of(9), of(0), of(9)], [of(9), of(0), of(9)]],
  ['one direction alone', [of(0, 4), of(1, 4)], [of(0, 4), of(1, 0)]],
])('%s', (_, seen, told) => {
  const unrecorded = new UnrecordedDenials();
  expect(seen.map((counts) => unrecorded.take(counts))).toEqual(told);
});

test('a new life goes on where the old one had told', () => {
  const before = new UnrecordedDenials();
  before.take(of(7, 3));
  expect(new UnrecordedDenials(before.known).take(of(9, 3))).toEqual(of(2));
});
