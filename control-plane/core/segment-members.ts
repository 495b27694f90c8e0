// Who is a member of which segment. A segment with `each` is cut into combinations, each a segment of its own; one without is
// a single combination with no text. Both ways round: the members of a combination, and the memberships of a workload.

import { compareCodeUnits, sortedByCodeUnits } from '#model/code-unit-order.ts';
import type { Labels } from '#model/label.ts';
import { ascendingUnion, type LabelIndex, type WorkloadNumber } from './label-index.ts';
import type { Policy, Segment } from './policy.ts';

/** `members` are ascending. `text` is the combination's labels, "app=shop,env=prod" in the order of the segment's `each`. */
export interface Combination {
  readonly segment: Segment;
  readonly text?: string;
  readonly members: readonly WorkloadNumber[];
  readonly isMember: ReadonlySet<WorkloadNumber>;
}

export class SegmentMembers {
  readonly #combinations = new Map<string, readonly Combination[]>();
  readonly #memberships: Combination[][];

  /** Combinations are made in code-unit order of segment and text, and so every workload's memberships are in that order. */
  constructor(policy: Policy, index: LabelIndex) {
    this.#memberships = index.workloads.map(() => []);
    for (const name of sortedByCodeUnits(policy.segments.keys())) {
      const segment = policy.segments.get(name);
      if (segment === undefined) continue;
      const combinations = combinationsOf(segment, index);
      this.#combinations.set(name, combinations);
      for (const combination of combinations) {
        for (const member of combination.members) this.#memberships[member]?.push(combination);
      }
    }
  }

  /** In code-unit order of segment and combination. */
  membershipsOf(workload: WorkloadNumber): readonly Combination[] {
    return this.#memberships[workload] ?? [];
  }

  combinationsOf(segment: string): readonly Combination[] {
    return this.#combinations.get(segment) ?? [];
  }

  /** The members of all of the segment's combinations, ascending. */
  membersOf(segment: string): readonly WorkloadNumber[] {
    return ascendingUnion(this.combinationsOf(segment).map(({ members }) => members));
  }
}

/** Absent where the workload lacks one of the keys. */
export function combinationText(each: readonly string[], labels: Labels): string | undefined {
  const parts: string[] = [];
  for (const key of each) {
    const value = labels.get(key);
    if (value === undefined) return undefined;
    parts.push(`${key}=${value}`);
  }
  return parts.join(',');
}

function combinationsOf(segment: Segment, index: LabelIndex): readonly Combination[] {
  const selected = index.select(segment.selector);
  if (segment.each.length === 0) return [{ segment, members: selected, isMember: new Set(selected) }];
  const groups = new Map<string, WorkloadNumber[]>();
  for (const number of selected) {
    const workload = index.workloads[number];
    const text = workload === undefined ? undefined : combinationText(segment.each, workload.labels);
    if (text === undefined) continue;
    const group = groups.get(text);
    if (group === undefined) groups.set(text, [number]);
    else group.push(number);
  }
  return [...groups]
    .sort(([a], [b]) => compareCodeUnits(a, b))
    .map(([text, members]) => ({ segment, text, members, isMember: new Set(members) }));
}
