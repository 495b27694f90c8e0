// Which elements of a map come, change and go.

import { isSameTarget, type Target } from '#agent-core/table/rule.ts';
import type { ElementMap } from '#agent-core/table/table.ts';
import type { Element } from './script.ts';

/** Elements that are new or have another target (`changed`), those that go, and those that must go first for either. */
export function mapDifferences(old: ElementMap | undefined, map: ElementMap) {
  const before: ReadonlyMap<string, Target> = old?.elements ?? new Map();
  const { since } = map;
  const entries = (keys: readonly string[], of: ReadonlyMap<string, Target>) =>
    keys.flatMap((key): Element[] => {
      const to = of.get(key);
      return to === undefined ? [] : [[key, to]];
    });
  const isShort = since !== undefined && since.from.deref() === old;
  const now = isShort ? entries(since.keys, map.elements) : [...map.elements];
  const was = isShort ? entries(since.keys, before) : [...before];
  const changed = now.filter(([key, to]) => !isSameTarget(before.get(key), to));
  const removed = map.update === 'late-removal' ? [] : was.filter(([key]) => !map.elements.has(key));
  return { changed, removed, stale: [...removed, ...changed.filter(([key]) => before.has(key))] };
}

/** What stood before and does not any more. */
export function goneElements(before: ReadonlyMap<string, Target>, map: ElementMap): readonly Element[] {
  return [...before].filter(([key]) => !map.elements.has(key));
}
