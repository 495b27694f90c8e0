// Random fleets for the property tests: small vocabularies, so that selectors, ranges and services meet often, and packets
// drawn from the edges of what the policy mentions. Policy and Inventory are built directly, as check would have made them.
// Shared by the tests of the compiler, the agent's table and suggestions.

import fc from 'fast-check';
import { type Address, addressFromValue, familyOf, lastValue, parseAddress } from '#model/address.ts';
import { type AddressRange, normaliseRanges, parseCidr, subtractRanges, wholeFamily } from '#model/address-range.ts';
import { sortedByCodeUnits } from '#model/code-unit-order.ts';
import { assertOk } from '#model/result.ts';
import type { Selector } from '#model/selector.ts';
import { protocolNumbers, type Service, type ServiceTerm } from '#model/service.ts';
import { type Millis, millis } from '#model/time.ts';
import type { EnforcementMode } from '#model/verdict.ts';
import { isManaged } from '#policy/claims/managed-workload.ts';
import { createHolders } from '#policy/judge/address-holders.ts';
import type {
  Guardrail,
  GuardrailEntry,
  Inventory,
  Peer,
  Policy,
  Query,
  Rule,
  Segment,
  TimeWindow,
  Weekday,
  Workload,
} from '#policy/policy/policy.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import type { Position } from '#policy/source/position.ts';

/** The Sunday noon (UTC) after Berlin's clocks went back: Monday already in the far east of the vocabulary's zones. */
export const baseTime = millis(Date.UTC(2026, 9, 25, 12, 0, 0));

export interface World {
  readonly policy: Policy;
  readonly inventory: Inventory;
  readonly now: Millis;
}

/** What a world may hold; everything by default. */
export interface WorldOptions {
  /** Hosts and externals are always there. */
  readonly kinds?: readonly ('unit' | 'container')[];
  /** Workloads whose addresses several hosts may hold; `some` by default. */
  readonly virtuals?: 'some' | 'none';
  readonly quarantines?: 'some' | 'none';
  readonly modes?: readonly EnforcementMode[];
  readonly maxHosts?: number;
  readonly maxSegments?: number;
  readonly maxRules?: number;
}

export const position: Position = { file: 'policy.yaml', line: 1, column: 1 };

const vocabulary: Readonly<Record<string, readonly string[]>> = {
  app: ['pay', 'shop'],
  role: ['api', 'db', 'web'],
  env: ['dev', 'prod'],
};
const keys = Object.keys(vocabulary);
const ipLists: Readonly<Record<string, readonly AddressRange[]>> = {
  office: ranges(['10.0.1.0/24', 'fd00:1::/64'], ['10.0.1.2/32']),
  partners: ranges(['192.0.2.0/30', '10.0.2.1/32'], []),
};
const resolutions: ReadonlyMap<string, readonly Address[]> = new Map([
  ['db.example.com', [address('192.0.2.1'), address('2001:db8::1')]],
  ['a.b.example.com', [address('10.0.2.1')]],
  ['example.com', [address('203.0.113.9')]],
]);
const outsiders: readonly Address[] = ['203.0.113.9', '0.0.0.0', '255.255.255.255', '2001:db8::9', '::1:0:0:1'].map(
  address,
);

// ---- workloads

export function arbitraryLabels(): fc.Arbitrary<ReadonlyMap<string, string>> {
  return fc
    .tuple(...keys.map((key) => fc.option(fc.constantFrom(...(vocabulary[key] ?? [])), { freq: 5 })))
    .map(
      (values) => new Map(values.flatMap((value, at) => (value === null ? [] : [[keys[at] ?? '', value] as const]))),
    );
}

function arbitraryHost(number: number, options: WorldOptions): fc.Arbitrary<readonly Workload[]> {
  const kinds = options.kinds ?? ['unit', 'container'];
  const hostAddresses = [`10.0.${number}.1`, `10.0.${number}.2`, `fd00:${number}::1`].map(address);
  return fc
    .record({
      labels: arbitraryLabels(),
      addresses: fc.subarray(hostAddresses, { minLength: 1 }),
      unit: kinds.includes('unit') ? fc.option(arbitraryLabels(), { freq: 2 }) : fc.constant(null),
      container: kinds.includes('container') ? fc.option(arbitraryLabels(), { freq: 2 }) : fc.constant(null),
      quarantine: options.quarantines === 'none' ? fc.constant(null) : arbitraryQuarantine(number),
    })
    .map(({ labels, addresses, unit, container, quarantine }) => {
      const host = `h${number}`;
      const quarantined = (kind: 'host' | 'unit' | 'container'): Partial<Workload> =>
        quarantine !== null && (quarantine.of === kind || quarantine.of === 'all') ? quarantine.word : {};
      const withOs = new Map([...labels, ['fact/os', number % 2 === 0 ? 'debian' : 'alpine']]);
      const workloads: Workload[] = [
        {
          name: host,
          kind: 'host',
          host,
          addresses,
          labels: withOs,
          ...quarantined('host'),
        },
      ];
      if (unit !== null) {
        workloads.push({
          name: `${host}-unit`,
          kind: 'unit',
          host,
          addresses,
          unit: 'app.service',
          labels: unit,
          ...quarantined('unit'),
        });
      }
      if (container !== null) {
        const own = [`10.0.${number}.10`, `fd00:${number}::10`].map(address);
        workloads.push({
          name: `${host}-box`,
          kind: 'container',
          host,
          addresses: own,
          labels: container,
          ...quarantined('container'),
        });
      }
      return workloads;
    });
}

/** Of a host alone, of what is on it alone, or of all together, as a live fleet has it; one host of four, or little else were ever decided. */
function arbitraryQuarantine(number: number) {
  const quarantine = fc.record({
    of: fc.constantFrom('host', 'all', 'all', 'unit', 'container'),
    word: arbitraryPeers('tenant').map((peers) => ({ quarantine: { name: `incident-${number}`, peers } })),
  });
  return fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: quarantine });
}

function arbitraryExternal(number: number): fc.Arbitrary<readonly Workload[]> {
  return arbitraryLabels().map((labels) => [
    { name: `x${number}`, kind: 'external', addresses: [address(`192.0.2.${number}`)], labels },
  ]);
}

/** Addresses beside those of the hosts, in the same ranges, so that rules by range are about both. */
function arbitraryVirtual(number: number): fc.Arbitrary<readonly Workload[]> {
  const addresses = [`10.0.${number}.100`, `10.1.${number}.100`, `fd00:${number}::100`].map(address);
  return fc
    .record({
      labels: arbitraryLabels(),
      addresses: fc.subarray(addresses, { minLength: 1 }),
      holders: arbitrarySelector(),
    })
    .map((own) => [{ name: `v${number}`, kind: 'virtual', ...own }]);
}

export function arbitraryWorkloads(options: WorldOptions = {}): fc.Arbitrary<readonly Workload[]> {
  const hosts = fc.integer({ min: 1, max: options.maxHosts ?? 4 });
  return hosts
    .chain((count) =>
      fc.tuple(
        fc.tuple(...Array.from({ length: count }, (_, at) => arbitraryHost(at + 1, options))),
        fc.option(arbitraryExternal(1), { freq: 2 }),
        ...[1, 2].map((number) =>
          options.virtuals === 'none' ? fc.constant(null) : fc.option(arbitraryVirtual(number), { freq: 1 }),
        ),
      ),
    )
    .map(([managed, ...others]) => [...managed.flat(), ...others.flatMap((other) => other ?? [])]);
}

// ---- policy

export function arbitrarySelector(): fc.Arbitrary<Selector> {
  return fc.letrec<{ selector: Selector }>((tie) => ({
    selector: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { arbitrary: fc.constant<Selector>({ kind: 'all' }), weight: 1 },
      { arbitrary: arbitraryComparison(), weight: 6 },
      { arbitrary: tie('selector').map((term): Selector => ({ kind: 'not', term })), weight: 1 },
      {
        arbitrary: fc
          .record({
            kind: fc.constantFrom('and' as const, 'or' as const),
            terms: fc.array(tie('selector'), { minLength: 2, maxLength: 2 }),
          })
          .map((selector): Selector => selector),
        weight: 2,
      },
    ),
  })).selector;
}

function arbitraryComparison(): fc.Arbitrary<Selector> {
  return fc.constantFrom(...keys, 'missing').chain((key) =>
    fc.oneof(
      fc.constant<Selector>({ kind: 'has', key }),
      fc
        .record({
          kind: fc.constantFrom('in' as const, 'in' as const, 'not-in' as const),
          values: fc
            .subarray([...(vocabulary[key] ?? ['none']), 'other'], { minLength: 1, maxLength: 2 })
            .map((values) => new Set(values)),
        })
        .map(({ kind, values }): Selector => ({ kind, key, values })),
    ),
  );
}

function arbitraryRangesPeer(): fc.Arbitrary<Peer> {
  return fc.oneof(
    fc
      .constantFrom(...Object.keys(ipLists))
      .map((name): Peer => ({ kind: 'ranges', ranges: ipLists[name] ?? [], source: `ipList ${name}` })),
    fc
      .constantFrom(
        ...[
          ['10.0.0.0/8', '10.0.2.0/24'],
          ['10.0.1.1/32', ''],
          ['10.0.0.0/15', ''],
          ['fd00::/16', 'fd00:2::/32'],
          ['0.0.0.0/0', ''],
          ['::/0', '2001:db8::/32'],
          ['203.0.113.0/24', ''],
        ].map(([cidr = '', except = '']) => ({ cidr, except })),
      )
      .map(
        ({ cidr, except }): Peer => ({
          kind: 'ranges',
          ranges: ranges([cidr], except === '' ? [] : [except]),
          source: cidr,
        }),
      ),
  );
}

/** `segmentNames` are those a peer may name; 'tenant' is a guardrail's or quarantine's scope, which names none. */
function arbitraryPeers(
  segmentNames: readonly string[] | 'tenant',
  side: 'from' | 'to' = 'from',
): fc.Arbitrary<readonly Peer[]> {
  const selected = (kind: 'workloads' | 'tenant') =>
    arbitrarySelector().map((selector): Peer => ({ kind, selector, text: selectorText(selector) }));
  const choices: fc.WeightedArbitrary<Peer>[] = [
    { arbitrary: selected('workloads'), weight: 8 },
    { arbitrary: selected('tenant'), weight: 3 },
    { arbitrary: arbitraryRangesPeer(), weight: 4 },
    { arbitrary: fc.constant<Peer>({ kind: 'any' }), weight: 1 },
  ];
  if (segmentNames !== 'tenant') {
    const bySegment = fc
      .record({ segment: fc.constantFrom(...segmentNames), selector: fc.option(arbitrarySelector()) })
      .map(
        ({ segment, selector }): Peer =>
          selector === null
            ? { kind: 'segment', segment, text: '' }
            : { kind: 'segment', segment, selector, text: selectorText(selector) },
      );
    choices.push({ arbitrary: bySegment, weight: 3 });
  }
  if (side === 'to') {
    const fqdn = fc.constantFrom('db.example.com', '*.example.com', 'nowhere.example.com');
    choices.push({ arbitrary: fqdn.map((name): Peer => ({ kind: 'fqdn', name })), weight: 2 });
  }
  return fc.array(fc.oneof(...choices), { minLength: 1, maxLength: 3 });
}

/** A few terms whose ports nest, touch and cross families. */
const terms: readonly ServiceTerm[] = [
  { kind: 'any' },
  { kind: 'ports', protocol: 'tcp', low: 8080, high: 8080 },
  { kind: 'ports', protocol: 'tcp', low: 8000, high: 8100 },
  { kind: 'ports', protocol: 'tcp', low: 22, high: 22 },
  { kind: 'ports', protocol: 'tcp', low: 1, high: 65535 },
  { kind: 'ports', protocol: 'udp', low: 53, high: 53 },
  { kind: 'ports', protocol: 'sctp', low: 8080, high: 8081 },
  { kind: 'icmp', type: 'any' },
  { kind: 'icmp', type: 8 },
  { kind: 'icmpv6', type: 'any' },
  { kind: 'icmpv6', type: 128 },
  { kind: 'protocol', number: 47 },
  { kind: 'protocol', number: 6 },
  { kind: 'protocol', number: 1 },
];

export function arbitraryServices(): fc.Arbitrary<readonly ServiceTerm[]> {
  return fc.array(fc.constantFrom(...terms), { minLength: 1, maxLength: 3 });
}

const allDays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** Within the fortnight around the base time, in which Berlin's clocks go back; on whole minutes and just off them. */
export function arbitraryInstant(): fc.Arbitrary<Millis> {
  return fc
    .record({ minutes: fc.integer({ min: -7 * 1440, max: 7 * 1440 }), ms: fc.constantFrom(-1, 0, 0, 1, 30_000) })
    .map(({ minutes, ms }) => millis(baseTime + minutes * 60_000 + ms));
}

export function arbitraryTimeWindow(): fc.Arbitrary<TimeWindow> {
  return fc.record({
    days: fc.subarray([...allDays], { minLength: 1 }).map((days) => new Set(days)),
    fromMinute: fc.constantFrom(0, 150, 600, 720, 1380),
    toMinute: fc.constantFrom(60, 180, 720, 721, 1440),
    zone: fc.constantFrom('UTC', 'Europe/Berlin', 'Pacific/Auckland', 'Asia/Kolkata'),
  });
}

function arbitraryRule(name: string, segmentNames: readonly string[]): fc.Arbitrary<Rule> {
  return fc
    .record({
      from: arbitraryPeers(segmentNames),
      to: arbitraryPeers(segmentNames, 'to'),
      services: arbitraryServices(),
      expiresAt: fc.option(
        fc.constantFrom(-1, 0, 1).map((delta) => millis(baseTime + delta)),
        { freq: 8 },
      ),
      when: fc.option(arbitraryTimeWindow(), { freq: 6 }),
    })
    .map(({ from, to, services, expiresAt, when }) => ({
      name,
      from,
      to,
      services,
      ...(expiresAt === null ? {} : { expiresAt }),
      ...(when === null ? {} : { when }),
      position,
    }));
}

function arbitrarySegment(name: string, segmentNames: readonly string[], options: WorldOptions): fc.Arbitrary<Segment> {
  const mode = fc.constantFrom(...(options.modes ?? (['off', 'observe', 'selective', 'enforce', 'enforce'] as const)));
  const action = fc.constantFrom('drop' as const, 'reject' as const);
  return fc
    .record({
      selector: arbitrarySelector(),
      inbound: mode,
      outbound: mode,
      selective: arbitraryServices(),
      onDeny: fc.record({ inbound: action, outbound: action }),
      each: fc.oneof(
        { weight: 3, arbitrary: fc.constant([]) },
        { weight: 1, arbitrary: fc.shuffledSubarray([...keys]) },
      ),
      ruleCount: fc.integer({ min: 0, max: options.maxRules ?? 4 }),
    })
    .chain(({ ruleCount, ...segment }) =>
      fc
        .tuple(...Array.from({ length: ruleCount }, (_, at) => arbitraryRule(`r${at + 1}`, segmentNames)))
        .map((rules) => ({ ...segment, name, selectorText: selectorText(segment.selector), rules, position })),
    );
}

function arbitraryGuardrail(name: string): fc.Arbitrary<Guardrail> {
  const entry: fc.Arbitrary<GuardrailEntry> = fc.record({
    from: arbitraryPeers('tenant'),
    to: arbitraryPeers('tenant', 'to'),
    services: arbitraryServices(),
    position: fc.constant(position),
  });
  return fc.record({
    name: fc.constant(name),
    mode: fc.constantFrom('observe' as const, 'enforce' as const),
    deny: fc.array(entry, { minLength: 1, maxLength: 2 }),
    position: fc.constant(position),
  });
}

export function arbitraryPolicy(options: WorldOptions = {}): fc.Arbitrary<Policy> {
  return fc
    .record({
      segmentCount: fc.integer({ min: 0, max: options.maxSegments ?? 3 }),
      guardrailCount: fc.constantFrom(0, 0, 1, 2),
    })
    .chain(({ segmentCount, guardrailCount }) => {
      // Out of order on purpose: "s10" sorts before "s9" in code units.
      const names = Array.from({ length: segmentCount }, (_, at) => `s${9 + at}`);
      return fc.record({
        segments: fc.tuple(...names.map((name) => arbitrarySegment(name, names, options))),
        guardrails: fc.tuple(...Array.from({ length: guardrailCount }, (_, at) => arbitraryGuardrail(`g${at + 1}`))),
      });
    })
    .map(({ segments, guardrails }) => policyOf({ segments, guardrails }));
}

/** A whole policy around some segments and guardrails, its maps in code-unit order as check leaves them. */
export function policyOf(parts: {
  readonly segments?: readonly Segment[];
  readonly guardrails?: readonly Guardrail[];
}): Policy {
  return {
    segments: byName(parts.segments ?? []),
    guardrails: byName(parts.guardrails ?? []),
    services: new Map(),
    ipLists: new Map(Object.entries(ipLists)),
    tests: new Map(),
    workloads: new Map(),
  };
}

export function inventoryOf(workloads: readonly Workload[]): Inventory {
  return { workloads: byName(workloads), resolutions };
}

export function arbitraryWorld(options: WorldOptions = {}): fc.Arbitrary<World> {
  return fc.record({
    policy: arbitraryPolicy(options),
    inventory: arbitraryWorkloads(options).map(inventoryOf),
    now: fc.oneof({ weight: 2, arbitrary: fc.constant(baseTime) }, { weight: 1, arbitrary: arbitraryInstant() }),
  });
}

// ---- packets

/** Every address worth a packet: those held, the edges of ranges the policy names and what lies just outside, outsiders. */
export function interestingAddresses({ policy, inventory }: World): readonly Address[] {
  const found = new Set<Address>(outsiders);
  for (const { addresses } of inventory.workloads.values()) for (const held of addresses) found.add(held);
  for (const peer of peersIn(policy)) {
    if (peer.kind !== 'ranges') continue;
    for (const { family, first, last } of peer.ranges) {
      for (const value of [first - 1n, first, last, last + 1n]) {
        const edge = value < 0n || value > lastValue(family) ? undefined : addressFromValue(family, value);
        // An IPv4-mapped IPv6 address has no spelling here.
        if (edge !== undefined && parseAddress(edge).ok) found.add(edge);
      }
    }
  }
  for (const addresses of inventory.resolutions.values()) for (const resolved of addresses) found.add(resolved);
  return sortedByCodeUnits(found);
}

/** Every service worth a packet: inside, at and just beyond the edges of all terms. Both ICMPs in both families, on purpose. */
export const interestingServices: readonly Service[] = [...terms.flatMap(edgesOf), { protocol: 89 }];

function edgesOf(term: ServiceTerm): readonly Service[] {
  if (term.kind === 'ports') {
    return [term.low - 1, term.low, term.high, term.high + 1]
      .filter((port) => port >= 1 && port <= 65535)
      .map((port) => ({ protocol: protocolNumbers[term.protocol], port }));
  }
  if (term.kind === 'icmp' || term.kind === 'icmpv6') {
    return [{ protocol: protocolNumbers[term.kind], icmpType: term.type === 'any' ? 3 : term.type }];
  }
  return term.kind === 'any' || term.number === 6 || term.number === 1 ? [] : [{ protocol: term.number }];
}

/** What one end of a connection sees: the input of evaluateEnd and of a kernel table. */
export interface Packet {
  readonly workload: string;
  readonly direction: 'inbound' | 'outbound';
  readonly localAddress: Address;
  readonly peerAddress: Address;
  readonly service: Service;
}

/** A packet at some managed workload that does not talk to itself; undefined where no workload has an address of the family. */
export function arbitraryPacket(world: World): fc.Arbitrary<Packet> {
  const managed = [...world.inventory.workloads.values()].filter(isManaged);
  const holders = createHolders(world.inventory.workloads);
  const addresses = interestingAddresses(world);
  return fc
    .record({
      workload: fc.constantFrom(...managed),
      direction: fc.constantFrom('inbound' as const, 'outbound' as const),
      service: fc.constantFrom(...interestingServices),
      localChoice: fc.nat(),
      peerChoice: fc.nat(),
    })
    .map(({ workload, direction, service, localChoice, peerChoice }) => {
      const virtual = holders.virtualOf(workload).flatMap((held) => held.addresses);
      const localAddress = pick([...workload.addresses, ...virtual], localChoice);
      const peers = addresses.filter(
        (peer) => familyOf(peer) === familyOf(localAddress) && !workload.addresses.includes(peer),
      );
      return { workload: workload.name, direction, localAddress, peerAddress: pick(peers, peerChoice), service };
    });
}

/** A connection between any two interesting addresses of one family; sometimes the workloads are named, as for units they must be. */
export function arbitraryQuery(world: World): fc.Arbitrary<Query> {
  const addresses = interestingAddresses(world);
  const holders = createHolders(world.inventory.workloads);
  const held = [...world.inventory.workloads.values()].flatMap((workload) =>
    [...workload.addresses, ...holders.virtualOf(workload).flatMap(({ addresses: own }) => own)].map((own) => ({
      own,
      workload: workload.name,
    })),
  );
  const end = fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(...addresses).map((own) => ({ own, workload: undefined })) },
    { weight: 4, arbitrary: fc.constantFrom(...held) },
  );
  return fc
    .record({ src: end, dst: end, service: fc.constantFrom(...interestingServices) })
    .filter(({ src, dst }) => familyOf(src.own) === familyOf(dst.own))
    .map(({ src, dst, service }) => ({
      src: src.own,
      dst: dst.own,
      service,
      ...(src.workload === undefined ? {} : { srcWorkload: src.workload }),
      ...(dst.workload === undefined ? {} : { dstWorkload: dst.workload }),
      at: world.now,
    }));
}

// ---- the same world in another order

/** The same world with every list whose order means nothing, and every map, in another order. */
export function arbitraryReordering({ policy, inventory, now }: World): fc.Arbitrary<World> {
  return fc.integer().map((seed) => {
    let state = seed;
    // A small linear congruential generator: the order must be arbitrary and repeatable, no more.
    const next = () => {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      return state;
    };
    const shuffled = <T>(items: readonly T[]): T[] =>
      items
        .map((item) => ({ item, key: next() }))
        .sort((a, b) => a.key - b.key)
        .map(({ item }) => item);
    const entries = <T>(map: ReadonlyMap<string, T>, change: (value: T) => T): ReadonlyMap<string, T> =>
      new Map(shuffled([...map]).map(([key, value]) => [key, change(value)]));
    const sides = <T extends Pick<Rule, 'from' | 'to' | 'services'>>(rule: T): T => ({
      ...rule,
      from: shuffled(rule.from),
      to: shuffled(rule.to),
      services: shuffled(rule.services),
    });
    return {
      now,
      policy: {
        ...policy,
        segments: entries(policy.segments, (segment) => ({
          ...segment,
          selective: shuffled(segment.selective),
          rules: shuffled(segment.rules).map(sides),
        })),
        guardrails: entries(policy.guardrails, (guardrail) => ({
          ...guardrail,
          deny: shuffled(guardrail.deny).map(sides),
        })),
      },
      inventory: {
        workloads: entries(inventory.workloads, (workload) => ({
          ...workload,
          addresses: shuffled(workload.addresses),
          labels: new Map(shuffled([...workload.labels])),
        })),
        resolutions: entries(inventory.resolutions, shuffled),
      },
    };
  });
}

// ---- small parts

export function address(text: string): Address {
  return assertOk(parseAddress(text));
}

export function ranges(cidrs: readonly string[], except: readonly string[]): readonly AddressRange[] {
  const parse = (cidr: string) => (cidr === 'ipv4' || cidr === 'ipv6' ? wholeFamily(cidr) : assertOk(parseCidr(cidr)));
  return subtractRanges(normaliseRanges(cidrs.map(parse)), except.map(parse));
}

function* peersIn(policy: Policy): Generator<Peer> {
  for (const { rules } of policy.segments.values()) for (const { from, to } of rules) yield* [...from, ...to];
  for (const { deny } of policy.guardrails.values()) for (const { from, to } of deny) yield* [...from, ...to];
}

function byName<T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  const named = new Map(items.map((item) => [item.name, item]));
  return new Map(
    sortedByCodeUnits(named.keys()).flatMap((name) => {
      const item = named.get(name);
      return item === undefined ? [] : [[name, item] as const];
    }),
  );
}

function pick<T>(items: readonly T[], choice: number): T {
  const item = items[choice % items.length];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/**
 * Every segment so many times over: alike in whom it selects, each with some of the rules, in modes of its own. Those that name a
 * segment mean the first.
 */
export function multiplied<T extends Pick<World, 'policy'>>(world: T, copies: number): T {
  const copyOf = (segment: Segment, copy: number): Segment => ({
    ...segment,
    name: `${segment.name}-${copy}`,
    inbound: copy % 3 === 0 ? 'observe' : segment.inbound,
    rules: segment.rules.filter((_, at) => (at + copy) % 2 === 0),
  });
  const segments = [...world.policy.segments.values()].flatMap((segment) => [
    segment,
    ...Array.from({ length: copies - 1 }, (_, copy) => copyOf(segment, copy)),
  ]);
  return { ...world, policy: policyOf({ segments, guardrails: [...world.policy.guardrails.values()] }) };
}
