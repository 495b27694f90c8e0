// From what ends saw to who talked to whom: flows as client, server and service, with both ends' sightings of one pair put
// together, and every flow that no rule may or need be made of set aside with the reason.

import { type Address, familyOf, isGroup } from '#model/address.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import { addCounts } from '#model/counts.ts';
import { evaluateEnd } from '#model/evaluate.ts';
import { type Selector, selectorMatches } from '#model/selector.ts';
import { type ServiceTerm, serviceTermText } from '#model/service.ts';
import { type Millis, millis } from '#model/time.ts';
import type { Direction, End } from '#model/verdict.ts';
import { type CompiledFleet, compileFleet } from '#policy/compile/compile.ts';
import type { Inventory, Policy, Workload } from '#policy/policy/policy.ts';
import type { LabelIndex, WorkloadNumber } from '#policy/select/label-index.ts';
import { type FlowEvidence, FlowSightings, joinedEvidence } from './flow-evidence.ts';
import { type ObservedFlow, serviceOfFlow, termOfFlow } from './observed-flow.ts';

/** A known workload, or an address that nobody known holds: an outsider's, or a group's. */
export type Entity = WorkloadNumber | Address;

export interface Evidence {
  readonly connections: number;
  readonly firstSeenAt: Millis;
  readonly lastSeenAt: Millis;
}

export interface Pair extends Evidence, FlowEvidence {
  readonly client: Entity;
  readonly server: Entity;
  readonly term: ServiceTerm;
  /** Ports that the client asked for, where the server's host made another of them; in order. */
  readonly askedPorts: readonly number[];
  /** Where the server is a group: who told of having received it there. */
  readonly listeners: ReadonlySet<WorkloadNumber>;
}

/** Why no rule is proposed for a flow. */
export type LeftReason = 'outside' | 'excluded' | 'denied' | 'guardrail' | 'quarantine' | 'inexpressible';

export interface LeftFlow {
  readonly flow: ObservedFlow;
  readonly why: LeftReason;
}

export interface ObservedPairs {
  readonly pairs: readonly Pair[];
  readonly left: readonly LeftFlow[];
  /** Flows that the policy allows already, were everything enforced. */
  readonly coveredFlows: number;
}

export interface PairRequest {
  readonly inventory: Inventory;
  readonly index: LabelIndex;
  readonly flows: readonly ObservedFlow[];
  /** What the policy would allow if every segment were enforced. */
  readonly enforced: CompiledFleet;
  readonly isMember: (workload: WorkloadNumber) => boolean;
  /** Hosts whose agents are connected now. */
  readonly connected: ReadonlySet<string> | undefined;
  readonly exclude: Selector | undefined;
  readonly outside: 'comment' | 'include';
  readonly denied: 'comment' | 'include';
}

/** Flows at ends that are not members are passed over in silence: they are another segment's. */
export function pairFlows(request: PairRequest): ObservedPairs {
  const { index } = request;
  const numberOf = new Map(index.workloads.map(({ name }, number) => [name, number]));
  const left: LeftFlow[] = [];
  const sightings: Sighting[] = [];
  let coveredFlows = 0;
  const holders = holdersOf(index);
  for (const flow of request.flows) {
    const own = numberOf.get(flow.workload);
    if (own === undefined || !request.isMember(own)) continue;
    if (flow.verdict === 'deny' && request.denied === 'comment') {
      left.push({ flow, why: 'denied' });
      continue;
    }
    if (flow.verdict === 'allow' && flow.reason !== 'off') {
      coveredFlows += 1;
      continue;
    }
    const end = enforcedEnd(request, flow);
    if (end === undefined || end.reason === 'essential' || end.reason === 'rule') coveredFlows += 1;
    else if (end.reason === 'guardrail' || end.reason === 'quarantine') left.push({ flow, why: end.reason });
    else {
      const term = termOfFlow(flow);
      if (term === undefined) left.push({ flow, why: 'inexpressible' });
      else {
        const at = holders.get(flow.local)?.find((holder) => isVirtual(index, holder) && request.isMember(holder));
        sightings.push({ flow, own: at ?? own, term, held: holders.get(flow.peer) ?? [] });
      }
    }
  }
  const pairs = new PairTable();
  const { connected, flows, inventory } = request;
  const known = { workloads: inventory.workloads, flows, ...(connected === undefined ? {} : { connected }) };
  const seen = new FlowSightings(known);
  const resolver = new PeerResolver(sightings, index.workloads);
  for (const sighting of sightings) {
    const { flow, own } = sighting;
    const peers = resolver.peersOf(sighting);
    const isExcluded = [own, ...peers].some((entity) => isExcludedBy(request, entity));
    if (isExcluded) left.push({ flow, why: 'excluded' });
    else if (peers.some(isOutsider) && request.outside === 'comment') left.push({ flow, why: 'outside' });
    else {
      const evidence = seen.evidenceOf(flow);
      for (const peer of peers) pairs.add(sighting, peer, evidence);
    }
  }
  return { pairs: pairs.all(), left: inOrder(left), coveredFlows };
}

function isOutsider(entity: Entity): boolean {
  return typeof entity === 'string' && !isGroup(entity);
}

function isVirtual({ workloads }: LabelIndex, number: WorkloadNumber): boolean {
  return workloads[number]?.kind === 'virtual';
}

/** The policy as it would be with every segment enforced both ways: then whatever no rule grants is denied. */
export function compileEnforced(policy: Policy, inventory: Inventory, now: Millis): CompiledFleet {
  const segments = new Map(
    [...policy.segments].map(([name, segment]) => [
      name,
      { ...segment, inbound: 'enforce' as const, outbound: 'enforce' as const },
    ]),
  );
  return compileFleet({ policy: { ...policy, segments }, inventory, now });
}

export function namesOf(entity: Entity, workloads: readonly Workload[]): string {
  return typeof entity === 'string' ? entity : (workloads[entity]?.name ?? String(entity));
}

export function addressesOf(entity: Entity, workloads: readonly Workload[]): readonly Address[] {
  return typeof entity === 'string' ? [entity] : (workloads[entity]?.addresses ?? []);
}

interface Sighting {
  readonly flow: ObservedFlow;
  /** Who saw it; at a virtual workload's address that one, where the segment has it too. */
  readonly own: WorkloadNumber;
  readonly term: ServiceTerm;
  readonly held: readonly WorkloadNumber[];
}

function enforcedEnd({ enforced, inventory }: PairRequest, flow: ObservedFlow): End | undefined {
  const host = inventory.workloads.get(flow.workload)?.host;
  const ruleSet = host === undefined ? undefined : enforced.ruleSetOf(host, 0);
  if (ruleSet === undefined || familyOf(flow.local) !== familyOf(flow.peer)) return undefined;
  return evaluateEnd({
    ruleSet,
    workload: flow.workload,
    direction: flow.direction,
    localAddress: flow.local,
    peerAddress: flow.peer,
    service: serviceOfFlow(flow),
  });
}

function holdersOf(index: LabelIndex): ReadonlyMap<Address, readonly WorkloadNumber[]> {
  const holders = new Map<Address, WorkloadNumber[]>();
  for (const [number, { addresses }] of index.workloads.entries()) {
    for (const address of addresses) {
      const others = holders.get(address);
      if (others === undefined) holders.set(address, [number]);
      else others.push(number);
    }
  }
  return holders;
}

/** A host and its units share addresses: where the other end saw the same connection, its own sighting says who it was. */
class PeerResolver {
  readonly #seen = new Map<string, Set<Address>>();
  readonly #workloads: readonly Workload[];

  constructor(sightings: readonly Sighting[], workloads: readonly Workload[]) {
    this.#workloads = workloads;
    for (const { own, flow, term } of sightings) {
      const key = sightingKey(own, flow.direction, term);
      const peers = this.#seen.get(key) ?? new Set();
      this.#seen.set(key, peers.add(flow.peer));
    }
  }

  peersOf({ flow, own, term, held }: Sighting): readonly Entity[] {
    const [only, second] = held;
    if (only === undefined) return [flow.peer];
    if (second === undefined) return [only];
    const opposite = flow.direction === 'inbound' ? 'outbound' : 'inbound';
    const seenBy = held.filter((holder) => {
      const peers = this.#seen.get(sightingKey(holder, opposite, term));
      return [flow.local, ...(this.#workloads[own]?.addresses ?? [])].some((address) => peers?.has(address));
    });
    if (seenBy.length > 0) return seenBy;
    return [held.find((holder) => this.#workloads[holder]?.kind !== 'unit') ?? only];
  }
}

function sightingKey(own: WorkloadNumber, direction: Direction, term: ServiceTerm): string {
  return `${own} ${direction} ${serviceTermText(term)}`;
}

function isExcludedBy({ exclude, index }: PairRequest, entity: Entity): boolean {
  if (exclude === undefined || typeof entity === 'string') return false;
  const workload = index.workloads[entity];
  return workload !== undefined && selectorMatches(exclude, workload.labels);
}

interface MutablePair {
  readonly client: Entity;
  readonly server: Entity;
  readonly term: ServiceTerm;
  /** Counted by each end apart: one connection seen by both is one. */
  readonly connections: { inbound: number; outbound: number };
  firstSeenAt: Millis;
  lastSeenAt: Millis;
  evidence: FlowEvidence;
  askedPorts: readonly number[];
  readonly listeners: Set<WorkloadNumber>;
}

class PairTable {
  readonly #pairs = new Map<string, MutablePair>();

  add({ flow, own, term }: Sighting, peer: Entity, evidence: FlowEvidence): void {
    // What many receive is said of the group: a rule for one of them would open its sender's end to that one alone.
    const listened = flow.direction === 'inbound' && isGroup(flow.local) ? flow.local : undefined;
    const [client, server] = flow.direction === 'outbound' ? [own, peer] : [peer, listened ?? own];
    const key = `${client} ${server} ${serviceTermText(term)}`;
    const { firstSeenAt, lastSeenAt } = flow;
    const pair = this.#pairs.get(key) ?? {
      client,
      server,
      term,
      connections: { inbound: 0, outbound: 0 },
      firstSeenAt,
      lastSeenAt,
      evidence,
      askedPorts: [],
      listeners: new Set(),
    };
    if (listened !== undefined) pair.listeners.add(own);
    pair.evidence = joinedEvidence(pair.evidence, evidence);
    if (flow.askedPort !== undefined && !pair.askedPorts.includes(flow.askedPort))
      pair.askedPorts = [...pair.askedPorts, flow.askedPort].sort((a, b) => a - b);
    pair.connections[flow.direction] = addCounts(pair.connections[flow.direction], flow.connections);
    pair.firstSeenAt = millis(Math.min(pair.firstSeenAt, firstSeenAt));
    pair.lastSeenAt = millis(Math.max(pair.lastSeenAt, lastSeenAt));
    this.#pairs.set(key, pair);
  }

  /** In an order that does not depend on the order of the flows. */
  all(): readonly Pair[] {
    return [...this.#pairs]
      .sort(([a], [b]) => compareCodeUnits(a, b))
      .map(([, { evidence, connections, ...pair }]) => ({
        ...pair,
        ...evidence,
        connections: Math.max(connections.inbound, connections.outbound),
      }));
  }
}

function inOrder(left: readonly LeftFlow[]): readonly LeftFlow[] {
  return left
    .map((one) => {
      const { workload, direction, peer, local, protocol, port } = one.flow;
      return { one, key: [one.why, workload, direction, peer, local, protocol, port].join(' ') };
    })
    .sort((a, b) => compareCodeUnits(a.key, b.key))
    .map(({ one }) => one);
}
