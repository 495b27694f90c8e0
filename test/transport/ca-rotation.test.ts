// The control plane's CA replaced by another, between the real client and the real server over TLS: hosts move by themselves, one by one, and
// trust one CA at every moment; who has the old one's key afterwards is nobody to a host that has moved.

import { X509Certificate } from 'node:crypto';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { callUnary } from '#agent/link/control-plane-client.ts';
import { enroll } from '#agent/link/enroll.ts';
import { type Identity, openIdentity } from '#agent/link/identity.ts';
import { createPolicySync } from '#agent/policy/policy-sync.ts';
import { openPki, type Pki } from '#control-plane/pki/pki.ts';
import { assertOk } from '#model/result.ts';
import { Secret } from '#model/secret.ts';
import { millis } from '#model/time.ts';
import type { NextCa } from '#wire/authority.ts';
import { flowReportService } from '#wire/services.ts';
import { eventually, type Fixture, silent, startFixture } from './control-plane-fixture.ts';

let fixture: Fixture;
const stops: (() => Promise<void> | void)[] = [];
const now = () => millis(Date.now());

beforeEach(async () => {
  fixture = await startFixture({ times: { heartbeatMs: 50 } });
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  await fixture.stop();
});

const stateOf = (name: string) => join(fixture.folder, `agent-${name}`);

async function enrolled(name: string, caFingerprint = fixture.pki.caFingerprint): Promise<void> {
  const request = { controlPlane: fixture.server.address, caFingerprint, token: new Secret('good'), name };
  assertOk(await enroll({ ...request, stateDirectory: stateOf(name) }));
}

interface RunningAgent {
  readonly identity: Identity;
  /** Why there is no stream. */
  readonly reasons: string[];
  stop(): Promise<void>;
}

/** As `segwall-agent run` keeps identity and stream. */
async function running(name: string): Promise<RunningAgent> {
  const reasons: string[] = [];
  const log = { ...silent, warn: (given: { reason: string }) => reasons.push(given.reason) } as never;
  const identity = assertOk(await openIdentity({ stateDirectory: stateOf(name), log, moveSpreadMs: 0 }));
  const abort = new AbortController();
  const renewing = identity.keepRenewed(abort.signal);
  const sync = createPolicySync({
    identity,
    enforcer: {
      held: () => undefined,
      apply: async () => ({ kind: 'refused', revision: 0, reason: '' }) as const,
    },
    agentVersion: '0.1.0',
    hostReport: () => ({ addresses: [], facts: new Map() }),
    status: () => ({ revision: 0, enforcing: false, lost: 0, spooledBatches: 0, repairs: 0, problem: '' }),
    signal: abort.signal,
    log,
    onState: () => undefined,
    times: { backoffLeastMs: 10, backoffMostMs: 50 },
  });
  const stop = async () => {
    abort.abort();
    await Promise.all([sync.done, renewing]);
    identity.close();
  };
  stops.push(stop);
  await eventually('a stream or a reason', () => reasons.length > 0 || streamsOf(name).length > 0);
  return { identity, reasons, stop };
}

const streamsOf = (name: string) => fixture.backend.streams.filter(({ identity }) => identity.host === name);
const idOf = (fingerprint: string, pki = fixture.pki) =>
  Object.values(pki.cas()).find((ca) => ca?.fingerprint === fingerprint)?.id;
const filesOf = (name: string) => join(stateOf(name), 'identity');

/** The CA of the certificate that the host's newest stream came with. */
async function issuerOf(name: string): Promise<string | undefined> {
  const pem = await readFile(join(filesOf(name), 'cert.pem'), 'utf8');
  return fixture.pki.issuerOf(new X509Certificate(pem).raw);
}

async function rotated(): Promise<{ readonly before: string; readonly after: string }> {
  const before = fixture.pki.caFingerprint;
  expect(await fixture.pki.rotate()).toBe(true);
  fixture.server.casChanged();
  return { before, after: fixture.pki.caFingerprint };
}

async function moved(agent: RunningAgent, to: string): Promise<void> {
  await eventually('the host trusts the next CA', () => agent.identity.trusts().join() === to);
}

describe('hosts, one after the other', () => {
  test('move by themselves while the rest stays, go on when the old CA is retired, and who was away is refused', async () => {
    for (const name of ['web-1', 'web-2', 'away-1']) await enrolled(name);
    const web1 = await running('web-1');
    const { before, after } = await rotated();
    await moved(web1, after);
    expect(await issuerOf('web-1')).toBe(idOf(after));
    await eventually('a stream with it', () => streamsOf('web-1').length > 1);
    // Started later, it is told with its stream; a start of the control plane in between loses nothing.
    const again = await openPki({ directory: join(fixture.folder, 'ca'), serverNames: ['127.0.0.1'], now });
    expect(again.cas()).toMatchObject({ present: { fingerprint: before }, next: { fingerprint: after } });
    await fixture.restarted(again);
    const web2 = await running('web-2');
    await moved(web2, after);
    for (const caFingerprint of [before, after]) await enrolled(`new-${caFingerprint.slice(0, 8)}`, caFingerprint);
    expect(await issuerOf(`new-${after.slice(0, 8)}`)).toBe(again.cas().next?.id);
    expect(await issuerOf(`new-${before.slice(0, 8)}`)).toBe(again.cas().present.id);

    const [live1, live2] = [streamsOf('web-1').length, streamsOf('web-2').length];
    expect(await again.retire()).toBe(true);
    fixture.server.casChanged();
    expect(again.cas()).toEqual({ present: expect.objectContaining({ fingerprint: after }) });
    for (const { identity } of [web1, web2]) expect(await identity.renew()).toMatchObject({ ok: true });
    await eventually('streams with what was renewed', () => streamsOf('web-1').length > live1);
    await eventually('streams with what was renewed', () => streamsOf('web-2').length > live2);

    const away = await running('away-1');
    expect(away.reasons[0]).toMatch(/self.signed certificate|unable to verify/i);
    expect(streamsOf('away-1')).toEqual([]);
    await away.stop();
    const request = {
      controlPlane: fixture.server.address,
      token: new Secret('good'),
      stateDirectory: stateOf('away-1'),
    };
    expect(await enroll({ ...request, caFingerprint: before, renewIdentity: true })).toMatchObject({
      error: { code: 'ca-mismatch' },
    });
    expect(await enroll({ ...request, caFingerprint: after, renewIdentity: true })).toMatchObject({
      value: { host: 'away-1' },
    });
    await running('away-1');
    await eventually('a stream', () => streamsOf('away-1').length > 0);
  });

  test('a connection with a certificate of the old CA gets no more calls once that is retired', async () => {
    await enrolled('web-1');
    const identity = assertOk(await openIdentity({ stateDirectory: stateOf('web-1'), log: silent }));
    const client = identity.client();
    stops.push(() => identity.close());
    const call = async () => {
      const asked = { client, method: flowReportService.report, request: new Uint8Array(), timeoutMs: 20_000 };
      const answer = await callUnary(asked);
      return answer.kind === 'failed' ? answer.error.details : 'taken';
    };
    await rotated();
    expect(await call()).not.toMatch(/certificate/);
    await fixture.pki.retire();
    // Before its connection is looked at: the call is asked for itself.
    expect(await call()).toMatch(/the certificate of web-1 is of a CA that was retired; enrol the host anew/);
  });
});

describe('who has the key of a CA that was retired', () => {
  /** A control plane with the old CA, as whoever copied its folder has it. */
  async function thief(): Promise<Pki> {
    const directory = join(fixture.folder, 'stolen');
    await cp(join(fixture.folder, 'ca'), directory, { recursive: true });
    return openPki({ directory, serverNames: ['127.0.0.1'], now });
  }

  test('is no control plane to a host that has moved, and can name it no other CA', async () => {
    await enrolled('web-1');
    const stolen = await thief();
    const web1 = await running('web-1');
    const { after } = await rotated();
    await moved(web1, after);
    await stolen.rotate();
    const evil = stolen.nextCa();
    if (evil === undefined) throw new Error('the thief has no CA to offer');
    await web1.identity.takeNextCa(evil);
    expect(web1.identity.trusts()).toEqual([after]);
    expect(await readdir(filesOf('web-1'))).not.toContain('next-ca.pem');
    const before = streamsOf('web-1').length;
    web1.reasons.length = 0;
    await fixture.restarted(stolen);
    await eventually('it finds nobody there', () => web1.reasons.some((reason) => /certificate/i.test(reason)));
    expect(streamsOf('web-1').length).toBe(before);
    expect(await web1.identity.renew()).toMatchObject({ ok: false });
    await fixture.restarted();
    await eventually('it finds its own again', () => streamsOf('web-1').length > before);
  });

  test('may have lied to a host before it moved: the control plane’s own word replaces that', async () => {
    await enrolled('web-1');
    const stolen = await thief();
    await stolen.rotate();
    const evil = stolen.nextCa();
    if (evil === undefined) throw new Error('the thief has no CA to offer');
    const identity = assertOk(await openIdentity({ stateDirectory: stateOf('web-1'), log: silent }));
    await identity.takeNextCa(evil);
    identity.close();
    expect(await readdir(filesOf('web-1'))).toContain('next-ca.pem');
    const web1 = await running('web-1');
    await eventually('no certificate of a CA that is not there', () =>
      web1.reasons.some((reason) => /certificate/i.test(reason)),
    );
    const { after } = await rotated();
    await moved(web1, after);
  });

  const words: readonly (readonly [string, (told: NextCa, other: NextCa) => NextCa])[] = [
    ['that nobody signed', ({ certificate }) => ({ certificate, signature: new Uint8Array(64) })],
    ['that another signature is of', ({ certificate }, { signature }) => ({ certificate, signature })],
    ['that is no certificate', ({ signature }) => ({ certificate: new Uint8Array([48, 1, 2]), signature })],
    ['that is nothing', () => ({ certificate: new Uint8Array(0), signature: new Uint8Array(0) })],
  ];
  test.each(words)('a CA %s is not taken', async (_, made) => {
    await enrolled('web-1');
    const other = await thief();
    await other.rotate();
    await fixture.pki.rotate();
    const [told, foreign] = [fixture.pki.nextCa(), other.nextCa()];
    if (told === undefined || foreign === undefined) throw new Error('nobody rotates');
    const identity = assertOk(await openIdentity({ stateDirectory: stateOf('web-1'), log: silent }));
    stops.push(() => identity.close());
    await identity.takeNextCa(made(told, foreign));
    expect(await readdir(filesOf('web-1'))).not.toContain('next-ca.pem');
    await identity.takeNextCa(told);
    expect(await readdir(filesOf('web-1'))).toContain('next-ca.pem');
  });
});

describe('a kill', () => {
  test('of an agent between its new certificate and its new CA loses nothing', async () => {
    await enrolled('web-1');
    const path = join(filesOf('web-1'), 'ca.pem');
    const old = await readFile(path, 'utf8');
    const web1 = await running('web-1');
    const { after } = await rotated();
    await moved(web1, after);
    await web1.stop();
    await eventually('the files are there', () => fixture.backend.streams.length > 0);
    await writeFile(join(filesOf('web-1'), 'next-ca.pem'), await readFile(path));
    await writeFile(path, old);
    const again = await running('web-1');
    expect(again.identity.trusts()).toEqual([after]);
    expect(await again.identity.renew()).toMatchObject({ ok: true });
  });

  // What was in the folder at each moment of a retirement: the decision, then one file after the other.
  test.each([0, 1, 2, 3, 4])(
    'of a control plane that retires its CA, with %i of its files in place, is made good',
    async (placed) => {
      const directory = join(fixture.folder, 'ca');
      await fixture.pki.rotate();
      const { fingerprint = '' } = fixture.pki.cas().next ?? {};
      const killed = join(fixture.folder, 'killed');
      await cp(directory, killed, { recursive: true });
      await writeFile(join(killed, 'next-holds'), fingerprint);
      for (const name of ['ca-key.pem', 'ca.pem', 'server-key.pem', 'server.pem'].slice(0, placed))
        await cp(join(killed, `next-${name}`), join(killed, name));
      if (placed === 4) await rm(join(killed, 'next-ca-key.pem'));
      const started = await openPki({ directory: killed, serverNames: ['127.0.0.1'], now });
      expect(started.cas()).toEqual({ present: expect.objectContaining({ fingerprint }) });
      expect((await readdir(killed)).sort()).toEqual(['ca-key.pem', 'ca.pem', 'server-key.pem', 'server.pem']);
      const issued = assertOk(
        await started.issueAgentCertificate({ csr: await fixture.agentCsr(), tenant: 't', host: 'h', enrolment: 'e' }),
      );
      expect(new X509Certificate(issued.der).verify(new X509Certificate(started.caPem).publicKey)).toBe(true);
    },
  );
});
