// From a host's rule set to its desired table: pure, and the same for the agent and for whoever wants to read what it would
// load. The shape is the proven one: an established connection with today's epoch passes at the first rule; anything else is
// judged as its connection's first packet would be, once per epoch, and stamped or denied. Here gates, classes and decisions get their
// numbers; assemble-table.ts makes chains and maps of them.

import { createCutOff } from '#agent-core/judge/cut-off.ts';
import { createInterner, type Decision } from '#agent-core/judge/decision.ts';
import { chooseGates, type WorkloadGates } from '#agent-core/judge/gate.ts';
import { Numberer, type Numbering, numberClasses } from '#agent-core/judge/numbers.ts';
import { classifyPeers, type NamedGate, type PeerClass, usedClasses } from '#agent-core/judge/peer-classes.ts';
import { defaultMarks, type MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { Address } from '#model/address.ts';
import { rangeText } from '#model/address-range.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { serviceTermText } from '#model/service.ts';
import { planes, type ServiceMap } from '#model/service-map.ts';
import { assembleTable } from './assemble-table.ts';
import { soleDecision } from './class-chain.ts';
import { countVotes } from './class-votes.ts';
import { createDecisionChains } from './decision-chains.ts';
import { dhcpDecision, dhcpWays } from './dhcp-ways.ts';
import { directions, sideOf } from './families.ts';
import type { GuestNetworks } from './guest-ends.ts';
import { mostWalksDefault } from './map-values.ts';
import { Capacities, type ClassTarget } from './peer-maps.ts';
import { goto } from './rule.ts';
import type { NamedUnits } from './systemd-unit-sets.ts';
import type { Table } from './table.ts';
import { deniesByPolicy, withoutStamps } from './unstamped-table.ts';

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
  for (const direction of directions) {
    let index = 0;
    for (const { choices } of workloads) {
      for (const gate of choices[direction].gates) {
        const name = `${sideOf[direction]}${index}`;
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
  const decisionChains = createDecisionChains({ numberOf, plain });
  const targetOf = (peerClass: PeerClass): ClassTarget => {
    const sole = soleDecision(peerClass.services);
    if (sole !== undefined) return targetAt(decisionChains.nameOf(sole), numberOf(sole) * 2);
    const number = classNumbers.get(peerClass.key) ?? 0;
    return targetAt(`c_${number}`, number * 2 + 1);
  };
  const targets = new Map<PeerClass, ClassTarget>();
  const knownTargetOf = (peerClass: PeerClass): ClassTarget => {
    const known = targets.get(peerClass);
    if (known !== undefined) return known;
    const made = targetOf(peerClass);
    targets.set(peerClass, made);
    return made;
  };
  const host = hostName(request.ruleSet);
  const dhcp = dhcpWays({
    gates,
    users: request.dhcpUsers ?? [0],
    numberFor: (role, direction) => {
      const decision = dhcpDecision({ intern, role, direction, workload: host });
      use(decision);
      return numberOf(decision);
    },
  });
  if (isExhausted) return undefined;
  const capacities = new Capacities(request.numbering.capacities);
  const table = assembleTable({
    marks,
    workloads,
    gates,
    decisions,
    classes,
    classNumbers,
    targetOf: knownTargetOf,
    decisionChains,
    mostWalks: request.mostWalks ?? mostWalksDefault,
    layoutsBefore: request.numbering.capacities,
    ...(before === undefined ? {} : { before }),
    source: {
      ruleSet: request.ruleSet,
      own: JSON.stringify([request.essentials.map(essentialForm), others, request.guests ?? 'forwards nothing']),
    },
    ...(request.guests === undefined ? {} : { guests: request.guests }),
    namedUnits: request.namedUnits ?? new Map(),
    capacities,
    cutOff,
    dhcp,
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

function targetAt(chain: string, tag: number): ClassTarget {
  return { way: goto(chain), tag: { kind: 'tag', number: tag } };
}

function essentialForm({ name, direction, peers, services, owner }: EssentialEntry): unknown {
  const remote = peers.kind === 'any' ? 'any' : peers.ranges.map(rangeText);
  return [name, direction, remote, services.map(serviceTermText), ...(owner === undefined ? [] : [owner])];
}

function hostName(ruleSet: HostRuleSet): string {
  return ruleSet.workloads.find(({ kind }) => kind === 'host')?.workload ?? ruleSet.host;
}
