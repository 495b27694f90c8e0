// `segwall-agent inventory`: show this machine's hardware and system, and its cloud as the firmware names it.

import { readHostInventory } from '#agent/host/host-inventory.ts';

export async function inventoryCommand(options: { readonly json?: boolean }): Promise<0> {
  const inventory = await readHostInventory();
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(inventory)}\n`);
    return 0;
  }
  const rows = Object.entries({ ...inventory, memoryBytes: `${(inventory.memoryBytes / 2 ** 30).toFixed(1)} GiB` });
  const names: Readonly<Record<string, string>> = { memoryBytes: 'memory' };
  for (const [name, value] of rows)
    process.stdout.write(`${(names[name] ?? name).padEnd(14)}${value === '' ? '-' : value}\n`);
  return 0;
}
