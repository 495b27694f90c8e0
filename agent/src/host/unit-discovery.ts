// Which systemd services run on this host, for the control plane to register as workloads: off unless the host's settings say so. A
// service once seen is told of for as long as the agent runs: one that restarts must not lose its rules.

import type { UnitSettings } from '#agent/settings/settings.ts';
import { systemClock } from '#clock/system-clock.ts';
import { type CgroupRoot, listSlices } from './cgroup-tree.ts';
import { type UnitElsewhere, unitsElsewhere } from './unit-networks.ts';

export interface UnitDiscovery {
  /** In code-unit order; undefined where nothing is discovered. */
  units(): readonly string[] | undefined;
  /** Those of them that use a network of their own, as of the last look. */
  elsewhere(): readonly UnitElsewhere[];
  close(): void;
}

const lookEveryMs = 10_000;
/** What the control plane takes. */
const mostUnits = 1024;

/** `changed` is called after services were seen for the first time or their networks became others, but not for those that run now. */
export function createUnitDiscovery(options: {
  readonly settings: UnitSettings;
  readonly root: CgroupRoot | undefined;
  readonly changed: () => void;
}): UnitDiscovery {
  const { settings, root, changed } = options;
  if (settings.length === 0 || root === undefined)
    return { units: () => undefined, elsewhere: () => [], close: () => undefined };
  const patterns = settings.map((text) => new RegExp(`^${text.split('*').map(literal).join('.*')}$`));
  const seen = new Set<string>();
  let elsewhere: readonly UnitElsewhere[] = [];
  const look = () => {
    for (const name of runningServices(root)) {
      if (seen.size < mostUnits && patterns.some((pattern) => pattern.test(name))) seen.add(name);
    }
    elsewhere = unitsElsewhere(root, seen);
  };
  look();
  const timer = systemClock
    .every(lookEveryMs, () => {
      const before = `${seen.size} ${JSON.stringify(elsewhere)}`;
      look();
      if (`${seen.size} ${JSON.stringify(elsewhere)}` !== before) changed();
    })
    .unref();
  return { units: () => [...seen].sort(), elsewhere: () => elsewhere, close: () => timer.cancel() };
}

/** By systemd's names: its "_" before names that the kernel uses itself is taken away. */
function runningServices(root: CgroupRoot): readonly string[] {
  return listSlices(root).flatMap(({ children }) =>
    children.filter((name) => name.endsWith('.service')).map((name) => name.replace(/^_/, '')),
  );
}

function literal(text: string): string {
  return text.replaceAll(/[.\\@:+?^$(){}|[\]-]/g, '\\$&');
}
