// A segment with `each` is one segment per combination of those labels' values; this names the one a workload belongs to.

import type { Labels } from '#model/label.ts';

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
