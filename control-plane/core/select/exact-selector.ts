// Finds words for a set of workloads: the shortest label selector that matches all of them and nobody else in the pool. Facts are
// never used, since a host reports those itself and could talk its way into a rule.

import { compareCodeUnits } from '#model/code-unit-order.ts';
import { factPrefix } from '#model/label.ts';
import type { Selector } from '#model/selector.ts';
import type { Workload } from '#policy/policy/policy.ts';
import type { WorkloadNumber } from './label-index.ts';

/** Keys that say what a workload does come before keys that say where it is; all others follow by name. */
const readableKeys = ['role', 'tier', 'component', 'service', 'app', 'env'];

/** More values than this in one list is no longer something to read. */
const mostValues = 12;
const mostKeys = 3;
/** Splitting tries the keys in every order, which this keeps in bounds. */
const mostSplitKeys = 4;

/** Workloads by their numbers, and those among whom a selector has to tell its targets apart. */
export interface SelectorPool {
  readonly workloads: readonly Workload[];
  readonly numbers: readonly WorkloadNumber[];
}

/** `role == "web"`, else `role in {…}`, else two or three keys with &&, else all() where everyone is meant; or undefined. */
export function findExactSelector(targets: readonly WorkloadNumber[], pool: SelectorPool): Selector | undefined {
  const terms = commonKeys(targets, pool.workloads).map((key) => termFor(key, targets, pool));
  for (const count of [1, 2, mostKeys]) {
    const exact = combinations(terms, count).filter(
      (chosen) => countMatches(chosen, pool.workloads) === targets.length,
    );
    const best = exact.sort((a, b) => totalValues(a) - totalValues(b))[0];
    if (best !== undefined) return conjunction(best.map(({ selector }) => selector));
  }
  return targets.length === pool.numbers.length ? { kind: 'all' } : undefined;
}

/**
 * Parts of the targets, each with its selector or, where no selector tells it apart, without one. Splits by the key that leaves
 * the fewest parts.
 */
export function splitByLabels(targets: readonly WorkloadNumber[], pool: SelectorPool): readonly Part[] {
  const selector = findExactSelector(targets, pool);
  if (selector !== undefined) return [{ selector, targets }];
  const splits = allKeys(targets, pool.workloads)
    .slice(0, mostSplitKeys)
    .map((key) => groupByValue(targets, key, pool.workloads))
    .filter((groups) => groups.length > 1)
    .map((groups) => groups.flatMap((group) => splitByLabels(group, pool)));
  return splits.reduce<readonly Part[]>(
    (best, parts) => (worth(parts) < worth(best) ? parts : best),
    [{ selector: undefined, targets }],
  );
}

export interface Part {
  readonly selector: Selector | undefined;
  readonly targets: readonly WorkloadNumber[];
}

export function conjunction(terms: readonly Selector[]): Selector {
  const [only, second] = terms;
  return only !== undefined && second === undefined ? only : { kind: 'and', terms };
}

interface Term {
  readonly selector: Extract<Selector, { readonly kind: 'in' }>;
  readonly matches: readonly WorkloadNumber[];
}

/** A workload left without words costs more than any number of selectors. */
function worth(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + (part.selector === undefined ? 1000 * part.targets.length : 1), 0);
}

function termFor(key: string, targets: readonly WorkloadNumber[], { workloads, numbers }: SelectorPool): Term {
  const values = new Set(targets.flatMap((number) => workloads[number]?.labels.get(key) ?? []));
  const matches = numbers.filter((number) => values.has(workloads[number]?.labels.get(key) ?? '\n'));
  return { selector: { kind: 'in', key, values }, matches };
}

/** How many of the pool all the terms match. */
function countMatches(terms: readonly Term[], workloads: readonly Workload[]): number {
  const [first, ...rest] = [...terms].sort((a, b) => a.matches.length - b.matches.length);
  const matches = first?.matches.filter((number) =>
    rest.every(({ selector }) => selector.values.has(workloads[number]?.labels.get(selector.key) ?? '\n')),
  );
  return matches?.length ?? 0;
}

function totalValues(terms: readonly Term[]): number {
  return terms.reduce((sum, { selector }) => sum + selector.values.size, 0);
}

/** Choices of so many terms, in the order of the terms. */
function combinations(terms: readonly Term[], count: number): Term[][] {
  const usable = terms.filter(({ selector }) => selector.values.size <= mostValues);
  const choose = (from: number, left: number): Term[][] => {
    if (left === 0) return [[]];
    const chosen: Term[][] = [];
    for (const [offset, term] of usable.slice(from).entries()) {
      for (const rest of choose(from + offset + 1, left - 1)) chosen.push([term, ...rest]);
    }
    return chosen;
  };
  return choose(0, count);
}

function commonKeys(targets: readonly WorkloadNumber[], workloads: readonly Workload[]): readonly string[] {
  return allKeys(targets, workloads).filter((key) => targets.every((number) => workloads[number]?.labels.has(key)));
}

function allKeys(targets: readonly WorkloadNumber[], workloads: readonly Workload[]): readonly string[] {
  const keys = new Set(targets.flatMap((number) => [...(workloads[number]?.labels.keys() ?? [])]));
  const rank = (key: string) => (readableKeys.includes(key) ? readableKeys.indexOf(key) : readableKeys.length);
  return [...keys]
    .filter((key) => !key.startsWith(factPrefix))
    .sort((a, b) => rank(a) - rank(b) || compareCodeUnits(a, b));
}

function groupByValue(
  targets: readonly WorkloadNumber[],
  key: string,
  workloads: readonly Workload[],
): readonly (readonly WorkloadNumber[])[] {
  const groups = new Map<string | undefined, WorkloadNumber[]>();
  for (const number of targets) {
    const value = workloads[number]?.labels.get(key);
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [number]);
    else group.push(number);
  }
  return [...groups.values()];
}
