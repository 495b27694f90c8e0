// The audit log in the store: appended to in the transaction of the change it tells of, never altered.

import { createHash } from 'node:crypto';
import { type Millis, millis } from '#model/time.ts';
import { type AuditEntry, auditText, type ChainPlace, chainBegin } from '#policy/audit-chain.ts';
import type { Transaction } from './transaction.ts';

/** An entry before it has its place in the chain. `details` hold no secrets. */
export interface AuditNote {
  readonly at: Millis;
  readonly actor: string;
  /** One of control-plane/core/audit-actions.ts. */
  readonly action: string;
  readonly target: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Where the next entry follows on: the newest one, or the beginning of an empty log. */
export async function readChainEnd(tx: Transaction, tenant: string): Promise<ChainPlace> {
  const last = await tx
    .selectFrom('audit')
    .select(['seq', 'hash'])
    .where('tenant', '=', tenant)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return last ?? chainBegin;
}

/** Called by every operation that changes something an operator would ask about. */
export async function writeAudit(tx: Transaction, tenant: string, note: AuditNote): Promise<void> {
  const last = await readChainEnd(tx, tenant);
  const entry = {
    seq: last.seq + 1,
    at: note.at,
    actor: note.actor,
    action: note.action,
    target: note.target,
    details: JSON.stringify(note.details ?? {}),
    previousHash: last.hash,
  };
  const { previousHash, ...columns } = entry;
  await tx
    .insertInto('audit')
    .values({ tenant, ...columns, previous_hash: previousHash, hash: sha256Hex(auditText(entry)) })
    .execute();
}

export async function appendAudit(
  tx: Transaction,
  input: { readonly tenant: string; readonly note: AuditNote },
): Promise<void> {
  await writeAudit(tx, input.tenant, input.note);
}

/** Oldest first, from after `afterSeq`, and from after what was pruned. */
export async function listAudit(
  tx: Transaction,
  input: { readonly tenant: string; readonly afterSeq: number; readonly limit: number },
): Promise<readonly AuditEntry[]> {
  const rows = await tx
    .selectFrom('audit')
    .selectAll()
    .where('tenant', '=', input.tenant)
    .where('seq', '>', input.afterSeq)
    .where('seq', '>', (from) => from.selectFrom('tenants').select('audit_base').where('name', '=', input.tenant))
    .orderBy('seq')
    .limit(input.limit)
    .execute();
  return rows.map(({ seq, at, actor, action, target, details, previous_hash, hash }) => ({
    seq,
    at: millis(at),
    actor,
    action,
    target,
    details,
    previousHash: previous_hash,
    hash,
  }));
}
