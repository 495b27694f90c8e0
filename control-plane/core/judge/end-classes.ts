// Ends of connections that a policy and an inventory cannot tell apart: whatever is asked of one is answered alike of all of its class. A
// test over thousands of workloads so judges one pair of each pair of classes.
//
// An end is told apart by its address's family, by which address ranges of the policy (and of quarantines) hold it, and by who holds it; each holder by its
// kind, its quarantine, and its labels as far as some selector asks for them. Of a label by which a segment is divided (`each`) only whether it is the
// same at both ends matters, unless a selector names its value. Where an end cannot be told by these alone (virtual workloads, quarantines with peers) it is a class by itself.

import { type Address, addressValue, type Family, familyOf } from '#model/address.ts';
import { type AddressRange, rangesContainValue } from '#model/address-range.ts';
import type { Labels } from '#model/label.ts';
import type { Inventory, Peer, Policy, Workload } from '#policy/policy/policy.ts';
import { type SelectedLabels, selectedLabels } from '#policy/select/label-vocabulary.ts';
import { createHolders, type Holders } from './address-holders.ts';

/** An address, and the workload that is meant by it, where one is named. */
export interface Endpoint {
  readonly address: Address;
  readonly workload?: Workload;
}

export interface EndClass {
  /** Ends with the same number are alike towards every end. */
  readonly number: number;
  readonly family: Family;
  /** Like `number`, but for the values of labels in `each`, which `values` has; absent where several hold the address, each with values of its own. */
  readonly shape?: number;
  readonly values: readonly (string | undefined)[];
}

/** Of so many lists of ranges and more, addresses are told apart wherever one of them begins or ends. */
const mostListsAsked = 1000;
/** Keys in `each` whose values are compared pair by pair; a policy with more tells ends apart by all of them. */
const mostKeysCompared = 8;

export class EndClasses {
  readonly #holders: Holders;
  readonly #ranges: RangeClasses;
  readonly #resolved: ReadonlySet<Address>;
  readonly #labels: SelectedLabels;
  readonly #keys: readonly string[];
  readonly #numbers = new Map<string, number>();
  readonly #signatures = new Map<Workload, Signature>();
  readonly #known = new WeakMap<Endpoint, EndClass>();

  constructor({ policy, inventory }: { readonly policy: Policy; readonly inventory: Inventory }) {
    this.#holders = createHolders(inventory.workloads);
    this.#ranges = new RangeClasses(rangesIn(policy, inventory));
    this.#resolved = new Set([...inventory.resolutions.values()].flat());
    this.#labels = selectedLabels({ policy, inventory });
    const keys = [...new Set([...policy.segments.values()].flatMap(({ each }) => each))];
    this.#keys = keys.length > mostKeysCompared ? [] : keys;
  }

  of(end: Endpoint): EndClass {
    const known = this.#known.get(end) ?? this.#classOf(end);
    this.#known.set(end, known);
    return known;
  }

  #classOf({ address, workload }: Endpoint): EndClass {
    const family = familyOf(address);
    const { by, meant } = this.#holders.at(address);
    const subject = workload ?? meant;
    const at = `${family} ${this.#ranges.of(address)} ${this.#resolved.has(address) ? address : ''}`;
    if (this.#isByItself({ address, by, subject }))
      return { number: this.#numberOf(`itself ${address} ${subject?.name ?? ''}`), family, values: [] };
    if (by.length > 1 || by[0] !== subject) {
      const all = [...by, subject].map((one) => this.#wholeOf(one));
      const which = meant === undefined ? -1 : by.indexOf(meant);
      return { number: this.#numberOf(`several ${at}|${which}|${all.join('|')}`), family, values: [] };
    }
    const { whole, shape } = subject === undefined ? nobody : this.#signatureOf(subject);
    return {
      number: this.#numberOf(`whole ${at}|${whole}`),
      family,
      shape: this.#numberOf(`shape ${at}|${shape}`),
      values: this.#keys.map((key) => subject?.labels.get(key)),
    };
  }

  /** Pairs with one key are judged alike, also by who is asked whether a rule granted. */
  pairKey(from: EndClass, to: EndClass): string {
    if (from.shape === undefined || to.shape === undefined) return `${from.number}-${to.number}`;
    let same = 0;
    for (const [at, value] of from.values.entries())
      if (value !== undefined && value === to.values[at]) same |= 1 << at;
    return `${from.shape} ${to.shape} ${same}`;
  }

  #numberOf(key: string): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.#numbers.size);
    return this.#numbers.size - 1;
  }

  /** A virtual address is judged at every host that may have it, and a connection with it may never leave its host. */
  #isByItself(end: {
    readonly address: Address;
    readonly by: readonly Workload[];
    readonly subject: Workload | undefined;
  }) {
    const { address, by, subject } = end;
    const all = subject === undefined ? by : [...by, subject];
    return (
      all.some(({ kind, quarantine }) => kind === 'virtual' || (quarantine?.peers.length ?? 0) > 0) ||
      (subject !== undefined && this.#holders.localAt(subject, address).length > 1)
    );
  }

  #wholeOf(workload: Workload | undefined): string {
    return workload === undefined ? '-' : this.#signatureOf(workload).whole;
  }

  #signatureOf(workload: Workload): Signature {
    let signature = this.#signatures.get(workload);
    if (signature === undefined) {
      const { kind, quarantine, addresses, labels } = workload;
      // A quarantine's ranges name a workload by all of its addresses.
      const held = [...new Set(addresses.map((address) => this.#ranges.of(address)))].sort((a, b) => a - b);
      const start = `${kind} ${quarantine === undefined ? '' : 'quarantined'} ${held.join()}`;
      signature = {
        whole: `${start} ${this.#labelsOf(labels, 'values')}`,
        shape: `${start} ${this.#labelsOf(labels, 'presence')}`,
      };
      this.#signatures.set(workload, signature);
    }
    return signature;
  }

  /** What is kept of a label that some `each` names, and whose value no selector does. */
  #labelsOf(labels: Labels, kept: 'values' | 'presence'): string {
    const { values, each, any } = this.#labels;
    const parts: string[] = [];
    for (const [key, value] of labels) {
      const isNamed = values.get(key)?.has(value) === true;
      const isDivided = each.has(key) && (kept === 'values' || !this.#keys.includes(key));
      if (isNamed || isDivided) parts.push(`${key}=${value}`);
      else if (each.has(key) || any.has(key) || values.has(key)) parts.push(key);
    }
    return parts.sort().join();
  }
}

/** `shape`: but for the values of labels in `each`. */
interface Signature {
  readonly whole: string;
  readonly shape: string;
}

const nobody: Signature = { whole: '-', shape: '-' };

/** Lists with the same ranges are one. */
function rangesIn(policy: Policy, { workloads }: Inventory): readonly (readonly AddressRange[])[] {
  const lists = new Map<string, readonly AddressRange[]>();
  const seen = new Set<readonly AddressRange[]>();
  const take = (peers: readonly Peer[]) => {
    for (const peer of peers) {
      if (peer.kind !== 'ranges' || seen.has(peer.ranges)) continue;
      seen.add(peer.ranges);
      lists.set(peer.ranges.map(({ family, first, last }) => `${family} ${first}-${last}`).join(), peer.ranges);
    }
  };
  const takeEnds = ({ from, to }: { readonly from: readonly Peer[]; readonly to: readonly Peer[] }) => {
    take(from);
    take(to);
  };
  for (const { rules } of policy.segments.values()) rules.forEach(takeEnds);
  for (const { deny } of policy.guardrails.values()) deny.forEach(takeEnds);
  for (const { quarantine } of workloads.values()) take(quarantine?.peers ?? []);
  return [...lists.values()];
}

/** Which of some lists of ranges hold an address, as a number. */
class RangeClasses {
  readonly #lists: readonly (readonly AddressRange[])[];
  /** Where some range begins, or just after it ends; ascending. */
  readonly #cuts: Readonly<Record<Family, readonly bigint[]>>;
  readonly #byRun = new Map<string, number>();
  readonly #numbers = new Map<string, number>();
  readonly #known = new Map<Address, number>();

  constructor(lists: readonly (readonly AddressRange[])[]) {
    this.#lists = lists;
    const cuts = { ipv4: new Set<bigint>(), ipv6: new Set<bigint>() };
    for (const list of lists) for (const { family, first, last } of list) cuts[family].add(first).add(last + 1n);
    const ascending = (values: ReadonlySet<bigint>) => [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    this.#cuts = { ipv4: ascending(cuts.ipv4), ipv6: ascending(cuts.ipv6) };
  }

  of(address: Address): number {
    let number = this.#known.get(address);
    if (number === undefined) {
      number = this.#numberOf(familyOf(address), addressValue(address));
      this.#known.set(address, number);
    }
    return number;
  }

  #numberOf(family: Family, value: bigint): number {
    const run = `${family} ${cutsUpTo(this.#cuts[family], value)}`;
    let number = this.#byRun.get(run);
    if (number === undefined) {
      const holding =
        this.#lists.length > mostListsAsked
          ? run
          : this.#lists.flatMap((list, at) => (rangesContainValue(list, family, value) ? [at] : [])).join();
      number = this.#numbers.get(holding) ?? this.#numbers.size;
      this.#numbers.set(holding, number);
      this.#byRun.set(run, number);
    }
    return number;
  }
}

function cutsUpTo(cuts: readonly bigint[], value: bigint): number {
  let [low, high] = [0, cuts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cuts[middle] ?? 0n) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
