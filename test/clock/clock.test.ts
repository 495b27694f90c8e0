// The clock that both programs are given, and the one wait that there is. Wound by hand: nothing here takes time.

import { expect, test } from 'vitest';
import { askedMs, backoffCeilingMs, backoffMs } from '#model/backoff.ts';
import { createHandClock } from '#test/support/hand-clock.ts';

const minute = { leastMs: 250, mostMs: 30_000 };

test.each([
  [0, 250],
  [1, 250],
  [2, 500],
  [7, 16_000],
  [8, 30_000],
  [1_000_000, 30_000],
])('after %i failures a try waits at most %i ms, and at least half of that', (failures, mostMs) => {
  expect(backoffCeilingMs(minute, failures)).toBe(mostMs);
  expect([0, 0.5, 1].map((chance) => backoffMs(minute, failures, chance))).toEqual([mostMs / 2, mostMs * 0.75, mostMs]);
});

test('what another says to wait is waited, and at most half as long again', () => {
  expect([0, 0.5, 1].map((chance) => askedMs(1000, chance))).toEqual([1000, 1250, 1500]);
});

test.each(['in its time', 'by the first signal', 'by the second signal', 'by one that came before'] as const)(
  'a wait ends %s, and leaves neither timer nor listener',
  async (how) => {
    const clock = createHandClock();
    const ends = [new AbortController(), new AbortController()] as const;
    if (how === 'by one that came before') ends[1].abort();
    let hasEnded = false;
    const waiting = clock.sleep(5000, ends[0].signal, ends[1].signal).then(() => {
      hasEnded = true;
    });
    if (how === 'in its time') clock.wind(4999);
    await clock.windSlowly(0);
    expect(hasEnded).toBe(how === 'by one that came before');
    if (how === 'in its time') clock.wind(1);
    if (how === 'by the first signal') ends[0].abort();
    if (how === 'by the second signal') ends[1].abort();
    await waiting;
    expect(clock.pending()).toBe(0);
  },
);

test('a limit aborts at its time, with a TimeoutError', () => {
  const clock = createHandClock();
  const limit = clock.limit(1000);
  clock.wind(999);
  expect(limit.aborted).toBe(false);
  clock.wind(1);
  expect((limit.reason as Error).name).toBe('TimeoutError');
});

test('timers come in order, those that timers set too, and a step of the wall moves none', () => {
  const clock = createHandClock();
  const came: string[] = [];
  const note = (what: string) => came.push(`${what} ${clock.elapsedMs()}`);
  clock.after(300, () => note('third'));
  clock.after(100, () => {
    note('first');
    clock.after(100, () => note('second'));
  });
  const often = clock.every(250, () => note('often'));
  const never = clock.after(400, () => note('never'));
  clock.step(-86_400_000);
  const before = clock.wall();
  never.cancel();
  clock.wind(500);
  often.cancel();
  clock.wind(500);
  expect(came).toEqual(['first 100', 'second 200', 'often 250', 'third 300', 'often 500']);
  expect(clock.wall() - before).toBe(1000);
});
