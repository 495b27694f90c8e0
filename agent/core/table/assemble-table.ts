// The chains, maps and counters of a host whose gates, classes and decisions have their names and numbers.

import { type CutOff, cutOffFromContainers } from '#agent-core/judge/cut-off.ts';
import { type Decision, isCutOff } from '#agent-core/judge/decision.ts';
import type { WorkloadGates } from '#agent-core/judge/gate.ts';
import type { Numbering } from '#agent-core/judge/numbers.ts';
import type { NamedGate, PeerClass } from '#agent-core/judge/peer-classes.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { Family } from '#model/address.ts';
import { classChains, countEndings, type EndingOf } from './class-chain.ts';
import { type DecisionChains, decisionCounter, decisionRules } from './decision-chains.ts';
import { denialChains } from './denial-chains.ts';
import { deniedSets, unrecordedCounter } from './denied-sets.ts';
import type { HostDhcp } from './dhcp-ways.ts';
import { tagParts } from './gate-ways.ts';
import type { GuestNetworks } from './guest-ends.ts';
import { hookChains } from './hook-chains.ts';
import { chooseLayouts } from './map-values.ts';
import { midCounter, oddCounter } from './odd-packets.ts';
import { type Capacities, type ClassTarget, peerMapsOf } from './peer-maps.ts';
import { ending, goto, type Rule } from './rule.ts';
import type { NamedUnits } from './systemd-unit-sets.ts';
import type { Chain, ElementMap, JudgedGate, PeerMap, Table } from './table.ts';

/**
 * What stands in a decision's own chain, at the end of the rules that find it, spares first packets a jump (0.009 of a new connection's
 * cost), and is renewed with every epoch: only where such rules are few.
 */
const mostEndings = 512;

export interface TableParts {
  readonly marks: MarkLayout;
  readonly workloads: readonly WorkloadGates[];
  readonly gates: readonly NamedGate[];
  readonly decisions: ReadonlyMap<number, Decision>;
  readonly classes: ReadonlyMap<string, PeerClass>;
  readonly classNumbers: ReadonlyMap<string, number>;
  /** Of one class always the same object: many elements share it. */
  readonly targetOf: (peerClass: PeerClass) => ClassTarget;
  readonly decisionChains: DecisionChains;
  readonly mostWalks: number;
  readonly layoutsBefore: ReadonlyMap<string, number>;
  readonly before?: Table;
  readonly source: Table['source'];
  readonly namedUnits: NamedUnits;
  readonly guests?: GuestNetworks;
  readonly capacities: Capacities;
  readonly cutOff: CutOff;
  readonly dhcp: HostDhcp;
  readonly numbering: () => Numbering;
}

export function assembleTable(parts: TableParts): Table {
  const { marks, gates, decisions, targetOf } = parts;
  const all = [...decisions.values()];
  const isStrict = all.some(({ action, end }) => action !== 'accept' && !isCutOff(end));
  const peerMaps = peerMapsOfGates(parts);
  const hooks = hookChains({
    marks,
    workloads: parts.workloads,
    gates,
    classChain: (peerClass) => targetOf(peerClass).way.chain,
    isStrict,
    cutOff: all.some(({ end }) => isCutOff(end))
      ? { kind: 'some', fromContainers: cutOffFromContainers(parts.workloads, parts.cutOff) }
      : { kind: 'none' },
    rejects: all.some(({ action }) => action === 'reject') ? 'some' : 'none',
    peerMaps: (gate, family) => peerMaps.get(gate.name)?.[family] ?? [],
    numbering: parts.numbering,
    namedUnits: parts.namedUnits,
    ...(parts.guests === undefined ? {} : { guests: parts.guests }),
  });
  const chains = new Map<string, Chain>(hooks.chains);
  const add = (name: string, rules: readonly Rule[]) => chains.set(name, { rules });
  for (const [name, rules] of denialChains(parts.dhcp.ways)) add(name, rules);
  addDecisions(parts, isStrict, add);
  addClasses(parts, chains, add);
  for (const [name, rules] of parts.decisionChains.ofOwners) add(name, rules);
  const maps = new Map<string, ElementMap>(hooks.maps);
  for (const gate of gates) {
    const { ipv4 = [], ipv6 = [] } = peerMaps.get(gate.name) ?? {};
    const own = [...ipv4, ...ipv6];
    for (const { name, map } of own) maps.set(name, map);
    if (own.every(({ layout }) => layout === 'verdicts')) continue;
    const { sizes, intervals } = gate.classes;
    const classes = new Set([...sizes.keys(), ...intervals.map(({ peerClass }) => peerClass)]);
    const tagged = tagParts({ gate, targets: [...classes].map(targetOf), isStrict });
    chains.set(...tagged.chain);
    maps.set(...tagged.map);
  }
  return {
    marks,
    stamps: 'written',
    chains,
    maps,
    counters: new Set([
      ...[...decisions.keys()].sort((a, b) => a - b).map(decisionCounter),
      midCounter,
      oddCounter,
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
    containers: hooks.containers,
    dispatch: hooks.dispatch,
    decisions,
    numbering: parts.numbering(),
    classes: parts.classes,
  };
}

type AddChain = (name: string, rules: readonly Rule[]) => void;

function peerMapsOfGates(parts: TableParts): ReadonlyMap<string, Readonly<Record<Family, readonly PeerMap[]>>> {
  const { gates, before, targetOf, capacities } = parts;
  const layoutOf = chooseLayouts({
    gates,
    capacities: parts.layoutsBefore,
    mostWalks: parts.mostWalks,
    hostForwards: parts.guests === undefined ? 'nothing' : 'for-guests',
  });
  const peerMaps = new Map<string, Readonly<Record<Family, readonly PeerMap[]>>>();
  for (const gate of gates) {
    const old = before?.peerMaps.get(gate.name);
    const classes = before?.gates.find(({ name }) => name === gate.name)?.classes;
    const of = (family: Family) =>
      peerMapsOf({
        gate,
        family,
        layout: layoutOf(gate, family),
        targetOf,
        capacities,
        ...(old === undefined || classes === undefined ? {} : { before: { classes, maps: old[family] } }),
      });
    peerMaps.set(gate.name, { ipv4: of('ipv4'), ipv6: of('ipv6') });
  }
  return peerMaps;
}

function addDecisions({ workloads, decisions, dhcp }: TableParts, isStrict: boolean, add: AddChain): void {
  const containers = new Set(
    workloads.flatMap(({ workload }) => (workload.kind === 'container' ? [workload.workload] : [])),
  );
  for (const [number, decision] of [...decisions].sort(([a], [b]) => a - b))
    add(`r_${number}`, decisionRules({ number, decision, serving: dhcp.serving, containers, isStrict }));
}

function addClasses(parts: TableParts, chains: ReadonlyMap<string, Chain>, add: AddChain): void {
  const chainOf = (decision: Decision) => parts.decisionChains.nameOf(decision);
  const numbered = [...parts.classNumbers]
    .sort(([, a], [, b]) => a - b)
    .flatMap(([key, number]) => {
      const peerClass = parts.classes.get(key);
      return peerClass === undefined ? [] : [{ number, services: peerClass.services }];
    });
  const endings = numbered.reduce((sum, { services }) => sum + countEndings(services), 0);
  const endingOf: EndingOf = (decision) => {
    const name = chainOf(decision);
    const [first] = endings > mostEndings ? [] : (chains.get(name)?.rules ?? []);
    return first?.match.length === 0 && first.verdict.kind === 'accept'
      ? ending(first.statements, first.verdict)
      : ending([], goto(name));
  };
  for (const { number, services } of numbered) {
    const tupleChain = `t_${number}`;
    const { rules, tupleRules } = classChains({ services, chainOf, endingOf, tupleChain });
    add(`c_${number}`, rules);
    if (tupleRules !== undefined) add(tupleChain, tupleRules);
  }
}
