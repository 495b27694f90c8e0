// Entries (rules of one combination, or all guardrails) with their peers resolved, and which of them apply at either
// end of a workload. Entries whose own side means the same are asked about once, and workloads at which the same ones
// hit share one list: with 10,000 rules for 10,000 workloads the lists would not fit in memory otherwise.

import type { Address } from '#model/address.ts';
import { normaliseRanges, rangeOf } from '#model/address-range.ts';
import type { LocalAddresses } from '#model/rule-set.ts';
import type { Direction } from '#model/verdict.ts';
import type { Peer } from '#policy/policy/policy.ts';
import type { WorkloadNumber } from '#policy/select/label-index.ts';
import type { PeerList, PeerSetNode, PeerSets, Scope } from './peer-sets.ts';
import type { HeldVirtual } from './virtual-holders.ts';

/** The entries that hit at one end, and the sets they name. Equal keys are one object. */
export interface Hits<Entry> {
  readonly key: string;
  readonly entries: readonly Entry[];
  readonly named: readonly PeerSetNode[];
}

/**
 * One rule or guardrail entry. `make` builds the grant or denial for one end, from the remote side and the local
 * addresses that it is for.
 */
export interface Landing<Entry> {
  readonly from: readonly Peer[];
  readonly to: readonly Peer[];
  make(remote: PeerList, local: LocalAddresses): Entry;
}

interface LandedEnd<Entry> {
  readonly remote: PeerList;
  /** The entry for a workload that a peer matches, */
  readonly whole: Entry;
  /** and for one that only some address peers may match; absent where there are none. */
  readonly ranged?: Entry;
  readonly make: Landing<Entry>['make'];
  readonly list: PeerList;
  /** Which of the distinct local sides is this one's. */
  readonly local: number;
}

let lastSerial = 0;

export class LandedRules<Entry> {
  readonly #serial: number;
  readonly #peerSets: PeerSets;
  readonly #lists = new Map<string, PeerList>();
  readonly #sides: Readonly<Record<Direction, Side<Entry>>> = { inbound: new Side(), outbound: new Side() };

  /** Keeps the order of the entries, and retains the peer sets they name until it is released. */
  constructor(entries: readonly Landing<Entry>[], scope: Scope, peerSets: PeerSets) {
    lastSerial += 1;
    this.#serial = lastSerial;
    this.#peerSets = peerSets;
    for (const { from, to, make } of entries) {
      const source = this.#interned(peerSets.list(from, scope));
      const target = this.#interned(peerSets.list(to, scope));
      this.#sides.inbound.add(target, source, make);
      this.#sides.outbound.add(source, target, make);
    }
    for (const list of this.#lists.values()) peerSets.retain(list);
  }

  /**
   * `held`: virtual workloads whose addresses the workload may have; what means only such a one is about its addresses
   * alone.
   */
  hitsAt(workload: WorkloadNumber, direction: Direction, held: readonly HeldVirtual[]): Hits<Entry> {
    return this.#sides[direction].hitsAt(workload, held, this.#serial);
  }

  /** What is asked of a workload to know what hits at its end. */
  localsAt(direction: Direction): Iterable<PeerList> {
    return this.#sides[direction].locals;
  }

  release(): void {
    for (const list of this.#lists.values()) this.#peerSets.release(list);
  }

  #interned(list: PeerList): PeerList {
    const known = this.#lists.get(list.key);
    if (known === undefined) this.#lists.set(list.key, list);
    return known ?? list;
  }
}

class Side<Entry> {
  readonly #ends: LandedEnd<Entry>[] = [];
  readonly #locals = new Map<PeerList, number>();
  readonly #hits = new Map<string, Hits<Entry>>();

  get locals(): Iterable<PeerList> {
    return this.#locals.keys();
  }

  add(local: PeerList, remote: PeerList, make: Landing<Entry>['make']): void {
    const number = this.#locals.get(local) ?? this.#locals.size;
    this.#locals.set(local, number);
    this.#ends.push({
      remote,
      whole: make(remote, { kind: 'any' }),
      ...(local.asLocal.length === 0 ? {} : { ranged: make(remote, { kind: 'ranges', ranges: local.asLocal }) }),
      local: number,
      make,
      list: local,
    });
  }

  hitsAt(workload: WorkloadNumber, held: readonly HeldVirtual[], serial: number): Hits<Entry> {
    const matched: number[] = [];
    const virtual = new Map<number, readonly Address[]>();
    for (const [local, number] of this.#locals) {
      if (local.matches(workload)) matched.push(number);
      else if (held.length > 0) {
        const addresses = addressesMeant(local, held);
        if (addresses.length > 0) virtual.set(number, addresses);
      }
    }
    let key = `${serial}:${matched.join()}`;
    for (const [number, addresses] of virtual) key += ` ${number}=${addresses.join()}`;
    const hits = this.#hits.get(key) ?? this.#gather(key, new Set(matched), virtual);
    this.#hits.set(key, hits);
    return hits;
  }

  #gather(key: string, matched: ReadonlySet<number>, virtual: ReadonlyMap<number, readonly Address[]>): Hits<Entry> {
    const entries: Entry[] = [];
    const named = new Set<PeerSetNode>();
    for (const end of this.#ends) {
      const { remote, local } = end;
      const addresses = virtual.get(local);
      const entry = matched.has(local) ? end.whole : addresses === undefined ? end.ranged : atAddresses(end, addresses);
      if (entry === undefined) continue;
      entries.push(entry);
      for (const node of remote.named) named.add(node);
    }
    return { key, entries, named: [...named] };
  }
}

/** Addresses of the virtual workloads that the local side means. */
export function addressesMeant(local: PeerList, held: readonly HeldVirtual[]): readonly Address[] {
  return held.flatMap(({ number, addresses }) => (local.matches(number) ? addresses : []));
}

/** The entry at some addresses of the end, and at those of its ranges. */
function atAddresses<Entry>({ make, remote, list }: LandedEnd<Entry>, addresses: readonly Address[]): Entry {
  return make(remote, { kind: 'ranges', ranges: normaliseRanges([...list.asLocal, ...addresses.map(rangeOf)]) });
}
