// Remote addresses with the same set of rules form a class; one look-up finds it. Exact addresses go to one map, address ranges
// are cut into disjoint intervals, and whoever is in neither is of the rest. An exact address's class includes the ranges that
// cover it, and every class includes what is open to any address: one class is the whole answer.
// Cost: linear in addresses, plus intervals × range sets. Where only members of sets came or went since the table before, what it had
// is copied and those members alone are judged again.

import { type Address, addressValue, type Family, familyOf } from '#model/address.ts';
import type { AddressRange } from '#model/address-range.ts';
import { holds, sortedByCodeUnits } from '#model/code-unit-order.ts';
import type { EssentialEntry, PeerSet, PeerSetId, Peers } from '#model/rule-set.ts';
import type { ServiceMap } from '#model/service-map.ts';
import { equalStructures } from '#model/structure.ts';
import { type CutOff, cutOffId } from './cut-off.ts';
import { type Decision, decideServices, type Interner } from './decision.ts';
import type { Gate } from './gate.ts';
import { patchedMap } from './patched-map.ts';

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
  /** How many exact addresses each class has, of those that have any. */
  readonly sizes: ReadonlyMap<PeerClass, number>;
  /** How many of the exact addresses are IPv6. */
  readonly ipv6: number;
  readonly basis: ClassBasis;
  /** Absent where these were made from nothing. `intervals` are then those of `from`. */
  readonly since?: SinceClasses;
}

/** Of what classes were made. */
interface ClassBasis {
  readonly gate: Gate;
  readonly essentials: readonly EssentialEntry[];
  readonly sets: readonly IndexedSet[];
  readonly pieces: readonly CutInterval[];
}

export interface SinceClasses {
  /** Weak, or each table would hold all before it. */
  readonly from: WeakRef<PeerClasses>;
  /** No other exact address has another class than in `from`. */
  readonly addresses: readonly Address[];
}

/** Each class that some address has, once or more often. */
export function* usedClasses({ rest, sizes, intervals }: PeerClasses): Generator<PeerClass> {
  yield rest;
  yield* sizes.keys();
  for (const { peerClass } of intervals) yield peerClass;
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
  /** Whom each gate is cut off from. */
  readonly cutOff: CutOff;
  /** By what else its host is known to a container, and to nobody on other hosts. */
  readonly hostAliases?: HostAliases;
  readonly intern: Interner;
  /** Equal keys are one object, also those in `previous`. */
  readonly classOf: (services: ServiceMap<Decision>) => PeerClass;
  /** Of the gate of that name in the table before. */
  readonly previous?: PeerClasses;
}): PeerClasses {
  const { gate, classOf, intern } = request;
  // Essential settings are the host's own; a container has none.
  const essentials =
    gate.workload.kind === 'container'
      ? []
      : request.essentials.filter(({ direction }) => direction === gate.direction);
  const named = [...referencedSets(gate, essentials, request.peerSets), ...request.cutOff.from(gate)];
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

  const { previous } = request;
  const changed =
    previous !== undefined &&
    isSameGate(previous.basis.gate, gate) &&
    equalStructures(previous.basis.essentials, essentials)
      ? changedAddresses(previous.basis.sets, sets)
      : undefined;
  if (previous !== undefined && changed !== undefined)
    return reclassify({ previous, changed, gate, essentials, sets, classFor });

  const rest = classFor([]);
  const pieces = cutIntervals(sets);
  const intervals = pieces.map(({ range, members }) => ({ range, members, peerClass: classFor(members) }));
  const membersAt = createIntervalLookUp(pieces);
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
  const sizes = new Map<PeerClass, number>();
  let ipv6 = 0;
  for (const [address, peerClass] of exact) {
    sizes.set(peerClass, (sizes.get(peerClass) ?? 0) + 1);
    if (familyOf(address) === 'ipv6') ipv6 += 1;
  }
  return {
    exact,
    intervals: joinIntervals(intervals.filter(({ peerClass }) => peerClass !== rest)),
    rest,
    sizes,
    ipv6,
    basis: { gate, essentials, sets, pieces },
  };
}

/** As `previous`, but for some addresses. */
function reclassify(request: {
  readonly previous: PeerClasses;
  readonly changed: readonly Address[];
  readonly gate: Gate;
  readonly essentials: readonly EssentialEntry[];
  readonly sets: readonly IndexedSet[];
  readonly classFor: (members: readonly number[]) => PeerClass;
}): PeerClasses {
  const { previous, changed, gate, essentials, sets, classFor } = request;
  const { pieces } = previous.basis;
  const changes = new Map<Address, PeerClass | undefined>();
  const sizes = new Map(previous.sizes);
  let { ipv6 } = previous;
  const membersAt = createIntervalLookUp(pieces);
  const count = (of: PeerClass | undefined, by: 1 | -1, address: Address) => {
    if (of === undefined) return;
    const size = (sizes.get(of) ?? 0) + by;
    if (size === 0) sizes.delete(of);
    else sizes.set(of, size);
    if (familyOf(address) === 'ipv6') ipv6 += by;
  };
  for (const address of changed) {
    const own = sets.flatMap((set, index) => (holds(set.addresses, address) ? [index] : []));
    const covering = membersAt(address);
    const members = covering.length === 0 ? own : [...new Set([...own, ...covering])].sort((a, b) => a - b);
    const peerClass = own.length === 0 ? undefined : classFor(members);
    const now = peerClass === classFor(covering) ? undefined : peerClass;
    const before = previous.exact.get(address);
    if (before === now) continue;
    count(before, -1, address);
    count(now, 1, address);
    changes.set(address, now);
  }
  return {
    exact: patchedMap(previous.exact, changes),
    intervals: previous.intervals,
    rest: previous.rest,
    sizes,
    ipv6,
    basis: { gate, essentials, sets, pieces },
    since: { from: new WeakRef(previous), addresses: [...changes.keys()] },
  };
}

function isSameGate(before: Gate, now: Gate): boolean {
  const isSame = <T>(a: readonly T[], b: readonly T[]) =>
    a.length === b.length && a.every((item, at) => item === b[at]);
  return (
    before.workload === now.workload &&
    before.direction === now.direction &&
    isSame(before.exemptFrom, now.exemptFrom) &&
    isSame(before.guardrails, now.guardrails) &&
    isSame(before.grants, now.grants)
  );
}

/** Who came to or left any set; undefined where the sets differ in more than that, or in so much that it is no shorter way. */
function changedAddresses(before: readonly IndexedSet[], now: readonly IndexedSet[]): readonly Address[] | undefined {
  if (before.length !== now.length) return undefined;
  const changed = new Set<Address>();
  let held = 0;
  for (const [at, set] of now.entries()) {
    const old = before[at];
    if (old?.id !== set.id || !equalRanges(old.ranges, set.ranges)) return undefined;
    held += set.addresses.length;
    if (!addDifferences(old.addresses, set.addresses, changed)) return undefined;
  }
  return changed.size * 4 > held ? undefined : [...changed];
}

/** False where a list is not in code-unit order, each address once. */
function addDifferences(before: readonly Address[], now: readonly Address[], into: Set<Address>): boolean {
  if (before === now) return true;
  let [left, right] = [0, 0];
  while (left < before.length || right < now.length) {
    const [old, current] = [before[left], now[right]];
    if (old !== current) {
      const isGone = current === undefined || (old !== undefined && old < current);
      const [list, at] = isGone ? [before, left] : [now, right];
      const [last, next] = [list[at - 1], list[at]];
      if (next === undefined || (last !== undefined && last >= next)) return false;
      into.add(next);
      if (isGone) left += 1;
      else right += 1;
    } else {
      left += 1;
      right += 1;
    }
  }
  return true;
}

function equalRanges(a: readonly AddressRange[], b: readonly AddressRange[]): boolean {
  return a === b || equalStructures(a, b);
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
      ? { ...set, addresses: sortedByCodeUnits(new Set([...set.addresses, ...aliases.others])) }
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
    cutOff: ids.has(cutOffId) ? ('from-peer' as const) : ('none' as const),
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
