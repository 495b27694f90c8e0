// From a host's rule set to its desired table: pure, and the same for the agent and for whoever wants to read what it would
// load. The shape is the proven one: an established connection with today's epoch passes at the first rule; anything else is
// judged as its connection's first packet would be, once per epoch, and stamped or denied.

import { type CutOff, createCutOff, cutOffFromContainers } from '#agent-core/judge/cut-off.ts';
import { createInterner, type Decision, isCutOff } from '#agent-core/judge/decision.ts';
import { chooseGates, type WorkloadGates } from '#agent-core/judge/gate.ts';
import { Numberer, type Numbering, numberClasses } from '#agent-core/judge/numbers.ts';
import {
  classAt,
  classifyPeers,
  type NamedGate,
  type PeerClass,
  type PeerClasses,
} from '#agent-core/judge/peer-classes.ts';
import { defaultMarks, type MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { Address, Family } from '#model/address.ts';
import { rangeText } from '#model/address-range.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { serviceTermText } from '#model/service.ts';
import { planes, type ServiceMap } from '#model/service-map.ts';
import type { DenyAction, Direction } from '#model/verdict.ts';
import { classChains, countEndings, soleDecision } from './class-chain.ts';
import { type DhcpServerPort, type DhcpWays, denialChains, dhcpServerChain, dhcpServerPorts } from './denial-chains.ts';
import { deniedSets, unrecordedCounter } from './denied-sets.ts';
import { type GuestNetworks, hookChains, midWords, tagParts } from './hook-chains.ts';
import { chooseLayouts, mostWalksDefault, tagText } from './map-values.ts';
import { ownerChain } from './owner-chain.ts';
import { Capacities, type ClassTarget, peerMapsOf } from './peer-maps.ts';
import type { NamedUnits } from './systemd-unit-sets.ts';
import {
  type Chain,
  denialWords,
  type ElementMap,
  type JudgedGate,
  nameWords,
  type PeerMap,
  stampWords,
  type Table,
} from './table.ts';
import { deniesByPolicy, withoutStamps } from './unstamped-table.ts';

/**
 * A decision's own line at the end of the lines that find it spares first packets a jump (0.009 of a new connection's cost), and is
 * renewed with every epoch: only where such lines are few.
 */
const mostEndings = 512;

export interface TableRequest {
  readonly ruleSet: HostRuleSet;
  readonly essentials: readonly EssentialEntry[];
  /** The addresses this host has now, also those it does not publish; matter to its containers only. */
  readonly ownAddresses?: readonly Address[];
  /** Absent where this host forwards nothing: its forward path is then left alone. */
  readonly guests?: GuestNetworks;
  readonly numbering: Numbering;
  /** Default: the default mask's. */
  readonly marks?: MarkLayout;
  /** Units whose cgroups systemd puts into sets of ours (systemd-unit-sets.ts). */
  readonly namedUnits?: NamedUnits;
  /** Users whose sockets may be a DHCP client's or server's, sorted. Default: root. */
  readonly dhcpUsers?: readonly number[];
  /** The table now in force, so that classes whose content changed keep their chain. */
  readonly previous?: Table;
  /** Elements of verdict maps that a change may have the kernel walk through (map-values.ts). */
  readonly mostWalks?: number;
  /** Of what its own policy denies nothing: whether it stamps connections all the same. Default: it does. */
  readonly whileObserving?: 'stamp' | 'withhold';
}

/** What a process of the host sends from when a published port is asked for over loopback. */
const loopbackAddresses = ['127.0.0.1' as Address, '::1' as Address];

/** Undefined when this host has used up its decision numbers: build again with a new numbering, and have all marks cleared. */
export function buildTable(request: TableRequest): Table | undefined {
  const { marks = defaultMarks } = request;
  const numberer = new Numberer(request.numbering, marks.decisionsMost);
  // What is equal stays the same object from table to table, so that what did not change need not be made again.
  const before = request.previous?.numbering === request.numbering ? request.previous : undefined;
  const intern = createInterner(before?.decisions.values());
  const known = new Map(before?.classes);
  const decisions = new Map<number, Decision>();
  let isExhausted = false;
  const numberOf = (decision: Decision): number => {
    const number = numberer.decision(decision.key);
    if (number === undefined) isExhausted = true;
    return number ?? 0;
  };
  /** An owner's decision has no number of its own: it is one of two that have. */
  const plain = (decision: Decision): Decision => {
    const { workload, direction, action, end } = decision;
    return decision.only === undefined ? decision : intern({ workload, direction, action, end });
  };
  const use = (decision: Decision): void => {
    if (decision.only !== undefined) use(decision.only.otherwise);
    const own = plain(decision);
    decisions.set(numberOf(own), own);
  };
  const numberText = (decision: Decision): string => {
    if (decision.only === undefined) return String(numberOf(decision));
    const { owner, otherwise } = decision.only;
    return `${numberOf(plain(decision))}@${owner.uid}:${numberOf(otherwise)}`;
  };
  const classOf = (services: ServiceMap<Decision>): PeerClass => {
    const key = planes
      .map((plane) => services[plane].map(({ low, high, value }) => `${low}-${high}=${numberText(value)}`).join(','))
      .join(';');
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = { key, services };
    known.set(key, made);
    return made;
  };

  const workloads = request.ruleSet.workloads.map(
    (workload): WorkloadGates => ({
      workload,
      choices: { inbound: chooseGates(workload, 'inbound'), outbound: chooseGates(workload, 'outbound') },
    }),
  );
  const published = request.ruleSet.workloads.flatMap(({ kind, addresses }) => (kind === 'host' ? addresses : []));
  const hasContainers = request.ruleSet.workloads.some(({ kind }) => kind === 'container');
  const others = hasContainers
    ? [...loopbackAddresses, ...(request.ownAddresses ?? [])].filter((own) => !published.includes(own)).sort()
    : [];
  const cutOff = createCutOff(request.ruleSet);
  const gates: NamedGate[] = [];
  for (const direction of ['inbound', 'outbound'] as const) {
    let index = 0;
    for (const { choices } of workloads) {
      for (const gate of choices[direction].gates) {
        const name = `${direction === 'inbound' ? 'in' : 'out'}${index}`;
        const previous = before?.gates.find((judged) => judged.name === name)?.classes;
        const classified = classifyPeers({
          gate,
          peerSets: request.ruleSet.peerSets,
          essentials: request.essentials,
          cutOff,
          hostAliases: { published, others },
          intern,
          classOf,
          ...(previous === undefined ? {} : { previous }),
        });
        gates.push({ name, gate, classes: classified });
        index += 1;
      }
    }
  }
  const classes = new Map<string, PeerClass>();
  for (const { classes: own } of gates) {
    for (const peerClass of usedClasses(own)) classes.set(peerClass.key, peerClass);
  }
  for (const { services } of classes.values()) {
    for (const plane of planes) for (const { value } of services[plane]) use(value);
  }
  if (isExhausted) return undefined;

  const { classes: classNumbers, nextClass } = numberClasses({
    previous: request.numbering,
    keys: new Set(
      [...classes.values()].filter(({ services }) => soleDecision(services) === undefined).map(({ key }) => key),
    ),
    votes: countVotes(gates, request.previous),
  });
  const ownerChains = new Map<string, Chain>();
  const decisionChain = (decision: Decision): string => {
    const own = numberOf(plain(decision));
    if (decision.only === undefined) return `r_${own}`;
    const others = numberOf(decision.only.otherwise);
    const name = `own_${own}_${others}`;
    ownerChains.set(name, { lines: ownerChain(decision, { own, others, marks }) });
    return name;
  };
  const targetOf = (peerClass: PeerClass): ClassTarget => {
    const sole = soleDecision(peerClass.services);
    if (sole !== undefined) return { chain: decisionChain(sole), tag: tagText(numberOf(sole) * 2) };
    const number = classNumbers.get(peerClass.key) ?? 0;
    return { chain: `c_${number}`, tag: tagText(number * 2 + 1) };
  };
  const workload = hostName(request.ruleSet);
  const dhcpNumber = (role: DhcpRole, direction: Direction): number => {
    const decision = dhcpDecision({ intern, role, direction, workload });
    use(decision);
    return numberOf(decision);
  };
  const serving = dhcpServers(gates);
  const dhcp: DhcpWays = {
    users: request.dhcpUsers ?? [0],
    marks,
    client: { inbound: dhcpNumber('dhcp-client', 'inbound'), outbound: dhcpNumber('dhcp-client', 'outbound') },
    ...(serving.size > 0 && {
      server: {
        number: dhcpNumber('dhcp-server', 'outbound'),
        ports: dhcpServerPorts.filter((port) => [...serving.values()].some((ports) => ports.has(port))),
      },
    }),
  };
  if (isExhausted) return undefined;
  const capacities = new Capacities(request.numbering.capacities);
  const table = assemble({
    marks,
    workloads,
    gates,
    decisions,
    classes,
    classNumbers,
    targetOf,
    decisionChain,
    ownerChains,
    intern,
    mostWalks: request.mostWalks ?? mostWalksDefault,
    layoutsBefore: request.numbering.capacities,
    ...(before === undefined ? {} : { before }),
    source: {
      ruleSet: request.ruleSet,
      own: JSON.stringify([request.essentials.map(essentialForm), others, request.guests ?? 'forwards nothing']),
    },
    ...(request.guests === undefined ? {} : { guests: request.guests }),
    namedUnits: request.namedUnits ?? new Map(),
    host: hostName(request.ruleSet),
    capacities,
    cutOff,
    dhcp,
    serving: new Set(serving.keys()),
    numbering: () => ({
      decisions: numberer.decisions,
      nextDecision: numberer.nextDecision,
      classes: classNumbers,
      nextClass,
      capacities: capacities.chosen,
    }),
  });
  return request.whileObserving === 'withhold' && !deniesByPolicy(table) ? withoutStamps(table) : table;
}

function assemble(parts: {
  readonly marks: MarkLayout;
  readonly workloads: readonly WorkloadGates[];
  readonly gates: readonly NamedGate[];
  readonly decisions: ReadonlyMap<number, Decision>;
  readonly classes: ReadonlyMap<string, PeerClass>;
  readonly classNumbers: ReadonlyMap<string, number>;
  readonly targetOf: (peerClass: PeerClass) => ClassTarget;
  readonly mostWalks: number;
  readonly layoutsBefore: ReadonlyMap<string, number>;
  readonly before?: Table;
  readonly decisionChain: (decision: Decision) => string;
  /** Those that `decisionChain` has named so far. */
  readonly ownerChains: ReadonlyMap<string, Chain>;
  readonly intern: ReturnType<typeof createInterner>;
  readonly source: Table['source'];
  readonly namedUnits: NamedUnits;
  readonly guests?: GuestNetworks;
  readonly host: string;
  readonly capacities: Capacities;
  readonly cutOff: CutOff;
  readonly dhcp: DhcpWays;
  /** Workloads that are granted to hear DHCP clients. */
  readonly serving: ReadonlySet<string>;
  readonly numbering: () => Numbering;
}): Table {
  const { marks, gates, decisions, targetOf, decisionChain } = parts;
  const denies = [...decisions.values()].some(({ action, end }) => action !== 'accept' && !isCutOff(end));
  const cutsOff = [...decisions.values()].some(({ end }) => isCutOff(end));
  const layoutOf = chooseLayouts({
    gates,
    capacities: parts.layoutsBefore,
    mostWalks: parts.mostWalks,
    hostForwards: parts.guests === undefined ? 'nothing' : 'for-guests',
  });
  const peerMaps = new Map<string, Readonly<Record<Family, readonly PeerMap[]>>>();
  for (const gate of gates) {
    const { before } = parts;
    const [old, classes] = [
      before?.peerMaps.get(gate.name),
      before?.gates.find(({ name }) => name === gate.name)?.classes,
    ];
    const of = (family: Family) =>
      peerMapsOf({
        gate,
        family,
        layout: layoutOf(gate, family),
        targetOf,
        capacities: parts.capacities,
        ...(old === undefined || classes === undefined ? {} : { before: { classes, maps: old[family] } }),
      });
    peerMaps.set(gate.name, { ipv4: of('ipv4'), ipv6: of('ipv6') });
  }
  const hooks = hookChains({
    marks,
    workloads: parts.workloads,
    gates,
    classChain: (peerClass) => targetOf(peerClass).chain,
    isStrict: denies,
    cutOff: cutsOff
      ? { kind: 'some', fromContainers: cutOffFromContainers(parts.workloads, parts.cutOff) }
      : { kind: 'none' },
    rejects: [...decisions.values()].some(({ action }) => action === 'reject') ? 'some' : 'none',
    peerMaps: (gate, family) => peerMaps.get(gate.name)?.[family] ?? [],
    numbering: parts.numbering,
    namedUnits: parts.namedUnits,
    ...(parts.guests === undefined ? {} : { guests: parts.guests }),
  });
  const chains = new Map<string, Chain>(hooks.chains);
  for (const [name, lines] of denialChains(parts.dhcp)) chains.set(name, { lines });
  const containers = new Set(
    parts.workloads.flatMap(({ workload }) => (workload.kind === 'container' ? [workload.workload] : [])),
  );
  // Whose client it was is not known of it: it is neither counted as a connection that it may be no packet of, nor answered.
  const silent = denies ? [`${midWords} goto mid`] : [];
  for (const [number, decision] of [...decisions].sort(([a], [b]) => a - b)) {
    const lines = containers.has(decision.workload)
      ? containerDecisionLines({ marks, number, decision, silent })
      : decisionLines({ marks, number, decision, serving: parts.serving, silent });
    chains.set(`r_${number}`, { lines });
  }
  const numbered = [...parts.classNumbers]
    .sort(([, a], [, b]) => a - b)
    .flatMap(([key, number]) => {
      const peerClass = parts.classes.get(key);
      return peerClass === undefined ? [] : [{ number, services: peerClass.services }];
    });
  const endings = numbered.reduce((sum, { services }) => sum + countEndings(services), 0);
  const endingOf = (decision: Decision): string => {
    const goto = `goto ${decisionChain(decision)}`;
    if (endings > mostEndings) return goto;
    const [line = ''] = chains.get(decisionChain(decision))?.lines ?? [];
    return line.endsWith(' accept') ? line : goto;
  };
  for (const { number, services } of numbered) {
    const tupleChain = `t_${number}`;
    const { lines, tupleLines } = classChains({ services, chainOf: decisionChain, endingOf, tupleChain });
    chains.set(`c_${number}`, { lines });
    if (tupleLines !== undefined) chains.set(tupleChain, { lines: tupleLines });
  }
  for (const [name, chain] of parts.ownerChains) chains.set(name, chain);
  const maps = new Map<string, ElementMap>(hooks.maps);
  for (const gate of gates) {
    const { ipv4 = [], ipv6 = [] } = peerMaps.get(gate.name) ?? {};
    const own = [...ipv4, ...ipv6];
    for (const { name, map } of own) maps.set(name, map);
    if (own.every(({ layout }) => layout === 'verdicts')) continue;
    const { sizes, intervals } = gate.classes;
    const classes = new Set([...sizes.keys(), ...intervals.map(({ peerClass }) => peerClass)]);
    const tagged = tagParts({ gate, targets: [...classes].map(targetOf), isStrict: denies });
    chains.set(...tagged.chain);
    maps.set(...tagged.map);
  }
  return {
    marks,
    stamps: 'written',
    chains,
    maps,
    counters: new Set([
      ...[...decisions.keys()].sort((a, b) => a - b).map((number) => `n_${number}`),
      'n_mid',
      'n_odd',
      unrecordedCounter.inbound,
      unrecordedCounter.outbound,
    ]),
    deniedSets,
    gates: gates.map(
      ({ name, gate: { workload, direction }, classes }): JudgedGate => ({
        name,
        workload: workload.workload,
        kind: workload.kind,
        direction,
        classes,
      }),
    ),
    units: hooks.units,
    peerMaps,
    source: parts.source,
    dispatch: hooks.dispatch,
    decisions,
    numbering: parts.numbering(),
    classes: parts.classes,
  };
}

/** A decision's own chain: it stamps or denies, counts, and ends. Named counters outlive a refill, inline ones would not. */
function decisionLines(given: {
  readonly marks: MarkLayout;
  readonly number: number;
  readonly decision: Decision;
  readonly serving: ReadonlySet<string>;
  readonly silent: readonly string[];
}): readonly string[] {
  const { marks, number, serving } = given;
  const { workload, action, direction, end } = given.decision;
  const side = direction === 'inbound' ? 'in' : 'out';
  // DHCP is essential in every layer, but only its ports tell it: it is looked at where it would not simply pass. From whom this host is cut off,
  // or is itself to be kept, it gives or takes no lease: a quarantined host may ask for its own.
  const client = end.verdict === 'allow' || isCutOff(end) ? [] : [`jump essential_${side}`];
  const isServer = client.length > 0 && direction === 'outbound' && end.reason !== 'quarantine';
  const essential = isServer && serving.has(workload) ? [...client, `jump ${dhcpServerChain}`] : client;
  // A packet without a connection cannot be stamped, and its line ends at that: it is let pass as what it is, a packet.
  const pass = `counter name n_${number} accept`;
  if (action === 'accept') return [...essential, `${stampWords(marks, number)} ${pass}`, pass];
  // What the host itself sends in the midst was dropped before anything judged it.
  const silent = direction === 'inbound' ? given.silent : [];
  return [...essential, ...silent, ...denialLines(marks, number, { action, side })];
}

function denialLines(
  marks: MarkLayout,
  number: number,
  { action, side }: { readonly action: DenyAction; readonly side: 'in' | 'out' },
): readonly string[] {
  const verdict = action === 'drop' ? 'drop' : 'reject with icmpx type admin-prohibited';
  // A packet without a connection has no mark, and its rule ends at that: it is counted all the same.
  return [denialWords(marks, number), `jump count_${side}`, `counter name n_${number} ${verdict}`];
}

/**
 * A container's other end may be of this host too, so its decision denies or comes back to the hook. On the forward path, the only
 * hook with both interfaces, it leaves its name, the server's over the client's, and the hook's last line stamps; at the host's own
 * hooks the mark is the host's.
 */
function containerDecisionLines(given: {
  readonly marks: MarkLayout;
  readonly number: number;
  readonly decision: Decision;
  readonly silent: readonly string[];
}): readonly string[] {
  const { marks, number } = given;
  const { action, direction } = given.decision;
  const side = direction === 'inbound' ? 'in' : 'out';
  if (action !== 'accept') return [...given.silent, ...denialLines(marks, number, { action, side })];
  return [`counter name n_${number}`, `iif != 0 oif != 0 ${nameWords(marks, number)}`];
}

function essentialForm({ name, direction, peers, services, owner }: EssentialEntry): unknown {
  const far = peers.kind === 'any' ? 'any' : peers.ranges.map(rangeText);
  return [name, direction, far, services.map(serviceTermText), ...(owner === undefined ? [] : [owner])];
}

function hostName(ruleSet: HostRuleSet): string {
  return ruleSet.workloads.find(({ kind }) => kind === 'host')?.workload ?? ruleSet.host;
}

type DhcpRole = 'dhcp-client' | 'dhcp-server';

function dhcpDecision(request: {
  readonly intern: ReturnType<typeof createInterner>;
  readonly role: DhcpRole;
  readonly direction: Direction;
  readonly workload: string;
}): Decision {
  const { role, direction, workload } = request;
  return request.intern({
    workload,
    direction,
    action: 'accept',
    end: { verdict: 'allow', reason: 'essential', essential: role, workload },
  });
}

/** The host and its units that some rule lets hear DHCP clients, and at which ports: whom they may hear they may answer. */
function dhcpServers(gates: readonly NamedGate[]): ReadonlyMap<string, ReadonlySet<DhcpServerPort>> {
  const serving = new Map<string, Set<DhcpServerPort>>();
  for (const { gate, classes } of gates) {
    const { workload, kind } = gate.workload;
    if (gate.direction !== 'inbound' || kind === 'container') continue;
    for (const { services } of usedClasses(classes)) {
      for (const port of dhcpServerPorts) {
        const end = services.udp.find(({ low, high }) => low <= port && port <= high)?.value.end;
        if (end?.verdict !== 'allow' || end.reason === 'off') continue;
        serving.set(workload, (serving.get(workload) ?? new Set()).add(port));
      }
    }
  }
  return serving;
}

/** Each once or more often. */
function* usedClasses({ rest, sizes, intervals }: PeerClasses): Generator<PeerClass> {
  yield rest;
  yield* sizes.keys();
  for (const { peerClass } of intervals) yield peerClass;
}

/** Each exact address, interval and rest votes for the class number it had before. */
function countVotes(
  gates: readonly NamedGate[],
  previous: Table | undefined,
): ReadonlyMap<string, ReadonlyMap<number, number>> {
  const votes = new Map<string, Map<number, number>>();
  if (previous === undefined) return votes;
  const vote = (key: string, oldKey: string, weight: number) => {
    const number = previous.numbering.classes.get(oldKey);
    if (number === undefined) return;
    const counts = votes.get(key) ?? new Map<number, number>();
    counts.set(number, (counts.get(number) ?? 0) + weight);
    votes.set(key, counts);
  };
  for (const { name, classes } of gates) {
    const before = previous.gates.find((gate) => gate.name === name)?.classes;
    if (before === undefined) continue;
    vote(classes.rest.key, before.rest.key, 1);
    // Only new classes are voted for, and those have members among what changed.
    const { since } = classes;
    const voters = since?.from.deref() === before ? since.addresses : classes.exact.keys();
    for (const address of voters) {
      const peerClass = classes.exact.get(address);
      if (peerClass !== undefined) vote(peerClass.key, classAtExact(before, address).key, 1);
    }
    for (const { range, peerClass } of classes.intervals) {
      const same = before.intervals.find(
        (interval) => interval.range.family === range.family && interval.range.first === range.first,
      );
      if (same !== undefined) vote(peerClass.key, same.peerClass.key, 1);
    }
  }
  return votes;
}

function classAtExact(classes: PeerClasses, address: Address): PeerClass {
  return classes.exact.get(address) ?? (classes.intervals.length === 0 ? classes.rest : classAt(classes, address));
}
