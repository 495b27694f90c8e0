// The way from a workload to the gate that judges a connection of it, and from there by the remote address to a class of peers.

import { type Gate, gateAt, type WorkloadGates } from '#agent-core/judge/gate.ts';
import type { NamedGate, PeerClass } from '#agent-core/judge/peer-classes.ts';
import type { Address, Family } from '#model/address.ts';
import { rangeText } from '#model/address-range.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { Direction } from '#model/verdict.ts';
import { endKey, families, type View } from './families.ts';
import { tagText } from './map-values.ts';
import { nowhere } from './odd-packets.ts';
import type { ClassTarget } from './peer-maps.ts';
import { accept, ending, goto, lookUp, type Rule, rule } from './rule.ts';
import type { Chain, ElementMap, PeerMap } from './table.ts';

export interface GateRequest {
  readonly gates: readonly NamedGate[];
  readonly classChain: (peerClass: PeerClass) => string;
  /** Made once for a gate, looked in by both of its ways. */
  readonly peerMaps: (gate: NamedGate, family: Family) => readonly PeerMap[];
}

export type Chains = Map<string, Chain>;

/** The chain that enters a gate by this view. */
export function gateChainName(view: View, gate: string): string {
  return `${view === 'header' ? 'new' : 'judge'}_${gate}`;
}

export function nameOf({ gates }: GateRequest, gate: Gate): string {
  return namedGate(gates, gate).name;
}

/** From a workload's entry chain to its gate; a host that no workload stands for is let pass. */
export function entryRules(request: {
  readonly request: GateRequest;
  readonly workload: WorkloadGates | undefined;
  readonly direction: Direction;
  readonly view: View;
  readonly chains: Chains;
}): readonly Rule[] {
  const { workload, direction, view, chains } = request;
  if (workload === undefined) return [rule([], accept)];
  const choice = workload.choices[direction];
  const [only, ...more] = choice.gates;
  if (only !== undefined && more.length === 0) return gateRules(request.request, only, view);
  const wayTo = (gate: Gate) => {
    const name = gateChainName(view, nameOf(request.request, gate));
    if (!chains.has(name)) chains.set(name, { rules: gateRules(request.request, gate, view) });
    return goto(name);
  };
  const rules: Rule[] = [];
  for (const gate of choice.gates) {
    for (const family of families) {
      const local = choice.byRange.filter(({ range, gate: of }) => of === gate && range.family === family);
      for (const { range } of local)
        rules.push(rule([`${endKey('local', direction, view, family)} ${rangeText(range)}`], wayTo(gate)));
    }
  }
  if (choice.rest.ipv4 !== choice.rest.ipv6) rules.push(rule(['meta nfproto ipv6'], wayTo(choice.rest.ipv6)));
  rules.push(rule([], wayTo(choice.rest.ipv4)));
  return rules;
}

/** By the remote address to its class, and of all others to the class of the rest. */
export function gateRules(request: GateRequest, gate: Gate, view: View): readonly Rule[] {
  const named = namedGate(request.gates, gate);
  const rules: Rule[] = [];
  for (const family of families) {
    const remote = endKey('remote', gate.direction, view, family);
    for (const { name, mask, layout } of request.peerMaps(named, family)) {
      const key = mask === undefined ? remote : `${remote} and ${mask}`;
      rules.push(
        layout === 'verdicts'
          ? rule([], lookUp(key, name))
          : rule([], ending([{ kind: 'tag', key, map: name }], goto(tagChain(named)))),
      );
    }
  }
  rules.push(rule([], goto(request.classChain(named.classes.rest))));
  return rules;
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
  const ordered = [...targets]
    .map(({ tag, way }) => [tagText(tag.number), way] as const)
    .sort(([a], [b]) => compareCodeUnits(a, b));
  return {
    chain: [tagChain(gate), { rules: [rule([], lookUp('meta priority', map)), nowhere(isStrict)] }],
    map: [
      map,
      { declaration: '{ type classid : verdict; }', kind: 'map', update: 'late-removal', elements: new Map(ordered) },
    ],
  };
}

/** The gate that judges this address of the workload, by name. */
export function gateNameAt(request: GateRequest, workload: WorkloadGates, direction: Direction, own: Address): string {
  return nameOf(request, gateAt(workload.choices[direction], own));
}

function namedGate(gates: readonly NamedGate[], gate: Gate): NamedGate {
  const named = gates.find((candidate) => candidate.gate === gate);
  if (named === undefined)
    throw new Error(`a gate of ${gate.workload.workload} has no name, and no classes were made for it`);
  return named;
}
