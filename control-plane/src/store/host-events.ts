// Events that agents report, in the store: each becomes one audit entry, however often it is sent.

import type { HostEvent } from '#model/host-event.ts';
import type { Millis } from '#model/time.ts';
import { writeAudit } from './audit.ts';
import type { Transaction } from './transaction.ts';

export interface IncomingEvents {
  readonly tenant: string;
  readonly host: string;
  readonly events: readonly HostEvent[];
  /** The control plane's clock; the host's own stands in the entry's details. */
  readonly at: Millis;
}

/** How many were new. */
export async function takeHostEvents(tx: Transaction, { tenant, host, events, at }: IncomingEvents): Promise<number> {
  let taken = 0;
  for (const { id, at: happenedAt, kind, details } of events) {
    const known = await tx
      .selectFrom('host_events')
      .select('id')
      .where('tenant', '=', tenant)
      .where('host', '=', host)
      .where('id', '=', id)
      .executeTakeFirst();
    if (known !== undefined) continue;
    await tx.insertInto('host_events').values({ tenant, host, id }).execute();
    await writeAudit(tx, tenant, {
      at,
      actor: `agent/${host}`,
      action: kind,
      target: host,
      details: { ...Object.fromEntries(details), happenedAt: new Date(happenedAt).toISOString() },
    });
    taken += 1;
  }
  return taken;
}
