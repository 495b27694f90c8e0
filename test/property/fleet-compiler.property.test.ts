// The live compiler against one made from the last state. Random sequences of states, each also run reversed, with no policy or
// nobody between, change by change, all at once and everything twice: however a state is reached, it is the same state, and the changes
// given on the way carry each host's rule set there.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { applyRuleSetDelta, isEmptyDelta, type RuleSetDelta } from '#model/rule-set-delta.ts';
import { type Millis, millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { type FleetChange, FleetCompiler } from '#policy/compile/fleet-compiler.ts';
import type { Workload } from '#policy/policy/policy.ts';
import { arbitraryInstant, arbitraryWorld, inventoryOf, multiplied, policyOf, type World } from './arbitraries.ts';

/** What one step does to one thing: it becomes what it is in one of the worlds, or is gone where that world lacks it. */
interface Turn {
  readonly what: 'workload' | 'segment' | 'guardrail' | 'host' | 'time';
  readonly which: number;
  readonly source: number;
  readonly at: Millis;
}

const arbitraryTurn: fc.Arbitrary<Turn> = fc.record({
  what: fc.constantFrom('workload', 'workload', 'segment', 'guardrail', 'host', 'time'),
  which: fc.nat(20),
  source: fc.nat(3),
  at: arbitraryInstant(),
});

function turned(world: World, { what, which, source, at }: Turn, worlds: readonly World[]): World {
  if (what === 'time') return { ...world, now: at };
  const other = worlds[source % worlds.length] ?? world;
  if (what === 'host')
    return { ...world, inventory: inventoryOf(moved([...world.inventory.workloads.values()], which)) };
  const put = <T extends { readonly name: string }>(from: ReadonlyMap<string, T>, own: ReadonlyMap<string, T>) => {
    const names = [...new Set(worlds.flatMap(() => [...own.keys(), ...from.keys()]))].sort();
    const name = names[which % Math.max(1, names.length)] ?? '';
    const taken = from.get(name);
    const kept = [...own.values()].filter((item) => item.name !== name);
    return taken === undefined ? kept : [...kept, taken];
  };
  if (what === 'workload') {
    return { ...world, inventory: inventoryOf(put(other.inventory.workloads, world.inventory.workloads)) };
  }
  const segments = [...world.policy.segments.values()];
  const guardrails = [...world.policy.guardrails.values()];
  const policy =
    what === 'segment'
      ? policyOf({ segments: put(other.policy.segments, world.policy.segments), guardrails })
      : policyOf({ segments, guardrails: put(other.policy.guardrails, world.policy.guardrails) });
  return { ...world, policy };
}

/** One workload turns up under another host, or under none as an external. */
function moved(workloads: readonly Workload[], which: number): readonly Workload[] {
  const {
    host: _before,
    holders: _holders,
    ...rest
  } = workloads[which % Math.max(1, workloads.length)] ?? { host: '', name: '', holders: undefined };
  if (rest.name === '') return workloads;
  const becomes: Workload =
    which % 3 === 0
      ? { ...(rest as Workload), kind: 'external' }
      : { ...(rest as Workload), kind: 'container', host: 'h1' };
  return workloads.map((workload) => (workload.name === becomes.name ? becomes : workload));
}

/** Its containers are behind their hosts' address translation. */
function translated(world: World): World {
  const { workloads } = world.inventory;
  const known = [...workloads.values()].map((workload): Workload => {
    const host = workload.kind === 'container' ? workloads.get(workload.host ?? '') : undefined;
    return host === undefined ? workload : { ...workload, addresses: host.addresses, onHost: workload.addresses };
  });
  return { ...world, inventory: inventoryOf(known) };
}

/** Worlds that follow one another, mostly alike. */
const arbitraryStates: fc.Arbitrary<readonly World[]> = fc
  .record({
    worlds: fc.array(fc.oneof(arbitraryWorld(), arbitraryWorld().map(translated)), { minLength: 2, maxLength: 3 }),
    steps: fc.array(fc.array(arbitraryTurn, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 6 }),
  })
  .map(({ worlds, steps }) => {
    const states: World[] = worlds.slice(0, 1);
    for (const turns of steps) {
      const last = states.at(-1);
      if (last !== undefined) states.push(turns.reduce((world, turn) => turned(world, turn, worlds), last));
    }
    return states;
  });

function changesBetween(before: World, after: World): readonly FleetChange[] {
  const names = new Set([...before.inventory.workloads.keys(), ...after.inventory.workloads.keys()]);
  const workloads = [...names].flatMap((name): readonly FleetChange[] => {
    const workload = after.inventory.workloads.get(name);
    if (workload === undefined) return [{ kind: 'workload-removed', name }];
    return workload === before.inventory.workloads.get(name) ? [] : [{ kind: 'workload-set', workload }];
  });
  if (before.policy === after.policy) return workloads;
  return [...workloads, { kind: 'policy-replaced', policy: after.policy }];
}

const empty: Omit<World, 'now'> = { policy: policyOf({}), inventory: inventoryOf([]) };

/** Each makes of a sequence another one that ends in the same state. */
const expanders: Readonly<Record<string, (states: readonly World[]) => readonly World[]>> = {
  'as they come': (states) => states,
  'there, back, and there again': (states) => [...states, ...states.toReversed(), ...states],
  'with no policy between': (states) => states.flatMap((state) => [{ ...state, policy: empty.policy }, state]),
  'with nobody between': (states) => states.flatMap((state) => [{ ...state, inventory: empty.inventory }, state]),
  'all at once': (states) => [...states.slice(0, 1), ...states.slice(-1)],
  'everything twice': (states) => states.flatMap((state) => [state, structuredCopy(state)]),
};

/** The same state in other objects. */
function structuredCopy({ policy, inventory, now }: World): World {
  return {
    now,
    policy: { ...policy },
    inventory: {
      ...inventory,
      workloads: new Map([...inventory.workloads].map(([name, workload]) => [name, { ...workload }])),
    },
  };
}

/** Follows a compiler through its changes as the agents would. */
class Follower {
  readonly #compiler: FleetCompiler;
  readonly #held = new Map<string, HostRuleSet>();
  #world: World;
  #revision = 1;
  told = 0;

  constructor(world: World) {
    this.#compiler = new FleetCompiler(world);
    this.#world = world;
  }

  /** `asks`: which hosts are asked for, and so followed. */
  follow(next: World, granularity: 'together' | 'one by one', asks: (host: string) => boolean): void {
    for (const host of this.#compiler.hosts) {
      const ruleSet = asks(host) && !this.#held.has(host) ? this.#compiler.ruleSetOf(host, this.#revision) : undefined;
      if (ruleSet !== undefined) this.#held.set(host, ruleSet);
    }
    const changes = changesBetween(this.#world, next);
    if (granularity === 'together') this.#apply(changes, next.now);
    else for (const change of changes) this.#apply([change], next.now);
    if (changes.length === 0) this.#apply([], next.now);
    this.#world = next;
    this.#expectEqualToScratch();
  }

  #apply(changes: readonly FleetChange[], now: Millis): void {
    const told = this.#compiler.apply(changes, now);
    const [baseRevision, revision] = [this.#revision, this.#revision + 1];
    this.#revision = revision;
    this.told += told.size;
    for (const host of told.keys()) expect(this.#held.has(host)).toBe(true);
    const { hosts } = this.#compiler;
    for (const [host, before] of [...this.#held]) {
      const change = told.get(host);
      if (!hosts.has(host)) this.#held.delete(host);
      else if (change === undefined) this.#held.set(host, { ...before, revision });
      else this.#held.set(host, applied(before, { ...change, baseRevision, revision }));
    }
  }

  #expectEqualToScratch(): void {
    const scratch = compileFleet(this.#world);
    expect([...this.#compiler.hosts]).toEqual([...scratch.hosts]);
    expect(this.#compiler.nextChangeAt).toBe(scratch.nextChangeAt);
    for (const [host, held] of this.#held) {
      const expected = scratch.ruleSetOf(host, this.#revision);
      expect(held).toEqual(expected);
      const own = this.#compiler.ruleSetOf(host, this.#revision);
      expect(own).toEqual(expected);
      // toEqual does not compare the order of maps, and a canonical encoding is written in it.
      expect([...(own?.peerSets.keys() ?? [])]).toEqual([...(expected?.peerSets.keys() ?? [])]);
    }
  }
}

function applied(before: HostRuleSet, delta: RuleSetDelta): HostRuleSet {
  expect(isEmptyDelta(delta)).toBe(false);
  return assertOk(applyRuleSetDelta(before, delta));
}

describe.each(Object.entries(expanders))('states %s', (name, expand) => {
  test.each(['together', 'one by one'] as const)(
    'give what compiling from scratch gives, changes taken %s',
    (granularity) => {
      let told = 0;
      fc.assert(
        fc.property(arbitraryStates, fc.constantFrom('all', 'odd'), (states, asked) => {
          const [first, ...others] = expand(states);
          if (first === undefined) return;
          const follower = new Follower(first);
          const asks = (host: string) => asked === 'all' || /[13]$/.test(host);
          for (const state of others) follower.follow(state, granularity, asks);
          told += follower.told;
        }),
        { numRuns: 60 },
      );
      // A host that loses its last workload is forgotten, and not told.
      if (name !== 'with nobody between') expect(told).toBeGreaterThan(30);
    },
  );
});

/** More segments select each workload than are asked one by one, and one that goes leaves others that select alike. */
test.each(['as they come', 'there, back, and there again', 'with no policy between'])(
  'states %s, every segment ten times over, give what compiling from scratch gives',
  (name) => {
    let told = 0;
    fc.assert(
      fc.property(arbitraryStates, fc.nat(), (states, fewer) => {
        const [first, ...others] = (expanders[name]?.(states) ?? []).map((state, at) =>
          multiplied(state, at % 2 === 0 ? 10 : 2 + (fewer % 9)),
        );
        if (first === undefined) return;
        const follower = new Follower(first);
        for (const state of others) follower.follow(state, 'together', () => true);
        told += follower.told;
      }),
      { numRuns: 40 },
    );
    expect(told).toBeGreaterThan(30);
  },
);

/** The moves in which shared sets and a host’s own meet; random sequences come by them about once in three hundred. */
test('a host’s first translated container comes while somebody else leaves its set', () => {
  const checked = checkPolicy({
    files: [
      {
        path: 'policy.yaml',
        text: `apiVersion: segwall/v1
kind: Segment
metadata: { name: all }
spec: { selector: all(), rules: [{ name: any, from: [{ tenant: all() }], to: [any], services: [any] }] }
`,
      },
    ],
    inventoryFiles: [],
    now: millis(0),
    mode: 'offline',
  });
  if (checked.policy === undefined) throw new Error(checked.problems.map(({ message }) => message).join('\n'));
  const host = (name: string, address: string): Workload => ({
    name,
    kind: 'host',
    host: name,
    addresses: [assertOk(parseAddress(address))],
    labels: new Map(),
  });
  const [h1, h2, h3] = [host('h1', '10.0.0.1'), host('h2', '10.0.0.2'), host('h3', '10.0.0.3')];
  const box: Workload = { ...h1, name: 'h1-box', kind: 'container', onHost: [assertOk(parseAddress('172.17.0.2'))] };
  const world = (workloads: readonly Workload[]) => ({
    policy: checked.policy ?? policyOf({}),
    inventory: inventoryOf(workloads),
    now: millis(0),
  });
  for (const granularity of ['together', 'one by one'] as const) {
    const follower = new Follower(world([h1, h2, h3]));
    for (const workloads of [
      [h1, box, h3],
      [h1, h2],
      [box, h3],
      [h1, box, h2, h3],
    ])
      follower.follow(world(workloads), granularity, () => true);
  }
});

test('a sequence of states comes with changes of every kind', () => {
  const kinds = new Set<string>();
  for (const states of fc.sample(arbitraryStates, { numRuns: 60, seed: 1 })) {
    for (const [at, state] of states.entries()) {
      const before = states[at - 1];
      if (before === undefined) continue;
      for (const { kind } of changesBetween(before, state)) kinds.add(kind);
      if (before.now !== state.now) kinds.add('time');
    }
  }
  expect([...kinds].sort()).toEqual(['policy-replaced', 'time', 'workload-removed', 'workload-set']);
});
