// The operators' tokens that the API knows, by the digest of their text: looking a digest up tells nothing of how near a wrong token
// came. Kept in memory, since there are few and every call asks; what changes in the store changes here before it is answered, and
// time is looked at with each call, so that a token which was revoked or has expired opens nothing from then on. What was asked for with it
// before is told of its end, and asks again before it changes anything.

import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { OperatorToken } from '#control-plane/store/operator-tokens.ts';
import type { Secret } from '#model/secret.ts';
import { type Millis, millis } from '#model/time.ts';
import { type Asker, AuthorityEnded } from './asker.ts';
import { tokenHash } from './tokens.ts';

export type FoundOperator =
  | { readonly kind: 'holds'; readonly name: string; readonly hash: string }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'expired'; readonly name: string; readonly at: Millis }
  | { readonly kind: 'revoked'; readonly name: string; readonly at: Millis };

export type OperatorTokenState = Exclude<FoundOperator['kind'], 'unknown'>;

export interface OperatorTokensOptions {
  /** Of a clock that is not set back: a token that has expired is not to hold again. */
  readonly now: () => Millis;
  /** A token's first use of an hour: no more often is it to be written down. */
  readonly used: (use: { readonly hash: string; readonly at: Millis }) => void;
}

const useMs = 3_600_000;

interface TokenEnd {
  readonly controller: AbortController;
  timer?: Timer;
}

export class OperatorTokens {
  readonly #byHash: Map<string, OperatorToken>;
  readonly #options: OperatorTokensOptions;
  /** Of tokens that were asked with. */
  readonly #ends = new Map<string, TokenEnd>();

  constructor(tokens: readonly OperatorToken[], options: OperatorTokensOptions) {
    this.#byHash = new Map(tokens.map((token) => [token.hash, token]));
    this.#options = options;
  }

  /** By which tokens end, and so by which they are made. */
  now(): Millis {
    return this.#options.now();
  }

  find(token: Secret): FoundOperator {
    const found = this.standingOf(tokenHash(token));
    const known = found.kind === 'holds' ? this.#byHash.get(found.hash) : undefined;
    if (known === undefined) return found;
    const now = this.#options.now();
    const hour = millis(Math.floor(now / useMs) * useMs);
    if ((known.lastUsedAt ?? 0) < hour) {
      this.#byHash.set(known.hash, { ...known, lastUsedAt: hour });
      this.#options.used({ hash: known.hash, at: hour });
    }
    return found;
  }

  standingOf(hash: string): FoundOperator {
    const known = this.#byHash.get(hash);
    if (known === undefined) return { kind: 'unknown' };
    const now = this.#options.now();
    const state = stateOf(known, now);
    if (state === 'holds') return { kind: state, name: known.name, hash };
    return { kind: state, name: known.name, at: known.revokedAt ?? known.expiresAt ?? now };
  }

  /** Who asks with the token. */
  asker({ name, hash }: Extract<FoundOperator, { kind: 'holds' }>): Asker {
    const end = this.#endOf(hash);
    return {
      name,
      ended: end.controller.signal,
      holding: () => {
        const found = this.standingOf(hash);
        if (found.kind !== 'holds') throw endedBy(found);
        return `operator/${name}`;
      },
    };
  }

  /** Whether anybody could call the API. */
  get isUsable(): boolean {
    const now = this.#options.now();
    return [...this.#byHash.values()].some((token) => stateOf(token, now) === 'holds');
  }

  /** In the order they were made. */
  list(): readonly (OperatorToken & { readonly state: OperatorTokenState })[] {
    const now = this.#options.now();
    return [...this.#byHash.values()].map((token) => ({ ...token, state: stateOf(token, now) }));
  }

  /** As the store has them now. */
  put(changed: readonly OperatorToken[]): void {
    for (const token of changed) {
      const lastUsedAt = this.#byHash.get(token.hash)?.lastUsedAt;
      this.#byHash.set(token.hash, { ...token, ...(lastUsedAt === undefined ? {} : { lastUsedAt }) });
    }
    for (const { hash } of changed) this.#look(hash);
  }

  #endOf(hash: string): TokenEnd {
    const known = this.#ends.get(hash);
    if (known !== undefined) return known;
    const end: TokenEnd = { controller: new AbortController() };
    this.#ends.set(hash, end);
    this.#look(hash);
    return end;
  }

  /** Tells who waits, or looks again when its time ends. */
  #look(hash: string): void {
    const end = this.#ends.get(hash);
    if (end === undefined) return;
    end.timer?.cancel();
    const found = this.standingOf(hash);
    if (found.kind !== 'holds') {
      this.#ends.delete(hash);
      end.controller.abort(endedBy(found));
      return;
    }
    const expiresAt = this.#byHash.get(hash)?.expiresAt;
    if (expiresAt === undefined) return;
    const leftMs = Math.max(1, expiresAt - this.#options.now());
    end.timer = systemClock.after(leftMs, () => this.#look(hash)).unref();
  }
}

function endedBy(found: Exclude<FoundOperator, { kind: 'holds' }>): AuthorityEnded {
  return new AuthorityEnded(tokenStateText(found) ?? 'this token is not known here any more', `token-${found.kind}`);
}

/** Undefined for a token that never was. */
export function tokenStateText(found: FoundOperator): string | undefined {
  if (found.kind !== 'expired' && found.kind !== 'revoked') return undefined;
  const how = found.kind === 'expired' ? 'expired' : 'was revoked';
  return `this token of operator ${found.name} ${how} at ${new Date(found.at).toISOString()}`;
}

function stateOf({ revokedAt, expiresAt }: OperatorToken, now: Millis): OperatorTokenState {
  if (revokedAt !== undefined) return 'revoked';
  return expiresAt !== undefined && now >= expiresAt ? 'expired' : 'holds';
}
