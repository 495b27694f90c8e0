// The operators' tokens in the store. Only digests are kept, so the file gives none away. A token holds until it is revoked or its time
// ends; what has ended is kept for a while, so that whoever still uses it is told so, and named.

import { sql } from 'kysely';
import { type Millis, millis } from '#model/time.ts';
import { type AuditNote, writeAudit } from './audit.ts';
import type { Tables } from './schema.ts';
import { isBoundedTime } from './stored-values.ts';
import type { Transaction } from './transaction.ts';

export interface OperatorToken {
  readonly hash: string;
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly createdAt: Millis;
  readonly createdBy: string;
  /** Absent: it holds until it is revoked. */
  readonly expiresAt?: Millis;
  readonly revokedAt?: Millis;
  /** To the hour. */
  readonly lastUsedAt?: Millis;
  /** Fingerprint of the CA that its text names; empty in tokens of before that was written down. */
  readonly ca: string;
}

export interface NewOperatorToken {
  readonly hash: string;
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly ttlMs?: number;
  readonly ca: string;
  /** Its `at` is when the token begins, its `actor` who made it. */
  readonly note: Omit<AuditNote, 'details'>;
}

/** `changed`: every token as it is now that is not as it was. */
export type OperatorTokenChange<Refusal extends string> =
  | { readonly kind: 'done'; readonly changed: readonly OperatorToken[] }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

type Row = Tables['operator_tokens'];

/** Rows with other times are no tokens: one that never ends was made to, or an hour was. */
const isGoodToken = sql<boolean>`(${sql.join(
  ['created_at', 'expires_at', 'revoked_at', 'last_used_at'].map(isBoundedTime),
  sql` and `,
)})`;

const keepEndedMs = 90 * 86_400_000;

/** All there are: few, so the API keeps them in memory. */
export async function listOperatorTokens(
  tx: Transaction,
  input: { readonly tenant: string },
): Promise<readonly OperatorToken[]> {
  const rows = await tx
    .selectFrom('operator_tokens')
    .selectAll()
    .where('tenant', '=', input.tenant)
    .where(isGoodToken)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(tokenOf);
}

/** Refused where a token of that name holds: two people behind one name could not be told apart. */
export async function createOperatorToken(
  tx: Transaction,
  input: NewOperatorToken,
): Promise<OperatorTokenChange<'name-taken'>> {
  const { tenant, name, note } = input;
  if ((await holding(tx, { tenant, at: note.at })).some((row) => row.name === name))
    return { kind: 'refused', refusal: 'name-taken' };
  const created = await insert(tx, input);
  await writeAudit(tx, tenant, { ...note, details: detailsOf(created) });
  return { kind: 'done', changed: [created] };
}

/** Without `ttlMs` the new token lives as long as the newest before it was made to. Those before end after `overlapMs`, or sooner. */
export async function rotateOperatorToken(
  tx: Transaction,
  input: NewOperatorToken & { readonly overlapMs: number },
): Promise<OperatorTokenChange<'unknown'>> {
  const { tenant, name, note, overlapMs } = input;
  const before = (await holding(tx, { tenant, at: note.at })).filter((row) => row.name === name);
  const newest = before.at(-1);
  if (newest === undefined) return { kind: 'refused', refusal: 'unknown' };
  const inherited = newest.expires_at === null ? {} : { ttlMs: newest.expires_at - newest.created_at };
  const created = await insert(tx, { ...inherited, ...input });
  const ended: OperatorToken[] = [];
  for (const row of before) {
    const end = millis(Math.min(row.expires_at ?? Number.MAX_SAFE_INTEGER, note.at + overlapMs));
    ended.push(await update(tx, row, overlapMs === 0 ? { revoked_at: note.at } : { expires_at: end }));
  }
  const replaced = ended.map((token) => ({ id: token.id, endsAt: token.revokedAt ?? token.expiresAt }));
  await writeAudit(tx, tenant, { ...note, details: { ...detailsOf(created), replaced } });
  return { kind: 'done', changed: [...ended, created] };
}

/** `which`: a name, for all its tokens that hold, or the id of one. One that holds must be left. */
export async function revokeOperatorTokens(
  tx: Transaction,
  input: { readonly tenant: string; readonly which: string; readonly note: Omit<AuditNote, 'details' | 'target'> },
): Promise<OperatorTokenChange<'unknown' | 'last'>> {
  const { tenant, which, note } = input;
  const all = await holding(tx, { tenant, at: note.at });
  const named = all.filter((row) => row.name === which);
  const rows = named.length > 0 ? named : all.filter((row) => row.id === which);
  const [first] = rows;
  if (first === undefined) return { kind: 'refused', refusal: 'unknown' };
  if (rows.length === all.length) return { kind: 'refused', refusal: 'last' };
  const changed: OperatorToken[] = [];
  for (const row of rows) changed.push(await update(tx, row, { revoked_at: note.at }));
  await writeAudit(tx, tenant, { ...note, target: first.name, details: { ids: changed.map(({ id }) => id) } });
  return { kind: 'done', changed };
}

/** Not in the audit log: what is done with a token is. */
export async function touchOperatorToken(
  tx: Transaction,
  input: { readonly hash: string; readonly at: Millis },
): Promise<void> {
  await tx.updateTable('operator_tokens').set({ last_used_at: input.at }).where('hash', '=', input.hash).execute();
}

/** Oldest first. */
async function holding(
  tx: Transaction,
  { tenant, at }: { readonly tenant: string; readonly at: Millis },
): Promise<Row[]> {
  return tx
    .selectFrom('operator_tokens')
    .selectAll()
    .where('tenant', '=', tenant)
    .where(isGoodToken)
    .where('revoked_at', 'is', null)
    .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', at)]))
    .orderBy('created_at')
    .orderBy('id')
    .execute();
}

async function insert(tx: Transaction, input: NewOperatorToken): Promise<OperatorToken> {
  const { hash, id, tenant, name, ttlMs, ca, note } = input;
  const longAgo = note.at - keepEndedMs;
  await tx
    .deleteFrom('operator_tokens')
    .where('tenant', '=', tenant)
    .where((where) => where.or([where('expires_at', '<', longAgo), where('revoked_at', '<', longAgo)]))
    .execute();
  const row: Row = {
    hash,
    id,
    tenant,
    name,
    created_at: note.at,
    created_by: note.actor,
    expires_at: ttlMs === undefined ? null : note.at + ttlMs,
    revoked_at: null,
    last_used_at: null,
    ca,
  };
  await tx.insertInto('operator_tokens').values(row).execute();
  return tokenOf(row);
}

async function update(
  tx: Transaction,
  row: Row,
  set: Partial<Pick<Row, 'revoked_at' | 'expires_at'>>,
): Promise<OperatorToken> {
  await tx.updateTable('operator_tokens').set(set).where('hash', '=', row.hash).execute();
  return tokenOf({ ...row, ...set });
}

function detailsOf({ id, expiresAt }: OperatorToken): Readonly<Record<string, unknown>> {
  return { id, ...(expiresAt === undefined ? {} : { expiresAt }) };
}

function tokenOf(row: Row): OperatorToken {
  return {
    hash: row.hash,
    id: row.id,
    tenant: row.tenant,
    name: row.name,
    createdAt: millis(row.created_at),
    createdBy: row.created_by,
    ca: row.ca,
    ...(row.expires_at === null ? {} : { expiresAt: millis(row.expires_at) }),
    ...(row.revoked_at === null ? {} : { revokedAt: millis(row.revoked_at) }),
    ...(row.last_used_at === null ? {} : { lastUsedAt: millis(row.last_used_at) }),
  };
}
