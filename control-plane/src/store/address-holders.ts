// Who holds which address, in the store: written with what it follows from, so that a restart changes nothing, and operators' word on what
// a host may claim.

import { type AuditNote, writeAudit } from './audit.ts';
import { setRevision } from './hosts.ts';
import type { Transaction } from './transaction.ts';

export interface HolderChange {
  readonly address: string;
  /** Absent: nobody's. */
  readonly host?: string;
}

export interface HostStanding {
  readonly host: string;
  readonly seen?: { readonly address: string; readonly isShared: boolean };
  /** In the control plane's up time; absent while it is connected. */
  readonly absentSince?: number;
}

export interface AddressStandings {
  readonly tenant: string;
  /** How long the control plane has been up in all. */
  readonly upMs: number;
  readonly holders: readonly HolderChange[];
  readonly hosts: readonly HostStanding[];
}

export async function saveAddressStandings(tx: Transaction, input: AddressStandings): Promise<void> {
  const { tenant, upMs } = input;
  await tx.updateTable('tenants').set({ up_ms: upMs }).where('name', '=', tenant).execute();
  for (const { address, host } of input.holders) {
    await tx.deleteFrom('address_holders').where('tenant', '=', tenant).where('address', '=', address).execute();
    if (host !== undefined) await tx.insertInto('address_holders').values({ tenant, address, host }).execute();
  }
  for (const { host, seen, absentSince } of input.hosts) {
    await tx
      .updateTable('hosts')
      .set({
        seen_address: seen?.address ?? '',
        seen_shared: seen?.isShared === true ? 1 : 0,
        absent_since: absentSince ?? null,
      })
      .where('tenant', '=', tenant)
      .where('name', '=', host)
      .execute();
  }
}

export interface HostRanges {
  readonly tenant: string;
  readonly host: string;
  /** CIDRs; absent: it has none, and may claim what is free. */
  readonly ranges?: readonly string[];
  readonly revision: number;
  readonly note: AuditNote;
}

export async function setHostRanges(tx: Transaction, input: HostRanges): Promise<void> {
  const { tenant, host, ranges } = input;
  await tx
    .updateTable('hosts')
    .set({ ranges: ranges === undefined ? '' : JSON.stringify(ranges) })
    .where('tenant', '=', tenant)
    .where('name', '=', host)
    .execute();
  await setRevision(tx, input);
  await writeAudit(tx, tenant, input.note);
}
