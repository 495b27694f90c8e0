// The operators' tokens that the API knows, by the digest of their text: looking a digest up tells nothing of how near a wrong token
// came. Kept in memory, since there are few and every call asks; what changes in the store changes here before it is answered, and
// time is looked at with each call, so that a token which was revoked or has expired opens nothing from then on.

import type { OperatorToken } from '#control-plane/store/operator-tokens.ts';
import type { Secret } from '#model/secret.ts';
import { type Millis, millis } from '#model/time.ts';
import { tokenHash } from './tokens.ts';

export type FoundOperator =
  | { readonly kind: 'holds'; readonly name: string }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'expired'; readonly name: string; readonly at: Millis }
  | { readonly kind: 'revoked'; readonly name: string; readonly at: Millis };

export type OperatorTokenState = Exclude<FoundOperator['kind'], 'unknown'>;

export interface OperatorTokensOptions {
  readonly now: () => Millis;
  /** A token's first use of an hour: no more often is it to be written down. */
  readonly used: (use: { readonly hash: string; readonly at: Millis }) => void;
}

const useMs = 3_600_000;

export class OperatorTokens {
  readonly #byHash: Map<string, OperatorToken>;
  readonly #options: OperatorTokensOptions;

  constructor(tokens: readonly OperatorToken[], options: OperatorTokensOptions) {
    this.#byHash = new Map(tokens.map((token) => [token.hash, token]));
    this.#options = options;
  }

  find(token: Secret): FoundOperator {
    const known = this.#byHash.get(tokenHash(token));
    if (known === undefined) return { kind: 'unknown' };
    const now = this.#options.now();
    const state = stateOf(known, now);
    if (state !== 'holds') return { kind: state, name: known.name, at: known.revokedAt ?? known.expiresAt ?? now };
    const hour = millis(Math.floor(now / useMs) * useMs);
    if ((known.lastUsedAt ?? 0) < hour) {
      this.#byHash.set(known.hash, { ...known, lastUsedAt: hour });
      this.#options.used({ hash: known.hash, at: hour });
    }
    return { kind: 'holds', name: known.name };
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
  }
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
