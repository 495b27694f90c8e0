// How long an enrolment goes on, and how: a control plane that many hosts come to at once takes them in turn. It says when to come back, or
// closes the connection before it says anything; either way nothing has come of it, and this host comes again, with chance in between.

import { systemClock } from '#clock/system-clock.ts';
import { askedMs, backoffMs } from '#model/backoff.ts';
import { err, type Result } from '#model/result.ts';

export interface Unheard {
  /** The other side has no room now. */
  readonly hadNoRoom?: true;
  /** Nobody is there: perhaps nobody ever will be. */
  readonly isAway?: true;
  /** The control plane's own word for when to come back. */
  readonly retryAfterMs?: number;
}

export interface PatienceOptions {
  readonly ms: number;
  /** Where nobody answers at all: a mistyped address, or a control plane that is not up yet. */
  readonly unreachable: 'fail' | 'try-again';
  /** Called once, before the first wait. `problem` is what the first try came to. */
  readonly waiting: (problem: string) => void;
}

export interface Patience {
  /** Comes again until something has come of it, or the time is over. A try is given the time that it may take, the first `tryMs`. */
  untilHeard<T, E extends Unheard & { readonly message: string }>(
    tryMs: number,
    attempt: (timeoutMs: number) => Promise<Result<T, E>>,
  ): Promise<Result<T, E>>;
}

const firstWaitMs = 250;
/** Who is sent away at once has cost nothing, and who waited in vain has: where many of them only wait, they must become fewer. */
const mostWaitMs = { sentAway: 8000, timedOut: 60_000 };
/** A try that has begun gets so long, whatever is left. */
const leastTryMs = 1000;
/** How much longer than the first a later try may take. */
const mostStretch = 3;

/** The time begins now, and is that of all that is tried with it. */
export function createPatience({ ms, unreachable, waiting }: PatienceOptions): Patience {
  const began = systemClock.elapsedMs();
  const leftMs = () => ms - (systemClock.elapsedMs() - began);
  let hasTold = false;
  let hasHeard = false;
  return {
    async untilHeard(tryMs, attempt) {
      let timedOut = 0;
      for (let tried = 1; ; tried += 1) {
        const timeoutMs = tryMs * Math.min(mostStretch, 1.5 ** timedOut);
        const startedAt = systemClock.elapsedMs();
        const result = await attempt(Math.min(timeoutMs, Math.max(leastTryMs, leftMs())));
        if (result.ok) {
          hasHeard = true;
          return result;
        }
        const { hadNoRoom, isAway, retryAfterMs, message } = result.error;
        const isWorthIt =
          hadNoRoom === true ||
          retryAfterMs !== undefined ||
          (isAway === true && (hasHeard || unreachable === 'try-again'));
        if (!isWorthIt) return result;
        const isSlow = systemClock.elapsedMs() - startedAt >= tryMs / 2;
        if (isSlow) timedOut += 1;
        const ownMs = isSlow
          ? backoffMs({ leastMs: tryMs, mostMs: mostWaitMs.timedOut }, timedOut, Math.random())
          : backoffMs({ leastMs: firstWaitMs, mostMs: mostWaitMs.sentAway }, tried, Math.random());
        const waitMs = askedMs(retryAfterMs ?? ownMs, Math.random());
        if (waitMs >= leftMs()) {
          return tried === 1
            ? result
            : err({
                ...result.error,
                message: `${message}; tried ${tried} times in ${Math.round((ms - leftMs()) / 1000)} s`,
              });
        }
        if (!hasTold) waiting(message);
        hasTold = true;
        await systemClock.sleep(waitMs);
      }
    },
  };
}
