// When to look again at something that changes by itself: at once after each event, and a few times later. After each look comes a
// pause that grows with the look's cost, so that looks take a fifth of the agent's time at most, whoever makes them expensive.

import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';

/** After a cgroup came or went: its network is made in the moments that follow, unseen from here. */
const lookAfterMs = [10, 100, 300, 1000, 3000] as const;
const leastApartMs = 50;
const paceFactor = 4;

export interface LookTimes {
  readonly heardAt: number;
  /** One look is wanted from then on. */
  readonly askedAt: number;
  /** When the last look began, and when it ended. */
  readonly lookedAt: number;
  readonly endedAt: number;
}

/** Undefined where nothing is left to look for. */
export function nextLook({ heardAt, askedAt, lookedAt, endedAt }: LookTimes): number | undefined {
  const wanted = [askedAt, ...lookAfterMs.map((afterMs) => heardAt + afterMs)].filter((at) => at > lookedAt);
  if (wanted.length === 0) return undefined;
  const due = Math.min(...wanted);
  if (lookedAt === Number.NEGATIVE_INFINITY) return due;
  return Math.max(due, endedAt + Math.max(leastApartMs, paceFactor * (endedAt - lookedAt)));
}

export interface LookSchedule {
  readonly heard: () => void;
  /** Wants one look. */
  readonly asked: () => void;
  readonly close: () => void;
}

export function createLookSchedule(look: () => void): LookSchedule {
  const never = Number.NEGATIVE_INFINITY;
  let times: LookTimes = { heardAt: never, askedAt: never, lookedAt: never, endedAt: never };
  let next: { readonly at: number; readonly timer: Timer } | undefined;
  const schedule = () => {
    const at = nextLook(times);
    if (at === undefined || (next !== undefined && next.at <= at)) return;
    next?.timer.cancel();
    next = { at, timer: systemClock.after(Math.max(0, at - systemClock.elapsedMs()), run).unref() };
  };
  const run = () => {
    next = undefined;
    times = { ...times, lookedAt: systemClock.elapsedMs() };
    look();
    times = { ...times, endedAt: systemClock.elapsedMs() };
    schedule();
  };
  return {
    heard() {
      times = { ...times, heardAt: systemClock.elapsedMs() };
      schedule();
    },
    asked() {
      times = { ...times, askedAt: systemClock.elapsedMs() };
      schedule();
    },
    close: () => next?.timer.cancel(),
  };
}
