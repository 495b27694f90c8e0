// Units that agents discover become workloads of their own, which lose nothing that protected them as parts of their host.

import { expect, test } from 'vitest';
import { withReportedUnits } from '#control-plane/inventory/host-units.ts';
import { fleetUnderTest, shopPolicy } from './fleet-under-test.ts';

const web = { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.1'] };
const facts = new Map([['os', 'debian']]);
const actor = 'operator/test';

async function withNginx() {
  const given = await fleetUnderTest();
  await given.apply(shopPolicy());
  const agent = await given.connect('web-1', web);
  const report = async (units?: readonly string[]) => {
    agent.connection.hostReported({ addresses: web.addresses, facts, ...(units === undefined ? {} : { units }) });
    await given.fleet.quiet();
  };
  await report(['nginx.service']);
  const modes = () =>
    agent.sent
      .at(-1)
      ?.workloads.map(({ workload, unit, inbound }) => [workload, unit, inbound.mode, inbound.grants.length]);
  return { ...given, agent, report, modes };
}

test('a discovered unit is a workload with its host’s addresses, labels and segments', async () => {
  const { fleet, modes } = await withNginx();
  expect(fleet.inventory().workloads.get('web-1-nginx')).toMatchObject({
    kind: 'unit',
    host: 'web-1',
    unit: 'nginx.service',
    addresses: ['10.0.0.1'],
    labels: new Map([...Object.entries(web.labels), ['fact/os', 'debian'], ['fact/agent-version', '0.1.0']]),
  });
  expect(modes()).toEqual([
    ['web-1', undefined, 'enforce', 1],
    ['web-1-nginx', 'nginx.service', 'enforce', 1],
  ]);
});

test('labels of its own part it from its host, and hold after a restart', async () => {
  const { fleet, modes, restart } = await withNginx();
  const changed = await fleet.label({ workload: 'web-1-nginx', set: new Map([['role', 'web']]), remove: [], actor });
  expect(changed?.labels).toEqual(new Map([['role', 'web']]));
  expect(modes()).toEqual([
    ['web-1', undefined, 'enforce', 1],
    ['web-1-nginx', 'nginx.service', 'enforce', 0],
  ]);
  const again = await restart();
  expect(again.fleet.inventory().workloads.get('web-1-nginx')?.labels.get('role')).toBe('web');
  expect(again.fleet.inventory().workloads.get('web-1')?.labels.get('role')).toBe('api');
});

test('its host’s quarantine is its own, and it can be quarantined alone', async () => {
  const { fleet, agent } = await withNginx();
  const quarantined = () =>
    agent.sent.at(-1)?.workloads.flatMap(({ workload, quarantine }) => (quarantine === undefined ? [] : [workload]));
  await fleet.quarantine({ workload: 'web-1', peers: ['10.9.9.9'], actor });
  expect(quarantined()).toEqual(['web-1', 'web-1-nginx']);
  await fleet.quarantine({ workload: 'web-1', actor });
  await fleet.quarantine({ workload: 'web-1-nginx', peers: ['10.9.9.9'], actor });
  expect(quarantined()).toEqual(['web-1-nginx']);
  expect(fleet.quarantineOf('web-1-nginx')).toEqual(['10.9.9.9']);
  expect(fleet.quarantineOf('web-1')).toBeUndefined();
});

test('a unit that is missing in a report stays; a host that discovers none has none', async () => {
  const { fleet, report, store } = await withNginx();
  await fleet.label({ workload: 'web-1-nginx', set: new Map([['role', 'web']]), remove: [], actor });
  await report(['redis.service']);
  const units = () => [...fleet.inventory().workloads.keys()].sort();
  expect(units()).toEqual(['web-1', 'web-1-nginx', 'web-1-redis']);
  await report();
  expect(units()).toEqual(['web-1']);
  const { labels } = await store.loadFleet({ tenant: 'default', now: fleet.agents()[0]?.enrolledAt ?? (0 as never) });
  expect(labels.filter(({ workload }) => workload !== 'web-1')).toEqual([]);
});

test('a removed host takes its units along', async () => {
  const { fleet } = await withNginx();
  await fleet.removeAgent('web-1', actor);
  expect([...fleet.inventory().workloads.keys()]).toEqual([]);
});

test.each([
  ['nginx.service', /^web-1-nginx$/],
  ['postgresql@15-main.service', /^web-1-postgresql-15-main-[0-9a-f]{8}$/],
  [`${'a'.repeat(200)}.service`, /^web-1-a{48}-[0-9a-f]{8}$/],
  ['taken.service', /^web-1-taken-[0-9a-f]{8}$/],
  ['nginx.socket', undefined],
  ['../etc.service', undefined],
])('the workload of %s', (unit, name) => {
  const isTaken = (candidate: string) => candidate === 'web-1-taken';
  const units = withReportedUnits({ host: 'web-1', known: new Map(), reported: [unit], isTaken });
  const names = [...units.keys()];
  if (name === undefined) expect(names).toEqual([]);
  else expect(names).toEqual([expect.stringMatching(name)]);
  for (const made of names) expect(made.length).toBeLessThanOrEqual(63);
});
