// The far sides of rules as interned sets: two rules that mean the same workloads share one set, and the set's id says what
// is meant, not who is in it, so a workload that comes or goes changes addresses and no id. Each set is worked out once,
// when something first asks for it.

import type { Address } from '#model/address.ts';
import { type AddressRange, normaliseRanges, rangeOf, rangeText } from '#model/address-range.ts';
import { sortedByCodeUnits } from '#model/code-unit-order.ts';
import type { PeerSet, PeerSetId, Peers } from '#model/rule-set.ts';
import type { Selector } from '#model/selector.ts';
import type { LabelIndex, WorkloadNumber } from './label-index.ts';
import type { Inventory, Peer } from './policy.ts';
import type { Combination, SegmentMembers } from './segment-members.ts';
import { selectorText } from './selector-text.ts';

/** Who `{ workloads: … }` means: the members of the rule's own segment, or in a guardrail or quarantine the whole tenant. */
export type Scope = Combination | 'tenant';

/** One list of peers, seen from both ends. */
export interface PeerList {
  /** What the list is to the other end. */
  readonly far: Peers;
  /** Whether some selector peer matches the workload itself, or a peer is `any`. */
  matches(workload: WorkloadNumber): boolean;
  /** What the list's address peers are to the workload's own end; normalised, empty where it has none. */
  readonly near: readonly AddressRange[];
}

/** Longer ids are cut and told apart by a hash, since every rule that names the set carries its id. */
const longestId = 200;

interface Node {
  readonly id: PeerSetId;
  /** Absent for a set of addresses. */
  readonly members?: ReadonlySet<WorkloadNumber>;
  readonly ranges: readonly AddressRange[];
  set?: PeerSet;
}

export class PeerSets {
  readonly #index: LabelIndex;
  readonly #segments: SegmentMembers;
  readonly #resolutions: Inventory['resolutions'];
  readonly #nodes = new Map<PeerSetId, Node>();
  readonly #texts = new Map<Selector, string>();
  readonly #longIds = new Map<PeerSetId, string>();

  constructor(sources: {
    readonly index: LabelIndex;
    readonly segments: SegmentMembers;
    readonly resolutions: Inventory['resolutions'];
  }) {
    this.#index = sources.index;
    this.#segments = sources.segments;
    this.#resolutions = sources.resolutions;
  }

  /** Throws for an id that no list has named. Addresses are gathered on the first call. */
  get(id: PeerSetId): PeerSet {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no rule has named peer set "${id}"`);
    node.set ??= { id, addresses: this.#addressesOf(node), ranges: node.members === undefined ? node.ranges : [] };
    return node.set;
  }

  list(peers: readonly Peer[], scope: Scope): PeerList {
    const isAny = peers.some(({ kind }) => kind === 'any');
    const nodes = peers.flatMap((peer) => (peer.kind === 'any' ? [] : [this.#nodeOf(peer, scope)]));
    const selected = nodes.flatMap(({ members }) => (members === undefined ? [] : [members]));
    return {
      far: isAny ? { kind: 'any' } : { kind: 'sets', ids: sortedByCodeUnits(new Set(nodes.map(({ id }) => id))) },
      matches: (workload) => isAny || selected.some((members) => members.has(workload)),
      near: normaliseRanges(nodes.flatMap(({ ranges }) => ranges)),
    };
  }

  #nodeOf(peer: Exclude<Peer, { readonly kind: 'any' }>, scope: Scope): Node {
    switch (peer.kind) {
      case 'workloads':
        return scope === 'tenant' ? this.#tenantNode(peer.selector) : this.#combinationNode(scope, peer.selector);
      case 'segment':
        return this.#segmentNode(peer.segment, peer.selector ?? { kind: 'all' });
      case 'tenant':
        return this.#tenantNode(peer.selector);
      case 'ranges':
        return this.#node(rangesId(peer.ranges, peer.source), () => ({ ranges: peer.ranges }));
      case 'fqdn':
        return this.#node(`fqdn/${peer.name.toLowerCase()}`, () => ({ ranges: this.#resolved(peer.name) }));
    }
  }

  #tenantNode(selector: Selector): Node {
    return this.#node(`tenant/${this.#text(selector)}`, () => ({
      members: new Set(this.#index.select(selector)),
      ranges: [],
    }));
  }

  #combinationNode(scope: Combination, selector: Selector): Node {
    const { segment, text, members, isMember } = scope;
    const id = `segment/${segment.name}${text === undefined ? '' : `[${text}]`}${this.#suffix(selector)}`;
    return this.#node(id, () => ({
      members: selector.kind === 'all' ? isMember : new Set(this.#index.selectAmong(selector, members, isMember)),
      ranges: [],
    }));
  }

  #segmentNode(name: string, selector: Selector): Node {
    return this.#node(`segment/${name}${this.#suffix(selector)}`, () => {
      const members = this.#segments.membersOf(name);
      return { members: new Set(this.#index.selectAmong(selector, members, new Set(members))), ranges: [] };
    });
  }

  #node(longId: string, make: () => Omit<Node, 'id' | 'set'>): Node {
    const id = this.#shortened(longId);
    const known = this.#nodes.get(id);
    if (known !== undefined) return known;
    const node: Node = { id, ...make() };
    this.#nodes.set(id, node);
    return node;
  }

  #suffix(selector: Selector): string {
    return selector.kind === 'all' ? '' : `/${this.#text(selector)}`;
  }

  #text(selector: Selector): string {
    const known = this.#texts.get(selector);
    if (known !== undefined) return known;
    const text = selectorText(selector);
    this.#texts.set(selector, text);
    return text;
  }

  /** Two long ids with one short form would make two sets one: never guessed at, so it throws. */
  #shortened(longId: string): PeerSetId {
    if (longId.length <= longestId) return longId;
    const id = `${longId.slice(0, longestId - 20)}…${hashText(longId)}`;
    const other = this.#longIds.get(id);
    if (other !== undefined && other !== longId) throw new Error(`peer sets "${other}" and "${longId}" have one id`);
    this.#longIds.set(id, longId);
    return id;
  }

  /** An exact name, or for "*.NAME" every name below it, however many labels deep. */
  #resolved(fqdn: string): readonly AddressRange[] {
    const name = fqdn.toLowerCase();
    if (!name.startsWith('*.')) return normaliseRanges((this.#resolutions.get(name) ?? []).map(rangeOf));
    const suffix = name.slice(1);
    const addresses: Address[] = [];
    for (const [resolved, found] of this.#resolutions) {
      if (resolved.endsWith(suffix) && resolved.length > suffix.length) addresses.push(...found);
    }
    return normaliseRanges(addresses.map(rangeOf));
  }

  #addressesOf({ members }: Node): readonly Address[] {
    const addresses = new Set<Address>();
    for (const member of members ?? []) {
      for (const address of this.#index.workloads[member]?.addresses ?? []) addresses.add(address);
    }
    return sortedByCodeUnits(addresses);
  }
}

/** An IP list keeps its id when its content changes; a CIDR with its exceptions is nothing but its content. */
function rangesId(ranges: readonly AddressRange[], source: string): string {
  return source.startsWith('ipList ') ? `ranges/${source}` : `ranges/${ranges.map(rangeText).join(',')}`;
}

/** 64 bits of FNV-1a, as 16 hex digits: short, and the same on every machine. */
function hashText(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (let at = 0; at < text.length; at += 1) {
    hash = ((hash ^ BigInt(text.charCodeAt(at))) * 0x100000001b3n) & 0xffffffffffffffffn;
  }
  return hash.toString(16).padStart(16, '0');
}
