// The audit log as a chain: every entry's hash covers the entry and the hash before it, so that an entry changed, removed or
// put in between shows. A cut at the end, or a chain made anew, shows against a signed checkpoint (audit-verifier.ts).

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

/** A place in the chain: after entry `seq`, which has this hash. */
export interface ChainPlace {
  readonly seq: number;
  readonly hash: string;
}

export const chainBegin: ChainPlace = { seq: 0, hash: firstPreviousHash };

/** What an entry's hash is made of. A JSON array, so that no two entries share a text. */
export function auditText(entry: Omit<AuditEntry, 'hash'>): string {
  const { seq, at, actor, action, target, details, previousHash } = entry;
  return JSON.stringify([seq, at, actor, action, target, details, previousHash]);
}

export interface ChainFault {
  readonly seq: number;
  readonly fault: 'missing' | 'changed';
  readonly problem: string;
}

/** Why `entry` is not what comes after `place`; undefined where it is. */
export function chainFault(
  place: ChainPlace,
  entry: AuditEntry,
  sha256: (text: string) => string,
): ChainFault | undefined {
  const seq = place.seq + 1;
  if (entry.seq !== seq)
    return { seq, fault: 'missing', problem: `entry ${seq} is missing; found ${entry.seq} in its place` };
  if (entry.previousHash !== place.hash)
    return { seq, fault: 'changed', problem: `entry ${seq} does not follow the entry before it` };
  if (entry.hash !== sha256(auditText(entry)))
    return { seq, fault: 'changed', problem: `entry ${seq} is not what was written: its hash does not match` };
  return undefined;
}
