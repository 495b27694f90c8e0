// What of the flows goes: what is old, and of a host that has more than its share of the room, its oldest hours.

import type { Millis } from '#model/time.ts';
import type { Transaction } from './transaction.ts';

/** Deletes what was last seen before `before`. */
export async function pruneFlows(
  tx: Transaction,
  input: { readonly tenant: string; readonly before: Millis },
): Promise<void> {
  await tx.deleteFrom('flows').where('tenant', '=', input.tenant).where('last_seen', '<', input.before).execute();
}

export interface HostRows {
  readonly host: string;
  readonly rows: number;
}

/** Of all hosts that have any. */
export async function countFlowRows(tx: Transaction, input: { readonly tenant: string }): Promise<readonly HostRows[]> {
  return tx
    .selectFrom('flows')
    .select('host')
    .select(({ fn }) => fn.countAll<number>().as('rows'))
    .where('tenant', '=', input.tenant)
    .groupBy('host')
    .execute();
}

/** Deletes so many rows of a host, its oldest hours first. Returns how many went. */
export async function pruneHostFlows(tx: Transaction, input: HostRows & { readonly tenant: string }): Promise<number> {
  const { tenant, host, rows } = input;
  const { numDeletedRows } = await tx
    .deleteFrom('flows')
    .where('tenant', '=', tenant)
    .where('key', 'in', (from) =>
      from
        .selectFrom('flows')
        .select('key')
        .where('tenant', '=', tenant)
        .where('host', '=', host)
        .orderBy('bucket')
        .limit(rows),
    )
    .executeTakeFirstOrThrow();
  return Number(numDeletedRows);
}
