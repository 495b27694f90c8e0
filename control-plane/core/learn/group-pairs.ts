// Cuts "who talked to whom" into rectangles: groups of clients that all talked to all of a group of servers. Together they hold
// every pair and no other, which is what makes one rule of each exact.

import { compareCodeUnits } from '#model/code-unit-order.ts';

export interface Rectangle<T> {
  readonly clients: readonly T[];
  readonly servers: readonly T[];
}

export interface ClientServer<T> {
  readonly client: T;
  readonly server: T;
}

/**
 * Of the groupings by equal servers and by equal clients, the one with fewer rectangles. A workload never needs a rule to reach
 * itself, so it may be counted among its own servers where that makes more sets equal: then a full mesh is one rectangle.
 */
export function groupPairs<T extends string | number>(pairs: readonly ClientServer<T>[]): readonly Rectangle<T>[] {
  const byClient = pairs.map(({ client, server }) => ({ key: client, value: server }));
  const byServer = pairs.map(({ client, server }) => ({ key: server, value: client }));
  const clientFirst = (groups: readonly Group<T>[]) =>
    groups.map(({ keys, values }) => ({ clients: keys, servers: values }));
  const serverFirst = (groups: readonly Group<T>[]) =>
    groups.map(({ keys, values }) => ({ clients: values, servers: keys }));
  const choices = [
    clientFirst(groupEqual(byClient, 'as-seen')),
    serverFirst(groupEqual(byServer, 'as-seen')),
    clientFirst(groupEqual(byClient, 'with-itself')),
    serverFirst(groupEqual(byServer, 'with-itself')),
  ];
  return choices.reduce((best, groups) => (groups.length < best.length ? groups : best));
}

interface Group<T> {
  readonly keys: readonly T[];
  readonly values: readonly T[];
}

function groupEqual<T extends string | number>(
  entries: readonly { readonly key: T; readonly value: T }[],
  how: 'as-seen' | 'with-itself',
): readonly Group<T>[] {
  const sets = new Map<T, Set<T>>();
  for (const { key, value } of entries) {
    const set = sets.get(key) ?? new Set<T>(how === 'with-itself' ? [key] : []);
    sets.set(key, set.add(value));
  }
  const groups = new Map<string, { keys: T[]; values: T[] }>();
  for (const [key, set] of sets) {
    const values = [...set].sort(compareEntities);
    const text = values.join(' ');
    const group = groups.get(text);
    if (group === undefined) groups.set(text, { keys: [key], values });
    else group.keys.push(key);
  }
  return [...groups.values()].map(({ keys, values }) => ({ keys: keys.sort(compareEntities), values }));
}

function compareEntities(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return compareCodeUnits(String(a), String(b));
}
