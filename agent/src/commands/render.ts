// `segwall-agent render`: the script this agent would load from nothing for a rule set, as nft reads it. Touches no kernel.

import { readFile } from 'node:fs/promises';
import { readDhcpUsers } from '#agent/host/dhcp-users.ts';
import { openControlPlaneReach } from '#agent/link/control-plane-reach.ts';
import { CommandError } from '#agent/process/command-error.ts';
import type { AgentSettings } from '#agent/settings/settings.ts';
import { readSettings } from '#agent/settings/settings-files.ts';
import { defaultSettings } from '#agent/settings/settings-reader.ts';
import { digestOf } from '#agent/table/loader.ts';
import { NoRoomError, renderFromNothing } from '#agent-core/change/render-table.ts';
import { parseAddress } from '#model/address.ts';
import type { EssentialEntry, HostRuleSet } from '#model/rule-set.ts';
import { parseControlPlaneAddresses } from '#wire/control-plane-address.ts';
import { decodeSnapshot } from '#wire/snapshot.ts';

export interface RenderOptions {
  /** A file with an encoded snapshot, or "-" for standard input. */
  readonly ruleSet: string;
  /** Settings of the host: its essential entries come first in the script, and its bits of the connection mark are used. */
  readonly config?: string;
  /** Where the host's agent connects, by address: the way there is essential too. */
  readonly controlPlane?: string;
}

export async function renderCommand({ ruleSet: source, config, controlPlane }: RenderOptions): Promise<void> {
  const settings =
    config === undefined ? { ok: true as const, value: defaultSettings } : await readSettings(config, 'required');
  if (!settings.ok) {
    throw new CommandError({
      code: 'settings-invalid',
      message: settings.error,
      remedy: 'Correct the setting.',
    });
  }
  const reach = controlPlane === undefined ? [] : await wayTo(controlPlane);
  const ruleSet = decodeSnapshot(await readSource(source));
  if (!ruleSet.ok) {
    throw new CommandError({
      code: 'rule-set-unreadable',
      message: `${source === '-' ? 'standard input' : source} holds no rule set: ${ruleSet.error}`,
    });
  }
  const essentials = [...reach, ...settings.value.essentials];
  const script = scriptOf(ruleSet.value, { ...settings.value, essentials });
  process.stdout.write(script.endsWith('\n') ? script : `${script}\n`);
}

/** A name stands for what the host's own resolver says, which is not asked here. */
async function wayTo(text: string): Promise<readonly EssentialEntry[]> {
  const controlPlanes = parseControlPlaneAddresses(text);
  if (controlPlanes.ok && controlPlanes.value.every(({ host }) => parseAddress(host).ok)) {
    const owner = { uid: 0 };
    const reach = await openControlPlaneReach({ controlPlanes: controlPlanes.value, stateDirectory: '', owner });
    return reach.essentials();
  }
  throw new CommandError({
    code: 'control-plane-invalid',
    message: `"${text}" is not ADDRESS:PORT`,
  });
}

function scriptOf(ruleSet: HostRuleSet, { essentials, connections }: AgentSettings): string {
  try {
    return renderFromNothing(ruleSet, {
      essentials,
      marks: connections.marks,
      digestOf,
      dhcpUsers: readDhcpUsers(),
    });
  } catch (error) {
    if (!(error instanceof NoRoomError)) throw error;
    throw new CommandError({
      code: 'mark-mask-too-small',
      message: error.message,
    });
  }
}

async function readSource(source: string): Promise<Uint8Array> {
  if (source === '-') {
    const parts: Buffer[] = [];
    for await (const part of process.stdin) parts.push(part as Buffer);
    return Buffer.concat(parts);
  }
  try {
    return await readFile(source);
  } catch (error) {
    throw new CommandError({
      code: 'rule-set-missing',
      message: `${source} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
    });
  }
}
