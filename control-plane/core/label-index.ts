// Which workloads hold which labels, so that a selector is tried on the few workloads it can match instead of on all. Workloads
// are numbered in code-unit order of their names; every answer is an ascending list of those numbers.

import { compareCodeUnits } from '#model/code-unit-order.ts';
import { type Selector, selectorMatches } from '#model/selector.ts';
import type { Workload } from './policy.ts';

/** A workload's number within one index. */
export type WorkloadNumber = number;

const none: readonly WorkloadNumber[] = [];

export class LabelIndex {
  readonly workloads: readonly Workload[];
  readonly #everyone: readonly WorkloadNumber[];
  readonly #byKey = new Map<string, WorkloadNumber[]>();
  readonly #byValue = new Map<string, Map<string, WorkloadNumber[]>>();

  /** Linear in the labels of all workloads. */
  constructor(workloads: Iterable<Workload>) {
    this.workloads = [...workloads].sort((a, b) => compareCodeUnits(a.name, b.name));
    this.#everyone = this.workloads.map((_, number) => number);
    for (const [number, workload] of this.workloads.entries()) {
      for (const [key, value] of workload.labels) {
        append(this.#byKey, key, number);
        const values = this.#byValue.get(key) ?? new Map<string, WorkloadNumber[]>();
        if (values.size === 0) this.#byValue.set(key, values);
        append(values, value, number);
      }
    }
  }

  /** Every workload the selector matches. */
  select(selector: Selector): readonly WorkloadNumber[] {
    if (selector.kind === 'all') return this.#everyone;
    return this.#filter(this.#candidates(selector), selector);
  }

  /** Those of `among` (ascending) that the selector matches; `isAmong` says the same as `among`, for when that is cheaper. */
  selectAmong(
    selector: Selector,
    among: readonly WorkloadNumber[],
    isAmong: ReadonlySet<WorkloadNumber>,
  ): readonly WorkloadNumber[] {
    if (selector.kind === 'all') return among;
    if (this.#bound(selector) < among.length) {
      return this.#filter(this.#candidates(selector), selector).filter((number) => isAmong.has(number));
    }
    return this.#filter(among, selector);
  }

  #filter(candidates: readonly WorkloadNumber[], selector: Selector): readonly WorkloadNumber[] {
    return candidates.filter((number) => {
      const workload = this.workloads[number];
      return workload !== undefined && selectorMatches(selector, workload.labels);
    });
  }

  /** An ascending list that holds at least every match. */
  #candidates(selector: Selector): readonly WorkloadNumber[] {
    switch (selector.kind) {
      case 'has':
        return this.#byKey.get(selector.key) ?? none;
      case 'in':
        return ascendingUnion([...selector.values].map((value) => this.#byValue.get(selector.key)?.get(value) ?? none));
      case 'and':
        return this.#candidates(this.#cheapest(selector.terms));
      case 'or':
        if (this.#bound(selector) >= this.#everyone.length) return this.#everyone;
        return ascendingUnion(selector.terms.map((term) => this.#candidates(term)));
      case 'all':
      case 'not':
      case 'not-in':
        return this.#everyone;
    }
  }

  /** How long the list of candidates can be. */
  #bound(selector: Selector): number {
    switch (selector.kind) {
      case 'has':
        return this.#byKey.get(selector.key)?.length ?? 0;
      case 'in': {
        const values = this.#byValue.get(selector.key);
        let sum = 0;
        for (const value of selector.values) sum += values?.get(value)?.length ?? 0;
        return sum;
      }
      case 'and':
        return Math.min(...selector.terms.map((term) => this.#bound(term)));
      case 'or':
        return selector.terms.reduce((sum, term) => sum + this.#bound(term), 0);
      case 'all':
      case 'not':
      case 'not-in':
        return this.#everyone.length;
    }
  }

  #cheapest(terms: readonly Selector[]): Selector {
    let best: Selector = { kind: 'all' };
    let bound = Number.POSITIVE_INFINITY;
    for (const term of terms) {
      const candidate = this.#bound(term);
      if (candidate < bound) [best, bound] = [term, candidate];
    }
    return best;
  }
}

/** Lists that are ascending each, as one ascending list without repeats. */
export function ascendingUnion(lists: readonly (readonly number[])[]): readonly number[] {
  const filled = lists.filter((list) => list.length > 0);
  const [first] = filled;
  if (first === undefined) return none;
  if (filled.length === 1) return first;
  return [...new Set(filled.flat())].sort((a, b) => a - b);
}

function append(lists: Map<string, WorkloadNumber[]>, key: string, number: WorkloadNumber): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [number]);
  else list.push(number);
}
