// Placing by elements, against the kernel: what the agent sends is what nft would have made of it, it is no stranger's change, it waits
// for no policy, and units that restart at once or in a loop hinder neither each other nor policy.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { createUnitTree, type UnitTree } from './unit-tree.ts';

const many = 50;
const names = Array.from({ length: many }, (_, index) => `u${index}.service`);
const crowd = Array.from(
  { length: 20_000 },
  (_, index) => `10.${100 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`,
);
const policy: HostPolicy = {
  addresses: ['10.78.2.1'],
  inbound: 'enforce',
  outbound: 'enforce',
  peers: { far: ['10.78.2.2'], crowd },
  allowIn: ['far: tcp/8000'],
  allowOut: ['far: tcp/9000'],
  units: Object.fromEntries(names.map((unit, index) => [`w${index}`, { unit, allowIn: ['far: tcp/8001'] }])),
};
const at = (unit: string) => `system.slice/${unit}`;
const entries = ['units_new_in', 'units_new_out', 'units_judge_in', 'units_judge_out'];

let lab: Lab;
let host: LabHost;
let tree: UnitTree;
let driven: DrivenHost;
let revision = 0;

beforeAll(async () => {
  tree = createUnitTree();
  tree.make('system.slice');
  lab = await createLab({ name: 'placing' });
  host = await lab.addHost({ name: 'h1', ipv4: '10.78.2.1' });
  driven = driveHost(host, { cgroups: tree.root });
  await driven.ask({ do: 'start' });
  await apply(policy);
});

afterAll(async () => {
  driven?.stop();
  await lab?.remove();
  await tree?.remove();
});

async function apply(next: HostPolicy): Promise<void> {
  revision += 1;
  expect(await driven.ask({ do: 'apply', policy: { ...next, revision } })).toEqual({ kind: 'applied', revision });
}

/** What nft shows of a map, with each cgroup by the last part of its path. */
async function shown(entry: string): Promise<readonly string[]> {
  const { stdout } = await host.exec(['nft', 'list', 'map', 'inet', 'segwall', entry]);
  return [...stdout.matchAll(/"[^"]*\/([^"/]+)" : goto (\S+?)[,\s]/g)]
    .map(([, name, chain]) => `${name} ${chain}`)
    .sort();
}
const placed = async () => (await Promise.all(entries.map(shown))).map((elements) => elements.length);
const all = (count: number) => entries.map(() => count);

test('what the agent sends reads back as what nft makes of a load', async () => {
  for (const unit of names) tree.make(at(unit));
  await waitFor(async () => (await placed()).every((count) => count === many), { what: 'all are placed' });
  const byElements = await Promise.all(entries.map(shown));
  expect(byElements[0]?.[0]).toMatch(/^u0\.service new_/);
  // Another unit changes who the units are: their maps are filled by nft.
  await apply({ ...policy, units: { ...policy.units, other: { unit: 'other.service' } } });
  expect(await Promise.all(entries.map(shown))).toEqual(byElements);
  await apply(policy);
  expect(await Promise.all(entries.map(shown))).toEqual(byElements);
});

test('placing is nobody’s tampering, and what restarted leaves no element behind', async () => {
  const before = await driven.ask({ do: 'counts' });
  for (let round = 0; round < 3; round += 1) {
    for (const unit of names) tree.take(at(unit));
    for (const unit of names) tree.make(at(unit));
    await waitFor(async () => (await placed()).join() === all(many).join(), { what: 'all are placed again' });
  }
  await waitFor(async () => (await driven.ask({ do: 'counts' }))['settled'] === 'yes', { what: 'it settles' });
  expect(await driven.ask({ do: 'changes' })).toEqual([]);
  expect((await driven.ask({ do: 'counts' }))['repairs']).toBe(before['repairs']);
});

test('a stranger’s element is taken out, and units are placed after that', async () => {
  const chain = (await shown('units_new_in'))[0]?.split(' ')[1];
  const path = `${tree.root.path.replace('/sys/fs/cgroup/', '')}/system.slice`;
  const add = `add element inet segwall units_new_in { "${path}" : goto ${chain} }`;
  expect((await host.exec(['nft', '-f', '-'], { input: add })).stderr).toBe('');
  await waitFor(async () => Number((await driven.ask({ do: 'counts' }))['repairs']) > 0, { what: 'it is put back' });
  expect(await placed()).toEqual(all(many));
  tree.take(at('u0.service'));
  tree.make(at('u0.service'));
  await waitFor(async () => (await placed()).join() === all(many).join(), { what: 'u0 is placed' });
});

test('a unit is placed while a policy is being loaded, and policies are loaded while units crash in a loop', async () => {
  const count = async () => Number((await driven.ask({ do: 'units' }))['placements']);
  const before = await count();
  const failures = (await driven.ask({ do: 'units' }))['failures'];
  let restarts = 0;
  const crashing = setInterval(() => {
    tree.take(at('u1.service'));
    tree.make(at('u1.service'));
    restarts += 1;
  }, 100);
  try {
    for (let round = 0; round < 5; round += 1)
      await apply({ ...policy, allowIn: [round % 2 === 0 ? 'crowd: tcp/443' : 'far: tcp/8000'] });
    await waitFor(() => restarts >= 5, { what: 'it crashed some times' });
  } finally {
    clearInterval(crashing);
  }
  await waitFor(async () => (await placed()).join() === all(many).join(), { what: 'it is placed in the end' });
  expect(await count()).toBeGreaterThan(before);
  expect((await driven.ask({ do: 'units' }))['failures']).toBe(failures);
  await apply(policy);
});
