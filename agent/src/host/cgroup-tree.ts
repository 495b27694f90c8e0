// Where systemd units' cgroups are. A unit is known by its cgroup's name, below the root or below slices: what a unit makes
// inside its own cgroup is not believed, nor what users make below user.slice, or anyone could take a unit's rights by a name.

import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { FoundCgroup, UnitCgroup } from '#agent-core/change/unit-placement.ts';

/** A folder in which slices and units are; `level` is its depth below the root of the tree, which is 0. */
export interface CgroupRoot {
  readonly path: string;
  readonly level: number;
}

/** Cgroups held open, so that their paths lead to them even if they are removed meanwhile. */
export interface OpenCgroups {
  readonly cgroups: readonly (UnitCgroup & FoundCgroup)[];
  /** Where the units that have none now would be. */
  readonly levels: readonly number[];
  close(): void;
}

/** The cgroup2 tree of this machine: on hybrid hosts it is not at /sys/fs/cgroup. Undefined where there is none. */
export function findCgroupRoot(): CgroupRoot | undefined {
  const path = parseCgroupMount(readFileSync('/proc/self/mountinfo', 'utf8'));
  return path === undefined ? undefined : { path, level: 0 };
}

/** The mount point of the whole cgroup2 tree in the text of /proc/PID/mountinfo (proc(5)). */
export function parseCgroupMount(mountinfo: string): string | undefined {
  for (const line of mountinfo.split('\n')) {
    const [mount = '', filesystem = ''] = line.split(' - ');
    const [, , , rootOfMount, path = ''] = mount.split(' ');
    if (!filesystem.startsWith('cgroup2 ') || rootOfMount !== '/') continue;
    return path.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
  }
  return undefined;
}

/** The service whose cgroup a process is in, by the text of /proc/PID/cgroup (cgroups(7)); undefined where it is in none of one. */
export function parseOwnService(cgroups: string): string | undefined {
  const path = /^0::(.*)$/m.exec(cgroups)?.[1] ?? '';
  const [service, ...slices] = path.split('/').slice(1).reverse();
  return service?.endsWith('.service') === true && slices.every((slice) => slice.endsWith('.slice'))
    ? service
    : undefined;
}

export interface SliceFolder {
  readonly path: string;
  readonly level: number;
  /** Names of the cgroups directly in it. */
  readonly children: readonly string[];
}

/** systemd nests slices by the dashes in their names; deeper than this no name is written by hand. */
const deepestSlice = 16;

/** The root and every slice below it but the users'. Cost: one directory listing a slice. */
export function listSlices(root: CgroupRoot): readonly SliceFolder[] {
  const slices: SliceFolder[] = [];
  const visit = (path: string, level: number) => {
    const children = childrenOf(path);
    if (children === undefined) return;
    slices.push({ path, level, children });
    if (level - root.level >= deepestSlice) return;
    for (const name of children) {
      if (name.endsWith('.slice') && name !== 'user.slice') visit(join(path, name), level + 1);
    }
  };
  visit(root.path, root.level);
  return slices;
}

/**
 * The unit whose sockets a cgroup of this name holds. A service's listening sockets may be made by its socket unit (systemd makes
 * them in that one's cgroup), and systemd puts "_" before names that the kernel uses itself.
 */
export function unitOf(name: string, units: ReadonlySet<string>): string | undefined {
  const plain = name.startsWith('_') && !units.has(name) ? name.slice(1) : name;
  if (units.has(plain)) return plain;
  const service = plain.endsWith('.socket') ? plain.replace(/\.socket$/, '.service') : '';
  return units.has(service) ? service : undefined;
}

/** The cgroup of that name if it stands. Cost: one system call. */
export function findUnitCgroup(
  slice: Pick<SliceFolder, 'path' | 'level'>,
  name: string,
  unit: string,
): FoundCgroup | undefined {
  const at = join(slice.path, name);
  const status = statSync(at, { bigint: true, throwIfNoEntry: false });
  return status?.isDirectory() === true ? { unit, id: String(status.ino), level: slice.level + 1, at } : undefined;
}

/** Every cgroup that is one of these units' now. */
export function findUnitCgroups(root: CgroupRoot, units: ReadonlySet<string>): readonly FoundCgroup[] {
  return listSlices(root).flatMap((slice) =>
    slice.children.flatMap((name) => {
      const unit = unitOf(name, units);
      return (unit === undefined ? undefined : findUnitCgroup(slice, name, unit)) ?? [];
    }),
  );
}

/** The same, held open. */
export function openUnitCgroups(root: CgroupRoot, units: ReadonlySet<string>): OpenCgroups {
  const descriptors: number[] = [];
  const cgroups = findUnitCgroups(root, units).flatMap((found) => {
    const descriptor = openFolder(found.at);
    if (descriptor === undefined) return [];
    descriptors.push(descriptor);
    return {
      ...found,
      // It may be another one than was found.
      id: String(fstatSync(descriptor, { bigint: true }).ino),
      // nft puts /sys/fs/cgroup before it and asks for the file's number, which a descriptor has even after a removal.
      path: `../../../proc/${process.pid}/fd/${descriptor}`,
    };
  });
  const standing = new Set(cgroups.map(({ unit }) => unit));
  const absent = [...units].filter((unit) => !standing.has(unit));
  return {
    cgroups,
    levels: [...new Set(absent.map((unit) => root.level + expectedDepth(unit)))],
    close() {
      for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
    },
  };
}

/** Where systemd puts a unit that names no slice: system.slice, and for an instance a slice of its template's inside that. */
function expectedDepth(unit: string): number {
  return unit.includes('@') ? 3 : 2;
}

function childrenOf(path: string): readonly string[] | undefined {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    // It was removed between the listing of its parent and ours.
    return undefined;
  }
}

function openFolder(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return undefined;
  }
}
