// What of the audit log is kept in the store: from which signed entry on. What lies before is dropped row by row later on.

import type { Millis } from '#model/time.ts';
import type { AuditCheckpoint } from '#policy/audit/audit-checkpoint.ts';
import { type AuditNote, isEntry, writeAudit } from './audit.ts';
import { readAuditHead } from './audit-checkpoints.ts';
import { boundedTime } from './stored-values.ts';
import type { Transaction } from './transaction.ts';

/** `unknown`: nothing here is as the checkpoint says. `too-young`: an entry up to it was written when it must still be kept. */
export type AuditPruning =
  | { readonly kind: 'pruned'; readonly through: number; readonly entries: number }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'too-young' };

/** Entries up to the checkpoint are no longer read from here on. Its signature was checked before. */
export async function pruneAudit(
  tx: Transaction,
  input: {
    readonly tenant: string;
    readonly checkpoint: AuditCheckpoint;
    /** When the youngest entry that may go was written at the latest. */
    readonly before: Millis;
    readonly note: AuditNote;
  },
): Promise<AuditPruning> {
  const { tenant, checkpoint, before, note } = input;
  const { seq, hash } = checkpoint;
  const { base } = await readAuditHead(tx, { tenant });
  if (seq === base) return { kind: 'pruned', through: base, entries: 0 };
  const entry = await tx
    .selectFrom('audit')
    .select(['hash', boundedTime('at').as('at')])
    .where('tenant', '=', tenant)
    .where('seq', '=', seq)
    .where('seq', '>', base)
    .executeTakeFirst();
  if (entry?.hash !== hash) return { kind: 'unknown' };
  if (entry.at > before) return { kind: 'too-young' };
  await tx.deleteFrom('audit_checkpoints').where('tenant', '=', tenant).where('seq', '<=', seq).execute();
  await tx
    .insertInto('audit_checkpoints')
    .values({ tenant, ...checkpoint })
    .execute();
  await tx.updateTable('tenants').set({ audit_base: seq }).where('name', '=', tenant).execute();
  const { log } = checkpoint;
  await writeAudit(tx, tenant, { ...note, details: { through: { log, seq, hash }, entries: seq - base } });
  return { kind: 'pruned', through: seq, entries: seq - base };
}

/** The oldest `limit` rows of those up to `base`, which were pruned; how many went. What the store itself says of that is not asked. */
export async function dropPrunedAudit(
  tx: Transaction,
  input: { readonly tenant: string; readonly base: number; readonly limit: number },
): Promise<number> {
  const { tenant, base, limit } = input;
  if (base === 0) return 0;
  const first = await tx
    .selectFrom('audit')
    .select('seq')
    .where('tenant', '=', tenant)
    .where('seq', '<=', base)
    .where(isEntry())
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst();
  if (first === undefined) return 0;
  const { numDeletedRows } = await tx
    .deleteFrom('audit')
    .where('tenant', '=', tenant)
    .where('seq', '<=', Math.min(base, first.seq + limit - 1))
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}

/** The checkpoint from which the log is kept, signed by a new key. */
export async function resignAuditBase(
  tx: Transaction,
  input: { readonly tenant: string; readonly checkpoint: AuditCheckpoint },
): Promise<void> {
  const { seq, ...signed } = input.checkpoint;
  await tx
    .updateTable('audit_checkpoints')
    .set(signed)
    .where('tenant', '=', input.tenant)
    .where('seq', '=', seq)
    .execute();
}
