// Sets of cgroups that systemd itself fills (NFTSet=, systemd 255 and later): one for each unit whose drop-in names it, and one of all
// of them. What systemd puts there is under the unit's rules from its first socket on, with no agent running. Looked in after the agent's own maps.

import { goto, inSet, type Rule, rule } from './rule.ts';
import { type ElementMap, type UnitEntry, type UnitTargets, unitEntries } from './table.ts';

export const unitSetPrefix = 'unit_';
/** Holds the cgroups of all of them: whoever is not in it is not looked for in each unit's. */
export const allUnitsSet = 'unit_all';

/** The set that a unit's drop-in names beside `unit_all`: `NFTSet=cgroup:inet:segwall:unit_nginx.service`. nft's names hold no "@", "-" or ":". */
export function unitSetName(unit: string): string {
  const hex = (character: string) => `_${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  return `${unitSetPrefix}${unit.replaceAll(/[^A-Za-z0-9.]/g, hex)}`;
}

/** Unit to the cgroup levels at which systemd may put it. */
export type NamedUnits = ReadonlyMap<string, readonly number[]>;

export function unitSets(units: readonly UnitTargets[], named: NamedUnits): ReadonlyMap<string, ElementMap> {
  const set = { declaration: '{ type cgroupsv2; }', kind: 'set', update: 'by-element', elements: new Map() } as const;
  const names = units.filter(({ unit }) => named.has(unit)).map(({ unit }) => unitSetName(unit));
  return new Map([...(names.length === 0 ? [] : [allUnitsSet]), ...names].map((name) => [name, set]));
}

/** What an entry looks in after the agent's maps: a look-up a level, for whoever is in none of the sets. */
export function unitSetRules(units: readonly UnitTargets[], named: NamedUnits, entry: UnitEntry): readonly Rule[] {
  const levels = units.flatMap(({ unit }) => named.get(unit) ?? []);
  return [...new Set(levels)]
    .sort((a, b) => b - a)
    .map((level) => rule([inSet(`socket cgroupv2 level ${level}`, allUnitsSet)], goto(namedChain(entry))));
}

/** Which unit it is: a look-up a unit and level. Of two workloads that name one unit, the first has it. */
export function unitSetChains(
  units: readonly UnitTargets[],
  named: NamedUnits,
): readonly (readonly [name: string, rules: readonly Rule[]])[] {
  if (!units.some(({ unit }) => named.has(unit))) return [];
  return unitEntries.map((entry) => [
    namedChain(entry),
    units.flatMap(({ unit, chains }) =>
      (named.get(unit) ?? []).map((level) =>
        rule([inSet(`socket cgroupv2 level ${level}`, unitSetName(unit))], goto(chains[entry])),
      ),
    ),
  ]);
}

function namedChain(entry: UnitEntry): string {
  return `named_${entry}`;
}
