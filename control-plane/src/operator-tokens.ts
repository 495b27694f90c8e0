// The operators' tokens that the API knows, by the digest of their text: looking a digest up tells nothing of how near a wrong token
// came. Kept in memory, since there are few and every call asks; what changes in the store changes here before it is answered.

import type { Secret } from '#model/secret.ts';
import type { Millis } from '#model/time.ts';
import type { OperatorToken } from './store/tokens.ts';
import { tokenHash } from './tokens.ts';

export type FoundOperator =
  | { readonly kind: 'holds'; readonly name: string }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'expired'; readonly name: string; readonly at: Millis }
  | { readonly kind: 'revoked'; readonly name: string; readonly at: Millis };

export class OperatorTokens {
  readonly #byHash: Map<string, OperatorToken>;
  readonly #now: () => Millis;

  constructor(tokens: readonly OperatorToken[], now: () => Millis) {
    this.#byHash = new Map(tokens.map((token) => [token.hash, token]));
    this.#now = now;
  }

  find(token: Secret): FoundOperator {
    const known = this.#byHash.get(tokenHash(token));
    if (known === undefined) return { kind: 'unknown' };
    const { name, revokedAt, expiresAt } = known;
    if (revokedAt !== undefined) return { kind: 'revoked', name, at: revokedAt };
    if (expiresAt !== undefined && this.#now() >= expiresAt) return { kind: 'expired', name, at: expiresAt };
    return { kind: 'holds', name };
  }

  put(token: OperatorToken): void {
    this.#byHash.set(token.hash, token);
  }
}

/** Undefined for a token that never was. */
export function tokenStateText(found: FoundOperator): string | undefined {
  if (found.kind !== 'expired' && found.kind !== 'revoked') return undefined;
  const how = found.kind === 'expired' ? 'expired' : 'was revoked';
  return `this token of operator ${found.name} ${how} at ${new Date(found.at).toISOString()}`;
}
