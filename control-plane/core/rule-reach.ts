// Whom of an inventory the two sides of rules can mean. For warnings: combinations of `each` are taken together, and time is left
// out of account. Sides that are written alike are looked up once, and are one set then: what is found out about two sets is found
// out once too, however many rules have them.

import { addressValue, type Family, familyOf } from '#model/address.ts';
import type { AddressRange } from '#model/address-range.ts';
import type { Selector } from '#model/selector.ts';
import type { ServiceTerm } from '#model/service.ts';
import { protocolNumbers } from '#model/service.ts';
import { peerKey } from './covered-rule.ts';
import { LabelIndex } from './label-index.ts';
import type { Matching } from './matching.ts';
import type { Peer, Segment, Workload } from './policy.ts';

/** Members of a segment that are asked one by one sooner than looked up. */
const fewMembers = 64;
/** Workloads asked about, by all peers together. */
const mostAsked = 4_000_000;

export type WorkloadSet = ReadonlySet<Workload>;

export interface RuleReach {
  /** Workloads that some peer of the side matches. */
  readonly from: WorkloadSet;
  readonly to: WorkloadSet;
  /** Whether the side also means addresses of nobody known: any, a range, a name. */
  readonly fromIsOpen: boolean;
  readonly toIsOpen: boolean;
  /** Those matched by their labels, not by an address. */
  readonly selected: { readonly from: WorkloadSet; readonly to: WorkloadSet };
}

export interface ReachInput {
  readonly matching: Matching;
  readonly workloads: readonly Workload[];
  readonly membersOf: (segment: Segment) => WorkloadSet;
}

/** A rule's sides, with its segment; or a guardrail's, without one: there `workloads` selects in the whole tenant. */
export interface ReachQuestion {
  readonly segment: Segment | undefined;
  readonly match: { readonly from: readonly Peer[]; readonly to: readonly Peer[] };
}

/** Of what is in two sets: the first two workloads, and their hosts until there are two (undefined: an external one's). */
export interface Common {
  readonly workloads: readonly Workload[];
  readonly hosts: readonly (string | undefined)[];
}

export class Reaches {
  readonly #input: ReachInput;
  readonly #sides = new Map<string, WorkloadSet>();
  readonly #common = new Map<WorkloadSet, Map<WorkloadSet, Common>>();
  readonly #units = new Map<WorkloadSet, readonly Workload[]>();

  #addresses: HeldAddresses | undefined;
  #labels: LabelIndex | undefined;
  #asked = 0;

  constructor(input: ReachInput) {
    this.#input = input;
  }

  /** Thousands of selectors that each match nearly everyone would take minutes and gigabytes: then it is time to stop. */
  get isSpent(): boolean {
    return this.#asked > mostAsked;
  }

  of({ segment, match }: ReachQuestion): RuleReach {
    const side = (peers: readonly Peer[]) => this.#side(peers, segment);
    const bySelector = (peers: readonly Peer[]) => peers.filter((peer) => !isOpen(peer));
    return {
      from: side(match.from),
      to: side(match.to),
      fromIsOpen: match.from.some(isOpen),
      toIsOpen: match.to.some(isOpen),
      selected: { from: side(bySelector(match.from)), to: side(bySelector(match.to)) },
    };
  }

  common(some: WorkloadSet, others: WorkloadSet): Common {
    const known = this.#common.get(some) ?? new Map<WorkloadSet, Common>();
    this.#common.set(some, known);
    let found = known.get(others);
    if (found === undefined) {
      found = firstInBoth(some, others);
      known.set(others, found);
    }
    return found;
  }

  unitsOf(set: WorkloadSet): readonly Workload[] {
    const units = this.#units.get(set) ?? [...set].filter(({ kind }) => kind === 'unit');
    this.#units.set(set, units);
    return units;
  }

  #side(peers: readonly Peer[], segment: Segment | undefined): WorkloadSet {
    const [only, second] = peers;
    if (only !== undefined && second === undefined) return this.#peer(only, segment);
    const key = [...new Set(peers.map((peer) => scopedKey(peer, segment)))].sort().join('\n');
    return this.#remembered(`several ${key}`, () => {
      const found = new Set<Workload>();
      for (const peer of peers) for (const workload of this.#peer(peer, segment)) found.add(workload);
      return found;
    });
  }

  #peer(peer: Peer, segment: Segment | undefined): WorkloadSet {
    return this.#remembered(scopedKey(peer, segment), () => {
      const { matching, workloads, membersOf } = this.#input;
      if (peer.kind === 'ranges') return this.#held(peer.ranges);
      const members = peer.kind === 'workloads' && segment !== undefined ? membersOf(segment) : undefined;
      const found = new Set<Workload>();
      if (peer.kind === 'fqdn') return found;
      const selector = 'selector' in peer ? peer.selector : undefined;
      const isFew = members !== undefined && members.size <= fewMembers;
      const likely = selector !== undefined && !isFew && isNarrow(selector) ? this.#labelled(selector) : undefined;
      for (const workload of likely ?? members ?? workloads) {
        this.#asked += 1;
        if (members?.has(workload) !== false && matching.means(peer, workload, undefined)) found.add(workload);
      }
      return found;
    });
  }

  /** Those that the selector matches, found by their labels. */
  #labelled(selector: Selector): readonly Workload[] {
    this.#labels ??= new LabelIndex(this.#input.workloads);
    const found: Workload[] = [];
    for (const number of this.#labels.select(selector)) {
      const workload = this.#labels.workloads[number];
      if (workload !== undefined) found.push(workload);
    }
    return found;
  }

  /** By the addresses in order: ranges are many and mostly small. */
  #held(ranges: readonly AddressRange[]): WorkloadSet {
    this.#addresses ??= addressesInOrder(this.#input.workloads);
    const found = new Set<Workload>();
    for (const { family, first, last } of ranges) {
      const held = this.#addresses[family];
      for (let at = firstAtLeast(held, first); at < held.length; at += 1) {
        const one = held[at];
        if (one === undefined || one.value > last) break;
        found.add(one.workload);
      }
    }
    return found;
  }

  #remembered(key: string, make: () => WorkloadSet): WorkloadSet {
    let found = this.#sides.get(key);
    if (found === undefined) {
      found = make();
      this.#sides.set(key, found);
    }
    return found;
  }
}

/** Equal where two peers mean the same workloads: what `workloads` selects hangs on the segment it stands in. */
function scopedKey(peer: Peer, segment: Segment | undefined): string {
  return peer.kind === 'workloads' ? `${segment?.name ?? ''} ${peerKey(peer)}` : peerKey(peer);
}

function firstInBoth(some: WorkloadSet, others: WorkloadSet): Common {
  const workloads: Workload[] = [];
  const hosts: (string | undefined)[] = [];
  const [fewer, more] = some.size <= others.size ? [some, others] : [others, some];
  for (const workload of fewer) {
    if (!more.has(workload)) continue;
    if (workloads.length < 2) workloads.push(workload);
    if (!hosts.includes(workload.host)) hosts.push(workload.host);
    if (hosts.length === 2) break;
  }
  return { workloads, hosts };
}

interface HeldAddress {
  readonly value: bigint;
  readonly workload: Workload;
}

type HeldAddresses = Readonly<Record<Family, readonly HeldAddress[]>>;

function addressesInOrder(workloads: readonly Workload[]): HeldAddresses {
  const held: Record<Family, HeldAddress[]> = { ipv4: [], ipv6: [] };
  for (const workload of workloads) {
    for (const address of workload.addresses) {
      held[familyOf(address)].push({ value: addressValue(address), workload });
    }
  }
  for (const list of [held.ipv4, held.ipv6]) list.sort((a, b) => (a.value < b.value ? -1 : a.value > b.value ? 1 : 0));
  return held;
}

/** The place of the first whose value is no less. */
function firstAtLeast(held: readonly HeldAddress[], value: bigint): number {
  let [low, high] = [0, held.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((held[middle]?.value ?? value) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Whether nothing but labels that are there can make it match. */
function isNarrow(selector: Selector): boolean {
  switch (selector.kind) {
    case 'in':
    case 'has':
      return true;
    case 'and':
      return selector.terms.some(isNarrow);
    case 'or':
      return selector.terms.every(isNarrow);
    case 'all':
    case 'not':
    case 'not-in':
      return false;
  }
}

function isOpen(peer: Peer): boolean {
  return peer.kind === 'any' || peer.kind === 'ranges' || peer.kind === 'fqdn';
}

/** Whether some service is in both. */
export function termsOverlap(some: readonly ServiceTerm[], others: readonly ServiceTerm[]): boolean {
  return some.some((a) => others.some((b) => overlap(a, b) || overlap(b, a)));
}

function overlap(a: ServiceTerm, b: ServiceTerm): boolean {
  if (a.kind === 'any') return true;
  if (a.kind === 'ports' && b.kind === 'ports') return a.protocol === b.protocol && a.low <= b.high && b.low <= a.high;
  if (a.kind === 'protocol' && b.kind === 'protocol') return a.number === b.number;
  if (a.kind === 'protocol' && b.kind === 'ports') return a.number === protocolNumbers[b.protocol];
  if (a.kind === 'protocol' && (b.kind === 'icmp' || b.kind === 'icmpv6')) return a.number === protocolNumbers[b.kind];
  if ((a.kind === 'icmp' || a.kind === 'icmpv6') && b.kind === a.kind)
    return a.type === 'any' || b.type === 'any' || a.type === b.type;
  return false;
}
