// The chains a packet meets first: the three hooks, and the way to the gate that judges its connection. Established with
// today's epoch: accepted. Loopback: accepted. First packet of a connection: the short way, by its header. Anything else: by
// the connection's tuple, whose client is `ct original saddr` and whose server is `ct reply saddr`, whatever the packet's way.
// A container's ends are judged where its packets pass: on the forward path, and at the host's own hooks where the host is the other end.

import type { ContainerCutOff } from '#agent-core/judge/cut-off.ts';
import type { Gate, WorkloadGates } from '#agent-core/judge/gate.ts';
import type { Numbering } from '#agent-core/judge/numbers.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { rangeText } from '#model/address-range.ts';
import type { Direction } from '#model/verdict.ts';
import {
  containerMaps,
  forgedRules,
  forwardedRules,
  hostEndOfContainers,
  notOursRules,
  remoteContainerRules,
} from './container-ends.ts';
import { directions, sideOf, type View } from './families.ts';
import { forwardRules } from './forward-hook.ts';
import { type Chains, entryRules, type GateRequest, gateChainName, nameOf } from './gate-ways.ts';
import { type GuestNetworks, guestSets, hostEndChains } from './guest-ends.ts';
import { localHook } from './local-hook.ts';
import { midInRules, midRules, neighbourDiscovery, notSyn, oddRules, toMid, toOdd } from './odd-packets.ts';
import { back, goto, jump, type Rule, rule } from './rule.ts';
import { type NamedUnits, unitSetChains, unitSetRules, unitSets } from './systemd-unit-sets.ts';
import {
  type Chain,
  type ContainerAddresses,
  type ElementMap,
  noContainers,
  type UnitEntry,
  type UnitTargets,
  unitEntries,
} from './table.ts';
import { byMarkRule, unitMaps } from './unit-lookup.ts';

interface HookRequest extends GateRequest {
  readonly marks: MarkLayout;
  readonly workloads: readonly WorkloadGates[];
  /** Whether anything at all is denied: then TCP without an entry must begin with SYN, or a revoked connection revives. */
  readonly isStrict: boolean;
  /**
   * Whether anybody is cut off from quarantined peers. That alone makes nothing strict, or one quarantine would change what a whole fleet that
   * only observes does with packets that conntrack knows nothing of; but such packets of those peers are denied.
   */
  readonly cutOff: { readonly kind: 'none' } | { readonly kind: 'some'; readonly fromContainers: ContainerCutOff };
  /** Whether some decision denies with an answer. */
  readonly rejects: 'some' | 'none';
  readonly numbering: () => Numbering;
  /** Units whose cgroups systemd puts into sets of ours. */
  readonly namedUnits: NamedUnits;
  /** Absent where the host forwards nothing. */
  readonly guests?: GuestNetworks;
}

interface HookParts {
  readonly chains: ReadonlyMap<string, Chain>;
  readonly maps: ReadonlyMap<string, ElementMap>;
  readonly containers: ContainerAddresses;
  readonly dispatch: string;
  readonly units: readonly UnitTargets[];
}

function baseChain(hook: 'input' | 'output' | 'forward', rules: readonly Rule[]): Chain {
  return { hook: `{ type filter hook ${hook} priority 0; policy accept; }`, rules };
}

export function hookChains(request: HookRequest): HookParts {
  const { workloads, isStrict, marks, cutOff } = request;
  const cutsOff = cutOff.kind === 'some';
  const host = workloads.find(({ workload }) => workload.kind === 'host');
  const hasContainers = workloads.some(({ workload }) => workload.kind === 'container');
  const guests = host === undefined ? undefined : request.guests;
  const chains: Chains = new Map();
  chains.set('input', baseChain('input', localHook('inbound', request)));
  chains.set('output', baseChain('output', localHook('outbound', request)));
  const forward = { isStrict, cutsOff, hasContainers, ...(guests === undefined ? {} : { guests }) };
  chains.set('forward', baseChain('forward', forwardRules(forward)));
  const units = workloads
    .filter(({ workload }) => workload.kind === 'unit')
    .map((unit) => unitTargets({ request, unit, chains }));
  const hasUnits = units.length > 0;
  for (const direction of directions) {
    const side = sideOf[direction];
    const toGate = (view: View) => entryRules({ request, workload: host, direction, view, chains });
    chains.set(`new_${side}`, {
      rules: [
        ...(isStrict ? [rule([notSyn], direction === 'inbound' ? jump('mid_in') : toMid)] : []),
        ...(hasContainers && direction === 'inbound' && (isStrict || cutsOff) ? forgedRules() : []),
        ...(hasContainers ? remoteContainerRules(direction, 'header') : []),
        ...(hasUnits ? [rule([], jump(`units_new_${side}`))] : []),
        ...toGate('header'),
      ],
    });
    chains.set(`judge_${side}`, {
      rules: [
        ...(hasContainers ? [...notOursRules(direction), ...remoteContainerRules(direction, 'tuple')] : []),
        ...(hasUnits ? [rule([], jump(`units_judge_${side}`)), byMarkRule(direction)] : []),
        ...toGate('tuple'),
      ],
    });
    // ICMP that conntrack knows no connection for is a packet of its own, and judged as one; no socket tells its unit. Where first packets
    // are not told apart either, their chain will do: each further look-up is a walk through the whole map at every validation.
    const stray = hasUnits || hasContainers ? `stray_${side}` : `new_${side}`;
    if (!chains.has(stray)) chains.set(stray, { rules: toGate('header') });
    const toStray = goto(stray);
    const judged = cutsOff ? [...neighbourDiscovery, rule([], toStray)] : [rule([], toOdd)];
    chains.set(`odd_${side}`, {
      rules: isStrict
        ? [...neighbourDiscovery, rule(['meta l4proto { icmp, icmpv6 }'], toStray), rule([], toOdd)]
        : judged,
    });
  }
  if (hasUnits)
    for (const entry of unitEntries) chains.set(entry, { rules: unitSetRules(units, request.namedUnits, entry) });
  for (const [name, rules] of unitSetChains(units, request.namedUnits)) chains.set(name, { rules });
  if (hasContainers) chains.set('forwarded', { rules: forwardedRules });
  chains.set('mid', { rules: midRules });
  if (isStrict) chains.set('mid_in', { rules: midInRules });
  chains.set('odd', { rules: oddRules(isStrict) });
  if (guests !== undefined) {
    const ofContainers = hasContainers ? hostEndOfContainers(back) : [];
    for (const [name, rules] of hostEndChains(ofContainers, guests)) chains.set(name, { rules });
    for (const direction of directions)
      chains.set(`guests_${sideOf[direction]}`, {
        rules: entryRules({ request, workload: host, direction, view: 'tuple', chains }),
      });
  }
  const { maps: pods, containers } = hasContainers
    ? containerMaps({
        request,
        workloads,
        chains,
        ...(cutOff.kind === 'some' && !isStrict ? { cutOff: cutOff.fromContainers } : {}),
      })
    : { maps: new Map<string, ElementMap>(), containers: noContainers };
  const sets = new Map([...pods, ...(request.guests === undefined ? [] : guestSets(request.guests))]);
  const maps = hasUnits
    ? new Map([
        ...sets,
        ...unitMaps({ units, numbering: request.numbering(), marks }),
        ...unitSets(units, request.namedUnits),
      ])
    : sets;
  return { chains, maps, containers, dispatch: dispatchOf(workloads), units };
}

/** Containers come and go; which of them judges whom is compared address by address (revocation.ts). */
function dispatchOf(workloads: readonly WorkloadGates[]): string {
  return JSON.stringify(
    workloads
      .filter(({ workload }) => workload.kind !== 'container')
      .map(({ workload, choices }) => [
        workload.workload,
        workload.kind,
        workload.unit,
        directions.map((direction) => localAddresses(choices[direction])),
      ]),
  );
}

/** A unit's own entry chains: its gate's where it has one, else one that chooses by the unit's own address. */
function unitTargets(parts: {
  readonly request: HookRequest;
  readonly unit: WorkloadGates;
  readonly chains: Chains;
}): UnitTargets {
  const { request, unit, chains } = parts;
  const enter = (direction: Direction, view: View): string => {
    const { gates } = unit.choices[direction];
    const [first] = gates;
    if (first === undefined) throw new Error(`the unit workload ${unit.workload.workload} has no gate`);
    const gateChain = gateChainName(view, nameOf(request, first));
    const name = gates.length === 1 ? gateChain : `${gateChain}_unit`;
    chains.set(name, { rules: entryRules({ request, workload: unit, direction, view, chains }) });
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

function localAddresses(choice: WorkloadGates['choices']['inbound']): unknown {
  const index = (gate: Gate) => choice.gates.indexOf(gate);
  return [
    choice.byRange.map(({ range, gate }) => [range.family, rangeText(range), index(gate)]),
    index(choice.rest.ipv4),
    index(choice.rest.ipv6),
  ];
}
