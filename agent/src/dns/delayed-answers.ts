// DNS answers that wait until the table has their addresses, each no longer than a limit. So a program can connect as soon as it has
// the answer, and a slow table delays nobody for long. Versions number what was learnt; they only rise.

import { systemClock } from '#clock/system-clock.ts';

export interface DelayedAnswers {
  /** Lets the answer go once a table with this version of what is learnt is in force, or when its time is up. */
  hold(version: number, release: () => void): void;
  /** A table with this version is in force. */
  applied(version: number): void;
  /** Lets all go: nobody will put anything into the table any more. */
  letGo(): void;
  /** How many went on before the table had what they taught. */
  late(): number;
}

export function createDelayedAnswers({ holdMs }: { readonly holdMs: number }): DelayedAnswers {
  let waiting: { readonly version: number; readonly go: () => void }[] = [];
  let late = 0;
  return {
    hold(version, release) {
      const timer = systemClock.after(holdMs, () => {
        waiting = waiting.filter((other) => other !== mine);
        late += 1;
        release();
      });
      const mine = {
        version,
        go: () => {
          timer.cancel();
          release();
        },
      };
      waiting.push(mine);
    },
    applied(version) {
      const done = waiting.filter((waiter) => waiter.version <= version);
      waiting = waiting.filter((waiter) => waiter.version > version);
      for (const { go } of done) go();
    },
    letGo() {
      for (const { go } of waiting.splice(0)) go();
    },
    late: () => late,
  };
}
