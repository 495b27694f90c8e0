// Cgroups of a test's own, as systemd would make them, and processes that move into them. Sockets belong to the cgroup in
// which they are made, so a process enters first and opens its sockets then.

import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CgroupRoot, findCgroupRoot } from '#agent/host/cgroup-tree.ts';
import type { LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { waitFor } from '#test/support/wait.ts';

export interface UnitTree {
  readonly root: CgroupRoot;
  /** `at` as "system.slice/app.service". */
  make(at: string): void;
  /** Whoever is in it goes back to where this process is. */
  take(at: string): void;
  remove(): Promise<void>;
}

let made = 0;

export function createUnitTree(): UnitTree {
  const machine = findCgroupRoot();
  if (machine === undefined) throw new Error('these tests need a cgroup2 tree');
  made += 1;
  const path = join(machine.path, `segwall-test-${process.pid}-${made}`);
  mkdirSync(path);
  const removeTree = (folder: string) => {
    if (!existsSync(folder)) return;
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(folder, entry.name));
    }
    for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n')) {
      if (pid !== '') writeFileSync(join(machine.path, 'cgroup.procs'), pid);
    }
    rmdirSync(folder);
  };
  return {
    root: { path, level: machine.level + 1 },
    make: (at) => void mkdirSync(join(path, at), { recursive: true }),
    take: (at) => removeTree(join(path, at)),
    remove: async () => {
      const isGone = () => {
        try {
          removeTree(path);
          return true;
        } catch {
          // Processes that were killed with the lab have not all ended.
          return false;
        }
      };
      await waitFor(isGone, { what: `${path} is empty` });
    },
  };
}

export interface MovableProbe extends HostProbe {
  /** What it opens from now on belongs there. */
  enter(at: string): void;
}

export async function startMovableProbe(host: LabHost, tree: UnitTree): Promise<MovableProbe> {
  let child: ChildProcess | undefined;
  const probe = await startProbe({
    ...host,
    spawn(argv, options) {
      child = host.spawn(argv, options);
      return child;
    },
  });
  return {
    ...probe,
    enter: (at) => writeFileSync(join(tree.root.path, at, 'cgroup.procs'), String(child?.pid)),
  };
}
