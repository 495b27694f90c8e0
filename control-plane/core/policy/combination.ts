// A segment with `each` is one segment per combination of those labels' values; this names the one a workload belongs to, and what tells segments that
// are divided alike.

import type { Labels } from '#model/label.ts';
import type { Segment } from './policy.ts';
import { selectorText } from './selector-text.ts';

/** "app=shop,env=prod", keys in the document's order; undefined where one of the labels is missing. */
export function combinationOf(each: readonly string[], labels: Labels): string | undefined {
  const parts: string[] = [];
  for (const key of each) {
    const value = labels.get(key);
    if (value === undefined) return undefined;
    parts.push(`${key}=${value}`);
  }
  return parts.join(',');
}

/** Equal for segments with one selector and one `each`: who is a member of one is of all of them, in the same combination. */
export function selectionKey({ selector, each }: Pick<Segment, 'selector' | 'each'>): string {
  return each.length === 0 ? selectorText(selector) : `${selectorText(selector)}[${each.join()}]`;
}
