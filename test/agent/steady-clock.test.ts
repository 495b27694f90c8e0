// What ends after a while ends then, however the clock on the wall is set meanwhile, and means the same after a restart.

import { expect, test } from 'vitest';
import { createSteadyClock } from '#agent/process/steady-clock.ts';

test.each([
  ['is left alone', 0],
  ['is set forward an hour', 3_600_000],
  ['is set back a day', -86_400_000],
  ['is set to 1970', -1_800_000_000_000],
])('a steady clock goes on as it did where the one on the wall %s', (_name, step) => {
  const begin = 1_800_000_000_000;
  let [wall, elapsed] = [begin, 5000];
  const clock = createSteadyClock(
    () => wall,
    () => elapsed,
  );
  const until = clock.now() + 60_000;
  wall += step + 30_000;
  elapsed += 30_000;
  expect(clock.now()).toBe(begin + 30_000);
  // On disk it is thirty seconds from now by whatever the next start finds.
  expect(clock.toWall(until)).toBe(wall + 30_000);
});
