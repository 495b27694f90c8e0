// The remote sides of rules as interned sets: two rules that mean the same workloads share one set, and the set's id says what
// is meant, not who is in it, so a workload that comes or goes changes addresses and no id. Each set's addresses are gathered
// once, when something first asks for them, and from then on kept up by what joins and leaves.

import type { Address } from '#model/address.ts';
import { type AddressRange, normaliseRanges, rangeOf, rangeText } from '#model/address-range.ts';
import { compareCodeUnits, holds, placeOf, sortedByCodeUnits } from '#model/code-unit-order.ts';
import type { PeerSet, PeerSetId, Peers } from '#model/rule-set.ts';
import type { PeerSetChange } from '#model/rule-set-delta.ts';
import type { Selector } from '#model/selector.ts';
import { equalStructures } from '#model/structure.ts';
import { hashText } from '#model/text-hash.ts';
import type { Inventory, Peer, Workload } from '#policy/policy/policy.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import type { LabelIndex, WorkloadNumber } from '#policy/select/label-index.ts';
import type { Combination, MemberDomain, SegmentMembers } from '#policy/select/segment-members.ts';
import { SelectorIndex } from '#policy/select/selector-index.ts';

/** Who `{ workloads: … }` means: the members of the rule's own segment, or in a guardrail or quarantine the whole tenant. */
export type Scope = Combination | 'tenant';

/** One list of peers, seen from both ends. */
export interface PeerList {
  /** Lists with equal keys mean the same at both ends. */
  readonly key: string;
  /** The peers it means where it is the remote side of a rule, */
  readonly asRemote: Peers;
  /** and the sets that those are. */
  readonly named: readonly PeerSetNode[];
  /** Whether some selector peer matches the workload itself, or a peer is `any`. */
  matches(workload: WorkloadNumber): boolean;
  /** Whether it matches all of these as it stands written: they are one of its sets, or a peer is `any`. */
  matchesAll(members: ReadonlySet<WorkloadNumber>): boolean;
  /** The ranges of its address peers where it is the local side of a rule; normalised, empty where it has none. */
  readonly asLocal: readonly AddressRange[];
  /** All sets of the list, also where `any` makes them mean nothing at the other end. */
  readonly nodes: readonly PeerSetNode[];
}

/** One interned set. `users` are the hosts whose rule sets hold it, kept by whoever hands those out. */
export interface PeerSetNode {
  readonly id: PeerSetId;
  readonly users: Set<NamingHosts>;
}

/** Hosts whose rule sets name just these sets. */
export interface NamingHosts {
  readonly named: ReadonlySet<PeerSetNode>;
  readonly hosts: Set<string>;
}

const nobody: ReadonlySet<WorkloadNumber> = new Set();

/** Longer ids are cut and told apart by a hash, since every rule that names the set carries its id. */
const longestId = 200;

interface Node extends PeerSetNode {
  /** Where the members are selected; absent for a set of addresses. */
  readonly domain?: Domain;
  readonly selector: Selector;
  readonly members?: ReadonlySet<WorkloadNumber>;
  ranges: readonly AddressRange[];
  /** Hosts learn what it stands for. */
  readonly fqdn?: string;
  /** Of lists that are retained. */
  references: number;
  set?: PeerSet;
}

/** Some workloads, and the sets that select among them. */
interface Domain extends MemberDomain {
  readonly nodes: SelectorIndex<Node>;
}

/** The members of a node that is not its whole domain. */
interface SelectedNode extends Node {
  readonly members: Set<WorkloadNumber>;
}

export class PeerSets {
  readonly #index: LabelIndex;
  readonly #segments: SegmentMembers;
  readonly #resolutions: Inventory['resolutions'];
  readonly #nodes = new Map<PeerSetId, Node>();
  readonly #domains = new Map<string, Domain>();
  readonly #texts = new WeakMap<Selector, string>();
  readonly #longIds = new Map<PeerSetId, string>();
  /** Who holds an address: a number, or several. Kept once something has joined or left. */
  readonly #holders = new Map<Address, WorkloadNumber | readonly WorkloadNumber[]>();
  /** Sets whose addresses were gathered, with the addresses that may have come or gone since they were last settled. */
  readonly #touched = new Map<Node, Set<Address>>();
  readonly #unreferenced = new Set<Node>();
  /** All addresses with who has them, in order; kept until somebody joins or leaves. */
  #inOrder: readonly { readonly address: Address; readonly number: WorkloadNumber }[] | undefined;

  constructor(sources: {
    readonly index: LabelIndex;
    readonly segments: SegmentMembers;
    readonly resolutions: Inventory['resolutions'];
  }) {
    this.#index = sources.index;
    this.#segments = sources.segments;
    this.#resolutions = sources.resolutions;
    for (const number of sources.index.everyone) this.#hold(number, sources.index.workloads[number]);
  }

  /** Throws for an id that no list has named. Addresses are gathered on the first call. */
  get(id: PeerSetId): PeerSet {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no rule has named peer set "${id}"`);
    node.set ??= {
      id,
      ...(node.fqdn === undefined ? {} : { fqdn: node.fqdn }),
      addresses: this.#addressesOf(node),
      ranges: node.ranges,
    };
    return node.set;
  }

  /**
   * A set as one host has it, where workloads of that host are known there by addresses that mean others elsewhere: theirs come in,
   * and those by which they are known elsewhere go, unless another member on that host has them too (addresses belong to one host's
   * workloads: nobody elsewhere can). The shared set where that changes nothing. `onHost`: all that the host enforces.
   */
  getOn(
    id: PeerSetId,
    host: { readonly onHost: ReadonlySet<WorkloadNumber>; readonly translated: ReadonlyMap<WorkloadNumber, Workload> },
  ): PeerSet {
    const { onHost, translated } = host;
    const shared = this.get(id);
    const members = this.#nodes.get(id)?.members;
    const own = [...translated].filter(([number]) => members?.has(number) === true);
    if (members === undefined || own.length === 0) return shared;
    const addresses = new Set(shared.addresses);
    for (const [, workload] of own) {
      for (const address of workload.addresses) {
        const others = listOf(this.#holders.get(address));
        const isAnothers = others.some(
          (holder) => onHost.has(holder) && members.has(holder) && !translated.has(holder),
        );
        if (!isAnothers) addresses.delete(address);
      }
    }
    for (const [, workload] of own) for (const address of workload.onHost ?? []) addresses.add(address);
    return { id, addresses: sortedByCodeUnits(addresses), ranges: shared.ranges };
  }

  /** Everybody who has the address. */
  holdersOf(address: Address): readonly WorkloadNumber[] {
    return listOf(this.#holders.get(address));
  }

  list(peers: readonly Peer[], scope: Scope): PeerList {
    const isAny = peers.some(({ kind }) => kind === 'any');
    const all = peers.flatMap((peer) => (peer.kind === 'any' ? [] : [this.#nodeOf(peer, scope)]));
    const nodes = all.length < 2 ? all : [...new Set(all)].sort((a, b) => compareCodeUnits(a.id, b.id));
    const ranges = nodes.flatMap((node) => node.ranges);
    return {
      key: `${isAny ? 'any' : 'sets'} ${nodes.map(({ id }) => id).join('\n')}`,
      asRemote: isAny ? { kind: 'any' } : { kind: 'sets', ids: nodes.map(({ id }) => id) },
      named: isAny ? [] : nodes,
      matches: (workload) => isAny || nodes.some(({ members }) => members?.has(workload) === true),
      matchesAll: (all) => isAny || nodes.some(({ members }) => members === all),
      asLocal: ranges.length === 0 ? ranges : normaliseRanges(ranges),
      nodes,
    };
  }

  /** While it is retained, a list's sets are kept up. */
  retain({ nodes }: PeerList): void {
    for (const { id } of nodes) {
      const node = this.#nodes.get(id);
      if (node !== undefined) node.references += 1;
    }
  }

  release({ nodes }: PeerList): void {
    for (const { id } of nodes) {
      const node = this.#nodes.get(id);
      if (node === undefined) continue;
      node.references -= 1;
      if (node.references === 0) this.#unreferenced.add(node);
    }
  }

  /** Takes the workload out of every set that has it. Before it leaves its combinations, and before the index forgets its labels. */
  leave(number: WorkloadNumber): void {
    const workload = this.#index.workloads[number];
    if (workload === undefined) return;
    this.#inOrder = undefined;
    for (const node of this.#nodesOf(number, workload)) {
      if (isSelected(node)) node.members.delete(number);
      this.#touch(node, workload.addresses);
    }
    for (const address of workload.addresses) {
      const others = listOf(this.#holders.get(address)).filter((holder) => holder !== number);
      const [first] = others;
      if (first === undefined) this.#holders.delete(address);
      else this.#holders.set(address, others.length === 1 ? first : others);
    }
  }

  /** Puts the workload, as the index now has it, into every set that selects it. After it joined its combinations. */
  join(number: WorkloadNumber): void {
    const workload = this.#index.workloads[number];
    if (workload === undefined) return;
    this.#inOrder = undefined;
    for (const node of this.#nodesOf(number, workload)) {
      if (isSelected(node)) node.members.add(number);
      this.#touch(node, workload.addresses);
    }
    this.#hold(number, workload);
  }

  /** What came of all that joined and left since it was last asked, by id in code-unit order; forgets sets that no list names. */
  settle(): ReadonlyMap<PeerSetNode, PeerSetChange> {
    for (const node of this.#unreferenced) if (node.references === 0) this.#forget(node);
    this.#unreferenced.clear();
    const changes = new Map<PeerSetNode, PeerSetChange>();
    for (const [node, addresses] of [...this.#touched].sort(([a], [b]) => compareCodeUnits(a.id, b.id))) {
      const change = this.#settleNode(node, addresses);
      if (change !== undefined) changes.set(node, change);
    }
    this.#touched.clear();
    return changes;
  }

  #settleNode(node: Node, touched: ReadonlySet<Address>): PeerSetChange | undefined {
    const { id, set, ranges } = node;
    if (set === undefined) return undefined;
    const before = new Set<Address>();
    const after = new Set<Address>();
    for (const address of touched) {
      if (holds(set.addresses, address)) before.add(address);
      if (listOf(this.#holders.get(address)).some((holder) => node.members?.has(holder) === true)) after.add(address);
    }
    const addedAddresses = sortedByCodeUnits(after.difference(before));
    const removedAddresses = sortedByCodeUnits(before.difference(after));
    const hasSameRanges = set.ranges === ranges;
    if (addedAddresses.length === 0 && removedAddresses.length === 0 && hasSameRanges) return undefined;
    const addresses = changedList(set.addresses, addedAddresses, removedAddresses);
    node.set = { ...set, addresses, ranges };
    return { id, addedAddresses, removedAddresses, ...(hasSameRanges ? {} : { ranges }) };
  }

  #forget(node: Node): void {
    this.#nodes.delete(node.id);
    this.#longIds.delete(node.id);
    this.#touched.delete(node);
    if (node.domain === undefined) return;
    node.domain.nodes.remove(node);
    if (node.domain.nodes.size === 0) this.#domains.delete(node.domain.id);
  }

  *#nodesOf(number: WorkloadNumber, { labels }: Workload): Generator<Node> {
    yield* this.#domains.get('tenant')?.nodes.matching(labels) ?? [];
    for (const id of this.#segments.domainsOf(number)) yield* this.#domains.get(id)?.nodes.matching(labels) ?? [];
  }

  #touch(node: Node, addresses: readonly Address[]): void {
    if (node.set === undefined) return;
    const touched = this.#touched.get(node) ?? new Set();
    for (const address of addresses) touched.add(address);
    this.#touched.set(node, touched);
  }

  #hold(number: WorkloadNumber, workload: Workload | undefined): void {
    for (const address of workload?.addresses ?? []) {
      const others = this.#holders.get(address);
      if (others === undefined) this.#holders.set(address, number);
      else if (!listOf(others).includes(number)) this.#holders.set(address, [...listOf(others), number]);
    }
  }

  #nodeOf(peer: Exclude<Peer, { readonly kind: 'any' }>, scope: Scope): Node {
    switch (peer.kind) {
      case 'workloads':
        return this.#selectedNode(scope === 'tenant' ? this.#tenant() : this.#domain(scope.domain), peer.selector);
      case 'segment':
        return this.#selectedNode(
          this.#domain(this.#segments.domainOf(peer.segment) ?? { id: `no-segment/${peer.segment}`, members: nobody }),
          peer.selector ?? { kind: 'all' },
        );
      case 'tenant':
        return this.#selectedNode(this.#tenant(), peer.selector);
      case 'ranges':
        return this.#rangesNode(rangesId(peer.ranges, peer.source), peer.ranges);
      case 'fqdn': {
        const name = peer.name.toLowerCase();
        const id = this.#shortened(`fqdn/${name}`);
        const known = this.#nodes.get(id);
        if (known !== undefined) return known;
        const ranges = this.#resolved(name);
        const node: Node = { id, users: new Set(), selector: { kind: 'all' }, ranges, fqdn: name, references: 0 };
        this.#nodes.set(id, node);
        return node;
      }
    }
  }

  #tenant(): Domain {
    return this.#domain({ id: 'tenant', members: this.#index.everyone });
  }

  #domain({ id, members }: MemberDomain): Domain {
    const known = this.#domains.get(id);
    if (known !== undefined) return known;
    const domain: Domain = { id, members, nodes: new SelectorIndex() };
    this.#domains.set(id, domain);
    return domain;
  }

  #selectedNode(domain: Domain, selector: Selector): Node {
    const suffix = selector.kind === 'all' && domain.id !== 'tenant' ? '' : `/${this.#text(selector)}`;
    const id = this.#shortened(`${domain.id}${suffix}`);
    const known = this.#nodes.get(id);
    if (known !== undefined) return known;
    const members = selector.kind === 'all' ? domain.members : this.#index.selectAmong(selector, domain.members);
    const node: Node = { id, users: new Set(), domain, selector, members, ranges: [], references: 0 };
    domain.nodes.add(node);
    this.#nodes.set(id, node);
    return node;
  }

  /** An IP list keeps its id when its content changes: the newest content is what it means. */
  #rangesNode(longId: string, ranges: readonly AddressRange[]): Node {
    const id = this.#shortened(longId);
    const known = this.#nodes.get(id);
    if (known === undefined) {
      const node: Node = { id, users: new Set(), selector: { kind: 'all' }, ranges, references: 0 };
      this.#nodes.set(id, node);
      return node;
    }
    if (known.ranges !== ranges && !equalStructures(known.ranges, ranges)) {
      known.ranges = ranges;
      this.#touch(known, []);
    }
    return known;
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
  #resolved(name: string): readonly AddressRange[] {
    if (!name.startsWith('*.')) return normaliseRanges((this.#resolutions.get(name) ?? []).map(rangeOf));
    const suffix = name.slice(1);
    const addresses: Address[] = [];
    for (const [resolved, found] of this.#resolutions) {
      if (resolved.endsWith(suffix) && resolved.length > suffix.length) addresses.push(...found);
    }
    return normaliseRanges(addresses.map(rangeOf));
  }

  #addressesAmongAll(members: ReadonlySet<WorkloadNumber>): readonly Address[] {
    this.#inOrder ??= [...this.#index.everyone]
      .flatMap((number) => this.#index.workloads[number]?.addresses.map((address) => ({ address, number })) ?? [])
      .sort((a, b) => compareCodeUnits(a.address, b.address));
    const addresses: Address[] = [];
    for (const { address, number } of this.#inOrder) {
      if (members.has(number) && addresses.at(-1) !== address) addresses.push(address);
    }
    return addresses;
  }

  #addressesOf({ members = nobody }: Node): readonly Address[] {
    if (members.size * mostSorted > this.#index.everyone.size && members.size > mostSorted) {
      return this.#addressesAmongAll(members);
    }
    const addresses = new Set<Address>();
    for (const member of members) {
      for (const address of this.#index.workloads[member]?.addresses ?? []) addresses.add(address);
    }
    return sortedByCodeUnits(addresses);
  }
}

/** A node of all() shares its domain's members, which are kept by whoever keeps the domain. */
function isSelected(node: Node): node is SelectedNode {
  return node.selector.kind !== 'all' && node.members !== undefined;
}

function listOf(holders: WorkloadNumber | readonly WorkloadNumber[] | undefined): readonly WorkloadNumber[] {
  if (holders === undefined) return [];
  return typeof holders === 'number' ? [holders] : holders;
}

/** Of a set that has one workload in so many, or more, addresses are picked out of all in order; of another they are sorted. */
const mostSorted = 16;

/** A few changes are made in place of a copy; more than that and sorting anew is cheaper. */
const mostSplices = 16;

function changedList(
  addresses: readonly Address[],
  added: readonly Address[],
  removed: readonly Address[],
): readonly Address[] {
  if (added.length + removed.length > mostSplices) {
    const kept = new Set(addresses);
    for (const address of removed) kept.delete(address);
    return sortedByCodeUnits([...kept, ...added]);
  }
  const list = [...addresses];
  for (const address of removed) list.splice(placeOf(list, address), 1);
  for (const address of added) list.splice(placeOf(list, address), 0, address);
  return list;
}

/** An IP list keeps its id when its content changes; a CIDR with its exceptions is nothing but its content. */
function rangesId(ranges: readonly AddressRange[], source: string): string {
  return source.startsWith('ipList ') ? `ranges/${source}` : `ranges/${ranges.map(rangeText).join(',')}`;
}
