// Calls without a token that holds: how many an address, and all together, may make before they are told to wait, and what of them is
// told to the log and the audit log. A token that holds passes however many fail beside it: at 256 random bits nothing is guessed, so the
// limit is for the work and the lines that failures cost, and a stranger at an operator's address must not lock the operator out.

import type { Logger } from 'pino';
import { systemClock } from '#clock/system-clock.ts';
import { type Refused, RepeatedRefusals, sourceOf } from '#control-plane/notes/repeated-refusals.ts';
import type { Millis } from '#model/time.ts';
import type { AuditNote } from '../store/audit.ts';

export type CallRefusal =
  | 'no-token'
  | 'token-malformed'
  | 'token-unknown'
  | 'token-expired'
  | 'token-revoked'
  | 'host-unknown';

export interface FailedCallsOptions {
  readonly now: () => Millis;
  /** Milliseconds of a clock that only goes forward; the process's own by default. */
  readonly elapsedMs?: () => number;
  readonly log: Logger;
  readonly audit: (note: AuditNote) => Promise<void>;
}

const windowMs = 60_000;
/** In one window. */
const failuresMost = { source: 60, all: 1200 } as const;
/** Sources counted apart in one window; the others share one count. */
const sourcesMost = 4096;
const others = 'others';

export class FailedCalls {
  readonly #options: FailedCallsOptions;
  readonly #refusals: RepeatedRefusals<CallRefusal>;
  #window = { since: Number.NEGATIVE_INFINITY, all: 0, sources: new Map<string, number>() };

  constructor(options: FailedCallsOptions) {
    this.#options = options;
    const { now, log, audit } = options;
    this.#refusals = new RepeatedRefusals({
      now,
      tell: ({ target, details }) => {
        log.warn({ target, details }, 'an operator API call was refused');
        void audit({ at: now(), actor: 'control-plane', action: 'api-call-refused', target, details }).catch(
          (cause: unknown) => log.error({ err: cause }, 'a refused call is not in the audit log'),
        );
      },
    });
  }

  /** Seconds to wait where there were too many. */
  take(refused: Refused<CallRefusal>): { readonly retryAfterSeconds?: number } {
    this.#refusals.take(refused);
    const at = (this.#options.elapsedMs ?? systemClock.elapsedMs)();
    if (at - this.#window.since >= windowMs) this.#window = { since: at, all: 0, sources: new Map() };
    const { sources, since } = this.#window;
    const source = sourceOf(refused.address);
    const key = sources.has(source) || sources.size < sourcesMost ? source : others;
    const failures = (sources.get(key) ?? 0) + 1;
    sources.set(key, failures);
    this.#window.all += 1;
    if (failures <= failuresMost.source && this.#window.all <= failuresMost.all) return {};
    return { retryAfterSeconds: Math.max(1, Math.ceil((since + windowMs - at) / 1000)) };
  }

  stop(): void {
    this.#refusals.stop();
  }
}
