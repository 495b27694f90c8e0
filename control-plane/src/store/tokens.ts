// The tokens that hosts join with, in the store. Only digests are kept, so the file gives none away.

import { sql } from 'kysely';
import { type Millis, millis } from '#model/time.ts';
import { type AuditNote, writeAudit } from './audit.ts';
import type { Tables } from './schema.ts';
import { isBoundedTime, isText, storedRecord, storedTexts } from './stored-values.ts';
import type { Transaction } from './transaction.ts';
import { type NameChange, renameDiscovered } from './workload-names.ts';

export interface JoinToken {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly usesAllowed: number;
  readonly usesSpent: number;
  readonly createdAt: Millis;
  readonly createdBy: string;
  readonly expiresAt: Millis;
  readonly revokedAt?: Millis;
  /** CIDRs that hosts which join with it may claim; absent where it gives none. */
  readonly ranges?: readonly string[];
  /** How long a host that joins with it may be silent before it is removed; absent: for ever. */
  readonly ephemeralMs?: number;
  /** The one host that it is for: it is given a new identity and keeps its name and what belongs to it. */
  readonly renews?: string;
}

export interface NewJoinToken {
  readonly tenant: string;
  readonly id: string;
  readonly hash: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly uses: number;
  readonly expiresAt: Millis;
  /** CIDRs. */
  readonly ranges?: readonly string[];
  readonly ephemeralMs?: number;
  readonly renews?: string;
  readonly note: AuditNote;
}

export async function createJoinToken(tx: Transaction, input: NewJoinToken): Promise<void> {
  const { tenant, id, hash, note } = input;
  await tx
    .insertInto('join_tokens')
    .values({
      id,
      tenant,
      hash,
      labels: JSON.stringify(input.labels),
      uses_allowed: input.uses,
      uses_spent: 0,
      created_at: note.at,
      created_by: note.actor,
      expires_at: input.expiresAt,
      revoked_at: null,
      ranges: input.ranges === undefined ? '' : JSON.stringify(input.ranges),
      ephemeral_ms: input.ephemeralMs ?? 0,
      renews: input.renews ?? '',
    })
    .execute();
  await writeAudit(tx, tenant, note);
}

export async function listJoinTokens(
  tx: Transaction,
  input: { readonly tenant: string },
): Promise<readonly JoinToken[]> {
  const rows = await tx
    .selectFrom('join_tokens')
    .selectAll()
    .where('tenant', '=', input.tenant)
    .where(isGoodToken)
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.flatMap((row) => {
    const given = givenBy(row);
    if (given === undefined) return [];
    return {
      id: row.id,
      labels: given.labels,
      usesAllowed: row.uses_allowed,
      usesSpent: row.uses_spent,
      createdAt: millis(row.created_at),
      createdBy: row.created_by,
      expiresAt: millis(row.expires_at),
      ...(row.revoked_at === null ? {} : { revokedAt: millis(row.revoked_at) }),
      ...(given.ranges === undefined ? {} : { ranges: given.ranges }),
      ...(row.ephemeral_ms > 0 ? { ephemeralMs: row.ephemeral_ms } : {}),
      ...(row.renews === '' ? {} : { renews: row.renews }),
    };
  });
}

/** Rows with other numbers are no tokens. */
const isGoodToken = sql<boolean>`(${sql.join(
  [
    ...['created_at', 'expires_at', 'revoked_at'].map(isBoundedTime),
    sql`uses_allowed between 0 and 1000000 and uses_spent between 0 and 1000000`,
    isBoundedTime('ephemeral_ms'),
  ],
  sql` and `,
)})`;

/** Undefined where it cannot be read what hosts are to get: then they get nothing by it. */
function givenBy(
  row: Pick<Tables['join_tokens'], 'labels' | 'ranges'>,
): Pick<JoinToken, 'labels' | 'ranges'> | undefined {
  const labels = storedRecord(row.labels, isText);
  const ranges = row.ranges === '' ? [] : storedTexts(row.ranges);
  if (labels === undefined || ranges === undefined) return undefined;
  return { labels, ...(row.ranges === '' ? {} : { ranges }) };
}

/** False where there is none of that id, or it was revoked before. */
export async function revokeJoinToken(
  tx: Transaction,
  input: { readonly tenant: string; readonly id: string; readonly note: AuditNote },
): Promise<boolean> {
  const result = await tx
    .updateTable('join_tokens')
    .set({ revoked_at: input.note.at })
    .where('tenant', '=', input.tenant)
    .where('id', '=', input.id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) return false;
  await writeAudit(tx, input.tenant, input.note);
  return true;
}

/** Gives the serials that were good until now. */
async function renewIdentity(
  tx: Transaction,
  input: { readonly tenant: string; readonly host: string; readonly at: Millis; readonly enrolment: string },
): Promise<readonly string[]> {
  const { tenant, host, at, enrolment } = input;
  const ended = await tx
    .updateTable('certificates')
    .set({ revoked_at: at })
    .where('tenant', '=', tenant)
    .where('host', '=', host)
    .where('revoked_at', 'is', null)
    .returning('serial')
    .execute();
  await tx
    .updateTable('hosts')
    .set({ enrolment, revoked_at: null, newest_certificate: 0, newest_used_at: 0, used_ca: '', issued_ca: '' })
    .where('tenant', '=', tenant)
    .where('name', '=', host)
    .execute();
  return ended.map(({ serial }) => serial);
}

async function isRevokedSerial(tx: Transaction, serial: string): Promise<boolean> {
  const found = await tx
    .selectFrom('certificates')
    .select('revoked_at')
    .where('serial', '=', serial)
    .executeTakeFirst();
  return found !== undefined && found.revoked_at !== null;
}

/** Whether a token that was good once was not revoked since; that it is spent or expired is not asked. */
export async function isJoinTokenKept(tx: Transaction, input: { readonly hash: string }): Promise<boolean> {
  const kept = await tx
    .selectFrom('join_tokens')
    .select('id')
    .where('hash', '=', input.hash)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return kept !== undefined;
}

export type JoinTokenSpending =
  | {
      readonly kind: 'joined';
      readonly tenant: string;
      readonly labels: Readonly<Record<string, string>>;
      /** CIDRs that the host may claim; absent where the token gives none. */
      readonly ranges?: readonly string[];
      readonly ephemeralMs?: number;
    }
  /** The host of that name has another identity from now on; the certificates of those before are revoked. */
  | { readonly kind: 'renewed'; readonly tenant: string; readonly serials: readonly string[] }
  | { readonly kind: 'refused'; readonly refusal: 'token-unknown' | 'token-spent' | 'token-expired' | 'name-taken' };

/** Spends one use and claims the name, or neither. A revoked token is as unknown as one that never was. */
export async function spendJoinToken(
  tx: Transaction,
  input: {
    readonly hash: string;
    readonly host: string;
    readonly at: Millis;
    /** The new enrolment's id; absent in none but tests of tokens. */
    readonly enrolment?: string;
    /** The policy declares the name: said to nobody who has no token. */
    readonly isOfPolicy?: boolean;
    /** The key of this identity was shown, and a new one is asked for: granted where it is the host's present one, and not revoked. */
    readonly renewal?: { readonly enrolment: string; readonly serial: string };
    /** A discovered workload gives its name to the host, where it joins. */
    readonly yielding?: NameChange;
  },
): Promise<JoinTokenSpending> {
  const { hash, host, at } = input;
  const token = await tx
    .selectFrom('join_tokens')
    .selectAll()
    .where('hash', '=', hash)
    .where(isGoodToken)
    .executeTakeFirst();
  const given = token === undefined ? undefined : givenBy(token);
  if (token === undefined || given === undefined || token.revoked_at !== null)
    return { kind: 'refused', refusal: 'token-unknown' };
  if (at >= token.expires_at) return { kind: 'refused', refusal: 'token-expired' };
  if (token.uses_spent >= token.uses_allowed) return { kind: 'refused', refusal: 'token-spent' };
  if (input.isOfPolicy === true) return { kind: 'refused', refusal: 'name-taken' };
  const { tenant } = token;
  const holder = await tx
    .selectFrom('hosts')
    .select(['enrolment', 'revoked_at'])
    .where('tenant', '=', tenant)
    .where('name', '=', host)
    .executeTakeFirst();
  const isForHost = token.renews === host;
  // Made for a host, it is good for nothing else.
  if (token.renews !== '' && (!isForHost || holder === undefined)) return { kind: 'refused', refusal: 'token-unknown' };
  // Shown when the request came, and looked at now: in between the host may have been revoked, or given another identity. Only an
  // operator's word, a token made for the host, ends a revocation.
  const isPresent = holder?.revoked_at === null && holder.enrolment === input.renewal?.enrolment;
  const isShown = isPresent && !(await isRevokedSerial(tx, input.renewal?.serial ?? ''));
  const proof = isForHost ? 'token' : isShown ? 'key' : undefined;
  if (holder !== undefined && proof === undefined) return { kind: 'refused', refusal: 'name-taken' };

  const { labels, ranges } = given;
  await tx
    .updateTable('join_tokens')
    .set({ uses_spent: token.uses_spent + 1 })
    .where('id', '=', token.id)
    .execute();
  if (holder !== undefined) {
    const serials = await renewIdentity(tx, { tenant, host, at, enrolment: input.enrolment ?? '' });
    await writeAudit(tx, tenant, {
      at,
      actor: `agent/${host}`,
      action: 'identity-renewed',
      target: host,
      details: { token: token.id, shownBy: proof, enrolment: input.enrolment ?? '', serials: serials.slice(0, 32) },
    });
    return { kind: 'renewed', tenant, serials };
  }
  if (input.yielding !== undefined) await renameDiscovered(tx, input.yielding);
  await tx
    .insertInto('hosts')
    .values({
      tenant,
      name: host,
      enrolled_at: at,
      addresses: '[]',
      units: '{}',
      containers: '{}',
      facts: '{}',
      agent_version: '',
      last_connected_at: null,
      ranges: token.ranges,
      seen_address: '',
      seen_shared: 0,
      absent_since: null,
      enrolment: input.enrolment ?? '',
      revoked_at: null,
      newest_certificate: 0,
      newest_used_at: 0,
      used_ca: '',
      issued_ca: '',
      ephemeral_ms: token.ephemeral_ms,
    })
    .execute();
  for (const [key, value] of Object.entries(labels)) {
    await tx.insertInto('labels').values({ tenant, workload: host, key, value }).execute();
  }
  await writeAudit(tx, tenant, {
    at,
    actor: `agent/${host}`,
    action: 'host-enrolled',
    target: host,
    details: {
      token: token.id,
      labels,
      ...(ranges === undefined ? {} : { addresses: ranges }),
      ...(input.enrolment === undefined ? {} : { enrolment: input.enrolment }),
    },
  });
  const { ephemeral_ms: ephemeralMs } = token;
  return {
    ...{ kind: 'joined', tenant, labels },
    ...(ranges === undefined ? {} : { ranges }),
    ...(ephemeralMs > 0 ? { ephemeralMs } : {}),
  };
}
