// The chains a packet meets first: the three hooks, and the way to the gate that judges its connection. Established with
// today's epoch: accepted. Loopback: accepted. First packet of a connection: the short way, by its header. Anything else: by
// the connection's tuple, whose client is `ct original saddr` and whose server is `ct reply saddr`, whatever the packet's way.

import { type Family, familyOf } from '#model/address.ts';
import { rangeText } from '#model/address-range.ts';
import type { Direction } from '#model/verdict.ts';
import { type Gate, gateAt, type WorkloadGates } from './gate.ts';
import type { IntervalMap } from './interval-map.ts';
import type { Numbering } from './numbering.ts';
import type { NamedGate, PeerClass } from './peer-classes.ts';
import { type Chain, type ElementMap, matchesEpoch, type UnitEntry, type UnitTargets, unitEntries } from './table.ts';
import { byMarkWords, unitMaps } from './unit-dispatch.ts';

interface HookRequest {
  readonly workloads: readonly WorkloadGates[];
  readonly gates: readonly NamedGate[];
  readonly classChain: (peerClass: PeerClass) => string;
  /** Whether anything at all is denied: then TCP without an entry must begin with SYN, or a revoked connection revives. */
  readonly isStrict: boolean;
  /** Whether some decision denies with an answer. */
  readonly rejects: 'some' | 'none';
  /** Made once for a gate, looked in by both of its ways. */
  readonly intervalMap: (gate: NamedGate, family: Family) => IntervalMap | undefined;
  readonly numbering: () => Numbering;
}

interface HookParts {
  readonly chains: ReadonlyMap<string, Chain>;
  readonly maps: ReadonlyMap<string, ElementMap>;
  readonly dispatch: string;
  readonly units: readonly UnitTargets[];
}

/** Where the far and the near address of a judged connection stand, in the first packet's header and in the tuple. */
const fields = {
  inbound: {
    header: { far: 'saddr', near: 'daddr' },
    tuple: { far: 'ct original', near: 'ct reply' },
  },
  outbound: {
    header: { far: 'daddr', near: 'saddr' },
    tuple: { far: 'ct reply', near: 'ct original' },
  },
} as const;

const word: Readonly<Record<Family, string>> = { ipv4: 'ip', ipv6: 'ip6' };
const suffix: Readonly<Record<Family, string>> = { ipv4: '4', ipv6: '6' };
const short: Readonly<Record<Direction, string>> = { inbound: 'in', outbound: 'out' };
const families = ['ipv4', 'ipv6'] as const;
const directions = ['inbound', 'outbound'] as const;

const notSyn = 'tcp flags & (fin|syn|rst|ack) != syn';
const neighbourDiscovery =
  'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert, mld-listener-query, mld-listener-report, mld2-listener-report } accept';

/** The answer our own reject sends belongs to the connection it denies, and would be denied with it. */
const ownRejections = [
  'ct state related ct direction reply icmp type destination-unreachable icmp code admin-prohibited accept',
  'ct state related ct direction reply icmpv6 type destination-unreachable icmpv6 code admin-prohibited accept',
];

type View = 'header' | 'tuple';

export function hookChains(request: HookRequest): HookParts {
  const { workloads, isStrict } = request;
  const host = workloads.find(({ workload }) => workload.kind === 'host');
  const containers = workloads.filter(({ workload }) => workload.kind === 'container');
  const chains = new Map<string, Chain>();
  chains.set('input', {
    hook: '{ type filter hook input priority 0; policy accept; }',
    lines: localHook('iif', 'inbound'),
  });
  chains.set('output', {
    hook: '{ type filter hook output priority 0; policy accept; }',
    lines: localHook('oif', 'outbound'),
  });
  chains.set('forward', {
    hook: '{ type filter hook forward priority 0; policy accept; }',
    lines: containers.length === 0 ? [] : forwardLines(isStrict),
  });
  const units = workloads
    .filter(({ workload }) => workload.kind === 'unit')
    .map((unit) => unitTargets({ request, unit, chains }));
  const hasUnits = units.length > 0;
  for (const direction of directions) {
    const side = short[direction];
    const strict = isStrict ? [`${notSyn} goto mid`] : [];
    chains.set(`new_${side}`, {
      lines: [
        ...strict,
        ...(hasUnits ? [`jump units_new_${side}`] : []),
        ...entryLines({ request, workload: host, direction, view: 'header', chains }),
      ],
    });
    chains.set(`judge_${side}`, {
      lines: [
        ...(hasUnits ? [`jump units_judge_${side}`, byMarkWords(direction)] : []),
        ...entryLines({ request, workload: host, direction, view: 'tuple', chains }),
      ],
    });
  }
  if (hasUnits) for (const entry of unitEntries) chains.set(entry, { lines: [] });
  chains.set('mid', { lines: ['counter name n_mid drop'] });
  chains.set('odd', {
    lines: isStrict ? [neighbourDiscovery, 'counter name n_odd drop'] : ['counter name n_odd accept'],
  });
  const pods = containers.length === 0 ? new Map<string, ElementMap>() : podMaps({ request, containers, chains });
  const dispatch = JSON.stringify([
    workloads.map(({ workload, choices }) => [
      workload.workload,
      workload.kind,
      workload.unit,
      directions.map((direction) => nearAddresses(choices[direction])),
    ]),
    [...pods].map(([name, { elements }]) => [name, [...elements].sort()]),
  ]);
  const maps = hasUnits ? new Map([...pods, ...unitMaps(units, request.numbering())]) : pods;
  return { chains, maps, dispatch, units };

  /** Reply packets belong to the other direction's connection: an answer we send is part of what came in. */
  function localHook(interfaceField: 'iif' | 'oif', own: Direction): readonly string[] {
    const other = own === 'inbound' ? 'outbound' : 'inbound';
    return [
      `ct state established,related ${matchesEpoch} accept`,
      `${interfaceField} "lo" accept`,
      `ct state new goto new_${short[own]}`,
      ...(own === 'outbound' && request.rejects === 'some' ? ownRejections : []),
      'ct state invalid,untracked goto odd',
      `ct direction reply goto judge_${short[other]}`,
      `goto judge_${short[own]}`,
    ];
  }
}

/** From a workload's entry chain to its gate; a host that no workload stands for is let pass. */
function entryLines(request: {
  readonly request: HookRequest;
  readonly workload: WorkloadGates | undefined;
  readonly direction: Direction;
  readonly view: View;
  readonly chains: Map<string, Chain>;
}): readonly string[] {
  const { workload, direction, view, chains } = request;
  if (workload === undefined) return ['accept'];
  const choice = workload.choices[direction];
  const [only, ...more] = choice.gates;
  if (only !== undefined && more.length === 0) return gateLines(request.request, only, view);
  const chainOf = (gate: Gate): string => {
    const name = `${view === 'header' ? 'new' : 'judge'}_${nameOf(request.request, gate)}`;
    if (!chains.has(name)) chains.set(name, { lines: gateLines(request.request, gate, view) });
    return name;
  };
  const lines: string[] = [];
  for (const gate of choice.gates) {
    for (const family of families) {
      const near = choice.byRange.filter(({ range, gate: of }) => of === gate && range.family === family);
      for (const { range } of near) {
        lines.push(`${nearField(direction, view, family)} ${rangeText(range)} goto ${chainOf(gate)}`);
      }
    }
  }
  if (choice.rest.ipv4 !== choice.rest.ipv6) lines.push(`meta nfproto ipv6 goto ${chainOf(choice.rest.ipv6)}`);
  lines.push(`goto ${chainOf(choice.rest.ipv4)}`);
  return lines;
}

/** A unit's own entry chains: its gate's where it has one, else one that chooses by the unit's own address. */
function unitTargets(parts: {
  readonly request: HookRequest;
  readonly unit: WorkloadGates;
  readonly chains: Map<string, Chain>;
}): UnitTargets {
  const { request, unit, chains } = parts;
  const enter = (direction: Direction, view: View): string => {
    const { gates } = unit.choices[direction];
    const [first] = gates;
    if (first === undefined) throw new Error(`the unit workload ${unit.workload.workload} has no gate`);
    const gateChain = `${view === 'header' ? 'new' : 'judge'}_${nameOf(request, first)}`;
    const name = gates.length === 1 ? gateChain : `${gateChain}_unit`;
    chains.set(name, { lines: entryLines({ request, workload: unit, direction, view, chains }) });
    return name;
  };
  const entryChains: Readonly<Record<UnitEntry, string>> = {
    units_new_in: enter('inbound', 'header'),
    units_new_out: enter('outbound', 'header'),
    units_judge_in: enter('inbound', 'tuple'),
    units_judge_out: enter('outbound', 'tuple'),
  };
  const { workload, unit: name } = unit.workload;
  if (name === undefined) throw new Error(`the unit workload ${workload} names no unit`);
  return { workload, unit: name, chains: entryChains };
}

function gateLines(request: HookRequest, gate: Gate, view: View): readonly string[] {
  const named = request.gates.find((candidate) => candidate.gate === gate);
  if (named === undefined) throw new Error(`no classes were made for a gate of ${gate.workload.workload}`);
  const lines: string[] = [];
  for (const family of families) {
    const far = farField(gate.direction, view, family);
    lines.push(`${far} vmap @${named.name}_${suffix[family]}`);
    const intervals = request.intervalMap(named, family);
    if (intervals !== undefined) lines.push(`${far} vmap @${intervals.name}`);
  }
  lines.push(`goto ${request.classChain(named.classes.rest)}`);
  return lines;
}

/** What is not a container's passes untouched: this host only forwards it. */
function forwardLines(isStrict: boolean): readonly string[] {
  const each = (make: (family: Family, ip: string) => readonly string[]) =>
    families.flatMap((family) => make(family, word[family]));
  return [
    `ct state established,related ${matchesEpoch} accept`,
    ...each((family, ip) => [
      `ct state invalid,untracked ${ip} daddr @pods${suffix[family]} goto odd`,
      `ct state invalid,untracked ${ip} saddr @pods${suffix[family]} goto odd`,
    ]),
    ...(isStrict
      ? each((family, ip) => [
          `ct state new ${notSyn} ct reply ${ip} saddr @pods${suffix[family]} goto mid`,
          `ct state new ${notSyn} ct original ${ip} saddr @pods${suffix[family]} goto mid`,
        ])
      : []),
    ...each((family, ip) => [
      `ct reply ${ip} saddr vmap @pods_in${suffix[family]}`,
      `ct original ${ip} saddr vmap @pods_out${suffix[family]}`,
    ]),
  ];
}

function podMaps(parts: {
  readonly request: HookRequest;
  readonly containers: readonly WorkloadGates[];
  readonly chains: Map<string, Chain>;
}): Map<string, ElementMap> {
  const { request, containers, chains } = parts;
  const maps = new Map<string, ElementMap>();
  for (const family of families) {
    const type = family === 'ipv4' ? 'ipv4_addr' : 'ipv6_addr';
    const own = containers.flatMap(({ workload }) =>
      workload.addresses.filter((address) => familyOf(address) === family),
    );
    maps.set(`pods${suffix[family]}`, {
      declaration: `{ type ${type}; }`,
      kind: 'set',
      update: 'by-element',
      elements: new Map(own.map((address) => [address, ''])),
    });
    for (const direction of directions) {
      const elements = new Map<string, string>();
      for (const { workload, choices } of containers) {
        for (const address of workload.addresses) {
          if (familyOf(address) !== family) continue;
          const gate = gateAt(choices[direction], address);
          const name = `judge_${nameOf(request, gate)}`;
          if (!chains.has(name)) chains.set(name, { lines: gateLines(request, gate, 'tuple') });
          elements.set(address, `goto ${name}`);
        }
      }
      maps.set(`pods_${short[direction]}${suffix[family]}`, {
        declaration: `{ type ${type} : verdict; }`,
        kind: 'map',
        update: 'by-element',
        elements,
      });
    }
  }
  return maps;
}

function nameOf(request: HookRequest, gate: Gate): string {
  const named = request.gates.find((candidate) => candidate.gate === gate);
  if (named === undefined) throw new Error(`a gate of ${gate.workload.workload} has no name`);
  return named.name;
}

function farField(direction: Direction, view: View, family: Family): string {
  const ip = word[family];
  return view === 'header' ? `${ip} ${fields[direction].header.far}` : `${fields[direction].tuple.far} ${ip} saddr`;
}

function nearField(direction: Direction, view: View, family: Family): string {
  const ip = word[family];
  return view === 'header' ? `${ip} ${fields[direction].header.near}` : `${fields[direction].tuple.near} ${ip} saddr`;
}

function nearAddresses(choice: WorkloadGates['choices']['inbound']): unknown {
  const index = (gate: Gate) => choice.gates.indexOf(gate);
  return [
    choice.byRange.map(({ range, gate }) => [range.family, rangeText(range), index(gate)]),
    index(choice.rest.ipv4),
    index(choice.rest.ipv6),
  ];
}
