// Local users who listen on the local port of a connection, strangers whose packets have the agent look for lost entries, and remote ends: none of
// them turns a connection round. What was revoked stays dead, and what is allowed goes on, with the entry that conntrack has of it.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FedAgent, feedAgent } from '#test/resilience/fed-agent.ts';
import { type LineProcess, startLineProcess } from '#test/resilience/line-process.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import type { TalkerRequest } from './support/talker-process.ts';

const addresses = { h1: '10.89.1.1', peer: '10.89.1.2' } as const;
const nobody = 65_534;

interface Connection {
  /** Who opens it, and who has it at the other end. */
  readonly from: 'nobody' | 'root' | 'far';
  readonly to: 'far' | 'root';
  readonly localPort: number;
  readonly port: number;
}
/** With local ports that no rule of thumb reads rightly. */
const connections = {
  nobodys: { from: 'nobody', to: 'far', localPort: 45_001, port: 5432 },
  roots: { from: 'root', to: 'far', localPort: 45_002, port: 5433 },
  'from a reserved port': { from: 'root', to: 'far', localPort: 800, port: 44_321 },
  'of a listener that is gone': { from: 'far', to: 'root', localPort: 5000, port: 7003 },
  'of a dynamic listener that is gone': { from: 'far', to: 'root', localPort: 33_333, port: 40_123 },
  canary: { from: 'root', to: 'far', localPort: 45_003, port: 5434 },
} as const satisfies Record<string, Connection>;
type Id = keyof typeof connections;
const ids = Object.keys(connections) as Id[];
const inbound = ids.filter((id) => connections[id].from === 'far');
const outbound = ids.filter((id) => connections[id].from !== 'far');

let lab: Lab;
let host: LabHost;
let agent: FedAgent;
let talkers: Readonly<Record<Connection['from'], LineProcess>>;
let revision = 0;

const ask = <T>(who: Connection['from'], request: TalkerRequest) => talkers[who].ask<T>(request);
const say = (id: Id) =>
  Promise.all([ask(connections[id].from, { op: 'say', id }), ask(connections[id].to, { op: 'say', id })]);
const heard = async (id: Id) => {
  const [a, b] = await Promise.all(
    [connections[id].from, connections[id].to].map((who) =>
      ask<Readonly<Record<string, number>>>(who, { op: 'heard' }),
    ),
  );
  return [a?.[id] ?? 0, b?.[id] ?? 0] as const;
};
/** What both ends say arrives. */
const carries = async (id: Id) => {
  const [a, b] = await heard(id);
  await say(id);
  await waitFor(
    async () => {
      const now = await heard(id);
      return now[0] > a && now[1] > b;
    },
    { what: `${id} carries data both ways`, timeoutMs: 60_000, explain: entries },
  );
};
const policy = (given: { readonly without?: Id; readonly observe?: 'inbound' | 'outbound' }) => {
  revision += 1;
  const services = (of: readonly Id[]) =>
    of.filter((id) => id !== given.without).map((id) => `peer: tcp/${connections[id].port}`);
  return {
    ...{ revision, addresses: [addresses.h1], peers: { peer: [addresses.peer] } },
    inbound: given.observe === 'inbound' ? ('observe' as const) : ('enforce' as const),
    outbound: given.observe === 'outbound' ? ('observe' as const) : ('enforce' as const),
    ...{ allowIn: services(inbound), allowOut: services(outbound) },
  };
};
async function entries(): Promise<string> {
  return (await host.exec(['conntrack', '-L', '-p', 'tcp'])).stdout;
}
/** Who opened it, as conntrack has it. */
const openerOf = async (id: Id) => {
  const { localPort, port } = connections[id];
  const ports = new RegExp(`^.*?src=(\\S+) dst=\\S+ sport=(${localPort}|${port}) dport=(${localPort}|${port}) `, 'm');
  return ports.exec(await entries())?.[1];
};
const openers = (of: readonly Id[]) => of.map((id) => (connections[id].from === 'far' ? addresses.peer : addresses.h1));
/** Entries are lost: the agent looks at every open connection, and has done so once the canary is heard. */
const lose = async (...lost: readonly Id[]) => {
  for (const id of [...lost, 'canary'] as const) {
    const { port } = connections[id];
    const { exitCode } = await host.exec(['conntrack', '-D', '-p', 'tcp', '--dport', String(port)]);
    expect(exitCode, id).toBe(0);
  }
  await carries('canary');
};

beforeAll(async () => {
  lab = await createLab({ name: 'turned' });
  const [controlPlane, h1, peer] = await Promise.all([
    lab.addHost({ name: 'control', ipv4: '10.89.1.9' }),
    lab.addHost({ name: 'h1', ipv4: addresses.h1 }),
    lab.addHost({ name: 'peer', ipv4: addresses.peer }),
  ]);
  host = h1;
  agent = await feedAgent({ lab, controlPlane, host });
  agent.start();
  const program = fileURLToPath(new URL('support/talker-process.ts', import.meta.url));
  const talk = (on: LabHost, user: number) => startLineProcess(on, [process.execPath, program, String(user)], 'silent');
  talkers = { nobody: talk(h1, nobody), root: talk(h1, 0), far: talk(peer, 0) };
  await agent.apply(policy({}));
  for (const id of ids) {
    const { from, to, localPort, port } = connections[id];
    await ask(to, { op: 'listen', address: '0.0.0.0', port });
    const address = to === 'far' ? addresses.peer : addresses.h1;
    await ask(from, { op: 'open', id, address, port, localPort });
    await waitFor(async () => id in (await talkers[to].ask<object>({ op: 'heard' })), { what: `${id} is known` });
  }
  await ask('root', { op: 'unlisten' });
  for (const id of ids) await carries(id);
}, 120_000);
afterAll(async () => {
  for (const talker of Object.values(talkers ?? {})) talker.stop();
  await agent?.stop();
  await lab?.remove();
});

test('listeners of another user on loopback, and listeners that are gone, cut nothing that is allowed, the agent’s stream neither', async () => {
  const streams = await agent.streams();
  const { stdout } = await host.exec(['ss', '-tnH', 'state', 'established', 'dport', '=', ':7443']);
  const streamPort = Number(/10\.89\.1\.1:(\d+)/.exec(stdout)?.[1]);
  for (const port of [connections.roots.localPort, streamPort])
    await ask('nobody', { op: 'listen', address: '127.0.0.1', port });
  await lose();
  expect(await Promise.all(ids.map(openerOf))).toEqual(openers(ids));
  for (const id of ids) await carries(id);
  await agent.apply(policy({}));
  expect(await agent.streams()).toBe(streams);
});

test('with all entries lost, each goes on in the direction in which it was opened', async () => {
  await host.exec(['conntrack', '-F']);
  for (const id of ids) await carries(id);
  expect(await Promise.all(ids.map(openerOf))).toEqual(openers(ids));
});

test('a half-closed connection is entered as what it is, and not for days', async () => {
  const { localPort } = await ask<{ readonly localPort: number }>('nobody', {
    ...{ op: 'open', id: 'half', address: addresses.peer, port: connections.roots.port },
  });
  await ask('nobody', { op: 'end', id: 'half' });
  const entry = async () => (await entries()).split('\n').find((line) => line.includes(`sport=${localPort} `)) ?? '';
  await waitFor(async () => (await entry()).includes('CLOSE_WAIT'), { what: 'it is half closed', explain: entries });
  await host.exec(['conntrack', '-D', '-p', 'tcp', '--sport', String(localPort)]);
  await lose();
  const [, seconds = '', state] = /^tcp +6 (\d+) (\S+) /.exec(await entry()) ?? [];
  expect([state, Number(seconds) <= 60]).toEqual(['CLOSE_WAIT', true]);
});

test('a local user who listens on the local port of his revoked connection, by every address, does not make it an inbound one', async () => {
  await ask('nobody', { op: 'listen', address: '127.0.0.1', port: connections.nobodys.localPort });
  await agent.apply(policy({ without: 'nobodys', observe: 'inbound' }));
  const before = await heard('nobodys');
  await say('nobodys');
  await lose();
  expect(await openerOf('nobodys')).toBe(addresses.h1);
  await ask('nobody', { op: 'unlisten' });
  await ask('nobody', { op: 'listen', address: '0.0.0.0', port: connections.nobodys.localPort });
  await lose('nobodys');
  await say('nobodys');
  await lose();
  expect([undefined, addresses.h1]).toContain(await openerOf('nobodys'));
  expect(await heard('nobodys')).toEqual(before);
});

test('a remote end whose connection was revoked and whose server no longer listens does not make it an outbound one', async () => {
  const id = 'of a dynamic listener that is gone';
  await agent.apply(policy({ without: id, observe: 'outbound' }));
  const before = await heard(id);
  await say(id);
  await lose();
  expect(await openerOf(id)).toBe(addresses.peer);
  await lose(id);
  await say(id);
  await lose();
  expect([undefined, addresses.peer]).toContain(await openerOf(id));
  expect(await heard(id)).toEqual(before);
});
