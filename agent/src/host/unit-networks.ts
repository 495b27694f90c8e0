// Which units have processes in a network of their own: their sockets pass none of the host's own hooks, so that no cgroup tells them
// there, and what is shown as enforced for the unit is not. Told by the network namespaces of their processes, which takes no power.

import { join } from 'node:path';
import { type CgroupRoot, listSlices } from './cgroup-tree.ts';
import { readLinkView } from './link-view.ts';
import { addressesOf, networkOf, processesIn } from './process-network.ts';

/** `as-host`: the host forwards for it, and answers. `unseen`: no interface of the host leads there. */
export interface UnitElsewhere {
  readonly unit: string;
  readonly judged: 'as-host' | 'unseen';
}

/** Of one unit; each costs a look at one file. */
const search = { mostProcesses: 256, mostFolders: 256, deepest: 4 };

/** In code-unit order of their names. */
export function unitsElsewhere(root: CgroupRoot, units: ReadonlySet<string>, proc = '/proc'): readonly UnitElsewhere[] {
  const ofHost = networkOf(proc, 'self');
  const found = new Map<string, string>();
  for (const { path, children } of listSlices(root)) {
    for (const name of children) {
      const unit = name.replace(/^_/, '');
      if (!units.has(unit) || found.has(unit)) continue;
      const elsewhere = processesIn(join(path, name), search).find((pid) => {
        const network = networkOf(proc, pid);
        return network !== undefined && network !== ofHost && addressesOf(proc, pid).length > 0;
      });
      if (elsewhere !== undefined) found.set(unit, elsewhere);
    }
  }
  if (found.size === 0) return [];
  const view = readLinkView([...found.values()].map(Number));
  // A namespace has a number also for a device that was moved into it (macvlan) and leads to nothing here.
  const isForwarded = (pid: string) => {
    const namespace = view?.namespaces.get(Number(pid));
    return namespace !== undefined && view?.links.some((link) => link.namespace === namespace) === true;
  };
  return [...found]
    .map(([unit, pid]): UnitElsewhere => ({ unit, judged: isForwarded(pid) ? 'as-host' : 'unseen' }))
    .sort((a, b) => (a.unit < b.unit ? -1 : 1));
}

export function unitElsewhereText({ unit, judged }: UnitElsewhere): string {
  const what =
    judged === 'as-host'
      ? 'it is judged as its host, not as this unit: give the host the rules, or the unit its host’s network'
      : 'no interface of this host leads there (macvlan, ipvlan, SR-IOV), and it is not judged: give the unit its host’s network or a veth';
  return `unit ${unit} uses a network of its own: ${what}`;
}
