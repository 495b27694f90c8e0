// The chains a packet meets first: the three hooks, and the way to the gate that judges its connection. Established with
// today's epoch: accepted. Loopback: accepted. First packet of a connection: the short way, by its header. Anything else: by
// the connection's tuple, whose client is `ct original saddr` and whose server is `ct reply saddr`, whatever the packet's way.
// A container's ends are judged where its packets pass: on the forward path, and at the host's own hooks where the host is the other end.

import type { ContainerCutOff } from '#agent-core/judge/cut-off.ts';
import { type Gate, gateAt, type WorkloadGates } from '#agent-core/judge/gate.ts';
import type { Numbering } from '#agent-core/judge/numbers.ts';
import type { NamedGate, PeerClass } from '#agent-core/judge/peer-classes.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { type Address, type Family, familyOf } from '#model/address.ts';
import { rangeText } from '#model/address-range.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { Direction } from '#model/verdict.ts';
import type { ClassTarget } from './peer-maps.ts';
import { type NamedUnits, unitSetChains, unitSetLines, unitSets } from './systemd-unit-sets.ts';
import {
  type Chain,
  decisionWords,
  type ElementMap,
  epochWords,
  giveEpochWords,
  type PeerMap,
  type UnitEntry,
  type UnitTargets,
  unitEntries,
  unjudgedWords,
} from './table.ts';
import { byMarkWords, unitMaps } from './unit-lookup.ts';

/**
 * What of the forward path is the host's own to answer for. `interfaces`: bridges and interfaces of the host that only guests of it are
 * behind; `inDoubt`: those of them that may lead outside after all, absent for none; `own`: every address that it has.
 */
export interface GuestNetworks {
  readonly interfaces: readonly string[];
  readonly inDoubt?: readonly string[];
  readonly own: readonly Address[];
}

interface HookRequest {
  readonly marks: MarkLayout;
  readonly workloads: readonly WorkloadGates[];
  readonly gates: readonly NamedGate[];
  readonly classChain: (peerClass: PeerClass) => string;
  /** Whether anything at all is denied: then TCP without an entry must begin with SYN, or a revoked connection revives. */
  readonly isStrict: boolean;
  /**
   * Whether anybody is cut off from quarantined peers. That alone makes nothing strict, or one quarantine would change what a whole fleet that
   * only observes does with packets that conntrack knows nothing of; but such packets of those peers are denied.
   */
  readonly cutOff: { readonly kind: 'none' } | { readonly kind: 'some'; readonly fromContainers: ContainerCutOff };
  /** Whether some decision denies with an answer. */
  readonly rejects: 'some' | 'none';
  /** Made once for a gate, looked in by both of its ways. */
  readonly peerMaps: (gate: NamedGate, family: Family) => readonly PeerMap[];
  readonly numbering: () => Numbering;
  /** Units whose cgroups systemd puts into sets of ours. */
  readonly namedUnits: NamedUnits;
  /** Absent where the host forwards nothing. */
  readonly guests?: GuestNetworks;
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
const opposite: Readonly<Record<Direction, Direction>> = { inbound: 'outbound', outbound: 'inbound' };
const directions = ['inbound', 'outbound'] as const;

const notSyn = 'tcp flags & (fin|syn|rst|ack) != syn';
/** TCP that the kernel takes up in its midst: its connection has no entry. */
export const midWords = `ct state new ${notSyn}`;
/**
 * Of such a packet a connected socket may be the end (0), so that only who reads sockets knows whose client it is. Where there is none, or
 * one that listens at every address (1, Linux 6.18), the host's own answer is a reset: the packet is judged by what it addresses and, let in,
 * opens nothing. What listens at one address reads 0 as well, and is silent.
 */
const midInLines = ['socket wildcard 0 goto mid'];
/** What talks of the link stays on it: neighbour discovery with a hop limit that no router has lowered (RFC 4861), MLD with one that none lets past (RFC 2710). */
const neighbourDiscovery = [
  'ip6 hoplimit 255 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } icmpv6 code 0 accept',
  'ip6 hoplimit 1 icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, mld2-listener-report } accept',
];

/**
 * What destination NAT sends to somewhere else keeps the interface that it was first meant for (Linux 6.18), so that a process of the host
 * would reach a container's published port as if over loopback; what it sends to the host itself is loopback, whatever the interface.
 */
const sentOverLoopback = ['oif "lo" ct status ! dnat accept', 'ct status dnat fib daddr type local accept'];

/** An end of a connection without an entry takes nothing up: it is invalid, and counted with what tells that entries are lost. */
const endOfLost = 'tcp flags & (fin|syn|rst) == fin goto mid';

/** What this host tells the ends of connections that it forwards for others and nobody judges: without it, large packets vanish. */
const errorsOfForwarded = (marks: MarkLayout) => [
  `ct state related ${unjudgedWords(marks)} meta l4proto { icmp, icmpv6 } accept`,
];

/**
 * Of what conntrack calls related, only errors are part of a connection that was judged. A connection that a helper expects (FTP's
 * data) is one of its own, though it begins with the mark of the one that announced it.
 */
const acceptEstablished = (marks: MarkLayout) => `ct state established ${epochWords(marks)} accept`;
const acceptErrors = (marks: MarkLayout) =>
  `ct state related meta l4proto { icmp, icmpv6 } ${epochWords(marks)} accept`;

/** The answer our own reject sends belongs to the connection it denies, and would be denied with it. */
const ownRejections = [
  'ct state related ct direction reply icmp type destination-unreachable icmp code admin-prohibited accept',
  'ct state related ct direction reply icmpv6 type destination-unreachable icmpv6 code admin-prohibited accept',
];

type View = 'header' | 'tuple';

/**
 * Every way ends in a decision; only a packet on its way while rules change could find none, where a map's new answer meets old rules.
 * It must not fall through to a base chain's policy.
 */
function nowhereLine(isStrict: boolean): string {
  return `counter name n_odd ${isStrict ? 'drop' : 'accept'}`;
}

export function hookChains(request: HookRequest): HookParts {
  const { workloads, isStrict, marks, cutOff } = request;
  const nowhere = nowhereLine(isStrict);
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
    lines: forwardLines(request, { marks, hasContainers: containers.length > 0, host }),
  });
  const units = workloads
    .filter(({ workload }) => workload.kind === 'unit')
    .map((unit) => unitTargets({ request, unit, chains }));
  const hasUnits = units.length > 0;
  const hasContainers = containers.length > 0;
  for (const direction of directions) {
    const side = short[direction];
    const strict = isStrict ? [`${notSyn} ${direction === 'inbound' ? 'jump mid_in' : 'goto mid'}`] : [];
    chains.set(`new_${side}`, {
      lines: [
        ...strict,
        ...(hasContainers && direction === 'inbound' && (isStrict || cutOff.kind === 'some') ? forgedLines() : []),
        ...(hasContainers ? farContainerLines(direction, 'header') : []),
        ...(hasUnits ? [`jump units_new_${side}`] : []),
        ...entryLines({ request, workload: host, direction, view: 'header', chains }),
      ],
    });
    chains.set(`judge_${side}`, {
      lines: [
        ...(hasContainers ? [...notOursLines(direction), ...farContainerLines(direction, 'tuple')] : []),
        ...(hasUnits ? [`jump units_judge_${side}`, byMarkWords(direction, marks)] : []),
        ...entryLines({ request, workload: host, direction, view: 'tuple', chains }),
      ],
    });
    // ICMP that conntrack knows no connection for is a packet of its own, and judged as one; no socket tells its unit. Where first packets
    // are not told apart either, their chain will do: each further look-up is a walk through the whole map at every validation.
    const stray = hasUnits || hasContainers ? `stray_${side}` : `new_${side}`;
    if (!chains.has(stray))
      chains.set(stray, { lines: entryLines({ request, workload: host, direction, view: 'header', chains }) });
    const judged = cutOff.kind === 'some' ? [...neighbourDiscovery, `goto ${stray}`] : ['goto odd'];
    chains.set(`odd_${side}`, {
      lines: isStrict ? [...neighbourDiscovery, `meta l4proto { icmp, icmpv6 } goto ${stray}`, 'goto odd'] : judged,
    });
  }
  if (hasUnits)
    for (const entry of unitEntries) chains.set(entry, { lines: unitSetLines(units, request.namedUnits, entry) });
  for (const [name, lines] of unitSetChains(units, request.namedUnits)) chains.set(name, { lines });
  if (hasContainers)
    chains.set('forwarded', { lines: [...containerEndLines('outbound'), ...containerEndLines('inbound'), 'accept'] });
  chains.set('mid', { lines: ['counter name n_mid drop'] });
  if (isStrict) chains.set('mid_in', { lines: midInLines });
  chains.set('odd', {
    lines: isStrict ? [...neighbourDiscovery, endOfLost, 'counter name n_odd drop'] : ['counter name n_odd accept'],
  });
  if (request.guests !== undefined && host !== undefined) {
    for (const [name, lines] of hostEndChains(hasContainers, request.guests)) chains.set(name, { lines });
    for (const direction of directions)
      chains.set(`guests_${short[direction]}`, {
        lines: entryLines({ request, workload: host, direction, view: 'tuple', chains }),
      });
  }
  const pods = containers.length === 0 ? new Map<string, ElementMap>() : podMaps({ request, containers, chains });
  // Containers come and go; which of them judges whom is compared address by address (revocation.ts).
  const dispatch = JSON.stringify(
    workloads
      .filter(({ workload }) => workload.kind !== 'container')
      .map(({ workload, choices }) => [
        workload.workload,
        workload.kind,
        workload.unit,
        directions.map((direction) => nearAddresses(choices[direction])),
      ]),
  );
  const sets = new Map([...pods, ...(request.guests === undefined ? [] : guestSets(request.guests))]);
  const maps = hasUnits
    ? new Map([
        ...sets,
        ...unitMaps({ units, numbering: request.numbering(), marks }),
        ...unitSets(units, request.namedUnits),
      ])
    : sets;
  return { chains, maps, dispatch, units };

  /** Reply packets belong to the other direction's connection: an answer we send is part of what came in. */
  function localHook(interfaceField: 'iif' | 'oif', own: Direction): readonly string[] {
    const other = opposite[own];
    return [
      acceptEstablished(marks),
      ...(own === 'inbound' ? [`${interfaceField} "lo" accept`] : sentOverLoopback),
      `ct state new jump new_${short[own]}`,
      `ct state new ${nowhere}`,
      acceptErrors(marks),
      ...(own === 'outbound' ? errorsOfForwarded(marks) : []),
      ...(own === 'outbound' && request.rejects === 'some' ? ownRejections : []),
      `ct state invalid,untracked jump odd_${short[own]}`,
      `ct state invalid,untracked ${nowhere}`,
      `ct direction reply jump judge_${short[other]}`,
      `ct direction original jump judge_${short[own]}`,
      nowhere,
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

/** Where a gate's tags lead to their classes. */
function tagChain({ name }: NamedGate): string {
  return `${name}_class`;
}

/**
 * The chain and the map of a gate whose peer maps answer with tags. A tag is read at once after it was written, so what a packet's sender
 * gave it for a priority is never one; and each that is written is in the map.
 */
export function tagParts(request: {
  readonly gate: NamedGate;
  readonly targets: Iterable<ClassTarget>;
  readonly isStrict: boolean;
}): { readonly chain: readonly [string, Chain]; readonly map: readonly [string, ElementMap] } {
  const { gate, targets, isStrict } = request;
  const map = `${gate.name}_classes`;
  const ordered = [...targets].sort((a, b) => compareCodeUnits(a.tag, b.tag));
  const elements = new Map(ordered.map(({ tag, chain }) => [tag, `goto ${chain}`]));
  return {
    chain: [tagChain(gate), { lines: [`meta priority vmap @${map}`, nowhereLine(isStrict)] }],
    map: [map, { declaration: '{ type classid : verdict; }', kind: 'map', update: 'late-removal', elements }],
  };
}

function gateLines(request: HookRequest, gate: Gate, view: View): readonly string[] {
  const named = request.gates.find((candidate) => candidate.gate === gate);
  if (named === undefined) throw new Error(`no classes were made for a gate of ${gate.workload.workload}`);
  const lines: string[] = [];
  for (const family of families) {
    const far = farField(gate.direction, view, family);
    for (const { name, mask, layout } of request.peerMaps(named, family)) {
      const key = mask === undefined ? far : `${far} and ${mask}`;
      lines.push(
        layout === 'verdicts'
          ? `${key} vmap @${name}`
          : `meta priority set ${key} map @${name} goto ${tagChain(named)}`,
      );
    }
  }
  lines.push(`goto ${request.classChain(named.classes.rest)}`);
  return lines;
}

/**
 * What begins or ends neither at a container nor under the host's own addresses passes untouched: this host only forwards it. Where both
 * ends are ours both are judged: those of containers first, the client's before the server's, each of which names itself in the mark
 * without an epoch and comes back (build-table.ts), then the host's, which stamps; where that is not asked, the last line does.
 */
function forwardLines(
  { isStrict, cutOff, guests }: HookRequest,
  given: { readonly marks: MarkLayout; readonly hasContainers: boolean; readonly host: WorkloadGates | undefined },
): readonly string[] {
  const { marks, hasContainers } = given;
  const answers = guests !== undefined && given.host !== undefined;
  if (!hasContainers && !answers) return [];
  const podLines = (make: () => readonly string[]) => (hasContainers ? make() : []);
  return [
    acceptEstablished(marks),
    acceptErrors(marks),
    ...podLines(() => [
      ...(cutOff.kind === 'some' && !isStrict
        ? eachFamily((ip, digit) => [
            `ct state invalid,untracked ${ip} daddr . ${ip} saddr @${podSetNames.spared(digit)} goto odd`,
            `ct state invalid,untracked ${ip} saddr . ${ip} daddr @${podSetNames.spared(digit)} goto odd`,
            `ct state invalid,untracked ${ip} saddr @${podSetNames.cutOff(digit)} ${ip} daddr @pods${digit} counter name n_odd drop`,
            `ct state invalid,untracked ${ip} daddr @${podSetNames.cutOff(digit)} ${ip} saddr @pods${digit} counter name n_odd drop`,
          ])
        : []),
      ...eachFamily((ip, digit) => [
        `ct state invalid,untracked ${ip} daddr @pods${digit} goto odd`,
        `ct state invalid,untracked ${ip} saddr @pods${digit} goto odd`,
      ]),
    ]),
    ...(answers && isStrict ? oddGuestLines(surelyGuests(guests)) : []),
    ...podLines(() => [
      ...(isStrict
        ? eachFamily((ip, digit) => [
            `ct state new ${notSyn} ct reply ${ip} saddr @pods${digit} goto mid`,
            `ct state new ${notSyn} ct original ${ip} saddr @pods${digit} goto mid`,
          ])
        : []),
      ...(isStrict || cutOff.kind === 'some' ? forgedLines() : []),
      // Only through its own published port does a container reach itself this way.
      ...eachFamily((ip, digit) => [
        `ct status dnat ct original ${ip} saddr . ct reply ${ip} saddr @pods_self${digit} accept`,
      ]),
      ...containerEndLines('outbound'),
      ...containerEndLines('inbound'),
    ]),
    ...(answers ? ['jump host_ends'] : []),
    ...(hasContainers ? [`${decisionWords(marks)} != 0 ${giveEpochWords(marks)} accept`] : []),
  ];
}

/** What conntrack has no connection for, or has lost it, and that would be judged as the host's if it had: between guests it is let be. */
const oddGuestLines = (surely: string): readonly string[] => [
  `ct state invalid,untracked iifname @guests oifname != @${surely} goto odd`,
  `ct state invalid,untracked iifname != @${surely} oifname @guests goto odd`,
  `ct state new ${notSyn} iifname @guests oifname != @${surely} goto mid`,
  `ct state new ${notSyn} iifname != @${surely} oifname @guests goto mid`,
  ...eachFamily((ip, digit) => [`ct state new ${notSyn} ct status dnat ct original ${ip} daddr @own${digit} goto mid`]),
];

/** The set of interfaces that lead to guests for certain: only between two of those is the host talking to itself. */
function surelyGuests({ inDoubt }: GuestNetworks): 'guests' | 'sure_guests' {
  return inDoubt === undefined ? 'guests' : 'sure_guests';
}

/** Which end of a forwarded connection is the host's, by where its packets go and by what destination and source NAT made of it. */
function hostEndChains(
  hasContainers: boolean,
  guests: GuestNetworks,
): readonly (readonly [name: string, lines: readonly string[]])[] {
  const natted = (words: string, address: 'daddr', of: 'original' | 'reply', to: string) =>
    eachFamily((ip, digit) => [`${words} ct ${of} ${ip} ${address} @own${digit} goto ${to}`]);
  return [
    [
      'host_ends',
      [
        // A container's end was judged by its own rules.
        ...(hasContainers
          ? eachFamily((ip, digit) => [
              `ct original ${ip} saddr @pods${digit} ct reply ${ip} saddr @pods${digit} return`,
              `ct reply ${ip} saddr @pods${digit} goto host_end_out`,
              `ct original ${ip} saddr @pods${digit} goto host_end_in`,
            ])
          : []),
        // From the host to itself.
        `iifname @${surelyGuests(guests)} oifname @${surelyGuests(guests)} return`,
        ...(guests.inDoubt === undefined ? [] : outOfGuestsLines),
        'jump host_end_in',
        'goto host_end_out',
      ],
    ],
    [
      'host_end_in',
      [
        'ct direction original oifname @guests goto guests_in',
        'ct direction reply iifname @guests goto guests_in',
        ...natted('ct status dnat', 'daddr', 'original', 'guests_in'),
      ],
    ],
    [
      'host_end_out',
      [
        'ct direction original iifname @guests goto guests_out',
        'ct direction reply oifname @guests goto guests_out',
        // Source NAT comes behind this hook: of whom it is not a guest's, from the first answer on.
        ...natted('ct status snat ct status ! dnat', 'daddr', 'reply', 'guests_out'),
      ],
    ],
  ];
}

/** From a guest to what may be one: it is taken for leaving. The way back is that of what comes in, below. */
const outOfGuestsLines: readonly string[] = [
  'ct direction original iifname @guests oifname != @sure_guests oifname @guests goto guests_out',
  'ct direction reply iifname != @sure_guests iifname @guests oifname @guests goto guests_out',
];

function guestSets({ interfaces, inDoubt, own }: GuestNetworks): ReadonlyMap<string, ElementMap> {
  const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`);
  const set = (type: string, keys: readonly string[]): ElementMap => ({
    declaration: `{ type ${type}; }`,
    kind: 'set',
    update: 'by-element',
    elements: new Map(keys.map((key) => [key, ''])),
  });
  return new Map([
    ['guests', set('ifname', quoted(interfaces))],
    ...(inDoubt === undefined
      ? []
      : [['sure_guests', set('ifname', quoted(interfaces.filter((name) => !inDoubt.includes(name))))] as const]),
    [
      'own4',
      set(
        'ipv4_addr',
        own.filter((address) => familyOf(address) === 'ipv4'),
      ),
    ],
    [
      'own6',
      set(
        'ipv6_addr',
        own.filter((address) => familyOf(address) === 'ipv6'),
      ),
    ],
  ]);
}

/** A container's address is believed only from where the host would send to it; its bridge or, where it has one of its own, its interface. */
function forgedLines(): readonly string[] {
  return eachFamily((ip, digit) => [
    `ct state new ${ip} saddr @pods${digit} fib saddr . iif oif missing counter name n_odd drop`,
  ]);
}

/** To the gate of the connection's client (outbound) or server (inbound), if it is a container; a gate that accepts comes back. */
function containerEndLines(direction: Direction): readonly string[] {
  const { near } = fields[direction].tuple;
  return eachFamily((ip, digit) => [`${near} ${ip} saddr vmap @pods_${short[direction]}${digit}`]);
}

/** At the host's own hooks: the other end is a container of this host, and no other hook will judge it. */
function farContainerLines(direction: Direction, view: View): readonly string[] {
  if (view === 'tuple') return containerEndLines(opposite[direction]);
  const { far } = fields[direction].header;
  return eachFamily((ip, digit) => [`${ip} ${far} vmap @pods_${short[opposite[direction]]}${digit}`]);
}

/**
 * The host's own end is a container: this is an error that the host sends about what it only forwards (hop limit, packet too big), and
 * its own rules must not stamp that connection.
 */
function notOursLines(direction: Direction): readonly string[] {
  const { near } = fields[direction].tuple;
  return eachFamily((ip, digit) => [`${near} ${ip} saddr @pods${digit} goto forwarded`]);
}

function eachFamily(make: (ip: string, digit: string) => readonly string[]): readonly string[] {
  return families.flatMap((family) => make(word[family], suffix[family]));
}

/** By 4 or 6: all containers' addresses, pairs of one container's own, and the address that is judged to its gate's chain. */
export const podSetNames = {
  all: (digit: string) => `pods${digit}`,
  /** Whom containers are cut off from, and which of them not, as pairs (container, far); only where nothing else is denied. */
  cutOff: (digit: string) => `pods_cut_off${digit}`,
  spared: (digit: string) => `pods_spared${digit}`,
  self: (digit: string) => `pods_self${digit}`,
  judged: (side: string, digit: string) => `pods_${side}${digit}`,
} as const;
const judgedBy = 'judge_';

/** The names of the gates that an element of a `judged` map leads to, as one text; equal texts are the same gates. */
export function gateNameIn(verdict: string): string {
  return verdict.replace(/^jump /, '').slice(judgedBy.length);
}

/** Each of them: more than one where several containers have the address. */
export function gateNamesIn(verdict: string): readonly string[] {
  return gateNameIn(verdict).split('_');
}

function podMaps(parts: {
  readonly request: HookRequest;
  readonly containers: readonly WorkloadGates[];
  readonly chains: Map<string, Chain>;
}): Map<string, ElementMap> {
  const { request, containers, chains } = parts;
  const maps = new Map<string, ElementMap>();
  // What shares its host's addresses cannot be told from its host.
  const ofHost = new Set(
    request.workloads.flatMap(({ workload }) => (workload.kind === 'host' ? workload.addresses : [])),
  );
  for (const family of families) {
    const type = family === 'ipv4' ? 'ipv4_addr' : 'ipv6_addr';
    const addressesOf = ({ workload }: WorkloadGates) =>
      workload.addresses.filter((address) => familyOf(address) === family && !ofHost.has(address));
    maps.set(podSetNames.all(suffix[family]), {
      declaration: `{ type ${type}; }`,
      kind: 'set',
      update: 'by-element',
      elements: new Map(containers.flatMap(addressesOf).map((address) => [address, ''])),
    });
    if (request.cutOff.kind === 'some' && !request.isStrict) {
      const { addresses, spared } = request.cutOff.fromContainers;
      const cutOff = addresses.filter((address) => familyOf(address) === family);
      maps.set(podSetNames.spared(suffix[family]), {
        declaration: `{ type ${type} . ${type}; }`,
        kind: 'set',
        update: 'by-element',
        elements: new Map(
          spared.filter(([own]) => familyOf(own) === family).map(([own, far]) => [`${own} . ${far}`, '']),
        ),
      });
      maps.set(podSetNames.cutOff(suffix[family]), {
        declaration: `{ type ${type}; }`,
        kind: 'set',
        update: 'by-element',
        elements: new Map(cutOff.map((address) => [address, ''])),
      });
    }
    const self = containers.map(addressesOf).flatMap((own) => own.flatMap((a) => own.map((b) => `${a} . ${b}`)));
    maps.set(podSetNames.self(suffix[family]), {
      declaration: `{ type ${type} . ${type}; }`,
      kind: 'set',
      update: 'by-element',
      elements: new Map(self.map((pair) => [pair, ''])),
    });
    for (const direction of directions) {
      const judges = new Map<Address, readonly string[]>();
      for (const container of containers) {
        for (const address of addressesOf(container)) {
          const gate = gateAt(container.choices[direction], address);
          const name = nameOf(request, gate);
          const chain = `${judgedBy}${name}`;
          if (!chains.has(chain)) chains.set(chain, { lines: gateLines(request, gate, 'tuple') });
          judges.set(address, [...(judges.get(address) ?? []), name]);
        }
      }
      const elements = new Map([...judges].map(([address, names]) => [address, `jump ${judgeChain(names)}`]));
      maps.set(podSetNames.judged(short[direction], suffix[family]), {
        declaration: `{ type ${type} : verdict; }`,
        kind: 'map',
        update: 'by-element',
        elements,
      });
    }
  }
  return maps;

  /** Of an address that several have, each is asked, and one's denial is enough: nobody gains by claiming what is another's. */
  function judgeChain(names: readonly string[]): string {
    const name = `${judgedBy}${names.join('_')}`;
    if (names.length > 1 && !chains.has(name))
      chains.set(name, { lines: names.map((one) => `jump ${judgedBy}${one}`) });
    return name;
  }
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
