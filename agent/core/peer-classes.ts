// Far addresses with the same set of rules form a class; one look-up finds it. Exact addresses go to one map, address ranges
// are cut into disjoint intervals, and whoever is in neither is of the rest. An exact address's class includes the ranges that
// cover it, and every class includes what is open to any address: one class is the whole answer.
// Cost: linear in addresses, plus intervals × range sets.

import { type Address, addressValue, type Family, familyOf } from '#model/address.ts';
import type { AddressRange } from '#model/address-range.ts';
import type { EssentialEntry, PeerSet, PeerSetId, Peers } from '#model/rule-set.ts';
import type { ServiceMap } from '#model/service-map.ts';
import { type Decision, decideServices, type Interner } from './decision.ts';
import type { Gate } from './gate.ts';

/** What one class of peers may do: equal keys are equal functions, within one interner. */
export interface PeerClass {
  readonly key: string;
  readonly services: ServiceMap<Decision>;
}

export interface ClassInterval {
  readonly range: AddressRange;
  readonly peerClass: PeerClass;
}

/** `exact` leaves out addresses whose class is what the intervals or the rest give them anyway; so do the intervals. */
export interface PeerClasses {
  readonly exact: ReadonlyMap<Address, PeerClass>;
  readonly intervals: readonly ClassInterval[];
  readonly rest: PeerClass;
}

/** A gate under the name its chains and maps carry, "in0" or "out2", with the classes of its peers. */
export interface NamedGate {
  readonly name: string;
  readonly gate: Gate;
  readonly classes: PeerClasses;
}

/** Addresses of a host that it does not publish (of its bridges, of loopback), and those it does. */
export interface HostAliases {
  readonly published: readonly Address[];
  readonly others: readonly Address[];
}

export function classifyPeers(request: {
  readonly gate: Gate;
  readonly peerSets: ReadonlyMap<PeerSetId, PeerSet>;
  readonly essentials: readonly EssentialEntry[];
  /** By what else its host is known to a container, and to nobody on other hosts. */
  readonly hostAliases?: HostAliases;
  readonly intern: Interner;
  readonly classOf: (services: ServiceMap<Decision>) => PeerClass;
}): PeerClasses {
  const { gate, classOf, intern } = request;
  // Essential settings are the host's own; a container has none.
  const essentials =
    gate.workload.kind === 'container'
      ? []
      : request.essentials.filter(({ direction }) => direction === gate.direction);
  const named = referencedSets(gate, essentials, request.peerSets);
  const sets = gate.workload.kind === 'container' ? withAliases(named, request.hostAliases) : named;
  const memo = new Map<string, PeerClass>();
  const classFor = (members: readonly number[]): PeerClass => {
    const key = members.join(',');
    const known = memo.get(key);
    if (known !== undefined) return known;
    const ids = new Set(members.map((index) => sets[index]?.id));
    const applies = (peers: Peers) => peers.kind === 'any' || peers.ids.some((id) => ids.has(id));
    const made = classOf(decideServices(layersFor({ gate, essentials, applies, ids }), intern));
    memo.set(key, made);
    return made;
  };

  const rest = classFor([]);
  const intervals = cutIntervals(sets).map(({ range, members }) => ({ range, members, peerClass: classFor(members) }));
  const membersAt = createIntervalLookUp(intervals);
  const exactMembers = new Map<Address, number[]>();
  for (const [index, set] of sets.entries()) {
    for (const address of set.addresses) {
      const members = exactMembers.get(address);
      if (members === undefined) exactMembers.set(address, [index]);
      else members.push(index);
    }
  }
  const exact = new Map<Address, PeerClass>();
  for (const [address, members] of exactMembers) {
    const covering = membersAt(address);
    const peerClass = classFor(
      covering.length === 0 ? members : [...new Set([...members, ...covering])].sort((a, b) => a - b),
    );
    if (peerClass !== classFor(covering)) exact.set(address, peerClass);
  }
  return { exact, intervals: joinIntervals(intervals.filter(({ peerClass }) => peerClass !== rest)), rest };
}

/** The class that an address falls to: exact first, then its interval, then the rest. */
export function classAt(classes: PeerClasses, address: Address): PeerClass {
  return classes.exact.get(address) ?? classAtValue(classes, familyOf(address), addressValue(address));
}

/** The class of an address that is in no exact map: a binary search. */
export function classAtValue(classes: PeerClasses, family: Family, value: bigint): PeerClass {
  return findInterval(classes.intervals, family, value)?.peerClass ?? classes.rest;
}

interface IndexedSet {
  readonly id: string;
  readonly addresses: readonly Address[];
  readonly ranges: readonly AddressRange[];
}

const essentialId = (entry: EssentialEntry) => `essential ${entry.name}`;

/** The sets this gate's entries name, in code-unit order, and those essential entries that are not open to every address. */
function referencedSets(
  gate: Gate,
  essentials: readonly EssentialEntry[],
  peerSets: ReadonlyMap<PeerSetId, PeerSet>,
): readonly IndexedSet[] {
  const ids = new Set<PeerSetId>();
  const quarantine = gate.workload.quarantine === undefined ? [] : [gate.workload.quarantine];
  for (const { peers } of [...gate.guardrails, ...gate.grants, ...quarantine]) {
    if (peers.kind === 'sets') for (const id of peers.ids) ids.add(id);
  }
  const sets: IndexedSet[] = [];
  for (const id of [...ids].sort()) {
    const set = peerSets.get(id);
    if (set === undefined) throw new Error(`rule set names peer set "${id}" and does not hold it`);
    sets.push(set);
  }
  for (const entry of essentials) {
    if (entry.peers.kind === 'ranges') sets.push({ id: essentialId(entry), addresses: [], ranges: entry.peers.ranges });
  }
  return sets;
}

/** To its containers a host is the same whichever address it shows them. */
function withAliases(sets: readonly IndexedSet[], aliases: HostAliases | undefined): readonly IndexedSet[] {
  if (aliases === undefined || aliases.others.length === 0) return sets;
  return sets.map((set) =>
    aliases.published.some((address) => set.addresses.includes(address))
      ? { ...set, addresses: [...new Set([...set.addresses, ...aliases.others])] }
      : set,
  );
}

function layersFor(request: {
  readonly gate: Gate;
  readonly essentials: readonly EssentialEntry[];
  readonly applies: (peers: Peers) => boolean;
  readonly ids: ReadonlySet<string | undefined>;
}) {
  const { gate, applies, ids } = request;
  const { workload, direction, rules } = gate;
  const { quarantine } = workload;
  return {
    workload: workload.workload,
    direction,
    essentials: request.essentials.filter((entry) => entry.peers.kind === 'any' || ids.has(essentialId(entry))),
    ...(quarantine === undefined || applies(quarantine.peers) ? {} : { quarantine }),
    guardrails: gate.guardrails.filter(({ peers }) => applies(peers)),
    mode: rules.mode,
    grants: gate.grants.filter(({ peers }) => applies(peers)),
    selective: rules.selective,
    ...(rules.defaultSegment === undefined ? {} : { defaultSegment: rules.defaultSegment }),
    onDeny: rules.onDeny,
  };
}

interface CutInterval {
  readonly range: AddressRange;
  readonly members: readonly number[];
}

/** Disjoint intervals, each with the indexes of the sets whose ranges cover it. A sweep over the ranges' ends. */
function cutIntervals(sets: readonly IndexedSet[]): readonly CutInterval[] {
  const intervals: CutInterval[] = [];
  for (const family of ['ipv4', 'ipv6'] as const) {
    const ends: { readonly at: bigint; readonly set: number; readonly step: 1 | -1 }[] = [];
    for (const [set, { ranges }] of sets.entries()) {
      for (const range of ranges) {
        if (range.family !== family) continue;
        ends.push({ at: range.first, set, step: 1 }, { at: range.last + 1n, set, step: -1 });
      }
    }
    ends.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    const open = new Map<number, number>();
    let first = 0n;
    for (const { at, set, step } of ends) {
      if (at > first && open.size > 0) {
        intervals.push({ range: { family, first, last: at - 1n }, members: [...open.keys()].sort((a, b) => a - b) });
      }
      first = at;
      const depth = (open.get(set) ?? 0) + step;
      if (depth === 0) open.delete(set);
      else open.set(set, depth);
    }
  }
  return intervals;
}

function createIntervalLookUp(intervals: readonly CutInterval[]): (address: Address) => readonly number[] {
  if (intervals.length === 0) return () => [];
  return (address) => findInterval(intervals, familyOf(address), addressValue(address))?.members ?? [];
}

function findInterval<T extends { readonly range: AddressRange }>(
  intervals: readonly T[],
  family: Family,
  value: bigint,
): T | undefined {
  let low = 0;
  let high = intervals.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const interval = intervals[middle];
    if (interval === undefined) return undefined;
    const { range } = interval;
    if (range.family === family && range.first <= value && value <= range.last) return interval;
    const isBefore = range.family === family ? range.last < value : range.family === 'ipv4';
    if (isBefore) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

function joinIntervals(intervals: readonly ClassInterval[]): readonly ClassInterval[] {
  const joined: ClassInterval[] = [];
  for (const { range, peerClass } of intervals) {
    const last = joined.at(-1);
    if (
      last !== undefined &&
      last.peerClass === peerClass &&
      last.range.family === range.family &&
      last.range.last + 1n === range.first
    ) {
      joined[joined.length - 1] = { range: { ...last.range, last: range.last }, peerClass };
    } else {
      joined.push({ range, peerClass });
    }
  }
  return joined;
}
