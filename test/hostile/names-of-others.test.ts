// Names that an enrolled host can give to what it reports: none of them is another host's, running or not, and none takes with it what an
// operator said of another's workload.

import { expect, test } from 'vitest';
import { fleetUnderTest } from '../server/fleet-under-test.ts';

const facts = new Map<string, string>();
const box = (name: string, address: string) => ({ name, addresses: [address], reachable: [] });
const actor = 'operator/test';

test('a container is not given the name of another host’s that does not run, nor its labels or quarantine', async () => {
  const under = await fleetUnderTest();
  const { connect, fleet } = under;
  const victim = await connect('db-prod-1', { addresses: ['10.0.0.1'] });
  victim.connection.hostReported({ addresses: ['10.0.0.1'], facts, containers: [box('pg', '172.17.0.2')] });
  await fleet.quiet();
  await fleet.label({ workload: 'db-prod-1-pg', set: new Map([['role', 'db']]), remove: [], actor });
  await fleet.quarantine({ workload: 'db-prod-1-pg', peers: [], actor });
  victim.connection.hostReported({ addresses: ['10.0.0.1'], facts, containers: [] });
  await fleet.quiet();

  const turned = await connect('db-prod', { addresses: ['10.0.0.2'] });
  const claims = { addresses: ['10.0.0.2'], facts, units: ['1-pg.service'], containers: [box('1-pg', '172.17.0.9')] };
  turned.connection.hostReported(claims);
  await fleet.quiet();
  const own = [...fleet.inventory().workloads.values()].filter(({ host }) => host === 'db-prod');
  expect(own.map(({ name }) => name)).not.toContain('db-prod-1-pg');
  expect(own.filter(({ labels, quarantine }) => labels.has('role') || quarantine !== undefined)).toEqual([]);
  turned.connection.hostReported({ addresses: ['10.0.0.2'], facts, units: [], containers: [] });
  await fleet.quiet();

  const { fleet: again, connect: reconnect } = await under.restart();
  expect(again.quarantineOf('db-prod-1-pg')).toEqual([]);
  const back = await reconnect('db-prod-1', { addresses: ['10.0.0.1'] });
  back.connection.hostReported({ addresses: ['10.0.0.1'], facts, containers: [box('pg', '172.17.0.2')] });
  await again.quiet();
  expect(again.inventory().workloads.get('db-prod-1-pg')).toMatchObject({
    host: 'db-prod-1',
    labels: expect.toSatisfy((labels: ReadonlyMap<string, string>) => labels.get('role') === 'db'),
  });
});

test('a unit of a host does not take the name of a host that is away', async () => {
  const { connect, enrol, fleet } = await fleetUnderTest();
  await enrol('web-1');
  const turned = await connect('web', { addresses: ['10.0.0.2'] });
  turned.connection.hostReported({ addresses: ['10.0.0.2'], facts, units: ['1.service'] });
  await fleet.quiet();
  const own = [...fleet.inventory().workloads.values()].filter(({ host, kind }) => host === 'web' && kind === 'unit');
  expect(own.map(({ name }) => name)).toEqual([expect.stringMatching(/^web-.*[0-9a-f]{8}$/)]);
});
