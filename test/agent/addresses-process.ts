// Reads this network namespace's addresses as the agent does, once for each line in: the settings as JSON. One line of JSON out.

import { createInterface } from 'node:readline';
import { type HostAddresses, readHostAddresses } from '#agent/host/addresses.ts';
import type { InterfaceSettings } from '#agent/settings/settings.ts';

let before: HostAddresses | undefined;
process.stdout.write('{"ready":true}\n');
for await (const line of createInterface({ input: process.stdin })) {
  const now = readHostAddresses(JSON.parse(line) as InterfaceSettings, before);
  before = now;
  const { published, beyond, all, held } = now;
  process.stdout.write(`${JSON.stringify({ published, beyond, all: [...all].sort(), held })}\n`);
}
