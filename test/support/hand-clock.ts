// A clock that stands until a test winds it. Timers come in the order of their times, those of one time in the order they were set; what
// they set in their turn comes in the same winding where its time has come.

import { type Clock, createClock, type Timer } from '#clock/clock.ts';
import { nextTurn } from '#clock/next-turn.ts';
import { type Millis, millis } from '#model/time.ts';

export interface HandClock extends Clock {
  /** Both clocks go on, and every timer that is due by then comes. Nothing that waits for a promise goes on in between. */
  wind(ms: number): void;
  /** As `wind`; before each timer and at the end, what waits for promises goes on. */
  windSlowly(ms: number): Promise<void>;
  /** Somebody sets the clock on the wall, forward or back. */
  step(ms: number): void;
  /** Timers that have not come and are not cancelled. */
  pending(): number;
}

interface Entry {
  dueMs: number;
  readonly call: () => void;
  readonly everyMs?: number;
}

export function createHandClock(wallAtStart: Millis = millis(Date.UTC(2026, 0, 1))): HandClock {
  let elapsedMs = 0;
  let wall = wallAtStart as number;
  // In order of being set: of two that are due at once the first set comes first.
  const entries = new Set<Entry>();

  function add(entry: Entry): Timer {
    entries.add(entry);
    const timer: Timer = { cancel: () => entries.delete(entry), unref: () => timer };
    return timer;
  }

  function next(untilMs: number): Entry | undefined {
    let first: Entry | undefined;
    for (const entry of entries) if (entry.dueMs <= untilMs && entry.dueMs < (first?.dueMs ?? Infinity)) first = entry;
    return first;
  }

  function goTo(atMs: number): void {
    wall += Math.max(0, atMs - elapsedMs);
    elapsedMs = Math.max(elapsedMs, atMs);
  }

  function come(entry: Entry): void {
    goTo(entry.dueMs);
    entries.delete(entry);
    if (entry.everyMs !== undefined) {
      entry.dueMs = elapsedMs + entry.everyMs;
      entries.add(entry);
    }
    entry.call();
  }

  const clock = createClock({
    wall: () => millis(wall),
    elapsedMs: () => elapsedMs,
    after: (delayMs, call) => add({ dueMs: elapsedMs + Math.max(0, delayMs), call }),
    every: (periodMs, call) => add({ dueMs: elapsedMs + periodMs, call, everyMs: Math.max(1, periodMs) }),
  });
  return {
    ...clock,
    wind(ms) {
      const untilMs = elapsedMs + ms;
      for (let entry = next(untilMs); entry !== undefined; entry = next(untilMs)) come(entry);
      goTo(untilMs);
    },
    async windSlowly(ms) {
      const untilMs = elapsedMs + ms;
      await nextTurn();
      for (let entry = next(untilMs); entry !== undefined; entry = next(untilMs)) {
        come(entry);
        await nextTurn();
      }
      goTo(untilMs);
      await nextTurn();
    },
    step(ms) {
      wall += ms;
    },
    pending: () => entries.size,
  };
}
