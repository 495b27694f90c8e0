// Hosts in the store: what they last reported of themselves, the labels operators gave them, quarantines and certificates.

import { sql } from 'kysely';
import type { StoredEnrolment } from '#control-plane/pki/enrolments.ts';
import { latestInstant } from '#model/counts.ts';
import { labelKeyPattern, labelValuePattern } from '#model/label.ts';
import { type Millis, millis } from '#model/time.ts';
import { type AuditNote, writeAudit } from './audit.ts';
import { listOperatorTokens } from './operator-tokens.ts';
import type { Tables } from './schema.ts';
import {
  boundedTime,
  isBoundedTime,
  isObject,
  isText,
  storedRecord,
  storedTexts,
  UnreadNotes,
  type UnreadRows,
} from './stored-values.ts';
import { listJoinTokens } from './tokens.ts';
import type { Transaction } from './transaction.ts';
import { forgetWorkloads } from './workload-names.ts';

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
  /** How long it may be silent before it is removed; absent: for ever. */
  readonly ephemeralMs?: number;
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
  /** Of hosts, labels, quarantines and tokens. */
  readonly unread: UnreadRows;
}

/** All that the fleet's state is rebuilt from at a start, but the policy. */
export async function loadFleet(
  tx: Transaction,
  input: { readonly tenant: string; readonly now: Millis },
): Promise<StoredFleet> {
  const { tenant } = input;
  const { revision, upMs } = await tx
    .selectFrom('tenants')
    .select(['revision', boundedTime('up_ms').as('upMs')])
    .where('name', '=', tenant)
    .executeTakeFirstOrThrow();
  const unread = new UnreadNotes();
  const hosts = await tx
    .selectFrom('hosts')
    .select([
      'name',
      'addresses',
      'facts',
      'units',
      'containers',
      'agent_version',
      'ranges',
      'seen_address',
      'enrolment',
      'used_ca',
      'issued_ca',
    ])
    .select([
      sql<number>`case when seen_shared = 0 then 0 else 1 end`.as('seen_shared'),
      boundedTime('enrolled_at').as('enrolled_at'),
      boundedTime<number | null>('last_connected_at').as('last_connected_at'),
      boundedTime<number | null>('absent_since').as('absent_since'),
      boundedTime<number | null>('revoked_at').as('revoked_at'),
      boundedTime('ephemeral_ms').as('ephemeral_ms'),
      boundedTime('newest_certificate').as('newest_certificate'),
      boundedTime('newest_used_at').as('newest_used_at'),
      sql<number>`case when ${sql.join(hostTimes.map(isBoundedTime), sql` and `)} then 1 else 0 end`.as('is_timed'),
    ])
    .where('tenant', '=', tenant)
    .orderBy('name')
    .execute();
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
  for (const [what, table, good] of [
    ['join tokens', 'join_tokens', await listJoinTokens(tx, { tenant })],
    ['operator tokens', 'operator_tokens', await listOperatorTokens(tx, { tenant })],
  ] as const) {
    const { all } = await tx
      .selectFrom(table)
      .select(({ fn }) => fn.countAll<number>().as('all'))
      .where('tenant', '=', tenant)
      .executeTakeFirstOrThrow();
    unread.note(`${what}: ${all - good.length}`, all - good.length);
  }
  const quarantines = await tx
    .selectFrom('quarantines')
    .select(['workload', 'peers', 'created_by', boundedTime('created_at').as('created_at')])
    .where('tenant', '=', tenant)
    .execute();
  const revoked = await tx
    .selectFrom('certificates')
    .select('serial')
    .where('revoked_at', 'is not', null)
    .where('not_after', '>', input.now)
    .execute();
  const ends = await tx
    .selectFrom('certificates as c')
    .innerJoin('hosts as h', (join) =>
      join.onRef('h.tenant', '=', 'c.tenant').onRef('h.name', '=', 'c.host').onRef('h.enrolment', '=', 'c.enrolment'),
    )
    .select(['c.host', ({ fn }) => fn.max('c.not_after').as('not_after')])
    .where('c.tenant', '=', tenant)
    .where('c.revoked_at', 'is', null)
    .groupBy('c.host')
    .execute();
  const endOf = new Map(ends.map((row) => [row.host, row.not_after]));
  return {
    revision,
    upMs,
    holders,
    hosts: hosts.map((row) => ({
      name: row.name,
      enrolledAt: millis(row.enrolled_at),
      ...hostParts(row, unread),
      agentVersion: row.agent_version,
      ...(row.last_connected_at === null ? {} : { lastConnectedAt: millis(row.last_connected_at) }),
      ...(row.seen_address === '' ? {} : { seen: { address: row.seen_address, isShared: row.seen_shared !== 0 } }),
      ...(row.absent_since === null ? {} : { absentSince: row.absent_since }),
      ...(row.ephemeral_ms > 0 ? { ephemeralMs: row.ephemeral_ms } : {}),
    })),
    labels: labels.filter(({ workload, key, value }) => {
      const isGood = labelKeyPattern.test(key) && labelValuePattern.test(value);
      if (!isGood) unread.note(`label of ${workload}`);
      return isGood;
    }),
    quarantines: quarantines.map((row) => ({
      workload: row.workload,
      // Nobody is let through where it cannot be read who was to be.
      peers: unread.or(storedTexts(row.peers), [], `quarantine of ${row.workload}: peers`),
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
      usedCa: row.used_ca,
      issuedCa: row.issued_ca,
      ...endsAtOf(endOf.get(row.name)),
      ...(row.revoked_at === null ? {} : { revokedAt: millis(row.revoked_at) }),
    })),
    unread: { count: unread.count, samples: unread.samples },
  };
}

function endsAtOf(notAfter: number | undefined): Pick<StoredEnrolment, 'endsAt'> {
  const isTime = notAfter !== undefined && notAfter >= 0 && notAfter <= latestInstant;
  return isTime ? { endsAt: millis(notAfter) } : {};
}

const hostTimes = [
  'enrolled_at',
  'last_connected_at',
  'absent_since',
  'revoked_at',
  'newest_certificate',
  'newest_used_at',
] as const;

/** What its agent said last: it says it again when it connects. Ranges that cannot be read allow nothing. */
function hostParts(
  row: Pick<Tables['hosts'], 'name' | 'addresses' | 'facts' | 'units' | 'containers' | 'ranges'> & {
    readonly is_timed: number;
  },
  unread: UnreadNotes,
): Pick<StoredHost, 'addresses' | 'facts' | 'units' | 'containers' | 'ranges'> {
  const at = (column: string) => `host ${row.name}: ${column}`;
  if (row.is_timed === 0) unread.note(at('a time'));
  return {
    addresses: unread.or(storedTexts(row.addresses), [], at('addresses')),
    facts: unread.or(storedRecord(row.facts, isText), {}, at('facts')),
    units: unread.or(storedRecord(row.units, isText), {}, at('units')),
    containers: unread.or(storedRecord(row.containers, isStoredContainer), {}, at('containers')),
    ...(row.ranges === '' ? {} : { ranges: unread.or(storedTexts(row.ranges), [], at('ranges')) }),
  };
}

function isStoredContainer(value: unknown): value is StoredContainers[string] {
  if (!isObject(value) || !isText(value['container'])) return false;
  return [value['addresses'], value['reachable']].every((list) => Array.isArray(list) && list.every(isText));
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
  /** The CA that issued it, by its key. */
  readonly authority: string;
}

const keepExpiredMs = 90 * 86_400_000;

/** False, and nothing is kept, where the enrolment is revoked or no longer the host's: revoking and recording are in one order, the store's. */
export async function recordCertificate(
  tx: Transaction,
  input: { readonly certificate: HostCertificate; readonly at: Millis },
): Promise<boolean> {
  const { serial, tenant, host, enrolment, fingerprint, notBefore, notAfter, authority } = input.certificate;
  const enrolled = await tx
    .selectFrom('hosts')
    .select('name')
    .where('tenant', '=', tenant)
    .where('name', '=', host)
    .where('enrolment', '=', enrolment)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  if (enrolled === undefined) return false;
  // Their renewals are judged by the enrolment that they name.
  await tx
    .deleteFrom('certificates')
    .where('tenant', '=', tenant)
    .where('host', '=', host)
    .where('not_after', '<', input.at - keepExpiredMs)
    .execute();
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
  await tx
    .updateTable('hosts')
    .set({ issued_ca: authority })
    .where('tenant', '=', tenant)
    .where('name', '=', host)
    .execute();
  await writeAudit(tx, tenant, {
    at: input.at,
    actor: `agent/${host}`,
    action: 'certificate-issued',
    target: host,
    details: { serial, fingerprint, notAfter, enrolment, ca: authority },
  });
  return true;
}

/** Which certificate of the enrolment is the newest that was used. */
export async function useCertificate(
  tx: Transaction,
  input: { readonly tenant: string; readonly enrolment: StoredEnrolment },
): Promise<void> {
  const { host, id, newest, newestUsedAt, usedCa } = input.enrolment;
  await tx
    .updateTable('hosts')
    .set({ newest_certificate: newest, newest_used_at: newestUsedAt, used_ca: usedCa })
    .where('tenant', '=', input.tenant)
    .where('name', '=', host)
    .where('enrolment', '=', id)
    // Later ones begin in the future of the clock that issued them.
    .where(({ eb, or }) => or([eb('newest_certificate', '<=', newest), eb('newest_certificate', '>', newestUsedAt)]))
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
  await tx.deleteFrom('batch_runs').where('tenant', '=', tenant).where('host', '=', host).execute();
  await tx.deleteFrom('host_events').where('tenant', '=', tenant).where('host', '=', host).execute();
  return revokeCertificates(tx, input);
} /** By workload name: how the engine calls it, its addresses, and those that other hosts can reach. */
export type StoredContainers = Readonly<
  Record<
    string,
    { readonly container: string; readonly addresses: readonly string[]; readonly reachable: readonly string[] }
  >
>;
