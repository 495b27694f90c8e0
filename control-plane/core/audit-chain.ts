// The audit log as a chain: every entry's hash covers the entry and the hash before it, so that an entry changed, removed or
// put in between shows. A cut at the end shows only to whoever kept the last hash. Pure: the caller brings SHA-256.

import type { Millis } from '#model/time.ts';

/** `details` is JSON text, kept as it was written because the hash covers its spelling. `seq` counts from 1 without gaps. */
export interface AuditEntry {
  readonly seq: number;
  readonly at: Millis;
  /** Who: an operator token's name as "operator/NAME", "agent/HOST", or "control-plane". */
  readonly actor: string;
  /** What, in the past tense: "policy-applied". */
  readonly action: string;
  readonly target: string;
  readonly details: string;
  /** The hash of the entry before; 64 zeros for the first. */
  readonly previousHash: string;
  readonly hash: string;
}

export const firstPreviousHash = '0'.repeat(64);

/** What an entry's hash is made of. A JSON array, so that no two entries share a text. */
export function auditText(entry: Omit<AuditEntry, 'hash'>): string {
  const { seq, at, actor, action, target, details, previousHash } = entry;
  return JSON.stringify([seq, at, actor, action, target, details, previousHash]);
}

export type ChainVerdict =
  | { readonly kind: 'intact'; readonly entries: number; readonly lastHash: string }
  | { readonly kind: 'broken'; readonly seq: number; readonly problem: string };

/** Checks a whole log, oldest first; says where it first breaks. */
export function verifyAuditChain(entries: Iterable<AuditEntry>, sha256: (text: string) => string): ChainVerdict {
  let previousHash = firstPreviousHash;
  let seq = 0;
  for (const entry of entries) {
    seq += 1;
    if (entry.seq !== seq)
      return { kind: 'broken', seq, problem: `entry ${seq} is missing; found ${entry.seq} in its place` };
    if (entry.previousHash !== previousHash) {
      return { kind: 'broken', seq, problem: `entry ${seq} does not follow the entry before it` };
    }
    if (entry.hash !== sha256(auditText(entry))) {
      return { kind: 'broken', seq, problem: `entry ${seq} is not what was written: its hash does not match` };
    }
    previousHash = entry.hash;
  }
  return { kind: 'intact', entries: seq, lastHash: previousHash };
}
