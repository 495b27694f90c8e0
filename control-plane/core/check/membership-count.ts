// How many workloads a policy's selectors match, all of them together: what compiling keeps in memory, and what it asks for that. Segments
// and peers that select alike are counted once, as they are kept once. Told before any of it is done: first from how many workloads have
// which label, which is a bound and costs next to nothing; and only where that is too much from the selectors themselves, up to where it is.

import type { Selector } from '#model/selector.ts';
import { combinationOf, selectionKey } from '#policy/policy/combination.ts';
import type { Peer, Policy, Segment, Workload } from '#policy/policy/policy.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import { LabelIndex, termCount, type WorkloadNumber } from '#policy/select/label-index.ts';
import type { Position } from '#policy/source/position.ts';

/**
 * `memberships`: workloads in all sets of members and of peers. `landings`: rules of all combinations of segments. `steps`: terms
 * of selectors that are held against workloads to find these.
 */
export interface MembershipTotals {
  readonly memberships: number;
  readonly landings: number;
  readonly steps: number;
}

/**
 * Ten times what 100,000 workloads in 25,000 segments come to. At five million memberships a control plane compiles for some three
 * seconds and holds about half a gigabyte; a landing costs some 500 bytes, a step 30 ns.
 */
export const membershipLimits: MembershipTotals = { memberships: 5_000_000, landings: 1_000_000, steps: 32_000_000 };

/** Where counting ended: at the first segment, rule or guardrail entry with which a limit was passed. */
export interface MembershipExcess {
  readonly kind: keyof MembershipTotals;
  readonly position: Position;
  /** 'segment "shop"', 'rule shop/web-to-api' or 'guardrail "g"'. */
  readonly place: string;
}

export interface CountInput {
  readonly policy: Pick<Policy, 'segments' | 'guardrails'>;
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly limits: MembershipTotals;
  /** Default `as-needed`: bounds from above where these are within the limits. */
  readonly totals?: 'as-needed' | 'exact';
}

export type MembershipCount =
  | { readonly kind: 'counted'; readonly totals: MembershipTotals }
  | { readonly kind: 'exceeded'; readonly excess: MembershipExcess };

export function countMemberships({ policy, workloads, limits, totals }: CountInput): MembershipCount {
  if (totals !== 'exact') {
    const bound = counted({ policy, limits, sizes: new SizeBounds(workloads.values()) });
    if (bound.kind === 'counted') return bound;
  }
  return counted({ policy, limits, sizes: new ExactSizes(workloads.values(), limits.steps) });
}

/** Of a set of workloads: how many, what it takes to find them, and in how many combinations of `each` they are. */
interface Size {
  readonly members: number;
  readonly steps: number;
  readonly combinations: number;
}

interface Sizes {
  ofSegment(selector: Selector, each: readonly string[]): Size;
  /** Among the members of a segment as it was asked about, or in the whole tenant. */
  ofPeer(selector: Selector, among: Segment | 'tenant'): Omit<Size, 'combinations'>;
}

interface Counting {
  readonly policy: CountInput['policy'];
  readonly limits: MembershipTotals;
  readonly sizes: Sizes;
}

function counted({ policy, limits, sizes }: Counting): MembershipCount {
  const totals = { memberships: 0, landings: 0, steps: 0 };
  const known = new Map<string, Size>();
  const peers = new Set<string>();
  const sizeOf = ({ selector, each }: Segment, key: string): Size => {
    let size = known.get(key);
    if (size === undefined) {
      size = sizes.ofSegment(selector, each);
      known.set(key, size);
      totals.memberships += size.members;
      totals.steps += size.steps;
    }
    return size;
  };
  const addPeer = (peer: Peer, own: Segment | 'tenant') => {
    if (peer.kind !== 'workloads' && peer.kind !== 'tenant' && peer.kind !== 'segment') return;
    const { selector } = peer;
    if (selector === undefined || selector.kind === 'all') return;
    const among =
      peer.kind === 'tenant' ? 'tenant' : peer.kind === 'workloads' ? own : policy.segments.get(peer.segment);
    if (among === undefined) return;
    const domain = among === 'tenant' ? among : segmentKey(among);
    const key = `${domain}/${selectorText(selector)}`;
    if (peers.has(key)) return;
    peers.add(key);
    if (among !== 'tenant') sizeOf(among, domain);
    const { members, steps } = sizes.ofPeer(selector, among);
    totals.memberships += members;
    totals.steps += steps;
  };
  const passed = (position: Position, place: string): MembershipCount | undefined => {
    const kind = (['memberships', 'landings', 'steps'] as const).find((one) => totals[one] > limits[one]);
    return kind === undefined ? undefined : { kind: 'exceeded', excess: { kind, position, place } };
  };
  for (const segment of policy.segments.values()) {
    const { combinations } = sizeOf(segment, segmentKey(segment));
    totals.landings += combinations * Math.max(1, segment.rules.length);
    const atSegment = passed(segment.position, `segment "${segment.name}"`);
    if (atSegment !== undefined) return atSegment;
    for (const rule of segment.rules) {
      for (const peer of [...rule.from, ...rule.to]) {
        addPeer(peer, segment);
        const atRule = passed(rule.position, `rule ${segment.name}/${rule.name}`);
        if (atRule !== undefined) return atRule;
      }
    }
  }
  for (const { name, deny } of policy.guardrails.values()) {
    for (const { from, to, position } of deny) {
      for (const peer of [...from, ...to]) {
        addPeer(peer, 'tenant');
        const atEntry = passed(position, `guardrail "${name}"`);
        if (atEntry !== undefined) return atEntry;
      }
    }
  }
  return { kind: 'counted', totals };
}

const segmentKeys = new WeakMap<Segment, string>();

function segmentKey(segment: Segment): string {
  const known = segmentKeys.get(segment);
  if (known !== undefined) return known;
  const key = selectionKey(segment);
  segmentKeys.set(segment, key);
  return key;
}

/** From how many workloads have each label: never less than it is. */
class SizeBounds implements Sizes {
  readonly #keys = new Map<string, number>();
  readonly #values = new Map<string, Map<string, number>>();
  readonly #bounds = new WeakMap<Selector, number>();
  #everyone = 0;

  constructor(workloads: Iterable<Workload>) {
    for (const { labels } of workloads) {
      this.#everyone += 1;
      for (const [key, value] of labels) {
        this.#keys.set(key, (this.#keys.get(key) ?? 0) + 1);
        const values = this.#values.get(key);
        if (values === undefined) this.#values.set(key, new Map([[value, 1]]));
        else values.set(value, (values.get(value) ?? 0) + 1);
      }
    }
  }

  ofSegment(selector: Selector, each: readonly string[]): Size {
    const members = this.#bound(selector);
    const combinations = each.reduce((product, key) => product * (this.#values.get(key)?.size ?? 0), 1);
    return {
      members,
      steps: members * termCount(selector),
      combinations: Math.min(combinations, Math.max(1, members)),
    };
  }

  ofPeer(selector: Selector, among: Segment | 'tenant'): Omit<Size, 'combinations'> {
    const own = this.#bound(selector);
    const members = among === 'tenant' ? own : Math.min(own, this.#bound(among.selector));
    return { members, steps: members * termCount(selector) };
  }

  #bound(selector: Selector): number {
    let bound = this.#bounds.get(selector);
    if (bound === undefined) {
      bound = Math.min(this.#everyone, this.#looked(selector));
      this.#bounds.set(selector, bound);
    }
    return bound;
  }

  #looked(selector: Selector): number {
    switch (selector.kind) {
      case 'has':
        return this.#keys.get(selector.key) ?? 0;
      case 'in': {
        const values = this.#values.get(selector.key);
        let sum = 0;
        for (const value of selector.values) sum += values?.get(value) ?? 0;
        return sum;
      }
      case 'and':
        return selector.terms.reduce((least, term) => Math.min(least, this.#bound(term)), this.#everyone);
      case 'or':
        return selector.terms.reduce((sum, term) => sum + this.#bound(term), 0);
      case 'all':
      case 'not':
      case 'not-in':
        return this.#everyone;
    }
  }
}

/** By asking the workloads; no longer than there are steps. From then on everything is empty, and the steps are too many. */
class ExactSizes implements Sizes {
  readonly #index: LabelIndex;
  #steps: number;
  /** Of the segment asked about last, whose rules come next; with `each`, all whom it selects. */
  #last: { readonly selector: Selector; readonly members: ReadonlySet<WorkloadNumber> } | undefined;

  constructor(workloads: Iterable<Workload>, steps: number) {
    this.#index = new LabelIndex(workloads);
    this.#steps = steps;
  }

  ofSegment(selector: Selector, each: readonly string[]): Size {
    if (each.length === 0) {
      const steps = this.#index.workOf(selector);
      return { members: this.#spend(steps) ? this.#index.count(selector) : 0, steps, combinations: 1 };
    }
    const [members, found] = this.#select(selector);
    const texts = new Set<string>();
    let size = 0;
    for (const number of members) {
      const text = combinationOf(each, this.#index.workloads[number]?.labels ?? new Map());
      if (text === undefined) continue;
      size += 1;
      texts.add(text);
    }
    return { members: size, steps: found + members.size * each.length, combinations: texts.size };
  }

  ofPeer(selector: Selector, among: Segment | 'tenant'): Omit<Size, 'combinations'> {
    if (among === 'tenant') {
      const all = this.#index.workOf(selector);
      return { members: this.#spend(all) ? this.#index.count(selector) : 0, steps: all };
    }
    const [members, found] = this.#select(among.selector);
    const steps = found + Math.min(this.#index.workOf(selector), members.size * termCount(selector));
    return { members: this.#spend(steps) ? this.#index.selectAmong(selector, members).size : 0, steps };
  }

  #select(selector: Selector): readonly [members: ReadonlySet<WorkloadNumber>, steps: number] {
    if (this.#last?.selector === selector) return [this.#last.members, 0];
    const steps = this.#index.workOf(selector);
    const members = this.#spend(steps) ? this.#index.select(selector) : new Set<WorkloadNumber>();
    this.#last = { selector, members };
    return [members, steps];
  }

  #spend(steps: number): boolean {
    this.#steps -= steps;
    return this.#steps >= 0;
  }
}
