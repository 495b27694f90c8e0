// Hosts in the store: what they last reported of themselves, the labels operators gave them, quarantines and certificates.

import { type Millis, millis } from '#model/time.ts';
import type { StoredEnrolment } from '../enrolments.ts';
import { type AuditNote, writeAudit } from './audit.ts';
import type { Transaction } from './transaction.ts';

export interface StoredHost {
  readonly name: string;
  readonly enrolledAt: Millis;
  readonly addresses: readonly string[];
  readonly facts: Readonly<Record<string, string>>;
  /** Names of unit workloads to systemd's names. */
  readonly units: Readonly<Record<string, string>>;
  readonly containers: StoredContainers;
  readonly agentVersion: string;
  readonly lastConnectedAt?: Millis;
  /** CIDRs that its token or an operator gave it; absent where neither did. */
  readonly ranges?: readonly string[];
  /** From where it was last seen talking. */
  readonly seen?: { readonly address: string; readonly isShared: boolean };
  /** In the control plane's up time; absent where it was connected to the end. */
  readonly absentSince?: number;
}

export interface StoredLabel {
  readonly workload: string;
  readonly key: string;
  readonly value: string;
}

/** `peers` as the operator wrote them: addresses, CIDRs, workload names, "label:SELECTOR". */
export interface StoredQuarantine {
  readonly workload: string;
  readonly peers: readonly string[];
  readonly createdAt: Millis;
  readonly createdBy: string;
}

export interface StoredFleet {
  readonly revision: number;
  /** How long the control plane has been up in all. */
  readonly upMs: number;
  readonly hosts: readonly StoredHost[];
  readonly holders: readonly { readonly address: string; readonly host: string }[];
  readonly labels: readonly StoredLabel[];
  readonly quarantines: readonly StoredQuarantine[];
  /** Hosts whose present enrolment is revoked. */
  readonly revokedHosts: readonly string[];
  /** Serials of certificates that are revoked and have not expired. */
  readonly revokedSerials: readonly string[];
  readonly enrolments: readonly StoredEnrolment[];
}

/** All that the fleet's state is rebuilt from at a start, but the policy. */
export async function loadFleet(
  tx: Transaction,
  input: { readonly tenant: string; readonly now: Millis },
): Promise<StoredFleet> {
  const { tenant } = input;
  const { revision, up_ms: upMs } = await tx
    .selectFrom('tenants')
    .select(['revision', 'up_ms'])
    .where('name', '=', tenant)
    .executeTakeFirstOrThrow();
  const hosts = await tx.selectFrom('hosts').selectAll().where('tenant', '=', tenant).orderBy('name').execute();
  const holders = await tx
    .selectFrom('address_holders')
    .select(['address', 'host'])
    .where('tenant', '=', tenant)
    .execute();
  const labels = await tx
    .selectFrom('labels')
    .select(['workload', 'key', 'value'])
    .where('tenant', '=', tenant)
    .execute();
  const quarantines = await tx.selectFrom('quarantines').selectAll().where('tenant', '=', tenant).execute();
  const revoked = await tx
    .selectFrom('certificates')
    .select('serial')
    .where('revoked_at', 'is not', null)
    .where('not_after', '>', input.now)
    .execute();
  return {
    revision,
    upMs,
    holders,
    hosts: hosts.map((row) => ({
      name: row.name,
      enrolledAt: millis(row.enrolled_at),
      addresses: JSON.parse(row.addresses) as string[],
      facts: JSON.parse(row.facts) as Record<string, string>,
      units: JSON.parse(row.units) as Record<string, string>,
      containers: JSON.parse(row.containers) as StoredContainers,
      agentVersion: row.agent_version,
      ...(row.last_connected_at === null ? {} : { lastConnectedAt: millis(row.last_connected_at) }),
      ...(row.ranges === '' ? {} : { ranges: JSON.parse(row.ranges) as string[] }),
      ...(row.seen_address === '' ? {} : { seen: { address: row.seen_address, isShared: row.seen_shared !== 0 } }),
      ...(row.absent_since === null ? {} : { absentSince: row.absent_since }),
    })),
    labels,
    quarantines: quarantines.map((row) => ({
      workload: row.workload,
      peers: JSON.parse(row.peers) as string[],
      createdAt: millis(row.created_at),
      createdBy: row.created_by,
    })),
    revokedHosts: hosts.filter((row) => row.revoked_at !== null).map((row) => row.name),
    revokedSerials: revoked.map((row) => row.serial),
    enrolments: hosts.map((row) => ({
      host: row.name,
      id: row.enrolment,
      newest: millis(row.newest_certificate),
      newestUsedAt: millis(row.newest_used_at),
      ...(row.revoked_at === null ? {} : { revokedAt: millis(row.revoked_at) }),
    })),
  };
}

/** Revisions only grow: what is in the hands of agents must never be numbered again. */
export async function setRevision(
  tx: Transaction,
  input: { readonly tenant: string; readonly revision: number },
): Promise<void> {
  await tx
    .updateTable('tenants')
    .set({ revision: input.revision })
    .where('name', '=', input.tenant)
    .where('revision', '<', input.revision)
    .execute();
}

export interface HostUpdate {
  readonly tenant: string;
  readonly host: string;
  readonly addresses: readonly string[];
  readonly facts: Readonly<Record<string, string>>;
  readonly units: Readonly<Record<string, string>>;
  readonly containers: StoredContainers;
  /** Unit and container workloads that are no more: their labels and quarantines go. */
  readonly forgotten: readonly string[];
  readonly agentVersion: string;
  readonly connectedAt: Millis;
}

export async function updateHost(tx: Transaction, input: HostUpdate): Promise<void> {
  await tx
    .updateTable('hosts')
    .set({
      addresses: JSON.stringify(input.addresses),
      facts: JSON.stringify(input.facts),
      units: JSON.stringify(input.units),
      containers: JSON.stringify(input.containers),
      agent_version: input.agentVersion,
      last_connected_at: input.connectedAt,
    })
    .where('tenant', '=', input.tenant)
    .where('name', '=', input.host)
    .execute();
  await forgetWorkloads(tx, input.tenant, input.forgotten);
}

async function forgetWorkloads(tx: Transaction, tenant: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await tx.deleteFrom('labels').where('tenant', '=', tenant).where('workload', '=', name).execute();
    await tx.deleteFrom('quarantines').where('tenant', '=', tenant).where('workload', '=', name).execute();
  }
}

export interface LabelChange {
  readonly tenant: string;
  readonly workload: string;
  readonly set: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
  readonly revision: number;
  readonly note: AuditNote;
}

export async function changeLabels(tx: Transaction, input: LabelChange): Promise<void> {
  const { tenant, workload } = input;
  for (const key of [...input.remove, ...Object.keys(input.set)]) {
    await tx
      .deleteFrom('labels')
      .where('tenant', '=', tenant)
      .where('workload', '=', workload)
      .where('key', '=', key)
      .execute();
  }
  for (const [key, value] of Object.entries(input.set)) {
    await tx.insertInto('labels').values({ tenant, workload, key, value }).execute();
  }
  await setRevision(tx, input);
  await writeAudit(tx, tenant, input.note);
}

export interface QuarantineChange {
  readonly tenant: string;
  readonly workload: string;
  /** Absent: released. */
  readonly peers?: readonly string[];
  readonly revision: number;
  readonly note: AuditNote;
}

export async function changeQuarantine(tx: Transaction, input: QuarantineChange): Promise<void> {
  const { tenant, workload, note } = input;
  await tx.deleteFrom('quarantines').where('tenant', '=', tenant).where('workload', '=', workload).execute();
  if (input.peers !== undefined) {
    await tx
      .insertInto('quarantines')
      .values({ tenant, workload, peers: JSON.stringify(input.peers), created_at: note.at, created_by: note.actor })
      .execute();
  }
  await setRevision(tx, input);
  await writeAudit(tx, tenant, note);
}

export interface HostCertificate {
  readonly serial: string;
  readonly tenant: string;
  readonly host: string;
  readonly enrolment: string;
  readonly fingerprint: string;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
}

/** False, and nothing is kept, where the enrolment is revoked or no longer the host's: revoking and recording are in one order, the store's. */
export async function recordCertificate(
  tx: Transaction,
  input: { readonly certificate: HostCertificate; readonly at: Millis },
): Promise<boolean> {
  const { serial, tenant, host, enrolment, fingerprint, notBefore, notAfter } = input.certificate;
  const enrolled = await tx
    .selectFrom('hosts')
    .select('name')
    .where('tenant', '=', tenant)
    .where('name', '=', host)
    .where('enrolment', '=', enrolment)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (enrolled === undefined) return false;
  await tx
    .insertInto('certificates')
    .values({
      serial,
      tenant,
      host,
      enrolment,
      fingerprint,
      not_before: notBefore,
      not_after: notAfter,
      revoked_at: null,
    })
    .execute();
  await writeAudit(tx, tenant, {
    at: input.at,
    actor: `agent/${host}`,
    action: 'certificate-issued',
    target: host,
    details: { serial, fingerprint, notAfter, enrolment },
  });
  return true;
}

/** Which certificate of the enrolment is the newest that was used. */
export async function useCertificate(
  tx: Transaction,
  input: { readonly tenant: string; readonly enrolment: StoredEnrolment },
): Promise<void> {
  const { host, id, newest, newestUsedAt } = input.enrolment;
  await tx
    .updateTable('hosts')
    .set({ newest_certificate: newest, newest_used_at: newestUsedAt })
    .where('tenant', '=', input.tenant)
    .where('name', '=', host)
    .where('enrolment', '=', id)
    .where('newest_certificate', '<', newest)
    .execute();
}

/** Revokes the host's enrolment and what it holds, as of a revision; returns the serials that were good until now. */
export async function revokeCertificates(
  tx: Transaction,
  input: { readonly tenant: string; readonly host: string; readonly revision: number; readonly note: AuditNote },
): Promise<readonly string[]> {
  const { tenant, host, note } = input;
  const good = await tx
    .selectFrom('certificates')
    .select('serial')
    .where('tenant', '=', tenant)
    .where('host', '=', host)
    .where('revoked_at', 'is', null)
    .execute();
  await tx
    .updateTable('certificates')
    .set({ revoked_at: note.at })
    .where('tenant', '=', tenant)
    .where('host', '=', host)
    .where('revoked_at', 'is', null)
    .execute();
  await tx
    .updateTable('hosts')
    .set({ revoked_at: note.at })
    .where('tenant', '=', tenant)
    .where('name', '=', host)
    .where('revoked_at', 'is', null)
    .execute();
  const serials = good.map((row) => row.serial);
  await setRevision(tx, input);
  await writeAudit(tx, tenant, { ...note, details: { ...note.details, serials } });
  return serials;
}

/** Forgets the host, its units and containers and their labels, and revokes its certificates. Its flows and its audit entries stay. */
export async function removeHost(
  tx: Transaction,
  input: {
    readonly tenant: string;
    readonly host: string;
    /** Names of its unit and container workloads. */
    readonly inside: readonly string[];
    readonly revision: number;
    readonly note: AuditNote;
  },
): Promise<readonly string[]> {
  const { tenant, host } = input;
  await forgetWorkloads(tx, tenant, [host, ...input.inside]);
  await tx.deleteFrom('hosts').where('tenant', '=', tenant).where('name', '=', host).execute();
  await tx.deleteFrom('address_holders').where('tenant', '=', tenant).where('host', '=', host).execute();
  await tx.deleteFrom('batches').where('tenant', '=', tenant).where('host', '=', host).execute();
  await tx.deleteFrom('host_events').where('tenant', '=', tenant).where('host', '=', host).execute();
  return revokeCertificates(tx, input);
} /** By workload name: how the engine calls it, its addresses, and those that other hosts can reach. */
export type StoredContainers = Readonly<
  Record<
    string,
    { readonly container: string; readonly addresses: readonly string[]; readonly reachable: readonly string[] }
  >
>;
