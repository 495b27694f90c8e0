// A change of the table that something outside of policy asks for (addresses of the host, of its control plane): what is refused is owed,
// and made again until it is taken, since nobody asks twice.

import type { Logger } from 'pino';
import type { ApplyOutcome } from '#agent/table/apply-outcome.ts';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';

export interface OwedChange {
  /** Something changed. Resolves when it was tried; rejects as `make` does. */
  ask(): Promise<void>;
  close(): void;
}

const againMs = 5000;

export function createOwedChange(options: {
  /** Undefined: there is nothing to change. */
  readonly make: () => Promise<ApplyOutcome | undefined>;
  /** What could not follow, in words for the log. */
  readonly what: string;
  /** A try by itself threw. */
  readonly failed: (error: unknown) => void;
  readonly log: Logger;
  /** Default 5 s. */
  readonly againMs?: number;
}): OwedChange {
  const { make, what, failed, log } = options;
  let again: Timer | undefined;
  let lastReason = '';
  let isClosed = false;

  const ask = async (): Promise<void> => {
    again?.cancel();
    const outcome = await make();
    if (outcome?.kind !== 'refused') {
      lastReason = '';
      return;
    }
    // Once, until it changes: the tries go on.
    if (outcome.reason !== lastReason) log.error({ reason: outcome.reason }, `${what}; trying again`);
    lastReason = outcome.reason;
    if (isClosed) return;
    again?.cancel();
    again = systemClock.after(options.againMs ?? againMs, () => void ask().catch(failed)).unref();
  };

  return {
    ask,
    close() {
      isClosed = true;
      again?.cancel();
    },
  };
}
