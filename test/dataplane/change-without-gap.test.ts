import { expect, test } from 'vitest';
import { changeWithoutGap, type GapTally, gapFaults } from './change-without-gap.ts';

/** Enough traffic to have noticed: each kind sent several times between one change and the next. */
function expectTraffic({ changes, denied, datagrams, exchanges }: GapTally): void {
  expect(denied.sent).toBeGreaterThan(changes * 10);
  expect(datagrams.sent).toBeGreaterThan(changes * 10);
  expect(exchanges.sent).toBeGreaterThan(changes * 5);
}

test('a hundred changes of every kind let nothing denied pass and lose nothing allowed', {
  timeout: 600_000,
}, async () => {
  // Ten are enough to show either fault (below); `npm run soak -- changes` makes a thousand.
  const tally = await changeWithoutGap({ changes: 100 });
  expectTraffic(tally);
  expect(Math.min(...tally.epochs), 'many of them revoke').toBeGreaterThan(30);
  // A segment sent again is not held against it: a machine that stands still for a fifth of a second makes TCP do that.
  expect(gapFaults(tally)).toEqual([]);
});

test('a table that is taken away and made anew is seen to leak', { timeout: 600_000 }, async () => {
  const tally = await changeWithoutGap({ changes: 10, way: 'delete-and-create' });
  expect(tally.denied.passed).toBeGreaterThan(0);
});

test('a moment in which everything is denied is seen to lose', { timeout: 600_000 }, async () => {
  const tally = await changeWithoutGap({ changes: 10, way: 'deny-between' });
  expect(tally.datagrams.lost).toBeGreaterThan(0);
  expect(tally.exchanges.retransmitted).toBeGreaterThan(0);
  expect(tally.denied.passed).toBe(0);
});
