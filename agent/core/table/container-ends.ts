// A container's end of a connection: which addresses are containers' and which gates judge them, on the forward path and at the host's own
// hooks where the host is the other end. A gate that accepts comes back, so that the other end is judged too.

import type { ContainerCutOff } from '#agent-core/judge/cut-off.ts';
import { gateAt, type WorkloadGates } from '#agent-core/judge/gate.ts';
import { type Address, familyOf } from '#model/address.ts';
import type { Direction } from '#model/verdict.ts';
import { directions, eachFamily, endKey, families, familyWords, opposite, sideOf, type View } from './families.ts';
import { type Chains, type GateRequest, gateChainName, gateRules, nameOf } from './gate-ways.ts';
import { dropOdd, midMatch, oddIn, oddMatch, toMid } from './odd-packets.ts';
import { accept, goto, inSet, jump, lookUp, member, type Rule, rule, type Target } from './rule.ts';
import type { ContainerAddresses, ElementMap } from './table.ts';

/** By 4 or 6: all containers' addresses, pairs of one container's own, and the address that is judged to its gate's chain. */
const setNames = {
  all: (digit: string) => `pods${digit}`,
  /** Whom containers are cut off from, and which of them not, as pairs (container, remote); only where nothing else is denied. */
  cutOff: (digit: string) => `pods_cut_off${digit}`,
  spared: (digit: string) => `pods_spared${digit}`,
  self: (digit: string) => `pods_self${digit}`,
  judged: (direction: Direction, digit: string) => `pods_${sideOf[direction]}${digit}`,
} as const;

/** A container's address is believed only from where the host would send to it; its bridge or, where it has one of its own, its interface. */
export function forgedRules(): readonly Rule[] {
  return eachFamily(({ ip, digit }) => [
    rule(['ct state new', inSet(`${ip} saddr`, setNames.all(digit)), 'fib saddr . iif oif missing'], dropOdd),
  ]);
}

/** To the gate of the connection's client (outbound) or server (inbound), if it is a container. */
export function containerEndRules(direction: Direction): readonly Rule[] {
  return eachFamily(({ family, digit }) => [
    rule([], lookUp(endKey('local', direction, 'tuple', family), setNames.judged(direction, digit))),
  ]);
}

/** At the host's own hooks: the other end is a container of this host, and no other hook will judge it. */
export function remoteContainerRules(direction: Direction, view: View): readonly Rule[] {
  const theirs = opposite[direction];
  if (view === 'tuple') return containerEndRules(theirs);
  return eachFamily(({ family, digit }) => [
    rule([], lookUp(endKey('remote', direction, 'header', family), setNames.judged(theirs, digit))),
  ]);
}

/**
 * The host's own end is a container: this is an error that the host sends about what it only forwards (hop limit, packet too big), and
 * its own rules must not stamp that connection.
 */
export function notOursRules(direction: Direction): readonly Rule[] {
  return eachFamily(({ family, digit }) => [
    rule([inSet(endKey('local', direction, 'tuple', family), setNames.all(digit))], goto('forwarded')),
  ]);
}

/** The chain `forwarded`. */
export const forwardedRules: readonly Rule[] = [
  ...containerEndRules('outbound'),
  ...containerEndRules('inbound'),
  rule([], accept),
];

/** On the forward path, of packets that no connection tells of. */
export function oddContainerRules(cutsOff: boolean): readonly Rule[] {
  const cutOffFrom = (ip: string, digit: string, remote: 'saddr' | 'daddr', local: 'saddr' | 'daddr') =>
    rule(
      [oddMatch, inSet(`${ip} ${remote}`, setNames.cutOff(digit)), inSet(`${ip} ${local}`, setNames.all(digit))],
      dropOdd,
    );
  return [
    ...(cutsOff
      ? eachFamily(({ ip, digit }) => [
          oddIn(`${ip} daddr . ${ip} saddr`, setNames.spared(digit)),
          oddIn(`${ip} saddr . ${ip} daddr`, setNames.spared(digit)),
          cutOffFrom(ip, digit, 'saddr', 'daddr'),
          cutOffFrom(ip, digit, 'daddr', 'saddr'),
        ])
      : []),
    ...eachFamily(({ ip, digit }) => [
      oddIn(`${ip} daddr`, setNames.all(digit)),
      oddIn(`${ip} saddr`, setNames.all(digit)),
    ]),
  ];
}

export function midContainerRules(): readonly Rule[] {
  return eachFamily(({ ip, digit }) => [
    rule([...midMatch, inSet(`ct reply ${ip} saddr`, setNames.all(digit))], toMid),
    rule([...midMatch, inSet(`ct original ${ip} saddr`, setNames.all(digit))], toMid),
  ]);
}

/** Only through its own published port does a container reach itself this way. */
export function selfRules(): readonly Rule[] {
  return eachFamily(({ ip, digit }) => [
    rule(['ct status dnat', inSet(`ct original ${ip} saddr . ct reply ${ip} saddr`, setNames.self(digit))], accept),
  ]);
}

/** Before the host's own end is looked for: a container's end was judged by its own rules. */
export function hostEndOfContainers(isDone: Rule['verdict']): readonly Rule[] {
  return eachFamily(({ ip, digit }) => {
    const client = inSet(`ct original ${ip} saddr`, setNames.all(digit));
    const server = inSet(`ct reply ${ip} saddr`, setNames.all(digit));
    return [rule([client, server], isDone), rule([server], goto('host_end_out')), rule([client], goto('host_end_in'))];
  });
}

interface ContainerMaps {
  readonly maps: ReadonlyMap<string, ElementMap>;
  readonly containers: ContainerAddresses;
}

/** `cutOff`: where it alone denies anything, whom containers are cut off from. */
export function containerMaps(parts: {
  readonly request: GateRequest;
  readonly workloads: readonly WorkloadGates[];
  readonly cutOff?: ContainerCutOff;
  readonly chains: Chains;
}): ContainerMaps {
  const { request, cutOff, chains } = parts;
  const maps = new Map<string, ElementMap>();
  const containers = parts.workloads.filter(({ workload }) => workload.kind === 'container');
  // What shares its host's addresses cannot be told from its host.
  const ofHost = new Set(
    parts.workloads.flatMap(({ workload }) => (workload.kind === 'host' ? workload.addresses : [])),
  );
  const gates = { inbound: new Map<Address, readonly string[]>(), outbound: new Map<Address, readonly string[]>() };
  const pairs = new Map<string, readonly [Address, Address]>();
  for (const family of families) {
    const { digit, type } = familyWords[family];
    const addressesOf = ({ workload }: WorkloadGates) =>
      workload.addresses.filter((address) => familyOf(address) === family && !ofHost.has(address));
    maps.set(setNames.all(digit), setOf(type, containers.flatMap(addressesOf)));
    if (cutOff !== undefined) {
      const spared = cutOff.spared.filter(([own]) => familyOf(own) === family).map(pairKey);
      maps.set(setNames.spared(digit), setOf(`${type} . ${type}`, spared));
      const remote = cutOff.addresses.filter((address) => familyOf(address) === family);
      maps.set(setNames.cutOff(digit), setOf(type, remote));
    }
    const own = containers
      .map(addressesOf)
      .flatMap((addresses) => addresses.flatMap((a) => addresses.map((b): readonly [Address, Address] => [a, b])));
    for (const pair of own) pairs.set(pairKey(pair), pair);
    maps.set(setNames.self(digit), setOf(`${type} . ${type}`, own.map(pairKey)));
    for (const direction of directions) {
      const judges = new Map<Address, readonly string[]>();
      for (const container of containers) {
        for (const address of addressesOf(container)) {
          const gate = gateAt(container.choices[direction], address);
          const name = nameOf(request, gate);
          const chain = gateChainName('tuple', name);
          if (!chains.has(chain)) chains.set(chain, { rules: gateRules(request, gate, 'tuple') });
          judges.set(address, [...(judges.get(address) ?? []), name]);
        }
      }
      const elements = new Map<string, Target>();
      for (const [address, names] of judges) {
        elements.set(address, jump(judgeChain(names)));
        gates[direction].set(address, names);
      }
      maps.set(setNames.judged(direction, digit), {
        declaration: `{ type ${type} : verdict; }`,
        kind: 'map',
        update: 'by-element',
        elements,
      });
    }
  }
  return { maps, containers: { gates, pairs } };

  /** Of an address that several have, each is asked, and one's denial is enough: nobody gains by claiming what is another's. */
  function judgeChain(names: readonly string[]): string {
    const name = gateChainName('tuple', names.join('_'));
    if (names.length > 1 && !chains.has(name))
      chains.set(name, { rules: names.map((one) => rule([], jump(gateChainName('tuple', one)))) });
    return name;
  }
}

function pairKey([one, other]: readonly [Address, Address]): string {
  return `${one} . ${other}`;
}

/** A set that changes element by element. */
export function setOf(type: string, keys: readonly string[]): ElementMap {
  return {
    declaration: `{ type ${type}; }`,
    kind: 'set',
    update: 'by-element',
    elements: new Map(keys.map((key) => [key, member])),
  };
}
