// Sets of cgroups that systemd itself fills (NFTSet=, systemd 255 and later): one for each unit whose drop-in names it. What systemd
// puts there is under the unit's rules from its first socket on, with no agent running. Looked in after the agent's own maps.

import type { ElementMap, UnitEntry, UnitTargets } from './table.ts';

const prefix = 'unit_';

/** The set that a unit's drop-in names: `NFTSet=cgroup:inet:segwall:unit_nginx.service`. nft's names hold no "@", "-" or ":". */
export function unitSetName(unit: string): string {
  const hex = (character: string) => `_${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `${prefix}${unit.replaceAll(/[^A-Za-z0-9.]/g, hex)}`;
}

/** Whether a set or map of our table is one that systemd fills. */
export function isUnitSet(name: string): boolean {
  return name.startsWith(prefix);
}

/** Unit to the cgroup levels at which systemd may put it. */
export type NamedUnits = ReadonlyMap<string, readonly number[]>;

export function unitSets(units: readonly UnitTargets[], named: NamedUnits): ReadonlyMap<string, ElementMap> {
  const set = { declaration: '{ type cgroupsv2; }', kind: 'set', update: 'by-element', elements: new Map() } as const;
  return new Map(units.filter(({ unit }) => named.has(unit)).map(({ unit }) => [unitSetName(unit), set]));
}

/** One look-up a unit and level: only for units whose drop-in asks for it. Of two workloads that name one unit, the first has it. */
export function unitSetLines(units: readonly UnitTargets[], named: NamedUnits, entry: UnitEntry): readonly string[] {
  return units.flatMap(({ unit, chains }) =>
    (named.get(unit) ?? []).map(
      (level) => `socket cgroupv2 level ${level} @${unitSetName(unit)} goto ${chains[entry]}`,
    ),
  );
}
