// Which virtual workloads each host may hold, kept up as workloads come, change and go. Says which hosts such a change is about, so that
// what they enforce is made anew: their rules name the virtual workload's addresses.

import type { Address } from '#model/address.ts';
import type { Selector } from '#model/selector.ts';
import type { Workload } from '#policy/policy/policy.ts';
import type { LabelIndex, WorkloadNumber } from '#policy/select/label-index.ts';
import { SelectorIndex } from '#policy/select/selector-index.ts';

/** A virtual workload, as what is compiled for a host that may hold it needs to know it. */
export interface HeldVirtual {
  readonly number: WorkloadNumber;
  readonly addresses: readonly Address[];
}

interface Item extends HeldVirtual {
  readonly selector: Selector;
}

const none: readonly HeldVirtual[] = [];

export class VirtualHolders {
  readonly #index: LabelIndex;
  readonly #virtuals = new SelectorIndex<Item>();
  readonly #items = new Map<WorkloadNumber, Item>();
  /** The workload of kind host, by its host. */
  readonly #hosts = new Map<string, WorkloadNumber>();

  constructor(index: LabelIndex) {
    this.#index = index;
  }

  /** What a host and its units may hold besides addresses of their own, in order of number; a container has addresses of its own. */
  heldBy({ kind, host }: Workload): readonly HeldVirtual[] {
    if (this.#virtuals.size === 0 || host === undefined || (kind !== 'host' && kind !== 'unit')) return none;
    const number = this.#hosts.get(host);
    const labels = number === undefined ? undefined : this.#index.workloads[number]?.labels;
    return labels === undefined ? none : this.#virtuals.matching(labels).toSorted((a, b) => a.number - b.number);
  }

  /** The workload is from now on `after`, as the index has it already; gives the hosts whose holdings that may change. */
  replace(number: WorkloadNumber, before: Workload | undefined, after: Workload | undefined): ReadonlySet<string> {
    const touched = new Set<string>();
    for (const { kind, host } of [before, after].filter((one) => one !== undefined)) {
      if (kind === 'host' && host !== undefined) touched.add(host);
    }
    if (before?.host !== undefined && this.#hosts.get(before.host) === number) this.#hosts.delete(before.host);
    if (after?.kind === 'host' && after.host !== undefined) this.#hosts.set(after.host, number);
    const old = this.#items.get(number);
    if (old !== undefined) {
      this.#virtuals.remove(old);
      this.#items.delete(number);
      for (const host of this.#selectedBy(old.selector)) touched.add(host);
    }
    if (after?.holders !== undefined) {
      const item = { number, addresses: after.addresses, selector: after.holders };
      this.#virtuals.add(item);
      this.#items.set(number, item);
      for (const host of this.#selectedBy(after.holders)) touched.add(host);
    }
    return this.#virtuals.size === 0 && old === undefined ? new Set() : touched;
  }

  *#selectedBy(selector: Selector): Generator<string> {
    for (const number of this.#index.select(selector)) {
      const workload = this.#index.workloads[number];
      if (workload?.kind === 'host' && workload.host !== undefined) yield workload.host;
    }
  }
}
