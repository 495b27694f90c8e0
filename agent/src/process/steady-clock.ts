// Time that nobody sets: the clock's as it was when this was made, and from then on what a monotonic clock counts. For what ends after a
// while and is kept on disk, where only the clock on the wall outlives a restart.

import { systemClock } from '#clock/system-clock.ts';
import { type Millis, millis } from '#model/time.ts';

export interface SteadyClock {
  now(): Millis;
  /** A time of this clock by the one on the wall, as it is set now. */
  toWall(at: number): Millis;
}

export function createSteadyClock(
  wallMs: () => number = systemClock.wall,
  elapsedMs: () => number = systemClock.elapsedMs,
): SteadyClock {
  const begin = wallMs() - elapsedMs();
  const now = () => millis(begin + elapsedMs());
  return { now, toWall: (at) => millis(at - now() + wallMs()) };
}
