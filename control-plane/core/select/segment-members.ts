// Who is a member of which segment. A segment with `each` is cut into combinations, each a segment of its own; one without is
// a single combination with no text. Segments that select alike have their members together, in one set however many they are, and
// workloads of which the same segments hold share one list of them: thousands of segments about everybody cost what one does, and a
// list. Live: workloads join and leave, segments are put and taken out; a combination lives from its first member to its last.

import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { Labels } from '#model/label.ts';
import type { Selector } from '#model/selector.ts';
import { combinationOf, selectionKey } from '#policy/policy/combination.ts';
import type { Policy, Segment } from '#policy/policy/policy.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import type { LabelIndex, WorkloadNumber } from './label-index.ts';
import { SelectorIndex } from './selector-index.ts';

/** `text` is the combination's labels, "app=shop,env=prod" in the order of the segment's `each`. The domain's members are live. */
export interface Combination {
  readonly segment: Segment;
  readonly text?: string;
  readonly members: ReadonlySet<WorkloadNumber>;
  readonly domain: MemberDomain;
}

/** Some members under one name: equal ids are one set, whichever segments mean it. */
export interface MemberDomain {
  readonly id: string;
  readonly members: ReadonlySet<WorkloadNumber>;
}

export interface SegmentChange {
  readonly name: string;
  /** Absent: it goes. */
  readonly after: Segment | undefined;
}

interface LiveCombination extends Combination {
  segment: Segment;
}

/** Segments with one selector and one `each`. `members` are those of all its places. */
interface Group extends MemberDomain {
  readonly key: string;
  readonly selector: Selector;
  readonly each: readonly string[];
  readonly members: Set<WorkloadNumber>;
  readonly segments: Map<string, Segment>;
  /** By text; '' where there is no `each`. */
  readonly places: Map<string, Place>;
}

/** What one combination's labels select, for all segments of the group. */
interface Place {
  readonly serial: number;
  readonly group: Group;
  readonly text: string;
  readonly members: Set<WorkloadNumber>;
  readonly domain: MemberDomain;
  /** By segment; made when first asked for. */
  readonly combinations: Map<string, LiveCombination>;
}

/** What workloads with the same places share. */
interface SharedPlaces {
  readonly key: string;
  readonly places: readonly Place[];
  holders: number;
  memberships: readonly Combination[] | undefined;
  domains: readonly string[] | undefined;
}

const nobody: readonly Combination[] = [];
const noDomains: readonly string[] = [];

export class SegmentMembers {
  readonly #index: LabelIndex;
  readonly #groups = new Map<string, Group>();
  readonly #groupOf = new Map<string, Group>();
  readonly #selectors = new SelectorIndex<Group>();
  readonly #standings: (SharedPlaces | undefined)[] = [];
  readonly #interned = new Map<string, SharedPlaces>();
  /** Those that lost a member since they were last looked through. */
  readonly #emptied = new Set<Place>();
  #lastSerial = 0;

  constructor(policy: Pick<Policy, 'segments'>, index: LabelIndex) {
    this.#index = index;
    this.replace([...policy.segments].map(([name, after]) => ({ name, after })));
  }

  /** In code-unit order of segment. Workloads with the same ones share one list. */
  membershipsOf(workload: WorkloadNumber): readonly Combination[] {
    const standing = this.#standings[workload];
    if (standing === undefined) return nobody;
    standing.memberships ??= standing.places
      .flatMap((place) => [...place.group.segments.values()].map((segment) => combinationAt(place, segment)))
      .sort((a, b) => compareCodeUnits(a.segment.name, b.segment.name));
    return standing.memberships;
  }

  /** In code-unit order of their texts. */
  combinationsOf(segment: string): readonly Combination[] {
    const group = this.#groupOf.get(segment);
    const own = group?.segments.get(segment);
    if (group === undefined || own === undefined) return [];
    return [...group.places.values()]
      .map((place) => combinationAt(place, own))
      .sort((a, b) => compareCodeUnits(a.text ?? '', b.text ?? ''));
  }

  /** The members of all of the segment's combinations; undefined for one that there is not. */
  domainOf(segment: string): MemberDomain | undefined {
    return this.#groupOf.get(segment);
  }

  /** Ids of every domain that has the workload. */
  domainsOf(workload: WorkloadNumber): readonly string[] {
    const standing = this.#standings[workload];
    if (standing === undefined) return noDomains;
    standing.domains ??= standing.places.flatMap(({ group, domain }) =>
      group.each.length === 0 ? [group.id] : [group.id, domain.id],
    );
    return standing.domains;
  }

  /** Makes the workload, as the index now has it, a member of what selects it. */
  join(workload: WorkloadNumber): void {
    const labels = this.#index.workloads[workload]?.labels;
    if (labels === undefined) return;
    const places: Place[] = [];
    for (const group of this.#selectors.matching(labels)) {
      const place = this.#placeFor(group, labels);
      if (place === undefined) continue;
      place.members.add(workload);
      group.members.add(workload);
      places.push(place);
    }
    this.#stand(workload, places);
  }

  /** Combinations stay, though nobody may be left in them: see dropEmpty. */
  leave(workload: WorkloadNumber): void {
    const standing = this.#standings[workload];
    if (standing === undefined) return;
    for (const place of standing.places) {
      place.group.members.delete(workload);
      place.members.delete(workload);
      if (place.members.size === 0) this.#emptied.add(place);
    }
    this.#stand(workload, []);
  }

  /** Forgets the combinations that have lost their last member, and gives them. */
  dropEmpty(): readonly Combination[] {
    const dropped: Combination[] = [];
    for (const { group, text, members, combinations } of this.#emptied) {
      if (members.size > 0 || group.places.get(text)?.members !== members) continue;
      group.places.delete(text);
      for (const combination of combinations.values()) dropped.push(combination);
    }
    this.#emptied.clear();
    return dropped;
  }

  /** Puts segments in and takes them out, with everybody they select. Gives the names of those that now select otherwise than before. */
  replace(changes: readonly SegmentChange[]): ReadonlySet<string> {
    const regrouped = new Set<string>();
    const touched = new Set<Group>();
    const come = new Set<Group>();
    for (const { name, after } of changes) {
      const before = this.#groupOf.get(name);
      const group = after === undefined ? undefined : this.#groupFor(after, come);
      if (before !== group) {
        regrouped.add(name);
        before?.segments.delete(name);
        for (const { combinations } of before?.places.values() ?? []) combinations.delete(name);
        for (const each of [before, group]) if (each !== undefined) touched.add(each);
      }
      if (after === undefined || group === undefined) {
        this.#groupOf.delete(name);
        continue;
      }
      this.#groupOf.set(name, group);
      group.segments.set(name, after);
      for (const { combinations } of group.places.values()) {
        const combination = combinations.get(name);
        if (combination !== undefined) combination.segment = after;
      }
    }
    this.#regroup(touched, come);
    return regrouped;
  }

  /** Groups without segments go, new ones are filled, and every list that a group stands in is made anew. */
  #regroup(touched: ReadonlySet<Group>, come: ReadonlySet<Group>): void {
    if (touched.size === 0) return;
    const gone = new Set([...touched].filter(({ segments }) => segments.size === 0));
    const moving = new Map<WorkloadNumber, Place[]>();
    for (const group of gone) {
      for (const number of group.members) moving.set(number, []);
      this.#groups.delete(group.key);
      this.#selectors.remove(group);
    }
    for (const group of come) {
      this.#selectors.add(group);
      this.#fill(group, moving);
    }
    for (const standing of this.#interned.values()) {
      if (!standing.places.some(({ group }) => touched.has(group))) continue;
      standing.memberships = undefined;
    }
    for (const [number, places] of moving) {
      const kept = this.#standings[number]?.places.filter(({ group }) => !gone.has(group)) ?? [];
      this.#stand(number, kept.length === 0 ? places : [...kept, ...places]);
    }
  }

  #fill(group: Group, moving: Map<WorkloadNumber, Place[]>): void {
    for (const number of this.#index.select(group.selector)) {
      const labels = this.#index.workloads[number]?.labels;
      const place = labels === undefined ? undefined : this.#placeFor(group, labels);
      if (place === undefined) continue;
      place.members.add(number);
      group.members.add(number);
      const places = moving.get(number);
      if (places === undefined) moving.set(number, [place]);
      else places.push(place);
    }
  }

  #stand(workload: WorkloadNumber, unordered: readonly Place[]): void {
    const before = this.#standings[workload];
    if (before !== undefined) {
      before.holders -= 1;
      if (before.holders === 0) this.#interned.delete(before.key);
    }
    if (unordered.length === 0) {
      this.#standings[workload] = undefined;
      return;
    }
    const places = unordered.length < 2 ? unordered : [...unordered].sort((a, b) => a.serial - b.serial);
    const key = places.map(({ serial }) => serial).join();
    let standing = this.#interned.get(key);
    if (standing === undefined) {
      standing = { key, places, holders: 0, memberships: undefined, domains: undefined };
      this.#interned.set(key, standing);
    }
    standing.holders += 1;
    this.#standings[workload] = standing;
  }

  /** A group that there was not before is put into `come`, to be filled. */
  #groupFor(segment: Segment, come: Set<Group>): Group {
    const { selector, each } = segment;
    const key = selectionKey(segment);
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group: Group = {
      key,
      id: `members/${key}`,
      selector,
      each,
      members: new Set(),
      segments: new Map(),
      places: new Map(),
    };
    this.#groups.set(key, group);
    come.add(group);
    return group;
  }

  /** Undefined for a workload that lacks one of the keys of `each`. */
  #placeFor(group: Group, labels: Labels): Place | undefined {
    const text = combinationOf(group.each, labels);
    if (text === undefined) return undefined;
    const known = group.places.get(text);
    if (known !== undefined) return known;
    this.#lastSerial += 1;
    const members = group.each.length === 0 ? group.members : new Set<WorkloadNumber>();
    const domain =
      group.each.length === 0 ? group : { id: `members/${selectorText(group.selector)}[${text}]`, members };
    const place: Place = { serial: this.#lastSerial, group, text, members, domain, combinations: new Map() };
    group.places.set(text, place);
    return place;
  }
}

function combinationAt(place: Place, segment: Segment): Combination {
  const known = place.combinations.get(segment.name);
  if (known !== undefined) return known;
  const { members, domain, text, group } = place;
  const combination: LiveCombination =
    group.each.length === 0 ? { segment, members, domain } : { segment, text, members, domain };
  place.combinations.set(segment.name, combination);
  return combination;
}
