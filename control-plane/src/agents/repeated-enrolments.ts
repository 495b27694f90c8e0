// An enrolment whose answer was lost on the way: the token is spent, the name is taken, and the host has no certificate. It comes again with the
// same token, name and key, which its request proves, and is given what it was given; anybody else meets the token and the name as they
// are. Remembered for minutes and in memory: after a restart in between the host needs another token and name, or to be removed.

import { createHash } from 'node:crypto';
import type { Result } from '#model/result.ts';
import type { EnrolmentRefusal } from './agent-backend.ts';

interface Redeemed {
  readonly tenant: string;
  readonly host: string;
  readonly enrolment: string;
}

export interface AskedEnrolment {
  readonly token: string;
  readonly host: string;
  /** SPKI; whoever asks has shown its key. */
  readonly publicKey: Uint8Array;
}

type Outcome = Promise<Result<Redeemed, EnrolmentRefusal>>;

const rememberedMs = 10 * 60_000;
/** The oldest is forgotten first. */
const mostRemembered = 16_384;

export class RepeatedEnrolments {
  readonly #elapsedMs: () => number;
  readonly #asked = new Map<string, { readonly outcome: Outcome; readonly at: number }>();

  constructor(elapsedMs: () => number) {
    this.#elapsedMs = elapsedMs;
  }

  /** Runs `work` for the first of those that ask the same; only what was granted is remembered. */
  redeem(asked: AskedEnrolment, work: () => Outcome): Outcome {
    const at = this.#elapsedMs();
    this.#forget(at);
    const key = keyOf(asked);
    const known = this.#asked.get(key);
    if (known !== undefined) return known.outcome;
    const outcome = work();
    this.#asked.set(key, { outcome, at });
    outcome.then(
      (result) => {
        if (!result.ok) this.#asked.delete(key);
      },
      () => this.#asked.delete(key),
    );
    return outcome;
  }

  /** They stand in the order they came. */
  #forget(at: number): void {
    for (const [key, known] of this.#asked) {
      if (at - known.at < rememberedMs && this.#asked.size < mostRemembered) return;
      this.#asked.delete(key);
    }
  }
}

function keyOf({ token, host, publicKey }: AskedEnrolment): string {
  return createHash('sha256')
    .update(JSON.stringify([token, host]))
    .update(publicKey)
    .digest('base64');
}
