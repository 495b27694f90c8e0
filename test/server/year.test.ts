// A year of one host and its control plane, with the clock of both wound: enrolment, renewals, another CA, an outage longer than a
// certificate lives, the end of a rule, a restore from a backup, clocks that step. Both are real but for the kernel; what is in force is
// what the host was told and judges itself. OpenSSL alone goes by the machine's own clock, which stands at day 300.

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { restoreBackup, takeBackup } from '#control-plane/data/backup.ts';
import { assertOk } from '#model/result.ts';
import { rulesAt } from '#model/rules-at.ts';
import { millis } from '#model/time.ts';
import { type ApiServer, startApiServer } from '../hostile/support/api-server.ts';
import { eventually } from '../transport/control-plane-fixture.ts';
import { connectWireAgent, startWireAgent, type WireAgent } from './wire-agent.ts';

const dayMs = 86_400_000;

const policy = (endsAt: string) => `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: enforce
  rules:
    - { name: for-ever, from: [{ cidr: 10.1.0.0/16 }], to: [{ workloads: all() }], services: [tcp/80] }
    - { name: ends, from: [{ cidr: 10.2.0.0/16 }], to: [{ workloads: all() }], services: [tcp/81], expires: ${endsAt} }
`;

interface AgentAnswer {
  readonly state: string;
  readonly problem: string;
  readonly certificateEndsAt: string;
}

interface StatusAnswer {
  readonly hold?: { readonly kind: string };
  readonly agents: { readonly protection: Readonly<Record<string, number>> };
}

test('a year passes, and at every step what is in force and what is said of it is right', async () => {
  const beginning = Date.now() - 300 * dayMs;
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  /** Days since the beginning. */
  const wind = (day: number) => vi.setSystemTime(beginning + day * dayMs);
  const dayOf = (time: number | string) => Math.round((new Date(time).getTime() - beginning) / dayMs);
  wind(0);

  const directory = await mkdtemp(join(tmpdir(), 'segwall-year-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  let data = join(directory, 'data');
  let server: ApiServer | undefined = await startApiServer({ directory: data });
  onTestFinished(async () => server?.close());
  const settings = { agents: server.controlPlane.agents, api: `127.0.0.1:${server.port}` };
  const { token } = server;
  const stopServer = async () => {
    await server?.close();
    server = undefined;
  };
  const startServer = async () => {
    server = await startApiServer({ directory: data, settings });
  };
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`http://${settings.api}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as T;
    if (response.status !== 200) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const shown = async () => (await call<readonly AgentAnswer[]>('GET', '/agents'))[0];
  const connected = async () => {
    while ((await shown())?.state !== 'connected');
  };
  const actions = async () =>
    (await call<readonly { readonly action: string }[]>('GET', '/audit?limit=1000')).map(({ action }) => action);

  const joining = { labels: { app: 'shop' }, uses: 1, ttlSeconds: 3600 };
  const join1 = await call<{ readonly token: string }>('POST', '/tokens', joining);
  const text = policy(new Date(beginning + 100 * dayMs).toISOString());
  await call('POST', '/policy/apply', { files: [{ path: 'shop.yaml', text }] });
  const { caFingerprint } = server.controlPlane;
  const judging = { addresses: ['10.0.0.1'], renews: true, heardTime: () => undefined } as const;
  let agent: WireAgent = await startWireAgent({
    ...{ controlPlane: settings.agents, caFingerprint, token: join1.token, name: 'web-1' },
    ...judging,
  });
  /** As a reboot does it: what was told before is on its disk. */
  let kept = await agent.until(({ workloads }) => workloads.some((one) => one.workload === 'web-1'));
  const reboot = async () => {
    kept = agent.applied.at(-1) ?? kept;
    await agent.stop();
    agent = await connectWireAgent(agent.stateDirectory, judging);
  };
  const inForce = () => {
    const { ruleSet } = rulesAt(agent.applied.at(-1) ?? kept, millis(Date.now()));
    return (ruleSet.workloads.find((one) => one.workload === 'web-1')?.inbound.grants ?? [])
      .map(({ rule }) => rule)
      .sort();
  };
  const certificateEnds = () => dayOf(agent.identity.times().notAfter);

  // Day 0.
  await connected();
  expect(inForce()).toEqual(['ends', 'for-ever']);
  expect(certificateEnds()).toBe(30);
  expect((await call<StatusAnswer>('GET', '/status')).agents.protection['in-force']).toBe(1);

  // Two thirds of the certificate's life: it is renewed by itself.
  wind(21);
  await reboot();
  await eventually('a renewal', () => certificateEnds() === 51);
  await connected();
  expect(await shown()).toMatchObject({ problem: '' });

  // Another CA, and a backup after it.
  wind(25);
  const { next } = await call<{ readonly next: { readonly fingerprint: string } }>('POST', '/ca/rotate');
  await eventually('the host trusts the next CA', () => agent.identity.trusts().join() === next.fingerprint);
  while ((await call<{ next?: { moved: number } }>('GET', '/ca')).next?.moved !== 1);
  await call('POST', '/ca/retire', {});
  expect(certificateEnds()).toBe(55);
  await connected();
  expect(inForce()).toEqual(['ends', 'for-ever']);
  const backup = join(directory, 'backup');
  assertOk(await takeBackup({ data, to: backup, now: millis(Date.now()) }));

  // Ten days before its end somebody is told, where it was not renewed.
  wind(46);
  expect((await shown())?.problem).toBe('its certificate ends in 8 days');

  // An outage over the certificate's end: what was in force stays, and the host comes back by its key.
  await stopServer();
  wind(75);
  expect(inForce()).toEqual(['ends', 'for-ever']);
  await startServer();
  await reboot();
  await eventually('a renewal after the end', () => certificateEnds() === 105);
  await connected();
  expect(await actions()).toContain('certificate-renewed-late');
  expect(await shown()).toMatchObject({ problem: '' });
  expect(inForce()).toEqual(['ends', 'for-ever']);

  // A rule ends, with the control plane away: the host judges.
  await stopServer();
  wind(101);
  expect(inForce()).toEqual(['for-ever']);

  // Put back from the backup of day 25: it holds, and the host keeps what it has until somebody says so.
  wind(103);
  const restored = join(directory, 'restored');
  assertOk(await restoreBackup({ from: backup, data: restored, now: millis(Date.now()) }));
  // The operator's own copy of the token.
  await cp(join(data, 'first-start.json'), join(restored, 'first-start.json'));
  data = restored;
  await startServer();
  await connected();
  expect((await call<StatusAnswer>('GET', '/status')).hold).toMatchObject({ kind: 'restored' });
  expect(inForce()).toEqual(['for-ever']);
  await call('POST', '/resume', {});
  expect((await call<StatusAnswer>('GET', '/status')).hold).toBeUndefined();
  expect(inForce()).toEqual(['for-ever']);

  // Clocks step, back and forth: no stream ends, and what has ended stays ended.
  for (const day of [99, 104, 98, 104]) {
    wind(day);
    await call('PATCH', '/workloads/web-1/labels', { set: { day: String(day) }, remove: [] });
    expect((await shown())?.state).toBe('connected');
  }
  expect(inForce()).toEqual(['for-ever']);

  // Half a year away, and the control plane's own certificate made anew in between.
  await agent.stop();
  wind(290);
  await stopServer();
  await startServer();
  wind(365);
  expect(await shown()).toMatchObject({ state: 'offline', problem: expect.stringContaining('its certificate ended') });
  await reboot();
  await eventually('a renewal after half a year', () => certificateEnds() === 395);
  await connected();
  expect(await shown()).toMatchObject({ problem: '' });
  expect(inForce()).toEqual(['for-ever']);
  const { present } = await call<{ readonly present: { readonly fingerprint: string } }>('GET', '/ca');
  expect(agent.identity.trusts()).toEqual([present.fingerprint]);
}, 300_000);
