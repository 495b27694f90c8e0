// An agent that finds an older agent's table: whatever names, kinds and priorities that had, it becomes exactly ours in one
// transaction, under an epoch that the older one did not stamp.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';

const policy: HostPolicy & { readonly revision: number } = {
  revision: 5,
  addresses: ['10.88.0.1'],
  peers: { web: ['10.88.0.7'], net: ['10.89.0.0/24'] },
  allowIn: ['web: tcp/80', 'net: tcp/443'],
};

let lab: Lab;
let host: LabHost;
let driven: DrivenHost;
let expected: string;

beforeAll(async () => {
  lab = await createLab({ name: 'oldtable' });
  host = await lab.addHost({ name: 'h1', ipv4: '10.88.0.1' });
});
afterAll(() => lab.remove());

beforeEach(() => {
  driven = driveHost(host);
  return () => driven.stop();
});

/** Sorted lines without epochs: the order in which chains came to be is no matter. */
async function shape(): Promise<string> {
  const { stdout } = await host.exec(['nft', '-s', 'list', 'table', 'inet', 'segwall']);
  return stdout
    .replaceAll(/\tchain preparation \{[^}]*\}\n/g, '')
    .replaceAll(/epoch=\d+|0x[0-9a-f]+/g, '')
    .split('\n')
    .filter((line) => line !== '')
    .sort()
    .join('\n');
}

async function load(script: string): Promise<void> {
  const loaded = await host.exec(['nft', '-f', '-'], { input: script });
  expect(loaded.exitCode, loaded.stderr).toBe(0);
}

test('the table from nothing, to compare with', async () => {
  expect(await driven.ask({ do: 'start' })).toEqual({ kind: 'open' });
  await driven.ask({ do: 'apply', policy });
  expected = await shape();
  expect(expected).toContain('10.88.0.7');
});

const state = 'chain state { counter comment "revision=4 epoch=41 digest=00ff"; };';
test.each([
  [
    'other chains, maps and sets',
    `table inet segwall { chain input { type filter hook input priority 0; jump old; }; chain old { accept; }; set peers { type ipv4_addr; }; map m { type ipv4_addr : verdict; }; counter n_old { }; ${state} }`,
  ],
  [
    'a base chain at another priority',
    `table inet segwall { chain input { type filter hook input priority -200; accept; }; ${state} }`,
  ],
  [
    'a base chain at another hook',
    `table inet segwall { chain input { type filter hook output priority 0; accept; }; ${state} }`,
  ],
  [
    'a chain of ours that is a base chain there',
    `table inet segwall { chain new_in { type filter hook forward priority 0; }; ${state} }`,
  ],
])('an older table with %s', async (_, older) => {
  await load(`add table inet segwall\ndelete table inet segwall\n${older}\n`);
  expect(await driven.ask({ do: 'start' })).toEqual({ kind: 'unknown-table', revision: 4 });
  expect(await driven.ask({ do: 'apply', policy })).toEqual({ kind: 'applied', revision: 5 });
  expect(await shape()).toBe(expected);
  expect(Number((await driven.ask({ do: 'counts' }))['epoch'])).toBeGreaterThan(41);
});
