// Which units' drop-ins have systemd (255 and later) tell of their cgroups: read from systemd's own folders, so that the boot's restore,
// which knows no settings, sees the same as the agent.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { allUnitsSet, type NamedUnits, unitSetName } from '#agent-core/table/systemd-unit-sets.ts';
import { tableName } from '#agent-core/table/table.ts';

const folders = ['etc/systemd/system', 'run/systemd/system', 'usr/local/lib/systemd/system', 'usr/lib/systemd/system'];
const ending = '.d';
const source = `cgroup:${tableName.replace(' ', ':')}:`;

/** `system.slice/NAME`, and below a slice of a template's or an operator's. What is deeper has only the agent's own look. */
export const usualLevels = [2, 3] as const;

/** `root` is the file system's, but for a test. Cost: a listing of each folder, and the reading of drop-ins. */
export function readUnitDropIns(root = '/'): NamedUnits {
  const named = new Map<string, readonly number[]>();
  for (const folder of folders) {
    for (const name of namesIn(join(root, folder))) {
      if (!name.endsWith(`.service${ending}`)) continue;
      const unit = name.slice(0, -ending.length);
      const settings = namesIn(join(root, folder, name))
        .filter((file) => file.endsWith('.conf'))
        .map((file) => textOf(join(root, folder, name, file)));
      const sets = settings.flatMap(setsIn);
      if (sets.includes(allUnitsSet) && sets.includes(unitSetName(unit))) named.set(unit, usualLevels);
    }
  }
  return named;
}

/** Names of sets of our table in `NFTSet=` lines. */
function setsIn(text: string): readonly string[] {
  return [...text.matchAll(/^[ \t]*NFTSet[ \t]*=(.*)$/gm)]
    .flatMap(([, value = '']) => value.trim().split(/\s+/))
    .filter((word) => word.startsWith(source))
    .map((word) => word.slice(source.length));
}

/** Empty where there is none, or none that this process may read. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
