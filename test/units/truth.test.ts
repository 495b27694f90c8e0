// Units against the oracle, with real packets: several places of one host probe and are probed at the same time, in
// both families and transports, and each must find what docs/reference/policy.md says of the workload that its cgroup
// is. Placements made wrong on purpose must show.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEnforcer, type TableEnforcer } from '#agent/enforce/enforcer.ts';
import type { OpenCgroups } from '#agent/host/cgroup-tree.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { createUnitWatch, type UnitWatch } from '#agent/units/unit-watch.ts';
import { rangeOf } from '#model/address-range.ts';
import { ok } from '#model/result.ts';
import { protocolNumbers } from '#model/service.ts';
import type { Direction, Verdict } from '#model/verdict.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { createOracle } from '#policy/judge/oracle.ts';
import { address, type Fleet, fleetOf, noon } from '#test/compile/fleet.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import type { Transport } from '#test/support/probe-protocol.ts';
import { waitFor } from '#test/support/wait.ts';
import { labNft } from '#test/truth/enforcer-stage.ts';
import { createUnitTree, type MovableProbe, startMovableProbe, type UnitTree } from './unit-tree.ts';

const own = { ipv4: '10.76.0.1', ipv6: 'fd76::1' } as const;
const far = { ipv4: '10.76.0.2', ipv6: 'fd76::2' } as const;
const families = ['ipv4', 'ipv6'] as const;
const transports: readonly Transport[] = ['tcp', 'udp'];

/**
 * Where sockets are made, and whose they are then. Listeners of one host need ports of their own: tens tell the place.
 */
const places = [
  { at: 'system.slice/app.service', workload: 'app' },
  { at: 'system.slice/app.service/payload/deeper', workload: 'app' },
  { at: 'system.slice/system-x.slice/x@1.service', workload: 'instance' },
  { at: 'system.slice/system-x.slice/x@2.service', workload: 'h1' },
  { at: 'system.slice/plain.service', workload: 'h1' },
  { at: 'user.slice/user-1000.slice/user@1000.service/app.slice/app.service', workload: 'h1' },
] as const;
type Place = { readonly at: string; readonly workload: string };

/**
 * The last digit says whose rule opens a port: 0 the host's, 1 app's, 2 the instance's, 3 everyone's. 8000s inbound,
 * 9000s outbound.
 */
const owners = [0, 1, 2, 3] as const;
const inboundPort = (place: number, owner: number) => 8000 + 10 * place + owner;
const outboundPort = (owner: number) => 9000 + owner;
const portsOf = (owner: number) =>
  [...places.map((_, place) => inboundPort(place, owner)), outboundPort(owner)]
    .flatMap((port) => [`tcp/${port}`, `udp/${port}`])
    .join(', ');

const inventory = `
apiVersion: segwall/v1
kind: Workload
metadata: { name: h1, labels: { app: host } }
spec: { host: h1, kind: host, addresses: [${own.ipv4}, "${own.ipv6}"] }
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: app, labels: { app: app } }
spec: { host: h1, kind: unit, unit: app.service, addresses: [${own.ipv4}, "${own.ipv6}"] }
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: instance, labels: { app: instance } }
spec: { host: h1, kind: unit, unit: "x@1.service", addresses: [${own.ipv4}, "${own.ipv6}"] }
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: far, labels: { app: far } }
spec: { host: far, kind: external, addresses: [${far.ipv4}, "${far.ipv6}"] }
`;

const segment = (name: string, owner: number, modes: string) => `kind: Segment
metadata: { name: ${name} }
spec:
  selector: app == "${name}"
  ${modes}
  rules:
    - { name: in, from: [{ tenant: app == "far" }], to: [{ workloads: all() }], services: [${portsOf(owner)}, ${portsOf(3)}] }
    - { name: out, from: [{ workloads: all() }], to: [{ tenant: app == "far" }], services: [${portsOf(owner)}, ${portsOf(3)}] }
`;
const both = (mode: string) => `inbound: ${mode}\n  outbound: ${mode}`;
const selective = `${both('selective')}\n  selective: [${portsOf(0)}]`;
const segments = (host: string, app: string, instance: string) =>
  [segment('host', 0, host), segment('app', 1, app), segment('instance', 2, instance)].join('---\n');
const guardrail = (from: string, to: string) => `---
kind: Guardrail
metadata: { name: never }
spec: { mode: enforce, deny: [{ from: [{ workloads: app == "${from}" }], to: [{ workloads: app == "${to}" }], services: [${portsOf(3)}] }] }
`;

interface State {
  readonly name: string;
  readonly policy: string;
  /** The workload that is quarantined; its peers: none. */
  readonly quarantined?: string;
}

const enforced = segments(both('enforce'), both('enforce'), both('enforce'));
const states: readonly State[] = [
  { name: 'all enforced', policy: enforced },
  {
    name: 'units enforced on a host that observes',
    policy: segments(both('observe'), both('enforce'), both('enforce')),
  },
  {
    name: 'units that observe, or are off, on a host that enforces',
    policy: segments(both('enforce'), both('observe'), both('off')),
  },
  { name: 'a selective unit', policy: segments(both('enforce'), selective, both('enforce')) },
  { name: 'units under selective on a selective host', policy: segments(selective, both('enforce'), selective) },
  {
    name: 'one direction only',
    policy: segments('inbound: enforce', 'outbound: enforce\n  inbound: off', 'inbound: enforce\n  outbound: off'),
  },
  { name: 'a guardrail before what a unit may accept', policy: enforced + guardrail('far', 'app') },
  { name: 'a guardrail before what a unit may reach', policy: enforced + guardrail('instance', 'far') },
  { name: 'a unit in quarantine', policy: segments(both('observe'), both('off'), both('enforce')), quarantined: 'app' },
  { name: 'its host in quarantine, the unit not', policy: enforced, quarantined: 'h1' },
];

let lab: Lab;
let h1: LabHost;
let tree: UnitTree;
let directory: string;
let locals: readonly MovableProbe[];
let peer: HostProbe;
let revision = 0;
const log = pino({ level: 'silent' });

function fleetIn({ policy, quarantined }: State): Fleet {
  const fleet = fleetOf(policy, inventory);
  const held = quarantined === undefined ? undefined : fleet.inventory.workloads.get(quarantined);
  if (held === undefined) return fleet;
  const workloads = new Map(fleet.inventory.workloads);
  const nobody = { kind: 'ranges' as const, ranges: [rangeOf(address('192.0.2.1'))], source: '192.0.2.1' };
  workloads.set(held.name, { ...held, quarantine: { name: 'test', peers: [nobody] } });
  return { ...fleet, inventory: { ...fleet.inventory, workloads } };
}

interface Cell {
  readonly place: number;
  readonly direction: Direction;
  readonly transport: Transport;
  readonly family: (typeof families)[number];
  readonly port: number;
}

const cells: readonly Cell[] = places.flatMap((_, place) =>
  (['inbound', 'outbound'] as const).flatMap((direction) =>
    transports.flatMap((transport) =>
      families.flatMap((family) =>
        owners.map((owner) => ({
          place,
          direction,
          transport,
          family,
          port: direction === 'inbound' ? inboundPort(place, owner) : outboundPort(owner),
        })),
      ),
    ),
  ),
);

function verdictOf(fleet: Fleet, at: readonly Place[]): (cell: Cell) => Verdict {
  const oracle = createOracle(fleet);
  return ({ place, direction, transport, family, port }) => {
    const [near, other] = [address(own[family]), address(far[family])];
    const workload = at[place]?.workload ?? 'h1';
    return oracle.judge({
      ...(direction === 'inbound'
        ? { src: other, dst: near, dstWorkload: workload }
        : { src: near, dst: other, srcWorkload: workload }),
      service: { protocol: protocolNumbers[transport], port },
      at: noon,
    });
  };
}

/** "app outbound tcp/9001 ipv6 of system.slice/app.service", of the cells that passed. */
async function passing(at: readonly Place[]): Promise<ReadonlySet<string>> {
  const byPlace = at.map((_, place) => ({
    inbound: cells.filter((cell) => cell.place === place && cell.direction === 'inbound'),
    outbound: cells.filter((cell) => cell.place === place && cell.direction === 'outbound'),
  }));
  const probe = async (from: HostProbe, asked: readonly Cell[], addresses: typeof own | typeof far) => {
    const targets = asked.map(({ transport, family, port }) => ({ transport, port, address: addresses[family] }));
    const outcomes = await from.probe(targets, 500);
    return asked.filter((_, index) => {
      expect(outcomes[index]?.kind, outcomes[index]?.detail).not.toBe('broken');
      return outcomes[index]?.kind === 'allowed';
    });
  };
  const passed = await Promise.all([
    probe(
      peer,
      byPlace.flatMap(({ inbound }) => inbound),
      own,
    ),
    ...byPlace.map(({ outbound }, place) => {
      const local = locals[place];
      if (local === undefined) throw new Error(`nobody probes from place ${place}`);
      return probe(local, outbound, far);
    }),
  ]);
  return new Set(passed.flat().map((cell) => cellText(cell, at)));
}

function cellText({ place, direction, transport, family, port }: Cell, at: readonly Place[]): string {
  return `${at[place]?.workload} ${direction} ${transport}/${port} ${family} of ${at[place]?.at}`;
}

/**
 * Cells whose packets contradict the oracle. Silence is doubted once: a busy machine can be late, and policy answers
 * the same twice.
 */
async function contradictions(fleet: Fleet, at: readonly Place[] = places): Promise<readonly string[]> {
  const verdict = verdictOf(fleet, at);
  const expected = new Map(cells.map((cell) => [cellText(cell, at), verdict(cell).verdict]));
  expect(new Set(expected.values()).size, 'the oracle has both words').toBe(2);
  const compare = (passed: ReadonlySet<string>) =>
    [...expected].flatMap(([text, word]) => {
      const passes = passed.has(text) ? 'passes' : 'is stopped';
      return (word === 'allow') === passed.has(text) ? [] : [`${text} ${passes}, and the oracle says ${word}`];
    });
  const first = compare(await passing(at));
  return first.some((text) => text.includes('is stopped')) ? compare(await passing(at)) : first;
}

type Misplace = (cgroups: OpenCgroups['cgroups']) => OpenCgroups['cgroups'];

function misplacing(watch: UnitWatch, misplace: Misplace): UnitWatch {
  return {
    ...watch,
    open(units) {
      const open = watch.open(units);
      return { ...open, cgroups: misplace(open.cgroups) };
    },
  };
}

async function enforcing<T>(run: (enforcer: TableEnforcer) => Promise<T>, misplace?: Misplace): Promise<T> {
  const watch = createUnitWatch({ root: tree.root, log });
  const enforcer = createEnforcer({
    nft: labNft(h1),
    stateDirectory: openStateDirectory(await mkdtemp(join(directory, 'state-'))),
    essentials: () => [],
    log,
    sweepMarks: async () => ok(0),
    units: misplace === undefined ? watch : misplacing(watch, misplace),
  });
  try {
    await enforcer.start();
    return await run(enforcer);
  } finally {
    watch.close();
    await enforcer.heedPanic();
  }
}

async function apply(enforcer: TableEnforcer, fleet: Fleet): Promise<void> {
  revision += 1;
  const ruleSet = compileFleet({ ...fleet, now: noon }).ruleSetOf('h1', revision);
  if (ruleSet === undefined) throw new Error('h1 has no rule set');
  expect(await enforcer.apply(ruleSet)).toEqual({ kind: 'applied', revision });
}

beforeAll(async () => {
  tree = createUnitTree();
  for (const { at } of places) tree.make(at);
  directory = await mkdtemp(join(tmpdir(), 'segwall-units-'));
  lab = await createLab({ name: 'unit-truth' });
  lab.alsoRemove(directory);
  h1 = await lab.addHost({ name: 'h1', ...own });
  peer = await startProbe(await lab.addHost({ name: 'far', ...far }));
  locals = await Promise.all(places.map(() => startMovableProbe(h1, tree)));
  await Promise.all(
    places.map(async ({ at }, place) => {
      locals[place]?.enter(at);
      const ports = owners.map((owner) => inboundPort(place, owner));
      await locals[place]?.listen(ports.flatMap((port) => transports.map((transport) => ({ transport, port }))));
    }),
  );
  await peer.listen(
    owners.flatMap((owner) => transports.map((transport) => ({ transport, port: outboundPort(owner) }))),
  );
});

afterAll(async () => {
  await lab?.remove();
  await tree?.remove();
});

describe('every place of a host is under the rules of its workload', () => {
  test('in every state, one after the other and back', async () => {
    await enforcing(async (enforcer) => {
      for (const state of [...states, ...states.slice(0, 2)]) {
        const fleet = fleetIn(state);
        await apply(enforcer, fleet);
        expect(await contradictions(fleet), state.name).toEqual([]);
      }
    });
  });

  test('also after a unit went to another slice', async () => {
    const [app, inside, ...others] = places;
    const moved = [
      { ...app, at: 'other.slice/other-deep.slice/app.service' },
      { ...inside, at: 'other.slice/other-deep.slice/app.service/payload' },
      ...others,
    ];
    await enforcing(async (enforcer) => {
      const fleet = fleetIn({ name: 'all enforced', policy: enforced });
      await apply(enforcer, fleet);
      const reopen = async (to: readonly Place[]) => {
        tree.take('system.slice/app.service');
        tree.take('other.slice');
        for (const place of [0, 1]) {
          const ports = owners.map((owner) => inboundPort(place, owner));
          const listeners = ports.flatMap((port) => transports.map((transport) => ({ transport, port })));
          const at = to[place]?.at ?? '';
          tree.make(at);
          locals[place]?.enter(at);
          await locals[place]?.unlisten(listeners);
          await locals[place]?.listen(listeners);
        }
      };
      tree.make('other.slice');
      await reopen(moved);
      await waitFor(async () => (await contradictions(fleet, moved)).length === 0, {
        what: 'the moved unit is found',
        timeoutMs: 15_000,
      });
      tree.make('other.slice');
      await reopen(places);
      await waitFor(async () => (await contradictions(fleet)).length === 0, {
        what: 'the unit is found where it was',
        timeoutMs: 15_000,
      });
    });
  });
});

describe('a wrong placement shows', () => {
  const swapped: Readonly<Record<string, string>> = { 'app.service': 'x@1.service', 'x@1.service': 'app.service' };
  const mutants: readonly (readonly [string, Misplace])[] = [
    ['units that are never placed', () => []],
    ['one unit that is not placed', (cgroups) => cgroups.filter(({ unit }) => unit !== 'x@1.service')],
    ['a look one level too high', (cgroups) => cgroups.map((cgroup) => ({ ...cgroup, level: cgroup.level - 1 }))],
    ['a look one level too deep', (cgroups) => cgroups.map((cgroup) => ({ ...cgroup, level: cgroup.level + 1 }))],
    [
      'two units that are taken for each other',
      (cgroups) => cgroups.map((cgroup) => ({ ...cgroup, unit: swapped[cgroup.unit] ?? '' })),
    ],
    [
      'cgroups placed by the path of another',
      (cgroups) =>
        cgroups.map((cgroup, index) => ({ ...cgroup, path: cgroups[(index + 1) % cgroups.length]?.path ?? '' })),
    ],
  ];
  test.each(mutants)('%s', async (_, misplace) => {
    const fleet = fleetIn({ name: 'all enforced', policy: enforced });
    const shown = await enforcing(async (enforcer) => {
      await apply(enforcer, fleet);
      return contradictions(fleet);
    }, misplace);
    expect(shown.length).toBeGreaterThan(0);
  });
});
