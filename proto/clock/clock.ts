// Time as a port: whoever reads a clock, waits or sets a timer does so through this, so that a test can wind it. The system's clock is
// system-clock.ts; nothing else in the programs asks the runtime for time (test/arch/clocks.test.ts holds it).

import type { Millis } from '#model/time.ts';

/** One call to come, or one that comes again and again. */
export interface Timer {
  /** Harmless after it came. */
  cancel(): void;
  /** The process does not stay for it. */
  unref(): Timer;
}

/** What a clock is made of. */
export interface ClockWorks {
  /** The time on the wall. People, NTP and hypervisors set it: for what is told or stored, never to measure by. */
  wall(): Millis;
  /** From an arbitrary start, only ever forward: what durations are measured by. */
  elapsedMs(): number;
  /** After 24 days at the latest: who waits for an instant beyond looks whether it has come, and waits again. */
  after(delayMs: number, call: () => void): Timer;
  every(periodMs: number, call: () => void): Timer;
}

export interface Clock extends ClockWorks {
  /** Ends early on the first of the signals, and never rejects: whoever waits looks at them. */
  sleep(delayMs: number, ...signals: readonly AbortSignal[]): Promise<void>;
  /** Aborts then, with a TimeoutError. The process does not stay for it. */
  limit(delayMs: number): AbortSignal;
}

/** The waits are built on the timers, so that whoever winds those winds everything. */
export function createClock(works: ClockWorks): Clock {
  return {
    ...works,
    sleep: (delayMs, ...signals) =>
      new Promise((resolve) => {
        if (signals.some(({ aborted }) => aborted)) return resolve();
        const done = () => {
          timer.cancel();
          for (const signal of signals) signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = works.after(delayMs, done);
        for (const signal of signals) signal.addEventListener('abort', done);
      }),
    limit(delayMs) {
      const controller = new AbortController();
      const ended = () => controller.abort(new DOMException(`nothing in ${delayMs} ms`, 'TimeoutError'));
      works.after(delayMs, ended).unref();
      return controller.signal;
    },
  };
}
