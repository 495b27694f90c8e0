// Enrolment over real TLS: what a good one leaves behind, and that each way to fail has its own code and says what to do.

import 'reflect-metadata';
import { randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificateRequest, createHostKey } from '#agent/link/certificate-request.ts';
import { type EnrollRequest, enroll, nameFrom } from '#agent/link/enroll.ts';
import { openIdentity } from '#agent/link/identity.ts';
import { startAgentServer } from '#control-plane/agents/agent-service.ts';
import { openPki } from '#control-plane/pki/pki.ts';
import { Secret } from '#model/secret.ts';
import { millis } from '#model/time.ts';
import { encodeEnrolRequest } from '#wire/enrolment-messages.ts';
import { fetchPinnedCa } from '#wire/pinned-tls.ts';
import { enrolmentService } from '#wire/services.ts';
import { FakeBackend, type Fixture, silent, startFixture } from './control-plane-fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
  fixture.backend.refusals
    .set('unknown', 'token-unknown')
    .set('spent', 'token-spent')
    .set('expired', 'token-expired')
    .set('taken', 'name-taken');
});
afterAll(() => fixture.stop());

function requestWith(change: Partial<EnrollRequest>): EnrollRequest {
  const { server, pki, folder } = fixture;
  const stateDirectory = join(folder, randomBytes(4).toString('hex'));
  return {
    controlPlane: server.address,
    caFingerprint: pki.caFingerprint,
    token: new Secret('good'),
    stateDirectory,
    name: 'web-1',
    timeoutMs: 60_000,
    ...change,
  };
}

const strange = { token: 'good', csr: Buffer.from('no request'), clientClock: millis(Date.now()) };

/** As somebody calls whose program is not ours. */
async function callEnrol(bytes: Uint8Array): Promise<void> {
  const { server, pki } = fixture;
  const { path, requestSerialize, responseDeserialize } = enrolmentService.enrol;
  const ca = new x509.X509Certificate(pki.caDer).toString('pem');
  const client = new Client(server.address, credentials.createSsl(Buffer.from(ca)));
  await new Promise<void>((resolve) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, bytes, () => resolve());
  });
  client.close();
}

describe('enrolment', () => {
  test('leaves a key, a certificate for it and the CA, readable by nobody else', async () => {
    const request = requestWith({});
    expect(await enroll(request)).toEqual({
      ok: true,
      value: { controlPlane: fixture.server.address, host: 'web-1', tenant: 'default' },
    });
    const identity = join(request.stateDirectory, 'identity');
    for (const name of ['key.pem', 'cert.pem', 'ca.pem', 'agent.json']) {
      expect((await stat(join(identity, name))).mode & 0o777).toBe(0o600);
    }
    const certificate = new X509Certificate(await readFile(join(identity, 'cert.pem')));
    expect(certificate.subjectAltName).toBe('URI:segwall://default/host/web-1?enrolment=e1');
    expect(certificate.verify(new X509Certificate(fixture.pki.caPem).publicKey)).toBe(true);
    const days = (certificate.validToDate.getTime() - Date.now()) / 86_400_000;
    expect(days).toBeCloseTo(30, 1);
    const [record] = fixture.backend.certificates.slice(-1);
    expect(record).toMatchObject({
      host: 'web-1',
      tenant: 'default',
      serial: certificate.serialNumber.toLowerCase(),
      fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
      notAfter: certificate.validToDate.getTime(),
    });
    expect((await openIdentity({ stateDirectory: request.stateDirectory, log: silent })).ok).toBe(true);
  });

  test('takes a fingerprint as openssl prints it', async () => {
    const caFingerprint = (fixture.pki.caFingerprint.toUpperCase().match(/../g) ?? []).join(':');
    expect((await enroll(requestWith({ caFingerprint }))).ok).toBe(true);
  });

  test('does not happen twice in one state directory', async () => {
    const request = requestWith({});
    await enroll(request);
    const again = await enroll(request);
    expect(again).toMatchObject({ ok: false, error: { code: 'already-enrolled' } });
  });
});

const minutes = 60_000;
const failures: readonly (readonly [string, () => Partial<EnrollRequest>, RegExp])[] = [
  ['token-unknown', () => ({ token: new Secret('unknown') }), /copied whole, or make one with `segwall tokens create`/],
  ['token-spent', () => ({ token: new Secret('spent') }), /no uses left/],
  ['token-expired', () => ({ token: new Secret('expired') }), /has expired/],
  ['name-taken', () => ({ token: new Secret('taken') }), /another host is enrolled as web-1/],
  ['name-invalid', () => ({ name: 'Web_1' }), /allowed are 1 to 63 of a-z/],
  ['clock-skew', () => ({ now: () => millis(Date.now() + 6 * minutes) }), /clock is 3\d\d s ahead/],
  [
    'clock-skew',
    () => ({ now: () => millis(Date.now() - 6 * minutes) }),
    /clock is 3\d\d s behind.*token is not spent/,
  ],
  ['clock-skew', () => ({ now: () => millis(Date.now() - 400 * 86_400_000) }), /set the clock/],
  ['clock-skew', () => ({ now: () => millis(Date.now() + 4000 * 86_400_000) }), /set the clock/],
  ['ca-mismatch', () => ({ caFingerprint: 'ab'.repeat(32) }), /presents no CA with fingerprint abab/],
  ['fingerprint-invalid', () => ({ caFingerprint: 'abcd' }), /64 hex digits/],
  ['control-plane-invalid', () => ({ controlPlane: 'cp.example' }), /HOST:PORT/],
  ['control-plane-unreachable', () => ({ controlPlane: '127.0.0.1:1' }), /ECONNREFUSED/],
];

describe('enrolment fails with a code and what to do', () => {
  test.each(failures)('%s (%#)', async (code, change, message) => {
    const result = await enroll(requestWith(change()));
    expect(result).toMatchObject({ ok: false, error: { code, message: expect.stringMatching(message) } });
  });

  test('what the control plane refused is told with the caller’s address and the reason, and no token', async () => {
    const { refused } = fixture.backend;
    refused.length = 0;
    for (const token of ['unknown', 'spent', 'expired', 'taken'])
      await enroll(requestWith({ token: new Secret(token) }));
    await enroll(requestWith({ now: () => millis(Date.now() + 6 * minutes) }));
    await callEnrol(encodeEnrolRequest({ ...strange, host: 'Web_1' }));
    await callEnrol(encodeEnrolRequest({ ...strange, host: 'web-1' }));
    await callEnrol(Buffer.from('not a message'));
    const address = '127.0.0.1';
    expect(refused).toEqual([
      ...['token-unknown', 'token-spent', 'token-expired', 'name-taken', 'clock-skew'].map((reason) => ({
        address,
        host: 'web-1',
        reason,
      })),
      { address, host: 'Web_1', reason: 'name-invalid' },
      { address, host: 'web-1', reason: 'csr-invalid' },
      { address, host: '', reason: 'request-malformed' },
    ]);
  });

  test('state-unwritable, before the token is spent', async () => {
    const file = join(fixture.folder, 'a-file');
    await writeFile(file, '');
    const before = fixture.backend.certificates.length;
    const result = await enroll(requestWith({ stateDirectory: file }));
    expect(result.ok ? 'enrolled' : result.error.code).toBe('state-unwritable');
    expect(fixture.backend.certificates.length).toBe(before);
  });

  test('not-a-control-plane, where something else listens', async () => {
    const other = createServer((socket) => socket.end('220 mail\r\n'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const result = await enroll(requestWith({ controlPlane: `127.0.0.1:${port}` }));
    expect(result).toMatchObject({
      error: { code: 'not-a-control-plane', message: expect.stringMatching(/it speaks plain text, such as HTTP/) },
    });
    other.close();
  });

  test('control-plane-unreachable, where nobody answers in time', async () => {
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const address = mute.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const request = requestWith({ controlPlane: `127.0.0.1:${port}`, timeoutMs: 100, patienceMs: 0 });
    const result = await enroll(request);
    expect(result.ok ? 'enrolled' : result.error.code).toBe('control-plane-unreachable');
    mute.close();
  });

  test('ca-mismatch, where another control plane shows our CA beside a certificate of its own', async () => {
    const foreign = await openPki({
      directory: join(fixture.folder, 'foreign'),
      serverNames: [],
      now: () => millis(Date.now()),
    });
    const { key, certificate } = foreign.serverTls();
    const [leaf = ''] = certificate.split(/(?<=-----END CERTIFICATE-----)/);
    const tls = { key, certificate: `${leaf}\n${fixture.pki.caPem}\n`, ca: fixture.pki.caPem };
    const pki = { ...foreign, serverTls: () => tls };
    const server = await startAgentServer({ address: '127.0.0.1:0', pki, backend: new FakeBackend(), log: silent });
    const result = await enroll(requestWith({ controlPlane: server.address }));
    expect(result).toMatchObject({ ok: false, error: { code: 'ca-mismatch' } });
    await server.stop(100);
  });

  test('ca-mismatch, where the certificate names our CA as its issuer and another key signed it', async () => {
    const tls = { ...(await forgedTls(fixture.pki.caPem)), ca: fixture.pki.caPem };
    const pki = { ...fixture.pki, serverTls: () => tls };
    const server = await startAgentServer({ address: '127.0.0.1:0', pki, backend: new FakeBackend(), log: silent });
    const result = await enroll(requestWith({ controlPlane: server.address }));
    const message = expect.stringMatching(/presents the right CA, but its own certificate was not issued by it/);
    expect(result).toMatchObject({ ok: false, error: { code: 'ca-mismatch', message } });
    await server.stop(100);
  });

  test("ca-mismatch, where an agent's certificate is used as a server's", async () => {
    const key = await createHostKey();
    const csr = await createCertificateRequest(key, 'web-1');
    const issued = await fixture.pki.issueAgentCertificate({ csr, tenant: 'default', host: 'web-1', enrolment: 'e1' });
    if (!issued.ok) throw new Error(issued.error);
    const certificate = `${new X509Certificate(issued.value.der).toString()}\n${fixture.pki.caPem}\n`;
    const pki = { ...fixture.pki, serverTls: () => ({ key, certificate, ca: fixture.pki.caPem }) };
    const server = await startAgentServer({ address: '127.0.0.1:0', pki, backend: new FakeBackend(), log: silent });
    const result = await enroll(requestWith({ controlPlane: server.address }));
    const message = expect.stringMatching(/lacks the name segwall-control-plane/);
    expect(result).toMatchObject({ ok: false, error: { code: 'ca-mismatch', message } });
    await server.stop(100);
  });

  test('identity-damaged, when the agent starts on what is left of one', async () => {
    const stateDirectory = join(fixture.folder, 'damaged');
    await mkdir(join(stateDirectory, 'identity'), { recursive: true });
    expect(await openIdentity({ stateDirectory, log: silent })).toMatchObject({ error: { code: 'not-enrolled' } });
    await writeFile(join(stateDirectory, 'identity', 'agent.json'), '{}');
    expect(await openIdentity({ stateDirectory, log: silent })).toMatchObject({ error: { code: 'identity-damaged' } });
  });
});

describe('the certificate authority', () => {
  test('is the same after a restart, with its key for its owner only', async () => {
    const directory = join(fixture.folder, 'ca');
    const again = await openPki({ directory, serverNames: ['127.0.0.1'], now: () => millis(Date.now()) });
    expect(again.caFingerprint).toBe(fixture.pki.caFingerprint);
    expect(again.serverTls()).toEqual(fixture.pki.serverTls());
    expect((await stat(join(directory, 'ca-key.pem'))).mode & 0o777).toBe(0o600);
  });

  test('gives the server a new certificate for a new name, and in the last third of its time', async () => {
    const directory = join(fixture.folder, 'other-ca');
    const first = await openPki({ directory, serverNames: [], now: () => millis(Date.now()) });
    const named = await openPki({ directory, serverNames: ['cp.example'], now: () => millis(Date.now()) });
    expect(named.serverTls().certificate).not.toBe(first.serverTls().certificate);
    expect(new X509Certificate(named.serverTls().certificate).checkHost('cp.example')).toBe('cp.example');
    expect(await named.renewServerCertificate()).toBe(false);
    const later = await openPki({
      directory,
      serverNames: ['cp.example'],
      now: () => millis(Date.now() + 300 * 86_400_000),
    });
    expect(later.serverTls().certificate).not.toBe(named.serverTls().certificate);
  });

  test.each([
    ['bytes that are none', async () => Buffer.from('nonsense'), /not a PKCS #10 request/],
    ['one whose signature is broken', async () => brokenCsr(), /signature|PKCS #10/],
  ])('refuses a request: %s', async (_, csr, reason) => {
    const result = await fixture.pki.checkCsr(await csr());
    expect(result.ok ? 'taken' : result.error).toMatch(reason);
  });
});

test('a pinned CA is fetched by its fingerprint', async () => {
  const [host = '', port] = fixture.server.address.split(':');
  const request = { host, port: Number(port), fingerprint: fixture.pki.caFingerprint, timeoutMs: 20_000 };
  const result = await fetchPinnedCa(request);
  expect(result.ok && result.value.caPem.trim()).toBe(fixture.pki.caPem.trim());
});

test.each([
  ['Web_01.example.com', 'web-01'],
  ['-x-', 'x'],
  ['db1', 'db1'],
])('the machine %s is called %s', (machine, name) => {
  expect(nameFrom(machine)).toBe(name);
});

async function brokenCsr(): Promise<Uint8Array> {
  const csr = await createCertificateRequest(await createHostKey(), 'web-1');
  const broken = Uint8Array.from(csr);
  broken[broken.length - 1] = (broken[broken.length - 1] ?? 0) ^ 1;
  return broken;
}

/** A server certificate in the CA's name, signed by a key of its own. */
async function forgedTls(caPem: string): Promise<{ readonly key: string; readonly certificate: string }> {
  const ca = new x509.X509Certificate(caPem);
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  type Params = x509.X509CertificateCreateWithKeyParams;
  const leaf = await x509.X509CertificateGenerator.create({
    subject: [{ CN: ['segwall-control-plane'] }],
    issuer: ca.subjectName.toJSON(),
    publicKey: keys.publicKey as Params['publicKey'],
    signingKey: keys.privateKey as Params['signingKey'],
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'segwall-control-plane' }]),
      await x509.AuthorityKeyIdentifierExtension.create(ca),
    ],
  });
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const key = x509.PemConverter.encode(der, x509.PemConverter.PrivateKeyTag);
  return { key, certificate: `${leaf.toString('pem')}\n${caPem}\n` };
}
