import { execa } from 'execa';
import { expect, test } from 'vitest';
import { cloudOf, type HostInventory } from '#agent/host/host-inventory.ts';
import { programPath } from '#test/support/programs.ts';

test.each([
  ['aws', ['Amazon EC2', 't3.micro', 'Amazon EC2']],
  ['gcp', ['Google', 'Google Compute Engine']],
  ['azure', ['Microsoft Corporation', 'Virtual Machine', 'Hyper-V UEFI']],
  ['hetzner', ['Hetzner', 'vServer']],
  [undefined, ['Microsoft Corporation', 'Surface Laptop']],
  [undefined, ['', '']],
])('firmware names the cloud: %s', (cloud, texts) => {
  expect(cloudOf(texts)).toBe(cloud);
});

test('the inventory command tells what this machine is made of', async () => {
  const { stdout } = await execa(process.execPath, [programPath('segwall-agent'), 'inventory', '--json']);
  const inventory = JSON.parse(stdout) as HostInventory;
  expect(inventory.cores).toBeGreaterThan(0);
  expect(inventory.memoryBytes).toBeGreaterThan(2 ** 20);
});
