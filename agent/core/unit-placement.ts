// What puts units' cgroups into the table: kept apart from the table itself, because cgroups come and go without any change of
// policy, and because a path must exist when nft loads it. Flushes and fills anew: the element of a cgroup that is gone has no
// path by which it could be deleted, and matches nothing, for the kernel gives no cgroup id twice.

import { type Table, tableName, type UnitTargets, unitEntries } from './table.ts';

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

/** Idempotent lines for a script that declares the table. `chains`: the table's, whose own lines come after the look-ups. Of two workloads that name one unit, the first has it. */
export function placementLines(
  units: readonly UnitTargets[],
  cgroups: readonly UnitCgroup[],
  chains: Table['chains'] = new Map(),
): readonly string[] {
  if (units.length === 0) return [];
  const targets = new Map<string, UnitTargets>();
  for (const target of units) if (!targets.has(target.unit)) targets.set(target.unit, target);
  const placed = [...new Map(cgroups.map((cgroup) => [cgroup.id, cgroup])).values()].flatMap((cgroup) => {
    const target = targets.get(cgroup.unit);
    return target === undefined ? [] : [{ cgroup, target }];
  });
  // A unit inside another's cgroup is told first.
  const levels = [...new Set(placed.map(({ cgroup }) => cgroup.level))].sort((a, b) => b - a);
  return unitEntries.flatMap((entry) => [
    `flush chain ${tableName} ${entry}`,
    `flush map ${tableName} ${entry}`,
    ...levels.map((level) => `add rule ${tableName} ${entry} socket cgroupv2 level ${level} vmap @${entry}`),
    ...(chains.get(entry)?.lines ?? []).map((line) => `add rule ${tableName} ${entry} ${line}`),
    ...placed.map(
      ({ cgroup, target }) => `add element ${tableName} ${entry} { "${cgroup.path}" : goto ${target.chains[entry]} }`,
    ),
  ]);
}

/** The words of `nft list table` without what depends on the cgroups of the moment. */
export function withoutPlacement(listing: string): string {
  return listing
    .replaceAll(/(\t(?:map units_(?:new|judge)_|set unit_)\S+ \{[^}]*?)\n\t\telements = \{[^}]*\}/g, '$1')
    .replaceAll(/(\tchain units_\S+ \{)[^}]*\}/g, '$1 }');
}
