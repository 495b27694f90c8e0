// What a filter asks for that nobody has: a slip finds nothing, and nothing else tells it from there being nothing. The likeness looked for among
// a whole fleet's names is bounded where it is looked for.

import { parseAddress } from '#model/address.ts';
import { closestName } from '#model/closest-name.ts';
import type { Selector } from '#model/selector.ts';
import type { Workload } from '#policy/policy/policy.ts';

export interface FlowNames {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly segment?: string | undefined;
  readonly unit?: string | undefined;
}

/** Sentences, one for each that is unknown; a name that nobody has any more may still have flows. */
export function unknownFlowNames(
  { from, to, segment, unit }: FlowNames,
  known: { readonly workloads: ReadonlyMap<string, Workload>; readonly segments: Iterable<string> },
): readonly string[] {
  const told: string[] = [];
  const { workloads } = known;
  for (const [filter, name] of [
    ['from', from],
    ['to', to],
  ] as const) {
    if (name === undefined || workloads.has(name) || parseAddress(name).ok) continue;
    told.push(
      `${filter}: no workload is called "${name}" now, and it is no address${likeness(name, workloads.keys())}`,
    );
  }
  const segments = new Set(known.segments);
  if (segment !== undefined && !segments.has(segment))
    told.push(`segment: the active policy has no segment "${segment}"${likeness(segment, segments)}`);
  if (unit !== undefined) {
    const units = new Set([...workloads.values()].flatMap((workload) => workload.unit ?? []));
    if (!units.has(unit)) told.push(`unit: no workload is the unit "${unit}"${likeness(unit, units)}`);
  }
  return told;
}

/** Label keys, and values of keys that somebody has, that no workload has; facts among them. */
export function unknownInSelector(selector: Selector, workloads: Iterable<Workload>): readonly string[] {
  const asked = new Map<string, Set<string>>();
  collect(selector, asked);
  const values = new Map<string, Set<string>>();
  for (const { labels } of workloads)
    for (const [key, value] of labels) {
      const known = values.get(key) ?? new Set();
      values.set(key, known.add(value));
    }
  return [...asked].flatMap(([key, wanted]) => {
    const known = values.get(key);
    if (known === undefined) return `no workload has a label "${key}"${likeness(key, values.keys())}`;
    return [...wanted].flatMap((value) =>
      known.has(value) ? [] : `no workload has ${key}=${value}${likeness(value, known)}`,
    );
  });
}

function collect(selector: Selector, asked: Map<string, Set<string>>): void {
  switch (selector.kind) {
    case 'all':
      return;
    case 'not':
      collect(selector.term, asked);
      return;
    case 'and':
    case 'or':
      for (const term of selector.terms) collect(term, asked);
      return;
    default: {
      const values = asked.get(selector.key) ?? new Set();
      asked.set(selector.key, values);
      if (selector.kind !== 'has') for (const value of selector.values) values.add(value);
    }
  }
}

export function likeness(name: string, names: Iterable<string>): string {
  const closest = closestName(name, names);
  return closest === undefined ? '' : `; did you mean "${closest}"?`;
}
