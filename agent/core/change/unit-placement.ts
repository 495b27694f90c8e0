// What puts units' cgroups into the table: kept apart from the table itself, because cgroups come and go without any change of
// policy. A load of the table flushes the maps and fills them anew, by paths, which must exist when nft loads them; a restart changes
// elements alone, by the kernel's ids, which no path is needed for. The element of a cgroup that is gone matches nothing, for the
// kernel gives no id twice.

import type { ElementChange } from '#agent-core/table/element-change.ts';
import { areSameRules, goto, lookUp, type Rule, rule, type Target } from '#agent-core/table/rule.ts';
import { type Table, type UnitEntry, type UnitTargets, unitEntries } from '#agent-core/table/table.ts';
import { equalStructures } from '#model/structure.ts';

/** One cgroup whose sockets are a unit's. */
export interface UnitCgroup {
  readonly unit: string;
  /** The kernel's id: another one after every restart of the unit. */
  readonly id: string;
  /** Depth below the root of the cgroup2 tree, which is 0. */
  readonly level: number;
  /** As nft takes it: relative to /sys/fs/cgroup. Must lead to the cgroup while the script loads. */
  readonly path: string;
}

/** One as it was found: `at` is its folder, the same after a restart. */
export type FoundCgroup = Omit<UnitCgroup, 'path'> & { readonly at: string };

/** What stands in one entry's chain and in the map it looks in; elements are named by their cgroup's path. */
export interface UnitPlacement {
  readonly entry: UnitEntry;
  readonly rules: readonly Rule[];
  readonly elements: readonly (readonly [path: string, to: Target])[];
}

/**
 * For a script that declares the table. `chains`: the table's, whose own rules come after the look-ups. `levels`: where units are
 * expected, looked in whether one is there or not. Of two workloads that name one unit, the first has it.
 */
export function placeUnits(
  units: readonly UnitTargets[],
  cgroups: readonly UnitCgroup[],
  chains: Table['chains'] = new Map(),
  levels: readonly number[] = [],
): readonly UnitPlacement[] {
  if (units.length === 0) return [];
  const targets = targetsByUnit(units);
  const placed = [...new Map(cgroups.map((cgroup) => [cgroup.id, cgroup])).values()].flatMap((cgroup) => {
    const target = targets.get(cgroup.unit);
    return target === undefined ? [] : [{ cgroup, target }];
  });
  // A unit inside another's cgroup is told first.
  const inOrder = [...new Set([...placed.map(({ cgroup }) => cgroup.level), ...levels])].sort((a, b) => b - a);
  return unitEntries.map((entry) => ({
    entry,
    rules: [
      ...inOrder.map((level) => rule([], lookUp(`socket cgroupv2 level ${level}`, entry))),
      ...(chains.get(entry)?.rules ?? []),
    ],
    elements: placed.map(({ cgroup, target }) => [`"${cgroup.path}"`, goto(target.chains[entry])] as const),
  }));
}

/** Whether a placement made for one table holds for another as it stands. */
export function isSamePlacement(one: Table, other: Table): boolean {
  const rulesOf = (table: Table, entry: UnitEntry) => table.chains.get(entry)?.rules ?? [];
  return (
    equalStructures(one.units, other.units) &&
    unitEntries.every((entry) => areSameRules(rulesOf(one, entry), rulesOf(other, entry)))
  );
}

/** What the kernel holds: the levels at which it looks, and by folder the cgroups it finds there. */
export interface Placed {
  readonly units: readonly UnitTargets[];
  readonly levels: ReadonlySet<number>;
  readonly cgroups: ReadonlyMap<string, FoundCgroup>;
}

/** `load`: a rule is missing, which elements alone cannot make up for. `appeared`: the units whose cgroups are new. */
export type PlacementStep =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'load' }
  | {
      readonly kind: 'elements';
      readonly changes: readonly ElementChange[];
      readonly placed: Placed;
      readonly appeared: ReadonlySet<string>;
    };

/** What changes when these are found. Of a folder that has another cgroup now, the old one goes. */
export function placementStep(placed: Placed, found: readonly FoundCgroup[]): PlacementStep {
  const targets = targetsByUnit(placed.units);
  const cgroups = new Map(placed.cgroups);
  const changes: ElementChange[] = [];
  const appeared = new Set<string>();
  for (const cgroup of found) {
    const target = targets.get(cgroup.unit);
    const before = cgroups.get(cgroup.at);
    if (target === undefined || before?.id === cgroup.id) continue;
    if (!placed.levels.has(cgroup.level)) return { kind: 'load' };
    cgroups.set(cgroup.at, cgroup);
    appeared.add(cgroup.unit);
    for (const map of unitEntries) {
      if (before !== undefined) changes.push({ kind: 'delete', map, key: BigInt(before.id) });
      changes.push({ kind: 'add', map, key: BigInt(cgroup.id), answer: { chain: target.chains[map] } });
    }
  }
  return changes.length === 0
    ? { kind: 'nothing' }
    : { kind: 'elements', changes, placed: { ...placed, cgroups }, appeared };
}

function targetsByUnit(units: readonly UnitTargets[]): ReadonlyMap<string, UnitTargets> {
  const targets = new Map<string, UnitTargets>();
  for (const target of units) if (!targets.has(target.unit)) targets.set(target.unit, target);
  return targets;
}
