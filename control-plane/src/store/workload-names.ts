// What the store keeps under the names of workloads: it is forgotten with them, and goes along where a discovered one gets another name.

import { sql } from 'kysely';
import { type AuditNote, writeAudit } from './audit.ts';
import type { Transaction } from './transaction.ts';

export async function forgetWorkloads(tx: Transaction, tenant: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await tx.deleteFrom('labels').where('tenant', '=', tenant).where('workload', '=', name).execute();
    await tx.deleteFrom('quarantines').where('tenant', '=', tenant).where('workload', '=', name).execute();
  }
}

export interface RenamedHost {
  readonly host: string;
  /** What is inside of it then, as `updateHost` takes it. */
  readonly units: Readonly<Record<string, string>>;
  readonly containers: Readonly<Record<string, object>>;
  /** Old names to new ones. */
  readonly names: ReadonlyMap<string, string>;
}

export interface NameChange {
  readonly tenant: string;
  readonly hosts: readonly RenamedHost[];
  /** Peers of quarantines that named one of them, by the quarantined workloads' new names. */
  readonly peers: ReadonlyMap<string, readonly string[]>;
  readonly notes: readonly AuditNote[];
}

/** In one statement: more would be slower to parse than the walk over a host's rows that they save. */
const namesAtOnce = 256;

/** Flow rows keep their keys: what comes in under the new name is a row of its own. */
export async function renameDiscovered(tx: Transaction, { tenant, hosts, peers, notes }: NameChange): Promise<void> {
  for (const { host, units, containers, names } of hosts) {
    await tx
      .updateTable('hosts')
      .set({ units: JSON.stringify(units), containers: JSON.stringify(containers) })
      .where('tenant', '=', tenant)
      .where('name', '=', host)
      .execute();
    for (const [from, to] of names) {
      await forgetWorkloads(tx, tenant, [to]);
      for (const table of ['labels', 'quarantines'] as const)
        await tx
          .updateTable(table)
          .set({ workload: to })
          .where('tenant', '=', tenant)
          .where('workload', '=', from)
          .execute();
    }
    for (let at = 0; at < names.size; at += namesAtOnce)
      await renameInFlows(tx, { tenant, host, names: [...names].slice(at, at + namesAtOnce) });
  }
  for (const [workload, texts] of peers)
    await tx
      .updateTable('quarantines')
      .set({ peers: JSON.stringify(texts) })
      .where('tenant', '=', tenant)
      .where('workload', '=', workload)
      .execute();
  for (const note of notes) await writeAudit(tx, tenant, note);
}

async function renameInFlows(
  tx: Transaction,
  given: { readonly tenant: string; readonly host: string; readonly names: readonly (readonly [string, string])[] },
): Promise<void> {
  const cases = given.names.map(([from, to]) => sql`when ${from} then ${to}`);
  await tx
    .updateTable('flows')
    .set({ workload: sql<string>`case workload ${sql.join(cases, sql` `)} else workload end` })
    .where('tenant', '=', given.tenant)
    .where('host', '=', given.host)
    .where(
      'workload',
      'in',
      given.names.map(([from]) => from),
    )
    .execute();
}
