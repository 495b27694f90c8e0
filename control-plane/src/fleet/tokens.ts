// Making and digesting the two kinds of token. Both hold 256 random bits, so one SHA-256 keeps them as well as a slow hash would.

import { createHash, randomBytes } from 'node:crypto';
import { Secret } from '#model/secret.ts';

/** What an operator's commands are allowed by; the fingerprint lets them pin the control plane's CA. */
export function newOperatorToken(caFingerprint: string): Secret {
  return new Secret(`segwall_${randomText()}.${caFingerprint}`);
}

/** What a host joins with. */
export function newJoinToken(): Secret {
  return new Secret(`swj_${randomText()}`);
}

/** Names a token in listings without giving it away. */
export function newTokenId(): string {
  return randomBytes(5).toString('hex');
}

/** What the store keeps of a token: lower-case hex. */
export function tokenHash(token: Secret): string {
  return createHash('sha256').update(token.reveal()).digest('hex');
}

function randomText(): string {
  return randomBytes(32).toString('base64url');
}
