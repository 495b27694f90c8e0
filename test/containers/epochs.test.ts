// Containers that come and go under an agent in the kernel: connections are judged again only where one takes something from somebody, and
// the table is in every case the one that a load from nothing leaves.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';

let lab: Lab;
let host: LabHost;
let driven: DrivenHost;
let revision = 0;

const base: HostPolicy = { addresses: ['10.84.0.1'], inbound: 'observe', peers: { web: ['10.84.0.2'] } };
const open = { inbound: 'observe', outbound: 'observe' } as const;
const strict = { inbound: 'enforce', outbound: 'observe', allowIn: ['web: tcp/80'] } as const;

beforeAll(async () => {
  lab = await createLab({ name: 'boxepochs' });
  host = await lab.addHost({ name: 'h1', ipv4: '10.84.0.1' });
  driven = driveHost(host);
  await driven.ask({ do: 'start' });
});

afterAll(async () => {
  driven.stop();
  await lab.remove();
});

async function epochWith(containers: NonNullable<HostPolicy['containers']>): Promise<number> {
  revision += 1;
  const outcome = await driven.ask({ do: 'apply', policy: { ...base, revision, containers } });
  expect(outcome).toEqual({ kind: 'applied', revision });
  return Number((await driven.ask({ do: 'counts' }))['epoch']);
}

async function judged(): Promise<readonly string[]> {
  const { stdout } = await host.exec(['nft', 'list', 'ruleset']);
  return [...new Set([...stdout.matchAll(/(172\.17\.0\.\d+) : jump/g)].map(([, address = '']) => address))].sort();
}

test('a start takes an epoch where the container denies something, a stop none', async () => {
  const first = await epochWith({});
  expect(await epochWith({ b: { ...open, addresses: ['172.17.0.3'] } })).toBe(first);
  expect(
    await epochWith({ a: { ...open, addresses: ['172.17.0.2'] }, b: { ...open, addresses: ['172.17.0.3'] } }),
  ).toBe(first);
  expect(await judged()).toEqual(['172.17.0.2', '172.17.0.3']);
  const both = { b: { ...open, addresses: ['172.17.0.3'] }, c: { ...strict, addresses: ['172.17.0.4'] } };
  expect(await epochWith(both)).toBe(first + 1);
  expect(await epochWith({ c: both.c })).toBe(first + 1);
  expect(await judged()).toEqual(['172.17.0.4']);
  expect(await epochWith({})).toBe(first + 1);
  expect(await judged()).toEqual([]);
  expect(await epochWith({ d: { ...strict, addresses: ['172.17.0.4'] } })).toBe(first + 2);
});
