// The audit log in the store: an entry is appended in the transaction of its change, and never altered.

import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { type Millis, millis } from '#model/time.ts';
import { type AuditEntry, auditText, type ChainPlace, chainBegin } from '#policy/audit/audit-chain.ts';
import { boundedTime, storedText } from './stored-values.ts';
import type { Transaction } from './transaction.ts';

/** An entry before it has its place in the chain. `details` hold no secrets. */
export interface AuditNote {
  readonly at: Millis;
  readonly actor: string;
  /** One of control-plane/core/audit/audit-actions.ts. */
  readonly action: string;
  readonly target: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Beyond what a log reaches: an entry a millisecond for thirty-four years. Rows with a greater number are none of ours,
 * and are read nowhere.
 */
export const mostEntry = 2 ** 40;

const most = sql.raw(String(mostEntry));

/** Of a row's `seq`. */
export function isEntry() {
  return sql<boolean>`(seq between 1 and ${most} and typeof(seq) = 'integer')`;
}

/**
 * Of a row that is not between the begin and the end of the log. In the order of the index, text comes after all
 * numbers.
 */
export function isOutside(end: ChainPlace) {
  return sql<boolean>`(seq < 1 or seq > ${end.seq})`;
}

/**
 * Where the next entry follows on: the newest one, or the beginning of an empty log. Whatever a hand wrote into the
 * table, there is a place after it: what it did to the chain is told when the log is signed next, and no change waits
 * for that.
 */
export async function readChainEnd(tx: Transaction, tenant: string): Promise<ChainPlace> {
  const entries = tx
    .selectFrom('audit')
    .select(['seq', storedText('hash').as('hash')])
    .where('tenant', '=', tenant)
    .where(isEntry())
    .limit(1);
  const last = await entries.orderBy('seq', 'desc').executeTakeFirst();
  if (last === undefined || last.seq < mostEntry) return last ?? chainBegin;
  const isFollowed = sql<boolean>`not exists (select 1 from audit as next where next.tenant = audit.tenant and next.seq = audit.seq + 1)`;
  const beforeLeap = await entries.where(isFollowed).where('seq', '<', mostEntry).orderBy('seq').executeTakeFirst();
  return beforeLeap ?? chainBegin;
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

const texts = ['actor', 'action', 'target', 'details', 'previous_hash', 'hash'] as const;

/** Of details in one listing; as JSON within JSON they may take several times as much. */
export const mostAuditBytes = 4 * 2 ** 20;

/**
 * Oldest first, from after `afterSeq`, and from after what was pruned: at most `limit`, and no more than
 * `mostAuditBytes` of details, but at least one where there is one.
 */
export async function listAudit(
  tx: Transaction,
  input: { readonly tenant: string; readonly afterSeq: number; readonly limit: number },
): Promise<readonly AuditEntry[]> {
  const asked = tx
    .selectFrom('audit')
    .where('tenant', '=', input.tenant)
    .where(isEntry())
    .where('seq', '>', input.afterSeq)
    .where('seq', '>', (from) => from.selectFrom('tenants').select('audit_base').where('name', '=', input.tenant))
    .orderBy('seq');
  const sizes = await asked.select(sql<number>`octet_length(details)`.as('bytes')).limit(input.limit).execute();
  const rows = await asked
    .select(['seq', boundedTime('at').as('at'), ...texts.map((name) => storedText(name).as(name))])
    .limit(fitting(sizes))
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

/** How many of the first together are within the bound. */
function fitting(sizes: readonly { readonly bytes: number }[]): number {
  let left = mostAuditBytes;
  for (const [at, { bytes }] of sizes.entries()) {
    left -= bytes;
    if (left < 0) return Math.max(1, at);
  }
  return sizes.length;
}
