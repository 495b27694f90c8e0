// Puts a store right whose revision was once made absurd by an agent's word: earlier versions took a revision that an agent said it
// held for their own, and near 2^53 no change can be numbered any more. Called once at a start, before anything else is read.

import { sql } from 'kysely';
import type { Millis } from '#model/time.ts';
import { writeAudit } from './audit.ts';
import type { Transaction } from './transaction.ts';

/** Beyond what a fleet reaches: one change a millisecond for thirty-four years. */
export const mostRevision = 2 ** 40;

/**
 * The revision becomes the one after the highest good activation; activations beyond the bound keep their order behind it. Agents that
 * hold more are told the new one as a whole. Returns the revision where something was put right.
 */
export async function recoverRevision(
  tx: Transaction,
  input: { readonly tenant: string; readonly at: Millis },
): Promise<number | undefined> {
  const { tenant, at } = input;
  // As text: a number beyond 2^53 cannot be read as one.
  const asText = (column: string) => sql<string>`cast(${sql.ref(column)} as text)`;
  const bad = await tx
    .selectFrom('tenants')
    .select(asText('revision').as('found'))
    .where('name', '=', tenant)
    .where((where) => where.or([where('revision', '>', mostRevision), where('revision', '<', 0)]))
    .executeTakeFirst();
  const badActivation = await tx
    .selectFrom('activations')
    .select(asText('revision').as('found'))
    .where('tenant', '=', tenant)
    .where('revision', '>', mostRevision)
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (bad === undefined && badActivation === undefined) return undefined;
  const good = await tx
    .selectFrom('activations')
    .select('revision')
    .where('tenant', '=', tenant)
    .where('revision', '<=', mostRevision)
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst();
  let revision = (good?.revision ?? 0) + 1;
  // One at a time, the lowest first: the one activated last must stay the highest.
  while (await renumberLowest(tx, { tenant, revision })) revision += 1;
  await tx.updateTable('tenants').set({ revision }).where('name', '=', tenant).execute();
  await writeAudit(tx, tenant, {
    at,
    actor: 'control-plane',
    action: 'revision-recovered',
    target: 'revision',
    details: { found: bad?.found ?? badActivation?.found, most: mostRevision, revision },
  });
  return revision;
}

async function renumberLowest(
  tx: Transaction,
  { tenant, revision }: { readonly tenant: string; readonly revision: number },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('activations')
    .set({ revision })
    .where('tenant', '=', tenant)
    .where(
      'revision',
      '=',
      sql<number>`(select min(revision) from activations where tenant = ${tenant} and revision > ${mostRevision})`,
    )
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}
