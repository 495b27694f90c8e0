// The time by which rules end and windows turn, fleet-wide: the machine's clock, but never back. Where that is set back, time goes on from
// where it was, by the monotonic clock; a restart takes the machine's clock as it is then.

import { systemClock } from '#clock/system-clock.ts';
import { type Millis, millis } from '#model/time.ts';

export interface PolicyTime {
  now(): Millis;
  /** How far it is ahead of the machine's clock, which was set back; 0 where it was not. */
  aheadMs(): number;
}

/** `elapsedMs`: of a clock that only goes forward. */
export function createPolicyTime(wall: () => Millis, elapsedMs: () => number = systemClock.elapsedMs): PolicyTime {
  let latest: number = wall();
  let latestAt = elapsedMs();
  const now = () => {
    const at = elapsedMs();
    latest = Math.max(wall(), latest + (at - latestAt));
    latestAt = at;
    return millis(latest);
  };
  return { now, aheadMs: () => Math.max(0, now() - wall()) };
}
