// The fleet's time for rules: the machine's clock, but never back within one run.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createPolicyTime } from '#control-plane/publish/policy-time.ts';
import { millis } from '#model/time.ts';

const day = 86_400_000;
const noon = Date.UTC(2026, 10, 30, 12);

function machine() {
  const clock = { wall: noon, elapsed: 7 };
  const time = createPolicyTime(
    () => millis(clock.wall),
    () => clock.elapsed,
  );
  const pass = (ms: number) => {
    clock.wall += ms;
    clock.elapsed += ms;
    return time.now();
  };
  return { clock, time, pass };
}

test('follows the machine’s clock, and its steps ahead', () => {
  const { clock, time, pass } = machine();
  expect(pass(5000)).toBe(noon + 5000);
  clock.wall += day;
  expect(time.now()).toBe(noon + 5000 + day);
  expect(time.aheadMs()).toBe(0);
});

test('goes on from where it was while the clock is set back, says how far ahead it is, and follows it again once it has caught up', () => {
  const { clock, time, pass } = machine();
  pass(5000);
  clock.wall -= day;
  expect(pass(1000)).toBe(noon + 6000);
  expect(time.aheadMs()).toBe(day);
  clock.wall += day + 500;
  expect(pass(1000)).toBe(noon + 7500);
  expect(time.aheadMs()).toBe(0);
});

test('never goes back, whatever the clock does', () => {
  const step = fc.record({ jump: fc.integer({ min: -10 * day, max: 10 * day }), ms: fc.nat({ max: day }) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const { clock, time, pass } = machine();
      let before: number = time.now();
      for (const { jump, ms } of steps) {
        clock.wall += jump;
        const now = pass(ms);
        expect(now).toBeGreaterThanOrEqual(before + ms);
        before = now;
      }
    }),
  );
});
