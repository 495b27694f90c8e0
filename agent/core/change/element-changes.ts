// A change that is nothing but peers which come and go: then it is a few elements of peer maps, for which no script need be read.

import type { ElementAnswer, ElementChange } from '#agent-core/table/element-change.ts';
import { tagNumber } from '#agent-core/table/map-values.ts';
import { areSameRules, type Target } from '#agent-core/table/rule.ts';
import type { ElementMap, Table } from '#agent-core/table/table.ts';
import { type Address, parseAddress } from '#model/address.ts';
import { mapDifferences } from './map-differences.ts';

/** Undefined where anything else differs too. What goes comes first, as an element has one value at a time. */
export function elementChanges(previous: Table, next: Table): readonly ElementChange[] | undefined {
  if (!isSameFrame(previous, next)) return undefined;
  const peerMaps = new Set<string>();
  for (const { ipv4, ipv6 } of next.peerMaps.values()) for (const { name } of [...ipv4, ...ipv6]) peerMaps.add(name);
  const changes: ElementChange[] = [];
  for (const [name, map] of next.maps) {
    const before = previous.maps.get(name);
    if (before === map) continue;
    const { changed, removed, stale } = mapDifferences(before, map);
    if (changed.length === 0 && removed.length === 0) continue;
    if (!peerMaps.has(name) || map.update !== 'by-element') return undefined;
    // What is no address is for nft to refuse.
    if ([...stale, ...changed].some(([key]) => !parseAddress(key).ok)) return undefined;
    for (const [key] of stale) changes.push({ kind: 'delete', map: name, key: key as Address });
    for (const [key, to] of changed) {
      const answer = answerOf(to);
      if (answer === undefined) return undefined;
      changes.push({ kind: 'add', map: name, key: key as Address, answer });
    }
  }
  return changes;
}

function isSameFrame(previous: Table, next: Table): boolean {
  const isSame = <Value>(
    a: ReadonlyMap<string, Value>,
    b: ReadonlyMap<string, Value>,
    equal: (x: Value, y: Value) => boolean,
  ) =>
    a.size === b.size &&
    [...a].every(([name, value]) => {
      const other = b.get(name);
      return other !== undefined && equal(value, other);
    });
  return (
    previous.counters.size === next.counters.size &&
    [...previous.counters].every((name) => next.counters.has(name)) &&
    isSame(previous.chains, next.chains, (a, b) => a.hook === b.hook && areSameRules(a.rules, b.rules)) &&
    isSame(previous.maps, next.maps, isSameMap)
  );
}

function isSameMap(a: ElementMap, b: ElementMap): boolean {
  return a.declaration === b.declaration && a.kind === b.kind && a.update === b.update;
}

/** A peer map leads by `goto` or by tag; undefined for what it does not hold. */
function answerOf(target: Target): ElementAnswer | undefined {
  switch (target.kind) {
    case 'goto':
      return { chain: target.chain };
    case 'tag':
      return { tag: tagNumber(target.number) };
    case 'jump':
    case 'member':
      return undefined;
  }
}
