// A control plane that says where it is from now on: a host goes there by itself, and only where it would be served; what serves it now it keeps,
// whatever was announced by mistake.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openIdentity } from '#agent/link/identity.ts';
import { startAgentServer } from '#control-plane/agents/agent-service.ts';
import { restoreBackup, takeBackup } from '#control-plane/data/backup.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { programPath } from '#test/support/programs.ts';
import { run } from '#test/support/run-command.ts';
import type { Announcement } from '#wire/policy-sync-messages.ts';
import { type ApiServer, startApiServer } from '../hostile/support/api-server.ts';
import { operatorOf } from '../hostile/support/operator.ts';
import { shopPolicy } from '../server/fleet-under-test.ts';
import { scratchDirectory } from '../server/scratch-directory.ts';
import { connectWireAgent, startWireAgent, type WireAgent } from '../server/wire-agent.ts';
import { eventually, FakeBackend, type Fixture, silent, startFixture } from './control-plane-fixture.ts';

interface Standing {
  readonly announced?: { readonly addresses: readonly string[] };
  readonly hosts: readonly { readonly host: string; readonly state: string; readonly problem: string }[];
}

const listOf = async (stateDirectory: string): Promise<string> =>
  JSON.parse(await readFile(join(stateDirectory, 'identity', 'agent.json'), 'utf8')).controlPlane;

function operatorsOf(server: ApiServer, directory: string) {
  const env = { SEGWALL_SERVER: server.controlPlane.apiUrl, SEGWALL_TOKEN: server.token, XDG_STATE_HOME: directory };
  const { call } = operatorOf(server);
  return {
    call: async (method: string, path: string, body?: unknown) => call(method, `/api/v1${path}`, body),
    segwall: (...args: readonly string[]) => run([process.execPath, programPath('segwall'), ...args], { env }),
    standing: async () => (await call('GET', '/api/v1/control-planes')).body as Standing,
  };
}

const stateAt = async ({ standing }: { standing(): Promise<Standing> }) => (await standing()).hosts[0];

test('a host goes from one control plane to a copy of it without a hand on the host, and back when that one says so', async () => {
  const root = await scratchDirectory();
  const data = join(root, 'data');
  const old = await startApiServer({ directory: data });
  onTestFinished(() => old.close());
  const { agents, caFingerprint } = old.controlPlane;
  const here = operatorsOf(old, root);
  const token = await operatorOf(old).joinToken({ app: 'shop' });
  const permitted: (readonly string[])[] = [];
  const permit = (all: readonly string[]) => void permitted.push(all);
  const options = { controlPlane: agents, caFingerprint, token, name: 'web-1', addresses: ['10.0.0.1'], permit };
  const host = await startWireAgent(options);
  await here.call('POST', '/policy/apply', { files: [{ path: 'shop.yaml', text: shopPolicy() }] });
  await host.until(({ workloads }) => workloads[0]?.inbound.mode === 'enforce');
  await eventually('it can show what it was told', () => host.proof());

  const [backup, copied] = [join(root, 'backup'), join(root, 'copied')];
  assertOk(await takeBackup({ data, to: backup, now: millis(Date.now()) }));
  assertOk(await restoreBackup({ from: backup, data: copied, now: millis(Date.now()) }));
  await run(['cp', join(data, 'first-start.json'), copied]);
  const copy = await startApiServer({ directory: copied });
  onTestFinished(() => copy.close());
  const there = operatorsOf({ ...copy, token: old.token }, root);

  expect((await here.segwall('control-planes', 'list')).stdout).toMatch(/^nothing is announced/);
  const announced = await here.segwall('control-planes', 'announce', copy.controlPlane.agents);
  expect(announced).toMatchObject({ exitCode: 0, stderr: '' });
  await expect.poll(() => stateAt(here), { timeout: 60_000 }).toEqual({ host: 'web-1', state: 'left', problem: '' });
  await eventually('the copy is its control plane', () => host.announced()?.state === 'followed');
  expect(await listOf(host.stateDirectory)).toBe(copy.controlPlane.agents);
  // Let through before it was tried, beside the old one; once it serves, alone.
  expect(permitted).toEqual([
    [copy.controlPlane.agents, agents],
    [copy.controlPlane.agents, agents],
    [copy.controlPlane.agents],
  ]);
  expect((await here.segwall('control-planes', 'list')).stdout).toMatch(/1 left for it[\s\S]*web-1 +left/);
  await expect.poll(async () => (await there.call('GET', '/status')).body).toMatchObject({ agents: { connected: 1 } });
  const told = (await here.call('GET', '/audit?limit=50')).body as readonly { action: string; actor: string }[];
  expect(
    told.filter(({ action }) => action.startsWith('announce') || action.startsWith('control-planes')),
  ).toMatchObject([
    { action: 'control-planes-announced', actor: 'operator/admin' },
    { action: 'announcement-followed', actor: 'agent/web-1' },
  ]);
  // The copy holds until an operator says so, and the host keeps what it has.
  expect(host.applied.at(-1)?.workloads[0]?.inbound.mode).toBe('enforce');
  expect((await there.call('POST', '/resume', {})).status).toBe(200);

  // Back: the copy's word is the newer one; what the old one still says is no news, and sends it nowhere.
  expect((await there.call('PUT', '/control-planes', { addresses: agents })).status).toBe(200);
  await expect.poll(() => stateAt(there), { timeout: 60_000 }).toMatchObject({ state: 'left' });
  await expect
    .poll(() => stateAt(here), { timeout: 60_000 })
    .toEqual({
      host: 'web-1',
      state: 'not-yet',
      problem: 'it is older than the announcement that this host followed last',
    });
  expect(await listOf(host.stateDirectory)).toBe(agents);
  expect((await here.segwall('control-planes', 'withdraw')).stdout).toMatch(/^withdrawn/);
  expect(await here.call('DELETE', '/control-planes')).toMatchObject({
    status: 409,
    body: { error: { code: 'nothing-announced' } },
  });
  for (const [addresses, why] of [
    [Array.from({ length: 8 }, (_, at) => `cp-${at}:7443`).join(), /there are 8 addresses; allowed are 7/],
    ['cp.example', /"cp.example" is not HOST:PORT/],
    ['a:1,a:1', /twice/],
  ] as const)
    expect(await here.call('PUT', '/control-planes', { addresses })).toMatchObject({
      status: 422,
      body: { error: { code: 'control-planes-invalid', message: expect.stringMatching(why) } },
    });
});

describe('an announcement by mistake costs nothing', () => {
  let [fixture, stranger]: Fixture[] = [];
  const permitted: (readonly string[])[] = [];
  beforeEach(async () => {
    permitted.length = 0;
    [fixture, stranger] = await Promise.all([startFixture({ times: { heartbeatMs: 50 } }), startFixture()]);
  });
  afterEach(async () => {
    await Promise.all([fixture?.stop(), stranger?.stop()]);
  });

  const ours = (): Fixture => {
    if (fixture === undefined) throw new Error('nothing runs');
    return fixture;
  };
  const connect = (state: string) =>
    connectWireAgent(state, { addresses: [], permit: (all) => void permitted.push(all) });

  async function connected(list?: readonly string[]): Promise<WireAgent> {
    const identity = await ours().enrolled();
    const state = join(ours().folder, 'agent-web-1-0');
    identity.close();
    if (list !== undefined) {
      const reopened = assertOk(await openIdentity({ stateDirectory: state, log: silent }));
      const all = list.map((text) => ({ host: text.split(':')[0] ?? '', port: Number(text.split(':')[1]) }));
      assertOk(await reopened.moveTo(all, 0));
      reopened.close();
    }
    const agent = await connect(state);
    await eventually('a stream', () => ours().backend.streams.length > 0);
    return agent;
  }

  /** A second control plane with our CA. */
  async function sibling(backend = new FakeBackend()) {
    const server = await startAgentServer({ address: '127.0.0.1:0', pki: ours().pki, backend, log: silent });
    onTestFinished(() => server.stop(100));
    return { address: server.address, backend };
  }

  async function nobody(): Promise<string> {
    const gone = await startFixture();
    const { address } = gone.server;
    await gone.stop();
    return address;
  }

  const say = (announcement: Announcement) => ours().backend.streams.at(-1)?.session.announce?.(announcement);
  const problemOf = (agent: WireAgent, why: RegExp) =>
    eventually(`it says ${why}`, () => why.test(agent.announced()?.problem ?? ''));
  const isUndisturbed = async (agent: WireAgent, own = ours().server.address) => {
    expect(ours().backend.streams).toHaveLength(1);
    expect(await listOf(agent.stateDirectory)).toBe(own);
    await eventually('nothing else is let through', () => permitted.at(-1)?.join() === own);
  };

  test.each<readonly [string, () => Promise<string> | string, RegExp]>([
    ['where nobody answers', nobody, /ECONNREFUSED/],
    ['with a name that stands for nothing', () => 'nowhere.invalid:7443', /nowhere\.invalid/],
    ['of somebody with another CA', () => stranger?.server.address ?? '', /certificate/],
    [
      'that has our CA and does not know the host',
      async () => {
        const backend = Object.assign(new FakeBackend(), {
          refusalOfAsking: () => ({ kind: 'not-admitted' as const, text: 'host web-1 is not enrolled here' }),
        });
        return (await sibling(backend)).address;
      },
      /not enrolled here/,
    ],
  ])('an address %s', async (_, made, why) => {
    const agent = await connected();
    say({ number: 1, addresses: [await made()] });
    await problemOf(agent, why);
    await isUndisturbed(agent);
    expect(stranger?.backend.streams).toEqual([]);
    await eventually('the control plane knows why', () => ours().backend.streams[0]?.heard.includes('status'));
    // Withdrawn, it is as it was.
    say({ number: 2, addresses: [] });
    await eventually('nothing is announced', () => agent.announced() === undefined);
    await isUndisturbed(agent);
  });

  test('one that would serve the host, and then does not: it comes back, as before it was told', async () => {
    const { address, backend } = await sibling();
    backend.isClosedToStreams = true;
    const agent = await connected();
    const own = ours().server.address;
    say({ number: 1, addresses: [address] });
    await eventually('a second stream to the old one', () => ours().backend.streams.length > 1);
    await problemOf(agent, /not enrolled any more/);
    expect(await listOf(agent.stateDirectory)).toBe(own);
    // Tried again by itself, once it is open.
    backend.isClosedToStreams = false;
    await eventually('it is there', () => agent.announced()?.state === 'followed');
    expect(await listOf(agent.stateDirectory)).toBe(address);
  });

  test('of several, who does not answer keeps its place behind who serves, and who is somebody else is left out', async () => {
    const away = await nobody();
    const { address, backend } = await sibling();
    const agent = await connected();
    say({ number: 1, addresses: [away, stranger?.server.address ?? '', address] });
    await eventually('it is there', () => agent.announced()?.state === 'followed');
    expect(await listOf(agent.stateDirectory)).toBe(`${away},${address}`);
    expect(backend.streams.map(({ identity }) => identity.host)).toEqual(['web-1']);
    expect(stranger?.backend.streams).toEqual([]);
  });

  test('with as many as there may be, never more than eight are let through, the one in use among them', async () => {
    const own = ours().server.address;
    const others = Array.from({ length: 7 }, (_, at) => `127.0.0.1:${at + 1}`);
    const agent = await connected([...others, own]);
    const told = Array.from({ length: 7 }, (_, at) => `127.0.0.1:${at + 11}`);
    say({ number: 1, addresses: told });
    await problemOf(agent, /127\.0\.0\.1:17: /);
    expect(permitted[0]).toEqual([...told, own]);
    await isUndisturbed(agent, [...others, own].join());
  });

  test('the old one dies while the way is open, or the agent does: the new one is found from disk', async () => {
    const { address, backend } = await sibling();
    backend.isClosedToStreams = true;
    const agent = await connected();
    const own = ours().server.address;
    say({ number: 1, addresses: [address] });
    await eventually('it is on its way', () => agent.announced()?.state === 'leaving');
    await agent.stop();
    expect(await listOf(agent.stateDirectory)).toBe(`${address},${own}`);
    backend.isClosedToStreams = false;
    await connect(agent.stateDirectory);
    await eventually('a stream with the new one', () => backend.streams.length > 0);
  });
});
