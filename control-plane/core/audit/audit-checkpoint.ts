// A signed checkpoint of the audit log: up to this entry, the log of this name was this. Whoever keeps one can tell later that nothing
// before it was changed or cut off. Pure: the caller brings the signature's arithmetic (Ed25519).

import { err, ok, type Result } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';

export interface AuditCheckpoint {
  /** The log's lineage: a store that was put back from an older copy goes on under another. 32 hex digits. */
  readonly log: string;
  readonly seq: number;
  /** Of entry `seq`; 64 zeros where `seq` is 0. */
  readonly hash: string;
  readonly at: Millis;
  /** The public key, 64 hex digits. */
  readonly key: string;
  /** Over `checkpointText`, 128 hex digits. */
  readonly signature: string;
}

/** What a signature is made over. It begins with a name, so that nothing else that the key might sign reads as one. */
export function checkpointText({ log, seq, hash, at }: Omit<AuditCheckpoint, 'key' | 'signature'>): string {
  return JSON.stringify(['segwall-audit-checkpoint-1', log, seq, hash, at]);
}

const keyPattern = /^[0-9a-f]{64}$/;
const shape = { log: /^[0-9a-f]{32}$/, hash: keyPattern, key: keyPattern, signature: /^[0-9a-f]{128}$/ } as const;

/** Reads one as JSON has it, alone or under the key `checkpoint`; the error says which part is wrong. */
export function parseCheckpoint(value: unknown): Result<AuditCheckpoint> {
  const found = isRecord(value) && 'checkpoint' in value ? value['checkpoint'] : value;
  if (!isRecord(found)) return err('it is no JSON object');
  const { seq, at } = found;
  for (const [part, pattern] of Object.entries(shape)) {
    if (typeof found[part] !== 'string' || !pattern.test(found[part])) return err(`${part} is not ${pattern.source}`);
  }
  if (!isCount(seq)) return err('seq is not a whole number from 0');
  if (!isCount(at)) return err('at is not a time in milliseconds since 1970');
  const { log, hash, key, signature } = found as Record<keyof typeof shape, string>;
  return ok({ log, seq, hash, at: millis(at), key, signature });
}

export function isAuditKey(text: string): boolean {
  return keyPattern.test(text);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
