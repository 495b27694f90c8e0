// Units under their own rules on a real kernel: told apart by listening and sending socket, found again after a restart, and
// under their host's rules meanwhile.

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import type { ProbeTarget, Transport } from '#test/support/probe-protocol.ts';
import { waitFor } from '#test/support/wait.ts';
import { createUnitTree, type MovableProbe, startMovableProbe, type UnitTree } from './unit-tree.ts';

const own = ['10.78.0.1', 'fd78::1'];
const far = ['10.78.0.2', 'fd78::2'];
const transports = ['tcp', 'udp'] as const;

/** 8000s are of inbound, 9000s of outbound rules; the last digit says whose rule opens it: 0 host, 1 app, 2 x@1. */
const ports = { host: [8000, 9000], app: [8001, 9001], instance: [8002, 9002] } as const;
const opens = (port: number) => [`far: tcp/${port}, udp/${port}`];
const policy: HostPolicy = {
  addresses: own,
  inbound: 'enforce',
  outbound: 'enforce',
  peers: { far },
  allowIn: opens(8000),
  allowOut: opens(9000),
  units: {
    'h1-app': { unit: 'app.service', allowIn: opens(8001), allowOut: opens(9001) },
    'h1-instance': { unit: 'x@1.service', allowIn: opens(8002), allowOut: opens(9002) },
  },
};

let lab: Lab;
let h1: LabHost;
let tree: UnitTree;
let driven: DrivenHost;
let local: MovableProbe;
let peer: HostProbe;
let revision = 0;

const apply = async (next: HostPolicy) => {
  revision += 1;
  expect(await driven.ask({ do: 'apply', policy: { ...next, revision } })).toEqual({ kind: 'applied', revision });
};
const epoch = async () => Number((await driven.ask({ do: 'counts' }))['epoch']);
const listenersOn = (list: readonly number[]) =>
  list.flatMap((port) => transports.map((transport) => ({ transport, port })));
const targets = (addresses: readonly string[], port: number): ProbeTarget[] =>
  addresses.flatMap((address) => transports.map((transport) => ({ address, transport, port })));
const inboundPorts = [8000, 8001, 8002];

beforeAll(async () => {
  tree = createUnitTree();
  for (const at of [
    'user.slice/user-1.slice/app.service',
    'system.slice/other.service/app.service',
    'system.slice/plain.service',
  ])
    tree.make(at);
  lab = await createLab({ name: 'units' });
  h1 = await lab.addHost({ name: 'h1', ipv4: '10.78.0.1', ipv6: 'fd78::1' });
  const h2 = await lab.addHost({ name: 'h2', ipv4: '10.78.0.2', ipv6: 'fd78::2' });
  driven = driveHost(h1, { cgroups: tree.root });
  local = await startMovableProbe(h1, tree);
  peer = await startProbe(h2);
  await peer.listen(listenersOn([9000, 9001, 9002]));
  await driven.ask({ do: 'start' });
});

afterAll(async () => {
  driven.stop();
  await lab.remove();
  await tree.remove();
});

/** Which of the ports pass, of both families and transports alike; a mixed answer is an error. */
async function passing(direction: 'inbound' | 'outbound'): Promise<readonly number[]> {
  const list = direction === 'inbound' ? inboundPorts : [9000, 9001, 9002];
  const [from, addresses] = direction === 'inbound' ? [peer, own] : [local, far];
  const passed: number[] = [];
  const outcomes = await from.probe(list.flatMap((port) => targets(addresses, port)));
  for (const [index, port] of list.entries()) {
    const kinds = outcomes.slice(index * 4, index * 4 + 4).map(({ kind }) => kind);
    expect(new Set(kinds.map((kind) => kind === 'allowed')).size, `${port}: ${kinds.join(' ')}`).toBe(1);
    expect(kinds).not.toContain('broken');
    if (kinds[0] === 'allowed') passed.push(port);
  }
  return passed;
}

/** `passing`, or undefined while a change that is under way gives families and transports different answers. */
async function passingAlike(direction: 'inbound' | 'outbound'): Promise<readonly number[] | undefined> {
  return passing(direction).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'AssertionError') return undefined;
    throw error;
  });
}

/** Opens the listeners in a cgroup, and looks from there and towards there. */
async function passingAt(at: string) {
  local.enter(at);
  await local.listen(listenersOn(inboundPorts));
  const seen = { inbound: await passing('inbound'), outbound: await passing('outbound') };
  await local.unlisten(listenersOn(inboundPorts));
  return seen;
}

const of = (ports: readonly [number, number]) => ({ inbound: [ports[0]], outbound: [ports[1]] });

describe('whose rules judge a connection', () => {
  beforeAll(async () => {
    tree.make('system.slice/app.service/worker');
    tree.make('system.slice/system-x.slice/x@1.service');
    tree.make('system.slice/system-x.slice/x@2.service');
    await apply(policy);
  });

  test.each([
    ['a service', 'system.slice/app.service', ports.app],
    ['a cgroup inside a service', 'system.slice/app.service/worker', ports.app],
    ['an instance of a template', 'system.slice/system-x.slice/x@1.service', ports.instance],
    ['another instance of it', 'system.slice/system-x.slice/x@2.service', ports.host],
    ['a service without rules of its own', 'system.slice/plain.service', ports.host],
    ['a cgroup of a unit’s name inside another service', 'system.slice/other.service/app.service', ports.host],
    ['a cgroup of a unit’s name that a user made', 'user.slice/user-1.slice/app.service', ports.host],
    ['a slice itself', 'system.slice', ports.host],
  ])('%s', async (_, at, whose) => {
    expect(await passingAt(at)).toEqual(of(whose));
  });

  test('a socket stays with the unit in which it was made, wherever its process goes', async () => {
    local.enter('system.slice/app.service');
    await local.listen(listenersOn(inboundPorts));
    local.enter('system.slice/plain.service');
    expect(await passing('inbound')).toEqual([8001]);
    expect(await passing('outbound')).toEqual([9000]);
    await local.unlisten(listenersOn(inboundPorts));
  });

  test('a unit’s socket unit is the unit’s', async () => {
    tree.make('system.slice/app.socket');
    local.enter('system.slice/app.socket');
    await local.listen(listenersOn(inboundPorts));
    await waitFor(async () => (await passingAlike('inbound'))?.[0] === 8001, { what: 'the socket unit is known' });
    await local.unlisten(listenersOn(inboundPorts));
  });

  test('without rules of its own a unit is under its host’s again', async () => {
    const { units: _, ...withoutUnits } = policy;
    await apply(withoutUnits);
    const { stdout } = await h1.exec(['nft', 'list', 'table', 'inet', 'segwall']);
    expect(stdout).not.toMatch(/unit|cgroup/);
    expect(await passingAt('system.slice/app.service')).toEqual(of(ports.host));
    await apply(policy);
    expect(await passingAt('system.slice/app.service')).toEqual(of(ports.app));
  });
});

describe('open connections of a unit', () => {
  const both: HostPolicy = {
    ...policy,
    allowIn: opens(8001),
    allowOut: opens(9001),
  };
  const ids = [
    ...transports.map((transport) => `in-${transport}`),
    ...transports.map((transport) => `out-${transport}`),
  ];
  const hold = async () => {
    for (const transport of transports) {
      const tick = { intervalMs: 30, transport };
      await peer.hold({ ...tick, id: `in-${transport}`, address: '10.78.0.1', port: 8001 });
      await local.hold({ ...tick, id: `out-${transport}`, address: 'fd78::2', port: 9001 });
    }
  };
  const received = async () => {
    const [inbound, outbound] = [await local.held('server'), await peer.held('server')];
    return Object.fromEntries(ids.map((id) => [id, (inbound[id] ?? outbound[id])?.received ?? 0]));
  };
  const flowing = async (forMs: number) => {
    const before = await received();
    await new Promise((resolve) => setTimeout(resolve, forMs));
    const after = await received();
    return ids.filter((id) => (after[id] ?? 0) > (before[id] ?? 0));
  };

  beforeEach(async () => {
    tree.make('system.slice/app.service');
    await apply(both);
    local.enter('system.slice/app.service');
    await local.listen(listenersOn([8001]));
    await hold();
    return async () => {
      for (const transport of transports) {
        await peer.release(`in-${transport}`);
        await local.release(`out-${transport}`);
      }
      await local.unlisten(listenersOn([8001]));
    };
  });

  test('stay under its rules through a new epoch', async () => {
    const before = await epoch();
    await apply({ ...both, allowIn: opens(8000), allowOut: opens(9000) });
    expect(await epoch()).toBe(before + 1);
    expect(await flowing(1000)).toEqual(ids);
  });

  test('are cut when it may no longer, though its host may', async () => {
    await apply({ ...both, units: { 'h1-app': { unit: 'app.service' } } });
    await waitFor(async () => (await flowing(300)).length === 0, { what: 'all four are silent' });
    expect(await flowing(1000)).toEqual([]);
  });

  test('made under the host’s rules while the agent was too slow are judged again by the unit’s own', async () => {
    for (const transport of transports) {
      await peer.release(`in-${transport}`);
      await local.release(`out-${transport}`);
    }
    await local.unlisten(listenersOn([8001]));
    await apply({ ...both, units: { 'h1-app': { unit: 'app.service', allowIn: opens(8001) } } });
    const before = await epoch();
    driven.pause();
    tree.take('system.slice/app.service');
    tree.make('system.slice/app.service');
    local.enter('system.slice/app.service');
    await local.listen(listenersOn([8001]));
    await hold();
    expect(await flowing(500)).toEqual(ids);
    driven.resume();
    await waitFor(async () => (await epoch()) > before, { what: 'there is a new epoch' });
    await waitFor(async () => (await flowing(300)).length === 2, { what: 'the outbound two are silent' });
    expect(await flowing(1000)).toEqual(['in-tcp', 'in-udp']);
  });
});

describe('a handshake during which the policy changes, when the kernel shows no cgroup', () => {
  const answersNothing = `add table inet pause
add chain inet pause out { type filter hook output priority 0; }
add rule inet pause out tcp dport 8001 tcp flags & (syn|ack) == ack drop`;
  const cases: readonly (readonly [string, HostPolicy, string])[] = [
    [
      'is denied by its unit, though its host would allow it',
      { ...policy, allowIn: opens(8001), units: { 'h1-app': { unit: 'app.service' } } },
      'dropped',
    ],
    [
      'is allowed by its unit, though its host would deny it',
      { ...policy, allowIn: opens(8000), allowOut: opens(9001) },
      'allowed',
    ],
  ];

  test.each(cases)('%s', async (_, changed, expected) => {
    onTestFinished(async () => void (await peer.host.exec(['nft', 'flush', 'ruleset'])));
    await apply({ ...policy, allowIn: opens(8001) });
    tree.make('system.slice/app.service');
    local.enter('system.slice/app.service');
    await local.listen(listenersOn([8001]));
    await waitFor(async () => (await passingAlike('inbound'))?.[0] === 8001, { what: 'the unit is known' });
    expect((await peer.host.exec(['nft', '-f', '-'], { input: answersNothing })).exitCode).toBe(0);
    const probed = peer.probe([{ transport: 'tcp', address: '10.78.0.1', port: 8001 }], 4000);
    const half = async () => (await h1.exec(['ss', '-Htn', 'state', 'syn-recv'])).stdout.includes(':8001');
    await waitFor(half, { what: 'the handshake is half done' });
    const before = await epoch();
    await apply(changed);
    expect(await epoch()).toBe(before + 1);
    expect((await peer.host.exec(['nft', 'delete', 'table', 'inet', 'pause'])).exitCode).toBe(0);
    expect((await probed).map(({ kind }) => kind)).toEqual([expected]);
    await local.unlisten(listenersOn([8001]));
  });
});

describe('restarts', () => {
  const restart = () => {
    tree.take('system.slice/app.service');
    tree.make('system.slice/app.service');
    local.enter('system.slice/app.service');
  };

  // How soon is measured by `npm run bench -- units`.
  test('a restarted unit is under its own rules, every time', async () => {
    await apply(policy);
    tree.make('system.slice/app.service');
    for (let round = 0; round < 8; round += 1) {
      restart();
      const target = { transport: 'tcp' as Transport, address: '10.78.0.2', port: 9001 };
      expect(
        await local.firstAllowedAt({ target, intervalMs: 2, timeoutMs: 30_000 }),
        `restart ${round}`,
      ).toBeDefined();
    }
  });

  test('until then it is under its host’s rules, and nothing but what those let pass does', async () => {
    await apply(policy);
    driven.pause();
    restart();
    expect(await passingAt('system.slice/app.service')).toEqual(of(ports.host));
    driven.resume();
    await waitFor(async () => (await passingAlike('outbound'))?.[0] === 9001, { what: 'the unit is known' });
    expect(await passingAt('system.slice/app.service')).toEqual(of(ports.app));
    const { placements, failures } = await driven.ask({ do: 'units' });
    expect({ placements: Number(placements) > 0, failures }).toEqual({ placements: true, failures: 0 });
  });

  test('a unit that crashes in a loop costs one epoch a second, and is right in the end', async () => {
    const before = await epoch();
    const startedAt = performance.now();
    for (let round = 0; round < 40; round += 1) {
      restart();
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    const made = (await epoch()) - before;
    // Read after the epochs: a busy machine has had more seconds for as many.
    const seconds = (performance.now() - startedAt) / 1000;
    expect(made).toBeLessThanOrEqual(Math.ceil(seconds) + 1);
    await waitFor(async () => (await passingAlike('outbound'))?.[0] === 9001, {
      what: 'the unit is under its own rules',
    });
    expect(await passingAt('system.slice/app.service')).toEqual(of(ports.app));
  });

  test('a unit that restarts while a policy is loaded does not hinder it', async () => {
    for (let round = 0; round < 5; round += 1) {
      restart();
      const applied = apply({ ...policy, allowIn: opens(8000 + (round % 2)) });
      tree.take('system.slice/app.service');
      await applied;
      tree.make('system.slice/app.service');
    }
  });

  test('an agent that comes back finds what changed meanwhile', async () => {
    await apply(policy);
    await waitFor(async () => (await driven.ask({ do: 'counts' }))['settled'] === 'yes', {
      what: 'the table is known',
    });
    driven.restart();
    restart();
    expect(await driven.ask({ do: 'start' })).toMatchObject({ revision });
    expect(await passingAt('system.slice/app.service')).toEqual(of(ports.app));
  });

  test('slices that come and go are followed', async () => {
    tree.take('system.slice/system-x.slice');
    tree.make('system.slice/system-x.slice/x@1.service');
    local.enter('system.slice/system-x.slice/x@1.service');
    await waitFor(async () => (await passingAlike('outbound'))?.[0] === 9002, { what: 'the instance is known' });
    tree.take('system.slice/system-x.slice');
    tree.make('system.slice/system-x.slice');
    tree.make('system.slice/system-x.slice/x@1.service');
    local.enter('system.slice/system-x.slice/x@1.service');
    await waitFor(async () => (await passingAlike('outbound'))?.[0] === 9002, { what: 'the new instance is known' });
  });
});
