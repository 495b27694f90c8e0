// Certificates out of their time, between the real client and the real server over TLS: who was away comes back by the key, and nobody else;
// what begins in the future is not taken; what the control plane made while its clock was wrong is made anew.

import { X509Certificate } from 'node:crypto';
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { callUnary } from '#agent/link/control-plane-client.ts';
import { enroll } from '#agent/link/enroll.ts';
import { type Identity, openIdentity } from '#agent/link/identity.ts';
import { createPolicySync } from '#agent/policy/policy-sync.ts';
import { openPki } from '#control-plane/pki/pki.ts';
import { assertOk } from '#model/result.ts';
import { Secret } from '#model/secret.ts';
import { millis } from '#model/time.ts';
import { flowReportService } from '#wire/services.ts';
import { eventually, type Fixture, silent, startFixture } from './control-plane-fixture.ts';

const day = 86_400_000;
let fixture: Fixture;
/** How far the control plane's clock, and that of enrolments, is ahead. */
let ahead = 0;
const now = () => millis(Date.now() + ahead);
const stops: (() => Promise<void> | void)[] = [];

beforeEach(async () => {
  // Long before what any test here lets pass, so that the server's own certificate has begun.
  ahead = -300 * day;
  fixture = await startFixture({ now, times: { heartbeatMs: 50 } });
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await fixture.stop();
});

/** An agent that was enrolled so long ago, as it is today. */
async function enrolledAgo(ms: number): Promise<Identity> {
  ahead = -ms;
  const identity = await fixture.enrolled();
  ahead = 0;
  return identity;
}

function streamOf(identity: Identity) {
  const stop = new AbortController();
  const enforcer = {
    held: () => undefined,
    apply: async () => ({ kind: 'refused', revision: 0, reason: '' }) as const,
  };
  const reasons: string[] = [];
  const sync = createPolicySync({
    identity,
    enforcer,
    agentVersion: '0.1.0',
    hostReport: () => ({ addresses: [], facts: new Map() }),
    status: () => ({ revision: 0, enforcing: false, lost: 0, spooledBatches: 0, repairs: 0, problem: '' }),
    signal: stop.signal,
    log: { ...silent, warn: (given: { reason: string }) => reasons.push(given.reason) } as never,
    onState: () => undefined,
    times: { backoffLeastMs: 10, backoffMostMs: 50 },
  });
  stops.push(async () => {
    stop.abort();
    await sync.done;
  });
  return { reasons };
}

describe('an agent whose certificate has expired', () => {
  test('is let into nothing but a renewal', async () => {
    const identity = await enrolledAgo(40 * day);
    const stream = streamOf(identity);
    await eventually('a refusal', () => stream.reasons.length > 0);
    expect(stream.reasons[0]).toMatch(/the certificate of web-1 expired at .*; its agent renews it/);
    const call = {
      client: identity.client(),
      method: flowReportService.report,
      request: new Uint8Array(),
      timeoutMs: 20_000,
    };
    expect(await callUnary(call)).toMatchObject({
      kind: 'failed',
      error: { details: expect.stringMatching(/expired/) },
    });
    expect(fixture.backend.streams).toEqual([]);
  });

  test('comes back by itself, and the audit log is told', async () => {
    const identity = await enrolledAgo(40 * day);
    streamOf(identity);
    const stop = new AbortController();
    stops.push(() => stop.abort());
    void identity.keepRenewed(stop.signal);
    await eventually('a stream', () => fixture.backend.streams.length > 0);
    expect(identity.times().notAfter).toBeGreaterThan(Date.now() + 29 * day);
    expect(fixture.backend.renewedLate).toMatchObject([{ host: 'web-1', from: '127.0.0.1' }]);
  });

  test.each([
    ['later than the setting says', 40, 9 * day, /expired at/],
    ['at all where it says never', 30.001, 0, /expired at/],
    ['… but does within it', 40, 11 * day, /renewed/],
  ] as const)('does not come back %s', async (_, days, renewExpiredMs, reason) => {
    await fixture.stop();
    ahead = -300 * day;
    fixture = await startFixture({ now, renewExpiredMs });
    const identity = await enrolledAgo(days * day);
    const renewed = await identity.renew();
    expect(renewed.ok ? 'renewed' : renewed.error).toMatch(reason);
    expect(fixture.backend.renewedLate.length).toBe(renewed.ok ? 1 : 0);
  });

  test('does not come back where it is revoked', async () => {
    const identity = await enrolledAgo(40 * day);
    for (const { serial } of fixture.backend.certificates) fixture.backend.revoked.add(serial);
    const renewed = await identity.renew();
    expect(renewed.ok ? 'renewed' : renewed.error).toMatch(/revoked/);
  });

  test('is nobody where another CA of the same name signed it', async () => {
    await enrolledAgo(40 * day);
    const other = await openPki({
      directory: join(fixture.folder, 'other'),
      serverNames: [],
      now: () => millis(Date.now() - 40 * day),
    });
    for (const { der } of [{ der: other.caDer }]) expect(fixture.pki.issuerOf(der)).toBeUndefined();
    const [server] = fixture.pki.serverTls().certificate.split('-----END CERTIFICATE-----');
    const own = new X509Certificate(`${server}-----END CERTIFICATE-----`);
    expect(fixture.pki.issuerOf(own.raw)).toBeUndefined();
    expect(fixture.pki.issuerOf(fixture.pki.caDer)).toBeUndefined();
  });
});

describe('a control plane whose clock was ahead', () => {
  test('gives a certificate that begins in the future, which an agent does not take', async () => {
    const { folder } = fixture;
    await enrolledAgo(1 * day);
    const stateDirectory = join(folder, 'agent-web-1-0');
    const identity = assertOk(await openIdentity({ stateDirectory, log: silent, now: () => millis(Date.now()) }));
    stops.push(() => identity.close());
    ahead = 100 * day;
    const renewed = await identity.renew();
    expect(renewed.ok ? 'taken' : renewed.error).toMatch(
      /begins at .* and here it is .*the clock of the control plane/,
    );
    ahead = 0;
    expect(await identity.renew()).toMatchObject({ ok: true });
  });

  test('still serves who took one, for nobody else gives them', async () => {
    const identity = await enrolledAgo(1 * day);
    ahead = 100 * day;
    expect(await identity.renew()).toMatchObject({ ok: true });
    expect(identity.times().notBefore).toBeGreaterThan(Date.now() + 90 * day);
    ahead = 0;
    streamOf(identity);
    await eventually('a stream', () => fixture.backend.streams.length > 0);
  });

  test('makes its own certificate and its CA’s anew, with the same key, and agents take the new dates as they renew', async () => {
    const identity = await enrolledAgo(1 * day);
    const directory = join(fixture.folder, 'ca');
    const copy = join(fixture.folder, 'ca-of-the-future');
    await cp(directory, copy, { recursive: true });
    const future = await openPki({ directory: copy, serverNames: [], now: () => millis(Date.now() + 3000 * day) });
    expect(future.caFingerprint).not.toBe(fixture.pki.caFingerprint);
    const back = await openPki({ directory: copy, serverNames: [], now: () => millis(Date.now()) });
    const ca = new X509Certificate(back.caPem);
    expect(ca.validFromDate.getTime()).toBeLessThan(Date.now());
    expect(ca.publicKey.equals(new X509Certificate(fixture.pki.caPem).publicKey)).toBe(true);
    expect(new X509Certificate(back.serverTls().certificate).validFromDate.getTime()).toBeLessThan(Date.now());
    expect(back.issuerOf(assertOk(await fixture.pki.issueAgentCertificate(await requestOf(fixture))).der)).toBe(
      fixture.pki.cas().present.id,
    );
    await fixture.restarted(back);
    expect((await identity.renew()).ok).toBe(true);
    const trusted = assertOk(
      await openIdentity({ stateDirectory: join(fixture.folder, 'agent-web-1-0'), log: silent }),
    );
    stops.push(() => trusted.close());
    expect(trusted.trusts()).toEqual([back.caFingerprint]);
    expect((await trusted.renew()).ok).toBe(true);
  });
});

async function requestOf({ agentCsr }: Fixture) {
  return { csr: await agentCsr(), tenant: 'default', host: 'web-1', enrolment: 'e1' };
}

describe('a host that asks for a new identity', () => {
  const renewing = (given: { readonly stateDirectory: string; readonly name?: string }) =>
    enroll({
      controlPlane: fixture.server.address,
      caFingerprint: fixture.pki.caFingerprint,
      token: new Secret('good'),
      now,
      renewIdentity: true,
      ...given,
    });

  test.each([
    ['with its certificate', 1],
    ['with one that expired long ago', 299],
  ])('shows its key %s, gets another one, and keeps its name', async (_, days) => {
    const identity = await enrolledAgo(days * day);
    const stateDirectory = join(fixture.folder, 'agent-web-1-0');
    const before = identity.trusts();
    expect(await renewing({ stateDirectory })).toMatchObject({ ok: true, value: { host: 'web-1' } });
    const [first] = fixture.backend.certificates;
    expect(fixture.backend.renewals).toEqual([undefined, { enrolment: 'e1', serial: first?.serial }]);
    const after = assertOk(await openIdentity({ stateDirectory, log: silent, now }));
    stops.push(() => after.close());
    expect(after.trusts()).toEqual(before);
    expect(await after.renew()).toMatchObject({ ok: true });
    expect(await readdir(join(stateDirectory, 'identity'))).not.toContain('next-key.pem');
  });

  const losses: readonly (readonly [string, () => Promise<void>, string])[] = [
    [
      'is revoked',
      async () => {
        for (const { serial } of fixture.backend.certificates) fixture.backend.revoked.add(serial);
      },
      'web-1',
    ],
    ['is of another name', async () => undefined, 'web-2'],
    ['is gone', () => rm(join(fixture.folder, 'agent-web-1-0', 'identity'), { recursive: true }), 'web-1'],
  ];
  test.each(losses)('shows nothing where its identity %s', async (_, meanwhile, name) => {
    await enrolledAgo(1 * day);
    await meanwhile();
    await renewing({ stateDirectory: join(fixture.folder, 'agent-web-1-0'), name });
    expect(fixture.backend.renewals).toEqual([undefined, undefined]);
  });

  test('keeps what it has where it is refused', async () => {
    await enrolledAgo(1 * day);
    const stateDirectory = join(fixture.folder, 'agent-web-1-0');
    const key = await readFile(join(stateDirectory, 'identity', 'key.pem'), 'utf8');
    fixture.backend.refusals.set('good', 'token-spent');
    expect(await renewing({ stateDirectory })).toMatchObject({ ok: false, error: { code: 'token-spent' } });
    expect(await readFile(join(stateDirectory, 'identity', 'key.pem'), 'utf8')).toBe(key);
    const kept = assertOk(await openIdentity({ stateDirectory, log: silent, now }));
    stops.push(() => kept.close());
    expect(await kept.renew()).toMatchObject({ ok: true });
  });
});

test('a renewal that nobody answers does not hold up an agent that is told to stop', async () => {
  const identity = await enrolledAgo(day);
  const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  fixture.backend.recordCertificate = async () => {
    asked.resolve();
    await answer.promise;
    return true;
  };
  const stop = new AbortController();
  const renewing = identity.renew(stop.signal);
  await asked.promise;
  stop.abort();
  expect(await renewing).toEqual({ ok: false, error: 'Cancelled on client' });
  answer.resolve();
});
