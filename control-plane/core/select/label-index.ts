// Which workloads hold which labels, so that a selector is tried on the few workloads it can match instead of on all. Workloads
// have numbers: those given at the start in code-unit order of their names, later ones whatever number is free.

import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { Labels } from '#model/label.ts';
import { type Selector, selectorMatches } from '#model/selector.ts';
import type { Workload } from '#policy/policy/policy.ts';

/** A workload's number within one index, from its arrival until it is removed. */
export type WorkloadNumber = number;

const none: ReadonlySet<WorkloadNumber> = new Set();

export class LabelIndex {
  readonly #workloads: Workload[] = [];
  readonly #numbers = new Map<string, WorkloadNumber>();
  readonly #everyone = new Set<WorkloadNumber>();
  readonly #free: WorkloadNumber[] = [];
  readonly #byKey = new Map<string, Set<WorkloadNumber>>();
  readonly #byValue = new Map<string, Map<string, Set<WorkloadNumber>>>();

  /** Linear in the labels of all workloads. */
  constructor(workloads: Iterable<Workload>) {
    const inOrder = [...workloads].sort((a, b) => compareCodeUnits(a.name, b.name));
    for (const workload of inOrder) this.set(workload);
  }

  /** By number. The place of a removed workload keeps it until another workload takes the number. */
  get workloads(): readonly Workload[] {
    return this.#workloads;
  }

  /** The numbers of all workloads; live. */
  get everyone(): ReadonlySet<WorkloadNumber> {
    return this.#everyone;
  }

  numberOf(name: string): WorkloadNumber | undefined {
    return this.#numbers.get(name);
  }

  /** Adds the workload, or puts it in the place of the one that has its name. */
  set(workload: Workload): WorkloadNumber {
    const known = this.#numbers.get(workload.name);
    const number = known ?? this.#free.pop() ?? this.#workloads.length;
    const before = known === undefined ? undefined : this.#workloads[known];
    if (before?.labels !== workload.labels) {
      if (before !== undefined) this.#forget(number, before.labels);
      this.#learn(number, workload.labels);
    }
    this.#workloads[number] = workload;
    if (known === undefined) {
      this.#numbers.set(workload.name, number);
      this.#everyone.add(number);
    }
    return number;
  }

  remove(number: WorkloadNumber): void {
    const workload = this.#workloads[number];
    if (workload === undefined || !this.#everyone.delete(number)) return;
    this.#numbers.delete(workload.name);
    this.#forget(number, workload.labels);
    this.#free.push(number);
  }

  /** Every workload the selector matches; for all() the live set itself. */
  select(selector: Selector): ReadonlySet<WorkloadNumber> {
    if (selector.kind === 'all') return this.#everyone;
    if (selector.kind !== 'or' || this.#bound(selector) >= this.#everyone.size) {
      return this.#filter(this.#candidates(selector), selector);
    }
    const matches = new Set<WorkloadNumber>();
    for (const term of selector.terms) for (const number of this.select(term)) matches.add(number);
    return matches;
  }

  /** How many workloads the selector matches, without keeping them. */
  count(selector: Selector): number {
    if (selector.kind === 'all') return this.#everyone.size;
    if (selector.kind === 'or' && this.#bound(selector) < this.#everyone.size) return this.select(selector).size;
    let count = 0;
    for (const number of this.#candidates(selector)) {
      const workload = this.#workloads[number];
      if (workload !== undefined && selectorMatches(selector, workload.labels)) count += 1;
    }
    return count;
  }

  /** About how many terms are held against workloads to select by it. */
  workOf(selector: Selector): number {
    const everyTerm = (workloads: number) => workloads * termCount(selector);
    const bound = this.#bound(selector);
    if (selector.kind !== 'or' || bound >= this.#everyone.size) return everyTerm(Math.min(bound, this.#everyone.size));
    return selector.terms.reduce((sum, term) => sum + this.workOf(term), 0);
  }

  /** Those of `among` that the selector matches. */
  selectAmong(selector: Selector, among: ReadonlySet<WorkloadNumber>): ReadonlySet<WorkloadNumber> {
    if (selector.kind === 'all') return among;
    if (this.#bound(selector) >= among.size) return this.#filter(among, selector);
    const matches = new Set<WorkloadNumber>();
    for (const number of this.#filter(this.#candidates(selector), selector)) if (among.has(number)) matches.add(number);
    return matches;
  }

  #learn(number: WorkloadNumber, labels: Labels): void {
    for (const [key, value] of labels) {
      addTo(this.#byKey, key, number);
      const values = this.#byValue.get(key) ?? new Map<string, Set<WorkloadNumber>>();
      if (values.size === 0) this.#byValue.set(key, values);
      addTo(values, value, number);
    }
  }

  #forget(number: WorkloadNumber, labels: Labels): void {
    for (const [key, value] of labels) {
      takeFrom(this.#byKey, key, number);
      const values = this.#byValue.get(key);
      if (values === undefined) continue;
      takeFrom(values, value, number);
      if (values.size === 0) this.#byValue.delete(key);
    }
  }

  #filter(candidates: Iterable<WorkloadNumber>, selector: Selector): ReadonlySet<WorkloadNumber> {
    const matches = new Set<WorkloadNumber>();
    for (const number of candidates) {
      const workload = this.#workloads[number];
      if (workload !== undefined && selectorMatches(selector, workload.labels)) matches.add(number);
    }
    return matches;
  }

  /** A set that holds at least every match. */
  #candidates(selector: Selector): ReadonlySet<WorkloadNumber> {
    switch (selector.kind) {
      case 'has':
        return this.#byKey.get(selector.key) ?? none;
      case 'in':
        return union([...selector.values].map((value) => this.#byValue.get(selector.key)?.get(value) ?? none));
      case 'and':
        return this.#candidates(this.#cheapest(selector.terms));
      case 'or':
        if (this.#bound(selector) >= this.#everyone.size) return this.#everyone;
        return union(selector.terms.map((term) => this.#candidates(term)));
      case 'all':
      case 'not':
      case 'not-in':
        return this.#everyone;
    }
  }

  /** How many candidates there can be. */
  #bound(selector: Selector): number {
    switch (selector.kind) {
      case 'has':
        return this.#byKey.get(selector.key)?.size ?? 0;
      case 'in': {
        const values = this.#byValue.get(selector.key);
        let sum = 0;
        for (const value of selector.values) sum += values?.get(value)?.size ?? 0;
        return sum;
      }
      case 'and':
        return Math.min(...selector.terms.map((term) => this.#bound(term)));
      case 'or':
        return selector.terms.reduce((sum, term) => sum + this.#bound(term), 0);
      case 'all':
      case 'not':
      case 'not-in':
        return this.#everyone.size;
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

/** Comparisons in the selector. */
export function termCount(selector: Selector): number {
  switch (selector.kind) {
    case 'and':
    case 'or':
      return selector.terms.reduce((sum, term) => sum + termCount(term), 0);
    case 'not':
      return termCount(selector.term);
    default:
      return 1;
  }
}

/** Numbers in ascending order: for workloads given at the start, the order of their names. */
export function ascending(numbers: Iterable<WorkloadNumber>): readonly WorkloadNumber[] {
  return [...numbers].sort((a, b) => a - b);
}

function union(sets: readonly ReadonlySet<WorkloadNumber>[]): ReadonlySet<WorkloadNumber> {
  const filled = sets.filter((set) => set.size > 0);
  const [first] = filled;
  if (first === undefined) return none;
  if (filled.length === 1) return first;
  const all = new Set(first);
  for (const set of filled) for (const number of set) all.add(number);
  return all;
}

function addTo(sets: Map<string, Set<WorkloadNumber>>, key: string, number: WorkloadNumber): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([number]));
  else set.add(number);
}

function takeFrom(sets: Map<string, Set<WorkloadNumber>>, key: string, number: WorkloadNumber): void {
  const set = sets.get(key);
  if (set === undefined) return;
  set.delete(number);
  if (set.size === 0) sets.delete(key);
}
