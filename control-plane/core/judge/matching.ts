// The questions docs/reference/policy.md asks of workloads, peers and segments, each answered in one place: judging
// (oracle.ts) and explaining (explain.ts) both ask here, so that they cannot come to differ. Answers about labels are
// remembered, since labels do not change.

import { type Address, addressValue, type Family, familyOf } from '#model/address.ts';
import { rangesContainValue } from '#model/address-range.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import { type Selector, selectorMatches } from '#model/selector.ts';
import { type Service, type ServiceTerm, termMatches } from '#model/service.ts';
import { type Direction, type EnforcementMode, enforcementModes } from '#model/verdict.ts';
import { combinationOf, selectionKey } from '#policy/policy/combination.ts';
import type { Inventory, Peer, Policy, Query, Rule, Segment, Workload } from '#policy/policy/policy.ts';
import type { Holders } from './address-holders.ts';

export interface RuleAddress {
  readonly segment: string;
  readonly combination?: string;
  readonly rule: string;
}

/** A segment, or one combination of a segment with `each`, that has a workload as its member. */
export interface Membership {
  readonly segment: Segment;
  readonly combination?: string;
  /** The segment's, in code-unit order of their names. */
  readonly rules: readonly Rule[];
}

/** One side of a connection: its address, and the workloads that a peer may mean by it. */
export interface Side {
  readonly address: Address;
  readonly family: Family;
  /** The address as a number; asked for by ranges only. */
  value(): bigint;
  readonly candidates: readonly Workload[];
}

/** Where `{ workloads: … }` selects: the members of a segment's combination, or (undefined) the whole tenant. */
export type PeerScope = Membership | undefined;

export type IdentityPeer = Exclude<Peer, { readonly kind: 'ranges' | 'fqdn' }>;

/** What judging and explaining share: the questions docs/reference/policy.md asks, each answered once. */
export interface Matching {
  readonly policy: Policy;
  standingOf(workload: Workload): Standing;
  membershipsOf(workload: Workload): readonly Membership[];
  /** Virtual workloads whose addresses it may hold. */
  virtualOf(workload: Workload): readonly Workload[];
  isMember(workload: Workload, scope: Membership): boolean;
  selects(selector: Selector, workload: Workload): boolean;
  peerMatches(peer: Peer, side: Side, scope: PeerScope): boolean;
  /** Whether a peer that goes by who a workload is, and not by an address, means this one. */
  means(peer: IdentityPeer, workload: Workload, scope: PeerScope): boolean;
  /** `remote` are the holders of the remote address, for whoever knows them already. */
  sidesOf(end: EndQuery, remote?: readonly Workload[]): { readonly from: Side; readonly to: Side };
  modeOf(workload: Workload, direction: Direction): EnforcementMode;
}

/** One end of a query: the workload whose layers are asked, and the direction. */
export interface EndQuery {
  readonly query: Query;
  readonly direction: Direction;
  readonly workload: Workload;
}

export function someTermMatches(
  terms: readonly ServiceTerm[],
  { src, service }: { readonly src: Address; readonly service: Service },
): boolean {
  return someTermMatchesIn(terms, familyOf(src), service);
}

/** The same, for who knows the family: it is asked for every rule of every query. */
export function someTermMatchesIn(terms: readonly ServiceTerm[], family: Family, service: Service): boolean {
  for (const term of terms) if (termMatches(term, family, service)) return true;
  return false;
}

const sortedRules = new WeakMap<Segment, readonly Rule[]>();

export function rulesInOrder(segment: Segment): readonly Rule[] {
  let rules = sortedRules.get(segment);
  if (rules === undefined) {
    rules = [...segment.rules].sort((a, b) => compareCodeUnits(a.name, b.name));
    sortedRules.set(segment, rules);
  }
  return rules;
}

export function createMatching({
  policy,
  inventory,
  holders: { holdersOf, localAt, virtualOf },
}: {
  readonly policy: Policy;
  readonly inventory: Inventory;
  readonly holders: Pick<Holders, 'holdersOf' | 'localAt' | 'virtualOf'>;
}): Matching {
  const candidates = createSegmentCandidates(groupsOf(policy.segments.values()));
  const standings = new Map<Workload, Standing>();
  const interned = new Map<string, Standing>();

  function standingOf(workload: Workload): Standing {
    let found = standings.get(workload);
    if (found === undefined) {
      found = internedStanding(candidates(workload), workload);
      standings.set(workload, found);
    }
    return found;
  }

  function internedStanding(groups: readonly SegmentGroup[], workload: Workload): Standing {
    const places = groups.flatMap((group) => placeIn(group, workload) ?? []);
    if (places.length > 1) places.sort((a, b) => a.group.number - b.group.number);
    const key = places.map(({ group, combination }) => `${group.number} ${combination ?? ''}`).join();
    let standing = interned.get(key);
    if (standing === undefined) {
      standing = new Standing(places);
      interned.set(key, standing);
    }
    return standing;
  }

  function membershipsOf(workload: Workload): readonly Membership[] {
    return standingOf(workload).memberships;
  }

  function isMember(workload: Workload, { segment, combination }: Membership): boolean {
    const own = standingOf(workload).membershipIn(segment.name);
    return own !== undefined && own.segment === segment && own.combination === combination;
  }

  function selects(selector: Selector, workload: Workload): boolean {
    return selectorMatches(selector, workload.labels);
  }

  function peerMatches(peer: Peer, side: Side, scope: PeerScope): boolean {
    switch (peer.kind) {
      case 'any':
        return true;
      case 'ranges':
        return rangesContainValue(peer.ranges, side.family, side.value());
      case 'fqdn':
        return resolves(inventory, peer.name, side.address);
      default:
        for (const workload of side.candidates) if (means(peer, workload, scope)) return true;
        return false;
    }
  }

  function means(peer: IdentityPeer, workload: Workload, scope: PeerScope): boolean {
    switch (peer.kind) {
      case 'any':
        return true;
      case 'tenant':
        return selects(peer.selector, workload);
      case 'workloads':
        return selects(peer.selector, workload) && (scope === undefined || isMember(workload, scope));
      case 'segment':
        return (
          (peer.selector === undefined || selects(peer.selector, workload)) &&
          standingOf(workload).membershipIn(peer.segment) !== undefined
        );
    }
  }

  /**
   * The local side is the workload itself, whoever else holds its address, and the virtual workload that has the
   * address; the remote side is known by address alone.
   */
  function sidesOf(
    { query, direction, workload }: EndQuery,
    remote: readonly Workload[] = holdersOf(direction === 'outbound' ? query.dst : query.src),
  ): { readonly from: Side; readonly to: Side } {
    return direction === 'outbound'
      ? { from: sideOf(query.src, localAt(workload, query.src)), to: sideOf(query.dst, remote) }
      : { from: sideOf(query.src, remote), to: sideOf(query.dst, localAt(workload, query.dst)) };
  }

  function modeOf(workload: Workload, direction: Direction): EnforcementMode {
    return standingOf(workload)[direction];
  }

  return { policy, standingOf, membershipsOf, virtualOf, isMember, selects, peerMatches, means, sidesOf, modeOf };
}

/** Segments with one selector and one `each`: who is a member of one is of all. */
interface SegmentGroup {
  readonly number: number;
  readonly selector: Selector;
  readonly each: readonly string[];
  readonly segments: readonly Segment[];
}

interface Place {
  readonly group: SegmentGroup;
  readonly combination?: string;
}

function groupsOf(segments: Iterable<Segment>): readonly SegmentGroup[] {
  const groups = new Map<string, SegmentGroup & { readonly segments: Segment[] }>();
  for (const segment of segments) {
    const { selector, each } = segment;
    const key = selectionKey(segment);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { number: groups.size, selector, each, segments: [segment] });
    else group.segments.push(segment);
  }
  return [...groups.values()];
}

/** A member that lacks one of the keys of `each` belongs to no combination, and so not to the segment. */
function placeIn(group: SegmentGroup, workload: Workload): Place | undefined {
  if (!selectorMatches(group.selector, workload.labels)) return undefined;
  if (group.each.length === 0) return { group };
  const combination = combinationOf(group.each, workload.labels);
  return combination === undefined ? undefined : { group, combination };
}

/** Fewer are looked through quicker than they are looked up. */
const mostLookedThrough = 4;

/** What the segments of a workload come to. Those of which the same segments hold share one. */
export class Standing implements Readonly<Record<Direction, EnforcementMode>> {
  /** In code-unit order of segment. */
  readonly memberships: readonly Membership[];
  readonly inbound: EnforcementMode;
  readonly outbound: EnforcementMode;
  #byName: ReadonlyMap<string, Membership> | undefined;

  constructor(places: readonly Place[]) {
    this.memberships = places
      .flatMap(({ group, combination }) =>
        group.segments.map(
          (segment): Membership => ({
            segment,
            ...(combination === undefined ? {} : { combination }),
            rules: rulesInOrder(segment),
          }),
        ),
      )
      .sort((a, b) => compareCodeUnits(a.segment.name, b.segment.name));
    this.inbound = strictestMode(this.memberships, 'inbound');
    this.outbound = strictestMode(this.memberships, 'outbound');
  }

  membershipIn(segment: string): Membership | undefined {
    if (this.memberships.length <= mostLookedThrough) {
      for (const own of this.memberships) if (own.segment.name === segment) return own;
      return undefined;
    }
    this.#byName ??= new Map(this.memberships.map((own) => [own.segment.name, own]));
    return this.#byName.get(segment);
  }
}

function strictestMode(memberships: readonly Membership[], direction: Direction): EnforcementMode {
  if (memberships.length === 0) return 'observe';
  let strictest = 0;
  for (const { segment } of memberships) strictest = Math.max(strictest, enforcementModes.indexOf(segment[direction]));
  return enforcementModes[strictest] ?? 'enforce';
}

/** A class, since a closure for each side of each query would be most of its cost. */
class AddressSide implements Side {
  readonly address: Address;
  readonly family: Family;
  readonly candidates: readonly Workload[];
  #value: bigint | undefined;

  constructor(address: Address, candidates: readonly Workload[]) {
    this.address = address;
    this.family = familyOf(address);
    this.candidates = candidates;
  }

  value(): bigint {
    this.#value ??= addressValue(this.address);
    return this.#value;
  }
}

export function sideOf(address: Address, candidates: readonly Workload[]): Side {
  return new AddressSide(address, candidates);
}

/**
 * Which segments can have a workload as member at all: most begin with `label == "value"`, and are found by it. Without
 * this the first question about each workload would cost a look at every segment.
 */
function createSegmentCandidates(groups: readonly SegmentGroup[]): (workload: Workload) => readonly SegmentGroup[] {
  const byLabel = new Map<string, Map<string, SegmentGroup[]>>();
  const others: SegmentGroup[] = [];
  for (const group of groups) {
    const term = requiredTerm(group.selector);
    if (term === undefined) {
      others.push(group);
      continue;
    }
    const byValue = byLabel.get(term.key) ?? new Map<string, SegmentGroup[]>();
    byLabel.set(term.key, byValue);
    for (const value of term.values) {
      const found = byValue.get(value);
      if (found === undefined) byValue.set(value, [group]);
      else found.push(group);
    }
  }
  return (workload) => {
    const found = [...others];
    for (const [key, value] of workload.labels) found.push(...(byLabel.get(key)?.get(value) ?? []));
    return found;
  };
}

/** A term without which the selector matches nothing. */
function requiredTerm(selector: Selector): Extract<Selector, { kind: 'in' }> | undefined {
  if (selector.kind === 'in') return selector;
  return selector.kind === 'and' ? selector.terms.map(requiredTerm).find((term) => term !== undefined) : undefined;
}

/** A member that lacks one of the keys of `each` belongs to no combination, and so not to the segment. */
export function membershipIn(segment: Segment, workload: Workload): Membership | undefined {
  if (!selectorMatches(segment.selector, workload.labels)) return undefined;
  const rules = rulesInOrder(segment);
  if (segment.each.length === 0) return { segment, rules };
  const combination = combinationOf(segment.each, workload.labels);
  return combination === undefined ? undefined : { segment, combination, rules };
}

/** "*.example.com" means every name below example.com, at any depth, and not example.com itself. */
export function resolves(inventory: Inventory, name: string, address: Address): boolean {
  if (inventory.resolutions.get(name)?.includes(address) === true) return true;
  if (!name.startsWith('*.')) return false;
  const suffix = name.slice(1);
  for (const [resolved, addresses] of inventory.resolutions) {
    if (resolved.endsWith(suffix) && addresses.includes(address)) return true;
  }
  return false;
}
