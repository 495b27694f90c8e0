// An enrolment whose answer was lost on the way: the token is spent, the name is taken, and the host has no certificate. It comes again with the
// same token, name and key, which its request proves, and is given what it was given, the very same certificate: asked a thousand times, one
// was issued. Each time it is asked whether what was granted holds still, and who meets a token that was revoked meanwhile meets it as it is,
// as anybody else does. Remembered for minutes and in memory: after a restart in between the host needs another token and name, or to be removed.

import { createHash } from 'node:crypto';
import type { CallStatus } from '#control-plane/rpc/call-status.ts';
import { ok, type Result } from '#model/result.ts';
import type { EnrolReply } from '#wire/enrolment-messages.ts';
import type { EnrolmentRefusal } from './agent-backend.ts';

export interface Redeemed {
  readonly tenant: string;
  readonly host: string;
  readonly enrolment: string;
}

export interface AskedEnrolment {
  readonly token: string;
  readonly host: string;
  /** SPKI; whoever asks has shown its key. */
  readonly publicKey: Uint8Array;
  /** Of ours, the CA that it trusts: its certificate is of that one. */
  readonly authority: string;
}

export type Issued = Extract<EnrolReply, { readonly kind: 'issued' }>;

export interface RequestProblem extends CallStatus {
  readonly kind: 'problem';
}

export interface EnrolmentWork {
  readonly redeem: () => Promise<Result<Redeemed, EnrolmentRefusal>>;
  /** Of a repeat. */
  readonly isStill: (redeemed: Redeemed) => Promise<boolean>;
  readonly issue: (redeemed: Redeemed) => Promise<Issued | RequestProblem>;
}

interface Known {
  readonly redeemed: Promise<Result<Redeemed, EnrolmentRefusal>>;
  /** By CA, of which there are two at most. */
  readonly issued: Map<string, Promise<Issued | RequestProblem>>;
  readonly at: number;
}

const rememberedMs = 10 * 60_000;
/** Of a kilobyte or two each. The oldest is forgotten first. */
const mostRemembered = 16_384;

export class RepeatedEnrolments {
  readonly #elapsedMs: () => number;
  readonly #asked = new Map<string, Known>();

  constructor(elapsedMs: () => number) {
    this.#elapsedMs = elapsedMs;
  }

  /** Redeems for the first of those that ask the same, and issues once; only what was granted is remembered. */
  async answer(asked: AskedEnrolment, work: EnrolmentWork): Promise<Result<Issued | RequestProblem, EnrolmentRefusal>> {
    const at = this.#elapsedMs();
    this.#forget(at);
    const key = keyOf(asked);
    const before = this.#asked.get(key);
    if (before !== undefined) {
      const redeemed = await before.redeemed;
      if (!redeemed.ok) return redeemed;
      if (await work.isStill(redeemed.value)) return ok(await issuedOf(before, redeemed.value, asked, work));
      this.#drop(key, before);
    }
    const known = this.#asked.get(key) ?? this.#begin(key, { at, redeem: work.redeem });
    const redeemed = await known.redeemed;
    return redeemed.ok ? ok(await issuedOf(known, redeemed.value, asked, work)) : redeemed;
  }

  #begin(key: string, { at, redeem }: Pick<EnrolmentWork, 'redeem'> & { readonly at: number }): Known {
    const known: Known = { redeemed: redeem(), issued: new Map(), at };
    this.#asked.set(key, known);
    known.redeemed.then(
      (result) => {
        if (!result.ok) this.#drop(key, known);
      },
      () => this.#drop(key, known),
    );
    return known;
  }

  #drop(key: string, known: Known): void {
    if (this.#asked.get(key) === known) this.#asked.delete(key);
  }

  /** They stand in the order they came. */
  #forget(at: number): void {
    for (const [key, known] of this.#asked) {
      if (at - known.at < rememberedMs && this.#asked.size < mostRemembered) return;
      this.#asked.delete(key);
    }
  }
}

/** What could not be issued is tried again with the next repeat. */
function issuedOf(
  { issued }: Known,
  redeemed: Redeemed,
  { authority }: AskedEnrolment,
  { issue }: EnrolmentWork,
): Promise<Issued | RequestProblem> {
  const before = issued.get(authority);
  if (before !== undefined) return before;
  const answer = issue(redeemed);
  issued.set(authority, answer);
  answer.then(
    ({ kind }) => {
      if (kind !== 'issued') issued.delete(authority);
    },
    () => issued.delete(authority),
  );
  return answer;
}

function keyOf({ token, host, publicKey }: AskedEnrolment): string {
  return createHash('sha256')
    .update(JSON.stringify([token, host]))
    .update(publicKey)
    .digest('base64');
}
