// The peer sets of quarantined workloads, which every host is sent: one for each quarantine, shared by all, kept up as workloads change. An
// address that comes or goes is one address in one set; who is exempt is said at the workloads that a quarantine names as its peers.

import type { Address } from '#model/address.ts';
import { normaliseRanges, rangeOf, rangesContain } from '#model/address-range.ts';
import { compareCodeUnits, sortedByCodeUnits } from '#model/code-unit-order.ts';
import type { Exemption, LocalAddresses, PeerSet, PeerSetId } from '#model/rule-set.ts';
import type { PeerSetChange } from '#model/rule-set-delta.ts';
import { hashText } from '#model/text-hash.ts';
import { namedAddresses, quarantineOver } from '#policy/judge/cut-off.ts';
import type { Peer, Workload, WorkloadQuarantine } from '#policy/policy/policy.ts';
import type { LabelIndex, WorkloadNumber } from '#policy/select/label-index.ts';
import type { PeerList, PeerSets } from './peer-sets.ts';
import type { VirtualHolders } from './virtual-holders.ts';

/** What came of everything since the last time. `stale`: workloads that quarantines name which came or went. */
export interface CutOffChanges {
  readonly added: readonly PeerSet[];
  readonly changed: readonly PeerSetChange[];
  readonly removed: readonly PeerSetId[];
  readonly stale: ReadonlySet<WorkloadNumber>;
}

/** Of workloads quarantined under one name, with the same peers. Without addresses there is no set of it. */
interface Group {
  readonly quarantine: WorkloadQuarantine;
  readonly list: PeerList;
  readonly addresses: Set<Address>;
  set: PeerSet;
}

export class CutOffSets {
  readonly #index: LabelIndex;
  readonly #peerSets: PeerSets;
  readonly #virtual: VirtualHolders;
  readonly #quarantined = new Set<WorkloadNumber>();
  readonly #groups = new Map<PeerSetId, Group>();
  /** Groups with the same peers, by the list's key: each list is asked once for a workload. */
  readonly #byList = new Map<string, Set<Group>>();
  readonly #groupOf = new Map<Address, Group>();
  readonly #touched = new Set<Address>();
  #sets: readonly PeerSet[] = [];

  /** `virtual` knows its workloads already. */
  constructor(sources: { readonly index: LabelIndex; readonly peerSets: PeerSets; readonly virtual: VirtualHolders }) {
    this.#index = sources.index;
    this.#virtual = sources.virtual;
    this.#peerSets = sources.peerSets;
    for (const number of this.#index.everyone) {
      const workload = this.#index.workloads[number];
      if (workload?.quarantine !== undefined) this.replace(number, undefined, workload);
    }
    this.settle();
  }

  /** In code-unit order of their ids; as of the last settling. */
  get sets(): readonly PeerSet[] {
    return this.#sets;
  }

  /** A workload is another now, or came, or is gone. */
  replace(number: WorkloadNumber, before: Workload | undefined, after: Workload | undefined): void {
    if (after?.quarantine === undefined) this.#quarantined.delete(number);
    else this.#quarantined.add(number);
    if (this.#quarantined.size === 0 && this.#groupOf.size === 0) return;
    for (const address of [...(before?.addresses ?? []), ...(after?.addresses ?? [])]) this.#touched.add(address);
  }

  /** What such a peer means is another from here on. */
  relist(isAnother: (peer: Peer) => boolean): void {
    for (const { quarantine, addresses } of this.#groups.values()) {
      if (!quarantine.peers.some(isAnother)) continue;
      for (const address of addresses) {
        this.#groupOf.delete(address);
        this.#touched.add(address);
      }
      addresses.clear();
    }
  }

  /** After all workloads joined and left. */
  settle(): CutOffChanges {
    const before = new Map([...this.#groups].map(([id, { set }]) => [id, set]));
    const stale = new Set<WorkloadNumber>();
    for (const address of this.#touched) this.#regroup(address, stale);
    this.#touched.clear();
    for (const [id, group] of this.#groups) if (group.addresses.size === 0) this.#drop(id, group, stale);
    const added: PeerSet[] = [];
    const changed: PeerSetChange[] = [];
    for (const [id, group] of this.#groups) {
      const old = before.get(id);
      const come = sortedByCodeUnits(group.addresses.difference(new Set(old?.addresses)));
      const gone = old?.addresses.filter((address) => !group.addresses.has(address)) ?? [];
      if (come.length + gone.length > 0) group.set = { ...group.set, addresses: sortedByCodeUnits(group.addresses) };
      if (old === undefined) added.push(group.set);
      else if (old !== group.set) changed.push({ id, addedAddresses: come, removedAddresses: gone });
    }
    const removed = sortedByCodeUnits([...before.keys()].filter((id) => !this.#groups.has(id)));
    if (added.length + changed.length + removed.length > 0)
      this.#sets = [...this.#groups.values()].map(({ set }) => set).sort(byId);
    return { added: added.sort(byId), changed: changed.sort(byId), removed, stale };
  }

  exemptionsOf(number: WorkloadNumber, workload: Workload): readonly Exemption[] {
    const exemptions: Exemption[] = [];
    for (const groups of this.#byList.values()) {
      const [first] = groups;
      const local = first === undefined ? undefined : this.#localOf(first.list, number, workload);
      if (local !== undefined) for (const { set } of groups) exemptions.push({ set: set.id, local });
    }
    return exemptions.sort((a, b) => compareCodeUnits(a.set, b.set));
  }

  #regroup(address: Address, stale: Set<WorkloadNumber>): void {
    const holders = this.#peerSets.holdersOf(address).flatMap((number) => this.#index.workloads[number] ?? []);
    const quarantine = quarantineOver(holders);
    const group = quarantine === undefined ? undefined : this.#groupFor(quarantine, stale);
    const before = this.#groupOf.get(address);
    if (before === group) return;
    before?.addresses.delete(address);
    group?.addresses.add(address);
    if (group === undefined) this.#groupOf.delete(address);
    else this.#groupOf.set(address, group);
  }

  #groupFor(quarantine: WorkloadQuarantine, stale: Set<WorkloadNumber>): Group {
    const list = this.#peerSets.list(quarantine.peers, 'tenant');
    const id = `quarantine/${quarantine.name}${namesNobody(list) ? '' : `/${hashText(list.key)}`}`;
    const known = this.#groups.get(id);
    if (known !== undefined) return known;
    this.#peerSets.retain(list);
    const set = { id, quarantine: quarantine.name, addresses: [], ranges: [] };
    const group: Group = { quarantine, list, addresses: new Set(), set };
    this.#groups.set(id, group);
    if (namesNobody(list)) return group;
    const sharing = this.#byList.get(list.key) ?? new Set();
    this.#byList.set(list.key, sharing.add(group));
    this.#addNamed(list, stale);
    return group;
  }

  #drop(id: PeerSetId, group: Group, stale: Set<WorkloadNumber>): void {
    const { list } = group;
    this.#groups.delete(id);
    const sharing = this.#byList.get(list.key);
    sharing?.delete(group);
    if (sharing?.size === 0) this.#byList.delete(list.key);
    if (!namesNobody(list)) this.#addNamed(list, stale);
    this.#peerSets.release(list);
  }

  /** Linear in the workloads, as is what a quarantine means to hosts. */
  #addNamed(list: PeerList, stale: Set<WorkloadNumber>): void {
    for (const number of this.#index.everyone) {
      const workload = this.#index.workloads[number];
      if (workload !== undefined && this.#localOf(list, number, workload) !== undefined) stale.add(number);
    }
  }

  /** Of the addresses that a workload has or may hold those that the list names; undefined where it names none. */
  #localOf(list: PeerList, number: WorkloadNumber, workload: Workload): LocalAddresses | undefined {
    if (list.matches(number)) return { kind: 'any' };
    const isNamed = (address: Address) => list.asLocal.length > 0 && rangesContain(list.asLocal, address);
    const own = namedAddresses(workload.addresses, isNamed);
    if (own === 'all') return { kind: 'any' };
    const held = this.#virtual.heldBy(workload).flatMap(({ number: virtual, addresses }) => {
      return list.matches(virtual) ? addresses : addresses.filter(isNamed);
    });
    const named = [...own, ...held];
    return named.length === 0 ? undefined : { kind: 'ranges', ranges: normaliseRanges(named.map(rangeOf)) };
  }
}

function namesNobody({ asRemote }: PeerList): boolean {
  return asRemote.kind === 'sets' && asRemote.ids.length === 0;
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return compareCodeUnits(a.id, b.id);
}
