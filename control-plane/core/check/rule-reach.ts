// Whom of an inventory the two sides of rules can mean. For warnings: combinations of `each` are taken together, and time is left
// out of account. Sides that are written alike are looked up once, and are one set then: what is found out about two sets is found
// out once too, however many rules have them.

import { addressValue, type Family, familyOf } from '#model/address.ts';
import type { AddressRange } from '#model/address-range.ts';
import { type Selector, selectorMatches } from '#model/selector.ts';
import type { ServiceTerm } from '#model/service.ts';
import { protocolNumbers } from '#model/service.ts';
import { combinationOf } from '#policy/policy/combination.ts';
import type { Peer, Policy, Segment, Workload } from '#policy/policy/policy.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import { LabelIndex, termCount } from '#policy/select/label-index.ts';
import { peerKey } from './covered-rule.ts';

/** Terms of selectors held against workloads, and workloads looked at, by everything together: half a second or so. */
const mostSteps = 16_000_000;
/** Workloads in all the sets that are kept: a hundred megabytes or two. */
const mostKept = 3_000_000;

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
  readonly workloads: readonly Workload[];
  readonly segments: Policy['segments'];
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

const noWorkloads: WorkloadSet = new Set();
const nothingCommon: Common = { workloads: [], hosts: [] };

export class Reaches {
  readonly #input: ReachInput;
  readonly #everyone: WorkloadSet;
  readonly #sides = new Map<string, WorkloadSet>();
  readonly #numbers = new Map<WorkloadSet, number>();
  readonly #common = new Map<WorkloadSet, Map<WorkloadSet, Common>>();
  readonly #units = new Map<WorkloadSet, readonly Workload[]>();

  #addresses: HeldAddresses | undefined;
  #labels: LabelIndex | undefined;
  #steps = 0;
  #kept = 0;

  constructor(input: ReachInput) {
    this.#input = input;
    this.#everyone = new Set(input.workloads);
  }

  /**
   * Thousands of selectors that each match nearly everyone would take minutes and gigabytes: then it is time to stop. What is told
   * from then on, and what was asked for last, is not to be believed.
   */
  get isSpent(): boolean {
    return this.#steps > mostSteps || this.#kept > mostKept;
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

  /** Of all combinations. Segments whose selectors read alike have one set. */
  membersOf({ selector, each }: Segment): WorkloadSet {
    const selected = this.#selected(selector);
    if (each.length === 0) return selected;
    return this.#remembered(`each ${each.join()} ${this.#numberOf(selected)}`, () =>
      this.#filtered(selected, each.length, ({ labels }) => combinationOf(each, labels) !== undefined),
    );
  }

  common(some: WorkloadSet, others: WorkloadSet): Common {
    const known = this.#common.get(some) ?? new Map<WorkloadSet, Common>();
    this.#common.set(some, known);
    let found = known.get(others);
    if (found === undefined) {
      found = this.#firstInBoth(some, others);
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
    const sets = [...new Set(peers.map((peer) => this.#peer(peer, segment)))];
    const key = sets.map((set) => this.#numberOf(set)).sort((a, b) => a - b);
    return this.#remembered(`several ${key.join()}`, () => {
      const found = new Set<Workload>();
      for (const set of this.isSpent ? [] : sets) {
        this.#steps += set.size;
        for (const workload of set) found.add(workload);
      }
      return found;
    });
  }

  #peer(peer: Peer, segment: Segment | undefined): WorkloadSet {
    switch (peer.kind) {
      case 'any':
        return this.#everyone;
      case 'fqdn':
        return noWorkloads;
      case 'ranges':
        return this.#remembered(peerKey(peer), () => this.#held(peer.ranges));
      case 'tenant':
        return this.#selected(peer.selector);
      case 'workloads':
        return this.#within(segment === undefined ? this.#everyone : this.membersOf(segment), peer.selector);
      case 'segment': {
        const named = this.#input.segments.get(peer.segment);
        const members = named === undefined ? noWorkloads : this.membersOf(named);
        return peer.selector === undefined ? members : this.#within(members, peer.selector);
      }
    }
  }

  /** Those of the members that the selector matches: asked one by one, or looked up, whichever is less work. */
  #within(members: WorkloadSet, selector: Selector): WorkloadSet {
    if (selector.kind === 'all') return members;
    if (members === this.#everyone) return this.#selected(selector);
    return this.#remembered(`within ${this.#numberOf(members)} ${selectorText(selector)}`, () => {
      const terms = termCount(selector);
      if (members.size * terms > this.#labelled().workOf(selector) + members.size) {
        const selected = this.#selected(selector);
        return this.#filtered(members, 1, (workload) => selected.has(workload));
      }
      return this.#filtered(members, terms, ({ labels }) => selectorMatches(selector, labels));
    });
  }

  /** Those in the whole tenant, found by their labels where these can be looked up. */
  #selected(selector: Selector): WorkloadSet {
    if (selector.kind === 'all') return this.#everyone;
    return this.#remembered(`tenant ${selectorText(selector)}`, () => {
      const index = this.#labelled();
      this.#steps += index.workOf(selector);
      const found = new Set<Workload>();
      if (this.isSpent) return found;
      for (const number of index.select(selector)) {
        const workload = index.workloads[number];
        if (workload !== undefined) found.add(workload);
      }
      return found;
    });
  }

  #labelled(): LabelIndex {
    this.#labels ??= new LabelIndex(this.#input.workloads);
    return this.#labels;
  }

  #filtered(set: WorkloadSet, stepsEach: number, isWanted: (workload: Workload) => boolean): WorkloadSet {
    this.#steps += set.size * stepsEach;
    const found = new Set<Workload>();
    if (this.isSpent) return found;
    for (const workload of set) if (isWanted(workload)) found.add(workload);
    return found.size === set.size ? set : found;
  }

  #numberOf(set: WorkloadSet): number {
    const number = this.#numbers.get(set) ?? this.#numbers.size;
    this.#numbers.set(set, number);
    return number;
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
      this.#kept += found.size;
      this.#sides.set(key, found);
    }
    return found;
  }

  #firstInBoth(some: WorkloadSet, others: WorkloadSet): Common {
    const workloads: Workload[] = [];
    const hosts: (string | undefined)[] = [];
    const [fewer, more] = some.size <= others.size ? [some, others] : [others, some];
    for (const workload of fewer) {
      this.#steps += 1;
      if (!more.has(workload)) continue;
      if (workloads.length < 2) workloads.push(workload);
      if (!hosts.includes(workload.host)) hosts.push(workload.host);
      if (hosts.length === 2) break;
    }
    return workloads.length === 0 ? nothingCommon : { workloads, hosts };
  }
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
