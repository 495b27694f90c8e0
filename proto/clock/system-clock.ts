// The clock of a program that runs for real. The runtime's functions are looked up at each call: a suite may put its own in their place.

import { millis } from '#model/time.ts';
import { type Clock, createClock, type Timer } from './clock.ts';

/** Beyond this the runtime's timers fire at once. */
const longestTimerMs = 2 ** 31 - 1;

function timerOf(handle: NodeJS.Timeout, clear: (handle: NodeJS.Timeout) => void): Timer {
  const timer: Timer = {
    cancel: () => clear(handle),
    unref() {
      handle.unref();
      return timer;
    },
  };
  return timer;
}

export const systemClock: Clock = createClock({
  wall: () => millis(Date.now()),
  elapsedMs: () => performance.now(),
  after: (delayMs, call) => timerOf(setTimeout(call, Math.min(delayMs, longestTimerMs)), clearTimeout),
  every: (periodMs, call) => timerOf(setInterval(call, Math.min(periodMs, longestTimerMs)), clearInterval),
});
