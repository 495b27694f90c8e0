// Hosts that come at once: machines that one template makes, and a fleet whose control plane was restarted. `npm run bench -- reach` does the
// same with 500 and 1,000.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createCertificateRequest, createHostKey } from '#agent/link/certificate-request.ts';
import { callUnary, openClient } from '#agent/link/control-plane-client.ts';
import { enroll } from '#agent/link/enroll.ts';
import { startAgentServer } from '#control-plane/agents/agent-service.ts';
import { admissionLimits } from '#control-plane/rpc/admission-limits.ts';
import type { RefusedConnection } from '#control-plane/rpc/agent-listener.ts';
import { assertOk } from '#model/result.ts';
import { Secret } from '#model/secret.ts';
import { millis } from '#model/time.ts';
import { enrolMany, runMany } from '#test/support/many-hosts.ts';
import { decodeEnrolReply, encodeEnrolRequest } from '#wire/enrolment-messages.ts';
import { enrolmentService } from '#wire/services.ts';
import { scratchDirectory } from '../server/scratch-directory.ts';
import { spawnControlPlane } from '../server/spawned-control-plane.ts';
import { silent, startFixture } from './control-plane-fixture.ts';

const count = 40;

async function closedPort(): Promise<string> {
  const fixture = await startFixture();
  const { address } = fixture.server;
  await fixture.stop();
  return address;
}

test('hosts behind one address that come faster than it may all get in, and none is told to a person', async () => {
  const refused: RefusedConnection[] = [];
  const limits = { ...admissionLimits, connectionsOfSource: { burst: 4, everyMs: 40 } };
  const fixture = await startFixture({ admission: { limits, connectionRefused: (one) => refused.push(one) } });
  onTestFinished(() => fixture.stop());
  const { failures } = await enrolMany({
    directory: fixture.folder,
    from: 0,
    count,
    controlPlaneOf: () => fixture.server.address,
    caFingerprint: fixture.pki.caFingerprint,
    tokens: ['good'],
    patienceMs: 120_000,
  });
  expect(failures).toEqual([]);
  expect(refused.filter(({ reason }) => reason === 'too-fast').length).toBeGreaterThan(0);
});

test('a host that was told to wait says so once, and gets in when the control plane is there', async () => {
  const fixture = await startFixture();
  onTestFinished(() => fixture.stop());
  const address = await closedPort();
  const said: string[] = [];
  const request = {
    controlPlane: address,
    caFingerprint: fixture.pki.caFingerprint,
    token: new Secret('good'),
    name: 'web-1',
    stateDirectory: join(fixture.folder, randomBytes(4).toString('hex')),
  };
  expect(await enroll(request)).toMatchObject({ ok: false, error: { code: 'control-plane-unreachable' } });
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = (problem: string) => {
    said.push(problem);
    resolve();
  };
  const enrolling = enroll({ ...request, patienceMs: 60_000, unreachable: 'try-again', waiting });
  await promise;
  const server = await startAgentServer({ address, pki: fixture.pki, backend: fixture.backend, log: silent });
  onTestFinished(() => server.stop(100));
  expect(await enrolling).toMatchObject({ ok: true });
  expect(said).toEqual([expect.stringMatching(/ECONNREFUSED/)]);
});

test('an enrolment whose answer was lost is given again to the same key, and the token is spent once', async () => {
  const fixture = await startFixture();
  onTestFinished(() => fixture.stop());
  const [host = '', port] = fixture.server.address.split(':');
  const client = openClient({ host, port: Number(port) }, { ca: fixture.pki.caPem });
  onTestFinished(() => client.close());
  const ask = async (key: string) => {
    const csr = await createCertificateRequest(key, 'web-1');
    const request = encodeEnrolRequest({ token: 'good', host: 'web-1', csr, clientClock: millis(Date.now()) });
    const answer = await callUnary({ client, method: enrolmentService.enrol, request, timeoutMs: 20_000 });
    return answer.kind === 'answered' ? assertOk(decodeEnrolReply(answer.bytes)).kind : answer.error.details;
  };
  const key = await createHostKey();
  expect([await ask(key), await ask(key), await ask(key)]).toEqual(['issued', 'issued', 'issued']);
  expect([fixture.backend.renewals.length, fixture.backend.certificates.length]).toEqual([1, 1]);
  await ask(await createHostKey());
  expect(fixture.backend.renewals.length).toBe(2);
});

test('agents are all back after a restart of the control plane, and an operator is answered meanwhile', async () => {
  const directory = await scratchDirectory();
  const before = await spawnControlPlane({ directory: join(directory, 'data') });
  const { agents, apiUrl, caFingerprint } = before.firstStart;
  const { token } = await before.segwallJson<{ token: string }>([
    ...['tokens', 'create', '--labels', 'app=shop', '--uses', String(count), '--ttl', '1h'],
  ]);
  const hosts = { directory, from: 0, count };
  const enrolling = { controlPlaneOf: () => agents, caFingerprint, tokens: [token], patienceMs: 120_000 };
  expect((await enrolMany({ ...hosts, ...enrolling })).failures).toEqual([]);
  const running = await runMany({ ...hosts, addressOf: (n) => `10.66.0.${n}` });
  onTestFinished(() => running.stop());
  await running.allAnew();
  const back = running.allAnew();
  expect(await before.stop('SIGTERM')).toBe(0);
  const args = ['--agents', agents, '--api', new URL(apiUrl).host];
  const after = await spawnControlPlane({ directory: join(directory, 'data'), args });
  const label = ['label', 'host-7', 'round=two', '--yes'];
  expect(await after.segwall(label)).toMatchObject({ exitCode: 0 });
  await back;
  expect(await after.segwallJson(['status'])).toMatchObject({ agents: { enrolled: count, connected: count } });
}, 120_000);
