// Facts that policy may select by, from files and calls that cost no process: the operating system, the kernel, the machine.
// The region is the operator's to set, the cloud too, or what the firmware names; nothing is asked of the network.

import { readFileSync } from 'node:fs';
import { machine, release } from 'node:os';
import { agentVersion } from '#agent/process/version.ts';
import type { FactSettings } from '#agent/settings/settings.ts';

/** Keys are label.ts factKeys, without the prefix; values are label values. `cloud` is the firmware's word; a setting outweighs it. */
export function readHostFacts(settings: FactSettings, cloud?: string): ReadonlyMap<string, string> {
  const system = readOsRelease();
  const facts = new Map<string, string>();
  const set = (key: string, value: string | undefined) => {
    if (value !== undefined && value !== '') facts.set(key, labelValue(value));
  };
  set('os', system.get('ID'));
  set('os-version', system.get('VERSION_ID'));
  set('kernel', release());
  set('arch', machine());
  set('agent-version', agentVersion);
  set('region', settings.region);
  set('cloud', settings.cloud ?? cloud);
  return facts;
}

/** os-release(5): KEY=value lines in shell quoting. */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line.trim());
    const [, key, raw] = match ?? [];
    if (key === undefined || raw === undefined) continue;
    values.set(key, raw.replace(/^(["'])(.*)\1$/, '$2').replace(/\\(.)/g, '$1'));
  }
  return values;
}

function readOsRelease(): ReadonlyMap<string, string> {
  for (const path of ['/etc/os-release', '/usr/lib/os-release']) {
    try {
      return parseOsRelease(readFileSync(path, 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return new Map();
}

/** What no label value may hold becomes "-"; labels are at most 63 characters. */
function labelValue(text: string): string {
  return text.replace(/[^A-Za-z0-9._:/@+-]/g, '-').slice(0, 63);
}
