// What a revocation, a removal or a new enrolment leaves in the hands of whoever held certificates of a host: nothing that is taken.
// Renewals race with each of them, on the real PKI, store and fleet; afterwards every certificate that ever left is tried.

import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createCertificateRequest, createHostKey } from '#agent/link/certificate-request.ts';
import { readAgentCertificate } from '#control-plane/pki/agent-certificate.ts';
import type { AgentCertificate } from '#control-plane/pki/agent-identity.ts';
import { Enrolments } from '#control-plane/pki/enrolments.ts';
import { openPki } from '#control-plane/pki/pki.ts';
import { assertOk } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';
import { type FleetUnderTest, fleetUnderTest, tenant } from '../server/fleet-under-test.ts';
import { scratchDirectory } from '../server/scratch-directory.ts';

const renewals = 150;

async function world(now: () => Millis = () => millis(Date.now())) {
  const pki = await openPki({ directory: join(await scratchDirectory(), 'ca'), serverNames: [], now });
  const csr = await createCertificateRequest(await createHostKey(), 'web-1');
  const start = await fleetUnderTest({ now, elapsedMs: now });
  /** As enrolment and renewal do it; undefined where the certificate is kept back. */
  const issue = async ({ fleet }: FleetUnderTest, enrolment: string): Promise<AgentCertificate | undefined> => {
    const issued = assertOk(await pki.issueAgentCertificate({ csr, tenant, host: 'web-1', enrolment }));
    const isRecorded = await fleet.recordCertificate(issued.record);
    return isRecorded ? assertOk(readAgentCertificate(issued.der, issued.record.authority)) : undefined;
  };
  return { start, issue };
}

const isCertificate = (value: AgentCertificate | undefined): value is AgentCertificate => value !== undefined;

const ends: readonly (readonly [string, (given: FleetUnderTest) => Promise<unknown>])[] = [
  ['a revocation', ({ fleet }) => fleet.revokeAgent('web-1', 'operator/test')],
  ['a removal', ({ fleet }) => fleet.removeAgent('web-1', 'operator/test')],
  [
    'a removal and a new enrolment of the same name',
    async (given) => {
      await given.fleet.removeAgent('web-1', 'operator/test');
      await given.enrol('web-1');
    },
  ],
];

test.each(ends)('of hundreds of renewals that race with %s none is taken afterwards', async (_name, end) => {
  const { start, issue } = await world();
  const enrolment = await start.enrol('web-1');
  const first = await issue(start, enrolment);
  if (first === undefined) throw new Error('the first certificate was kept back');
  expect(start.fleet.refusalOf(first)).toBeUndefined();
  const held: (AgentCertificate | undefined)[] = [first];
  const renewing = Array.from({ length: renewals }, async (_, index) => {
    if (index === renewals / 2) await end(start);
    held.push(await issue(start, enrolment));
  });
  await Promise.all(renewing);
  const away = held.filter(isCertificate);
  expect(away.filter((one) => start.fleet.refusalOf(one) === undefined)).toEqual([]);
  const later = await start.restart();
  expect(away.filter((one) => later.fleet.refusalOf(one) === undefined)).toEqual([]);
  expect(await issue(later, enrolment)).toBeUndefined();
});

const orders = [
  ['renewal', 'end', 'restart'],
  ['renewal', 'restart', 'end'],
  ['end', 'renewal', 'restart'],
  ['end', 'restart', 'renewal'],
  ['restart', 'renewal', 'end'],
  ['restart', 'end', 'renewal'],
] as const;

describe.each(orders)('of a renewal that races with an end and a restart, begun as %s, %s, %s', (...order) => {
  test.each(ends)('nothing is taken after %s', async (_name, end) => {
    const { start, issue } = await world();
    const enrolment = await start.enrol('web-1');
    const held = [await issue(start, enrolment)];
    let running = start;
    let ended = false;
    const begun: Promise<unknown>[] = [];
    // The restart stops what is under way, as a signal does: it is done, or it fails, and whoever asked is told.
    const begin = (write: Promise<unknown>) => begun.push(write.catch(() => undefined));
    for (const step of order) {
      if (step === 'restart') running = await running.restart();
      else if (step === 'renewal') begin(issue(running, enrolment).then((one) => held.push(one)));
      else begin(end(running).then(() => (ended = true)));
    }
    await Promise.all(begun);
    if (!ended) await end(running);
    const away = held.filter(isCertificate);
    const taken = () => away.filter((certificate) => running.fleet.refusalOf(certificate) === undefined);
    expect(taken()).toEqual([]);
    running = await running.restart();
    expect(taken()).toEqual([]);
    expect(await issue(running, enrolment)).toBeUndefined();
  });
});

test('a revocation that the store did not take revokes nothing, and the next one does', async () => {
  const { start, issue } = await world();
  const certificate = await issue(start, await start.enrol('web-1'));
  if (certificate === undefined) throw new Error('the certificate was kept back');
  const { revokeCertificates } = start.store;
  Object.assign(start.store, { revokeCertificates: () => Promise.reject(new Error('database or disk is full')) });
  await expect(start.fleet.revokeAgent('web-1', 'operator/test')).rejects.toThrow(/full/);
  expect(start.fleet.refusalOf(certificate)).toBeUndefined();
  Object.assign(start.store, { revokeCertificates });
  await start.fleet.revokeAgent('web-1', 'operator/test');
  expect(start.fleet.refusalOf(certificate)).toMatch(/is revoked/);
  expect(start.fleet.isHostRevoked('web-1')).toBe(true);
});

test('a certificate that could not be written down does not leave', async () => {
  const { start, issue } = await world();
  const enrolment = await start.enrol('web-1');
  Object.assign(start.store, { recordCertificate: () => Promise.reject(new Error('database or disk is full')) });
  await expect(issue(start, enrolment)).rejects.toThrow(/full/);
});

test('an older certificate dies a minute after the newer one was used, and not before, however late that is', async () => {
  let at = Date.now();
  const { start, issue } = await world(() => millis(at));
  const enrolment = await start.enrol('web-1');
  const old = await issue(start, enrolment);
  at += 86_400_000;
  const lost = await issue(start, enrolment);
  at += 86_400_000;
  const newest = await issue(start, enrolment);
  if (old === undefined || lost === undefined || newest === undefined) throw new Error('a certificate was kept back');
  expect(start.fleet.refusalOf(old)).toBeUndefined();
  at += 10 * 86_400_000;
  expect(start.fleet.refusalOf(old)).toBeUndefined();
  expect(start.fleet.refusalOf(newest)).toBeUndefined();
  at += 59_999;
  expect(start.fleet.refusalOf(old)).toBeUndefined();
  at += 1;
  expect(start.fleet.refusalOf(old)).toMatch(/was renewed/);
  expect(start.fleet.refusalOf(lost)).toMatch(/was renewed/);
  await start.fleet.quiet();
  const { fleet } = await start.restart();
  expect(fleet.refusalOf(old)).toMatch(/was renewed/);
  expect(fleet.refusalOf(newest)).toBeUndefined();
});

test('how long the older one holds beside the newer is a setting', () => {
  let at = millis(1_000_000);
  const enrolments = new Enrolments({
    stored: [],
    revokedSerials: [],
    now: () => millis(0),
    elapsedMs: () => at,
    overlapMs: 5000,
  });
  enrolments.begin('web-1', 'e');
  const issued = (serial: string, notBefore: number): AgentCertificate => ({
    identity: { tenant, host: 'web-1', serial },
    enrolment: 'e',
    notBefore: millis(notBefore),
    notAfter: millis(2_000_000),
    authority: 'ca',
  });
  enrolments.used(issued('b', 200));
  at = millis(at + 4999);
  expect(enrolments.refusalOf(issued('a', 100))).toBeUndefined();
  at = millis(at + 1);
  expect(enrolments.refusalOf(issued('a', 100))).toMatch(/was renewed/);
});

test('a certificate of another tenant or of a host that never was is refused', async () => {
  const { start, issue } = await world();
  const certificate = await issue(start, await start.enrol('web-1'));
  if (certificate === undefined) throw new Error('the certificate was kept back');
  const { identity } = certificate;
  expect(start.fleet.refusalOf({ ...certificate, identity: { ...identity, tenant: 'else' } })).toMatch(/tenant else/);
  expect(start.fleet.refusalOf({ ...certificate, identity: { ...identity, host: 'db-1' } })).toMatch(/not enrolled/);
  expect(start.fleet.refusalOf({ ...certificate, enrolment: '' })).toMatch(/earlier enrolment/);
});

describe('a control plane whose clock was a year ahead when a host renewed', () => {
  const day = 86_400_000;
  const of = (serial: string, notBefore: number): AgentCertificate => ({
    identity: { tenant, host: 'web-1', serial },
    enrolment: 'e1',
    notBefore: millis(notBefore),
    notAfter: millis(notBefore + 30 * day),
    authority: 'ca',
  });

  test('takes what it issued then, and what it issues once its clock is right; what was renewed before stays dead', () => {
    let now = Date.UTC(2026, 10, 30);
    let elapsed = 0;
    const enrolments = new Enrolments({
      stored: [{ host: 'web-1', id: 'e1', newest: millis(0), newestUsedAt: millis(0), usedCa: '', issuedCa: '' }],
      revokedSerials: [],
      now: () => millis(now),
      elapsedMs: () => elapsed,
    });
    const use = (one: AgentCertificate) => {
      const refusal = enrolments.refusalOf(one);
      if (refusal === undefined) enrolments.used(one);
      return refusal;
    };
    const [first, second, future, third] = [
      of('1', now),
      of('2', now + day),
      of('3', now + 365 * day),
      of('4', now + 3 * day),
    ];
    expect(use(first)).toBeUndefined();
    now += 2 * day;
    expect(use(second)).toBeUndefined();
    elapsed += 120_000;
    expect(use(first)).toMatch(/was renewed/);
    now += 365 * day;
    expect(use(future)).toBeUndefined();
    now -= 363 * day;
    elapsed += 120_000;
    expect(use(future)).toBeUndefined();
    expect(use(third)).toBeUndefined();
    elapsed += 120_000;
    expect(use(second)).toMatch(/was renewed/);
    expect(use(third)).toBeUndefined();
  });
});
