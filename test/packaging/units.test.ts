// The boot unit is held as tightly as the agent: whatever sandbox setting one has, the other has too, but for the exceptions listed here.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const folder = join(import.meta.dirname, '../../packaging/systemd');

/** Settings that say what a process may do; the rest of a unit says when it runs and where its files are. */
const sandbox =
  /^(CapabilityBoundingSet|AmbientCapabilities|NoNewPrivileges|Protect\w+|Private\w+|Restrict(?!ed)\w+|LockPersonality|RemoveIPC|KeyringMode|SystemCall\w+|OOMScoreAdjust|TasksMax|UMask)$/;

/** Setting → what the boot unit has instead, and why. */
const exceptions: Readonly<Record<string, { readonly instead: readonly string[]; readonly why: string }>> = {
  PrivateTmp: { instead: [], why: 'it would wait for /tmp, which is read-only to this unit anyway' },
  RestrictAddressFamilies: { instead: ['AF_UNIX AF_NETLINK'], why: 'it needs no network' },
};

async function settingsOf(unit: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const lines = (await readFile(join(folder, unit), 'utf8')).split('\n');
  const found = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined || !sandbox.test(name)) continue;
    found.set(name, [...(found.get(name) ?? []), value]);
  }
  return found;
}

describe('the sandbox of the units', () => {
  test('the boot unit has every setting that the agent has', async () => {
    const agent = await settingsOf('segwall-agent.service');
    const restore = await settingsOf('segwall-agent-restore.service');
    expect(agent.size).toBeGreaterThan(20);
    const wanted = new Map([...agent].map(([name, values]) => [name, exceptions[name]?.instead ?? values]));
    const missing = [...wanted].filter(([name, values]) => String(restore.get(name) ?? []) !== String(values));
    expect(missing).toEqual([]);
  });

  test.each(['segwall-agent.service', 'segwall-agent-restore.service', 'segwall-control-plane.service'])(
    '%s has no capability beyond the network',
    async (unit) => {
      const [capabilities] = (await settingsOf(unit)).get('CapabilityBoundingSet') ?? [];
      expect(['', 'CAP_NET_ADMIN']).toContain(capabilities);
    },
  );
});
