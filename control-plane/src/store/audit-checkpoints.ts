// Signed checkpoints of the audit log in the store, and under which name (lineage) the log goes on. What signs them is in
// audit-checkpoints.ts, one folder up: the store knows no key.

import { randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { type Millis, millis } from '#model/time.ts';
import type { ChainPlace } from '#policy/audit/audit-chain.ts';
import type { AuditCheckpoint } from '#policy/audit/audit-checkpoint.ts';
import { lineageAction } from '#policy/audit/audit-verifier.ts';
import { isEntry, isOutside, mostEntry, readChainEnd, writeAudit } from './audit.ts';
import { boundedTime, storedText } from './stored-values.ts';
import type { Transaction } from './transaction.ts';

/** Where the log ends, and what of it is kept. */
export interface AuditHead extends ChainPlace {
  readonly log: string;
  /** Entries up to this one were pruned, as the store has it; -1 where that is no number of an entry. */
  readonly base: number;
  /** Rows with a number that no entry has: they are in no reader's way, and none of ours. */
  readonly unreadable: number;
}

const most = sql.raw(String(mostEntry));

/** One in so many entries is kept for good; between them only the newest. */
const spacing = 1000;

export function newAuditLog(): string {
  return randomBytes(16).toString('hex');
}

export async function readAuditHead(tx: Transaction, input: { readonly tenant: string }): Promise<AuditHead> {
  const { tenant } = input;
  const { log, base } = await tx
    .selectFrom('tenants')
    .select([
      storedText('audit_log').as('log'),
      sql<number>`case when typeof(audit_base) = 'integer' and audit_base between 0 and ${most} then audit_base else -1 end`.as(
        'base',
      ),
    ])
    .where('name', '=', tenant)
    .executeTakeFirstOrThrow();
  const end = await readChainEnd(tx, tenant);
  const { unreadable } = await tx
    .selectFrom('audit')
    .select(({ fn }) => fn.countAll<number>().as('unreadable'))
    .where('tenant', '=', tenant)
    .where(isOutside(end))
    .executeTakeFirstOrThrow();
  return { log, base, unreadable, ...end };
}

/** Oldest first, from `fromSeq`. The first of all is the one up to which entries were pruned, where any were. */
export async function listAuditCheckpoints(
  tx: Transaction,
  input: { readonly tenant: string; readonly fromSeq: number; readonly limit: number },
): Promise<readonly AuditCheckpoint[]> {
  const rows = await tx
    .selectFrom('audit_checkpoints')
    .select([
      'seq',
      boundedTime('at').as('at'),
      ...(['log', 'hash', 'key', 'signature'] as const).map((name) => storedText(name).as(name)),
    ])
    .where('tenant', '=', input.tenant)
    .where(isEntry())
    .where('seq', '>=', input.fromSeq)
    .orderBy('seq')
    .limit(input.limit)
    .execute();
  return rows.map((row) => ({ ...row, at: millis(row.at) }));
}

/**
 * The newest takes the place of the one before it, unless that stands a thousand entries after its own. What another key signed goes, but
 * for the one from which the log is kept: it is signed anew from here on.
 */
export async function saveAuditCheckpoint(
  tx: Transaction,
  input: { readonly tenant: string; readonly checkpoint: AuditCheckpoint },
): Promise<void> {
  const { tenant, checkpoint } = input;
  const { base } = await readAuditHead(tx, { tenant });
  await tx
    .deleteFrom('audit_checkpoints')
    .where('tenant', '=', tenant)
    .where('seq', '<>', base)
    .where((where) => where.or([where('seq', '>=', checkpoint.seq), where('key', '<>', checkpoint.key)]))
    .execute();
  const [before, beforeThat] = await tx
    .selectFrom('audit_checkpoints')
    .select('seq')
    .where('tenant', '=', tenant)
    .where(isEntry())
    .orderBy('seq', 'desc')
    .limit(2)
    .execute();
  if (before !== undefined && beforeThat !== undefined && before.seq - beforeThat.seq < spacing)
    await tx.deleteFrom('audit_checkpoints').where('tenant', '=', tenant).where('seq', '=', before.seq).execute();
  await tx
    .insertInto('audit_checkpoints')
    .values({ tenant, ...checkpoint })
    .execute();
}

/**
 * The log that is here is not the one that was signed last: it goes on under a new name, and says so. Checkpoints of what is not here any
 * more go; the last of them is in the entry. So do rows whose numbers no entry has, so that they are told once.
 */
export async function beginAuditLineage(
  tx: Transaction,
  input: {
    readonly tenant: string;
    readonly at: Millis;
    readonly previous: AuditCheckpoint | undefined;
    readonly problem: string;
    /** Entries up to this one were pruned. */
    readonly base: number;
  },
): Promise<AuditHead> {
  const { tenant, at, previous, problem, base } = input;
  const log = newAuditLog();
  const end = await readAuditHead(tx, { tenant });
  const { seq: kept, unreadable } = end;
  await tx.updateTable('tenants').set({ audit_log: log, audit_base: base }).where('name', '=', tenant).execute();
  await tx.deleteFrom('audit').where('tenant', '=', tenant).where(isOutside(end)).execute();
  await tx.deleteFrom('audit_checkpoints').where('tenant', '=', tenant).where('seq', '>', kept).execute();
  await writeAudit(tx, tenant, {
    at,
    actor: 'control-plane',
    action: lineageAction,
    target: 'audit',
    details: {
      log,
      kept,
      problem,
      ...(unreadable === 0 ? {} : { unreadable }),
      ...(previous === undefined ? {} : { previous }),
    },
  });
  return readAuditHead(tx, { tenant });
}
