// A store of before certificates named their enrolment: hosts that were good go on with the certificates they have, and what was revoked, or
// was left over by a race or a removal, is refused.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Migrator } from 'kysely/migration';
import { expect, test } from 'vitest';
import type { AgentCertificate } from '#control-plane/pki/agent-identity.ts';
import { migrations } from '#control-plane/store/schema.ts';
import { openSqlite } from '#control-plane/store/sqlite.ts';
import { millis } from '#model/time.ts';
import { type FleetUnderTest, fleetUnderTest, tenant } from './fleet-under-test.ts';
import { scratchDirectory } from './scratch-directory.ts';

const minute = 60_000;
const day = 1440 * minute;
const enrolledAt = 100 * day;
const now = enrolledAt + 10 * day;

interface Row {
  readonly serial: string;
  readonly host: string;
  /** Days after the host enrolled. */
  readonly issued: number;
  readonly revoked?: number;
}

/** Certificates begin ten minutes before they are issued. */
const certificates: readonly Row[] = [
  { serial: 'good', host: 'good-1', issued: 0 },
  { serial: 'before-renewal', host: 'renewed-1', issued: 0 },
  { serial: 'renewed', host: 'renewed-1', issued: 5 },
  { serial: 'revoked', host: 'revoked-1', issued: 0, revoked: 3 },
  { serial: 'raced', host: 'raced-1', issued: 3 },
  { serial: 'raced-revoked', host: 'raced-1', issued: 0, revoked: 3 },
  { serial: 'anew', host: 'anew-1', issued: 0 },
  { serial: 'anew-before', host: 'anew-1', issued: -15, revoked: -1 },
  { serial: 'anew-left-over', host: 'anew-1', issued: -2 },
  { serial: 'removed', host: 'removed-1', issued: 0 },
];
const hosts = ['good-1', 'renewed-1', 'revoked-1', 'raced-1', 'anew-1'];

async function storeOfBefore(path: string): Promise<void> {
  const db = openSqlite({ path, access: 'write' });
  const earlier = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < '0007'));
  const { error } = await new Migrator({ db, provider: { getMigrations: async () => earlier } }).migrateToLatest();
  if (error !== undefined) throw error;
  await db.destroy();
  const file = new DatabaseSync(path);
  const host = file.prepare(
    `insert into hosts (tenant, name, enrolled_at, addresses, facts, agent_version) values ('default', ?, ?, '[]', '{}', '0.1.0')`,
  );
  for (const name of hosts) host.run(name, enrolledAt);
  const certificate = file.prepare(
    `insert into certificates (serial, tenant, host, fingerprint, not_before, not_after, revoked_at) values (?, 'default', ?, '', ?, ?, ?)`,
  );
  for (const { serial, host: name, issued, revoked } of certificates) {
    const at = enrolledAt + issued * day;
    const revokedAt = revoked === undefined ? null : enrolledAt + revoked * day;
    certificate.run(serial, name, at - 10 * minute, at + 30 * day, revokedAt);
  }
  file.close();
}

function presented({ serial, host, issued }: Row): AgentCertificate {
  const at = enrolledAt + issued * day;
  const times = { notBefore: millis(at - 10 * minute), notAfter: millis(at + 30 * day) };
  return { identity: { tenant, host, serial }, enrolment: '', authority: 'ca', ...times };
}

async function migrated(): Promise<FleetUnderTest> {
  const directory = await scratchDirectory();
  await storeOfBefore(join(directory, 'store.db'));
  return fleetUnderTest({ directory, now: () => millis(now) });
}

test('whoever was good goes on, and nobody else', async () => {
  const { fleet } = await migrated();
  const verdicts = certificates.map((row) => [row.serial, fleet.refusalOf(presented(row)) === undefined]);
  expect(Object.fromEntries(verdicts)).toEqual({
    good: true,
    'before-renewal': true,
    renewed: true,
    revoked: false,
    raced: false,
    'raced-revoked': false,
    anew: true,
    'anew-before': false,
    'anew-left-over': false,
    removed: false,
  });
  expect(hosts.filter((host) => fleet.isHostRevoked(host))).toEqual(['revoked-1', 'raced-1']);
});

test('a host of before connects, renews, and its older certificate dies after the overlap', async () => {
  const start = await migrated();
  const record = { serial: 'next', tenant, host: 'good-1', enrolment: '', fingerprint: '', authority: 'ca' };
  const times = { notBefore: millis(now - 10 * minute), notAfter: millis(now + 30 * day) };
  expect(await start.fleet.recordCertificate({ ...record, ...times })).toBe(true);
  expect((await start.connect('good-1')).sent.length).toBeGreaterThan(0);
  const next = { identity: { tenant, host: 'good-1', serial: 'next' }, enrolment: '', authority: 'ca', ...times };
  expect(start.fleet.refusalOf(next)).toBeUndefined();
  const later = await start.restart();
  expect(later.fleet.refusalOf(next)).toBeUndefined();
  const revoked = { ...record, serial: 'again', host: 'revoked-1' };
  expect(await later.fleet.recordCertificate({ ...revoked, ...times })).toBe(false);
});
