// DNS answers that wait until the table has what they teach, each no longer than a limit: whoever asked can connect at once, and
// nobody waits for a table that is slow. Versions are those of what is learnt; they only rise.

import { systemClock } from '#clock/system-clock.ts';

export interface HeldAnswers {
  /** Lets the answer go once a table with this version of what is learnt is in force, or when its time is up. */
  hold(version: number, release: () => void): void;
  /** A table with this version is in force. */
  applied(version: number): void;
  /** Lets all go: nobody will put anything into the table any more. */
  letGo(): void;
  /** How many went on before the table had what they taught. */
  late(): number;
}

export function createHeldAnswers({ holdMs }: { readonly holdMs: number }): HeldAnswers {
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
