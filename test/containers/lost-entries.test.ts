// Connections of containers lose their conntrack entries (a flush here), through a published port, masquerading, routing and with their host:
// with an agent that runs, what policy allows goes on, whoever speaks first, translated as it was; what it denies stays dead.

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findCgroupRoot } from '#agent/host/cgroup-tree.ts';
import { startTraffic, type Traffic } from '#test/dataplane/traffic.ts';
import { type FedAgent, feedAgent } from '#test/resilience/fed-agent.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { addContainers } from './container-lab.ts';

const places = {
  h1: { ipv4: '10.84.0.1', ipv6: 'fd84::1' },
  peer: { ipv4: '10.84.0.2', ipv6: 'fd84::2' },
  web: { ipv4: '172.17.0.2', ipv6: 'fd84:17::2' },
} as const;
type Place = keyof typeof places;
const ports = { in: 7001, out: 7002, revoked: 7003, published: 17_001, publishedRevoked: 17_003 } as const;

interface Connection {
  readonly from: Place;
  readonly to: Place;
  readonly address: string;
  readonly port: number;
}
const allowed = {
  published: { from: 'peer', to: 'web', address: places.h1.ipv4, port: ports.published },
  masqueraded: { from: 'web', to: 'peer', address: places.peer.ipv4, port: ports.out },
  'routed in': { from: 'peer', to: 'web', address: places.web.ipv6, port: ports.in },
  'routed out': { from: 'web', to: 'peer', address: places.peer.ipv6, port: ports.out },
  'from the host': { from: 'h1', to: 'web', address: places.web.ipv4, port: ports.in },
} as const satisfies Record<string, Connection>;
const denied = {
  revoked: { from: 'peer', to: 'web', address: places.h1.ipv4, port: ports.publishedRevoked },
} as const satisfies Record<string, Connection>;
const connections: Readonly<Record<string, Connection>> = { ...allowed, ...denied };

let lab: Lab;
let host: LabHost;
let agent: FedAgent;
let ends: Readonly<Record<Place, Traffic>>;
let before: readonly string[];
const undo: (() => void)[] = [];

const policy = (revision: number, inbound: readonly number[]) => ({
  ...{ revision, addresses: Object.values(places.h1), peers: { peer: Object.values(places.peer) } },
  ...{ inbound: 'enforce' as const, outbound: 'enforce' as const },
  allowOut: [`any: tcp/${ports.in}`],
  containers: {
    web: {
      addresses: Object.values(places.web),
      allowIn: inbound.map((port) => `any: tcp/${port}`),
      allowOut: [`peer: tcp/${ports.out}`],
    },
  },
});

const heardBy = async (end: Place, id: string) => (await ends[end].heard())[id] ?? 0;
const speakers = ({ from, to }: Connection, first: 'client' | 'server') =>
  first === 'client' ? ([from, to] as const) : ([to, from] as const);
/** Both tuples of each connection that is still to go on, as the host has them. */
const entries = async () => {
  const all = await Promise.all(
    ['ipv4', 'ipv6'].map(async (family) => (await host.exec(['conntrack', '-L', '-f', family, '-p', 'tcp'])).stdout),
  );
  return [
    ...all
      .join('')
      .matchAll(/ESTABLISHED (src=\S+ dst=\S+ sport=\d+ dport=\d+) .*?(src=\S+ dst=\S+ sport=\d+ dport=\d+) /g),
  ]
    .map(([, original = '', reply = '']) => `${original} ${reply}`)
    .filter(
      (text) => Object.values(ports).some((port) => text.includes(`=${port} `)) && !text.includes(`=${ports.revoked} `),
    )
    .sort();
};

/** As an engine does: a cgroup with a name of its own, and a process of the container in it. */
async function inEngine(container: LabHost): Promise<void> {
  const machine = findCgroupRoot();
  if (machine === undefined) throw new Error('this test needs a cgroup2 tree');
  const slice = join(machine.path, `segwall-lost-${process.pid}.slice`);
  const scope = join(slice, `docker-${'a'.repeat(64)}.scope`);
  mkdirSync(scope, { recursive: true });
  const child = container.spawn(['sleep', '600']);
  const pid = child.pid ?? 0;
  undo.push(() => {
    writeFileSync(join(machine.path, 'cgroup.procs'), String(pid));
    child.kill('SIGKILL');
    rmdirSync(scope);
    rmdirSync(slice);
  });
  await waitFor(
    async () => (await host.exec(['ip', 'netns', 'identify', String(pid)])).stdout.trim() === container.namespace,
    { what: 'the process is in its namespace' },
  );
  writeFileSync(join(scope, 'cgroup.procs'), String(pid));
}

beforeAll(async () => {
  lab = await createLab({ name: 'lostbox' });
  const [controlPlane, h1, peer] = await Promise.all([
    lab.addHost({ name: 'control', ipv4: '10.84.0.9' }),
    lab.addHost({ name: 'h1', ...places.h1 }),
    lab.addHost({ name: 'peer', ...places.peer }),
  ]);
  host = h1;
  const boxes = await addContainers({
    ...{ lab, host },
    bridges: [{ name: 'docker0', ipv4: '172.17.0.1', ipv6: 'fd84:17::1' }],
    containers: [{ name: 'web', bridge: 'docker0', ...places.web }],
    published: [
      { port: ports.published, container: 'web', containerPort: ports.in },
      { port: ports.publishedRevoked, container: 'web', containerPort: ports.revoked },
    ],
  });
  const web = boxes.get('web') ?? h1;
  await peer.exec(['ip', 'route', 'add', 'fd84:17::/64', 'via', places.h1.ipv6]);
  await inEngine(web);
  agent = await feedAgent({ lab, controlPlane, host });
  await writeFile(join(agent.stateDirectory, 'agent.yaml'), 'containers: discover\n');
  agent.start();
  ends = { h1: startTraffic(h1), peer: startTraffic(peer), web: startTraffic(web) };
  for (const port of [ports.in, ports.revoked]) await ends.web.listen('tcp', port);
  await ends.peer.listen('tcp', ports.out);
  await agent.apply(policy(1, [ports.in, ports.revoked]));
  for (const [id, { from, address, port }] of Object.entries(connections)) await ends[from].open({ id, address, port });
  for (const [id, { from, to }] of Object.entries(connections))
    for (const end of [from, to])
      await waitFor(async () => id in (await ends[end].heard()), { what: `${end} knows ${id}` });
  before = await entries();
  expect(before).toHaveLength(Object.keys(allowed).length);
}, 120_000);
afterAll(async () => {
  for (const end of Object.values(ends ?? {})) end.stop();
  await agent?.stop();
  for (const one of undo) one();
  await lab?.remove();
});

test.each([
  ['client', 2],
  ['server', 3],
] as const)(
  'enforced, what is allowed goes on where its %s speaks first, and what is denied does not',
  async (first, revision) => {
    await agent.apply(policy(revision, [ports.in]));
    const [one, other] = speakers(denied.revoked, first);
    const silent = [await heardBy(one, 'revoked'), await heardBy(other, 'revoked')];
    expect((await host.exec(['conntrack', '-F'])).exitCode).toBe(0);
    await ends[one].say('revoked');
    await ends[other].say('revoked');
    for (const way of ['there', 'back'] as const)
      for (const [id, connection] of Object.entries(allowed)) {
        const [a, b] = speakers(connection, first);
        const [speaker, listener] = way === 'there' ? [a, b] : [b, a];
        const heard = await heardBy(listener, id);
        await ends[speaker].say(id);
        await waitFor(async () => (await heardBy(listener, id)) > heard, {
          what: `${listener} hears ${id}`,
          timeoutMs: 60_000,
          explain: async () => (await entries()).join('\n'),
        });
      }
    expect([await heardBy(one, 'revoked'), await heardBy(other, 'revoked')]).toEqual(silent);
    expect(await entries()).toEqual(before);
  },
);
