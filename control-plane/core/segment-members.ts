// Who is a member of which segment. A segment with `each` is cut into combinations, each a segment of its own; one without is
// a single combination with no text. Both ways round: the members of a combination, and the memberships of a workload. Live:
// workloads join and leave, segments are put and taken out; a combination lives from its first member to its last.

import { compareCodeUnits, sortedByCodeUnits } from '#model/code-unit-order.ts';
import type { Labels } from '#model/label.ts';
import { combinationOf } from './combination.ts';
import type { LabelIndex, WorkloadNumber } from './label-index.ts';
import type { Policy, Segment } from './policy.ts';
import { SelectorIndex } from './selector-index.ts';

/** `text` is the combination's labels, "app=shop,env=prod" in the order of the segment's `each`. `members` is live. */
export interface Combination {
  readonly segment: Segment;
  readonly text?: string;
  readonly members: ReadonlySet<WorkloadNumber>;
}

interface LiveCombination extends Combination {
  segment: Segment;
  readonly members: Set<WorkloadNumber>;
}

const nobody: readonly LiveCombination[] = [];

export class SegmentMembers {
  readonly #index: LabelIndex;
  readonly #byName = new Map<string, Segment>();
  readonly #segments = new SelectorIndex<Segment>();
  /** By segment, then by text; '' where a segment has no `each`. */
  readonly #combinations = new Map<string, Map<string, LiveCombination>>();
  readonly #memberships: (readonly LiveCombination[])[] = [];
  /** Of all of a segment's combinations. A set once asked for stays the same set, whatever becomes of the segment. */
  readonly #members = new Map<string, Set<WorkloadNumber>>();

  constructor(policy: Pick<Policy, 'segments'>, index: LabelIndex) {
    this.#index = index;
    for (const name of sortedByCodeUnits(policy.segments.keys())) {
      const segment = policy.segments.get(name);
      if (segment !== undefined) this.replace(name, segment);
    }
    for (const number of index.everyone) this.join(number);
  }

  /** In code-unit order of segment. */
  membershipsOf(workload: WorkloadNumber): readonly Combination[] {
    return this.#memberships[workload] ?? nobody;
  }

  /** In code-unit order of their texts. */
  combinationsOf(segment: string): readonly Combination[] {
    return [...(this.#combinations.get(segment)?.values() ?? [])].sort((a, b) =>
      compareCodeUnits(a.text ?? '', b.text ?? ''),
    );
  }

  /** The members of all of the segment's combinations; live. */
  membersOf(segment: string): ReadonlySet<WorkloadNumber> {
    return this.#membersOf(segment);
  }

  /** Makes the workload, as the index now has it, a member of what selects it. */
  join(workload: WorkloadNumber): void {
    const labels = this.#index.workloads[workload]?.labels;
    if (labels === undefined) return;
    const combinations: LiveCombination[] = [];
    for (const segment of this.#segments.matching(labels)) {
      const combination = this.#combinationFor(segment, labels);
      if (combination === undefined) continue;
      combination.members.add(workload);
      this.#membersOf(segment.name).add(workload);
      combinations.push(combination);
    }
    this.#memberships[workload] =
      combinations.length < 2
        ? combinations
        : combinations.sort((a, b) => compareCodeUnits(a.segment.name, b.segment.name));
  }

  /** Combinations stay, though nobody may be left in them: see dropIfEmpty. */
  leave(workload: WorkloadNumber): void {
    for (const combination of this.#memberships[workload] ?? nobody) {
      combination.members.delete(workload);
      this.#members.get(combination.segment.name)?.delete(workload);
    }
    this.#memberships[workload] = nobody;
  }

  /** Forgets the combination if it has no members; says whether it did. */
  dropIfEmpty({ segment, text, members }: Combination): 'dropped' | 'kept' {
    const combinations = this.#combinations.get(segment.name);
    if (members.size > 0 || combinations?.get(text ?? '')?.members !== members) return 'kept';
    combinations.delete(text ?? '');
    if (combinations.size === 0) this.#combinations.delete(segment.name);
    return 'dropped';
  }

  /**
   * Where the selector or `each` is another, or the segment is new or goes, everyone selected before must have left, and everyone
   * selected now must join after.
   */
  replace(name: string, after: Segment | undefined): void {
    const before = this.#byName.get(name);
    if (before !== undefined) this.#segments.remove(before);
    if (before !== undefined && before.each.join() !== after?.each.join()) this.#combinations.delete(name);
    if (after === undefined) {
      this.#byName.delete(name);
      return;
    }
    this.#byName.set(name, after);
    this.#segments.add(after);
    for (const combination of this.#combinations.get(name)?.values() ?? []) combination.segment = after;
  }

  #membersOf(segment: string): Set<WorkloadNumber> {
    const members = this.#members.get(segment) ?? new Set();
    if (members.size === 0) this.#members.set(segment, members);
    return members;
  }

  /** Undefined for a workload that lacks one of the keys of `each`. */
  #combinationFor(segment: Segment, labels: Labels): LiveCombination | undefined {
    const text = combinationOf(segment.each, labels);
    if (text === undefined) return undefined;
    const combinations = this.#combinations.get(segment.name) ?? new Map<string, LiveCombination>();
    if (combinations.size === 0) this.#combinations.set(segment.name, combinations);
    let combination = combinations.get(text);
    if (combination === undefined) {
      combination =
        segment.each.length === 0
          ? { segment, members: this.#membersOf(segment.name) }
          : { segment, text, members: new Set() };
      combinations.set(text, combination);
    }
    return combination;
  }
}
