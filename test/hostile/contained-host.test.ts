// A lost host, contained by an operator: whatever its agent says or does not say, all other hosts are told to cut it off, and only an
// operator ends that. What packets come to is in contained-packets.test.ts.

import { describe, expect, test } from 'vitest';
import { cutOffSets } from '#model/cut-off.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, shopPolicy, tenant } from '../server/fleet-under-test.ts';

const actor = 'operator/test';
const lost = { labels: { app: 'shop', role: 'web' }, addresses: ['10.0.0.1', 'fd00::1'], seenFrom: '10.0.0.1' };
const api = { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.2'], seenFrom: '10.0.0.2' };
const db = { labels: { app: 'data' }, addresses: ['10.0.0.3'], seenFrom: '10.0.0.3' };
const facts = new Map([['os', 'debian']]);
const container = { name: 'job', addresses: ['10.0.1.1', '172.17.0.2'], reachable: ['10.0.1.1'] };
const everything = ['10.0.0.1', '10.0.1.1', 'fd00::1'];

/** What a host was last told to cut off, by quarantine. */
function cutOff(sent: readonly HostRuleSet[]): Readonly<Record<string, readonly string[]>> {
  const byName: Record<string, readonly string[]> = {};
  for (const { quarantine = '', addresses } of cutOffSets(sent.at(-1)?.peerSets ?? new Map()))
    byName[quarantine] = [...(byName[quarantine] ?? []), ...addresses].sort();
  return byName;
}

async function shop(answer: 'ack' | 'nack' | 'silence' = 'ack') {
  const under = await fleetUnderTest();
  await under.apply(shopPolicy());
  const atLost = await under.connect('lost', { ...lost, answer });
  atLost.connection.hostReported({ addresses: lost.addresses, facts, containers: [container] });
  await under.fleet.quiet();
  const atApi = await under.connect('api-1', api);
  const atDb = await under.connect('db-1', db);
  return { ...under, atLost, atApi, atDb };
}

const ways = [
  [
    'quarantined',
    (fleet: Awaited<ReturnType<typeof shop>>['fleet']) => fleet.quarantine({ workload: 'lost', peers: [], actor }),
  ],
  ['revoked', (fleet: Awaited<ReturnType<typeof shop>>['fleet']) => fleet.revokeAgent('lost', actor)],
] as const;

describe.each(ways)('a host that is %s', (state, contain) => {
  test.each(['ack', 'nack', 'silence'] as const)(
    'is cut off by all others, its containers with it, where its own answer is %s',
    async (answer) => {
      const { fleet, atApi, atDb } = await shop(answer);
      await contain(fleet);
      for (const { sent } of [atApi, atDb]) expect(cutOff(sent)).toEqual({ lost: everything });
      const progress = await fleet.standing.waitFor(fleet.revision, answer === 'silence' ? 0 : 1000);
      expect(progress.acked).toEqual(expect.arrayContaining(['api-1', 'db-1']));
      // a revoked host is asked nothing, and not waited for
      if (state === 'revoked') expect(progress).toMatchObject({ acked: ['api-1', 'db-1'], nacked: [], pending: [] });
    },
  );

  test('and who is away is told of it when he comes back, and named until then', async () => {
    const { fleet, connect, atApi } = await shop();
    atApi.connection.disconnected();
    await contain(fleet);
    expect(fleet.standing.progressOf(fleet.revision)).toMatchObject({ pending: ['api-1'], offline: ['api-1'] });
    const again = await connect('api-1', api);
    expect(cutOff(again.sent)).toEqual({ lost: everything });
    expect(fleet.standing.progressOf(fleet.revision)).toMatchObject({ pending: [], nacked: [] });
  });

  test('sheds nothing by what it reported just before or reports after', async () => {
    const { fleet, atLost, atApi } = await shop();
    await contain(fleet);
    for (const addresses of [[], ['10.0.0.2'], ['10.0.0.66', '10.0.0.3']]) {
      atLost.connection.hostReported({ addresses, facts });
      await fleet.quiet();
      await fleet.passTime();
      expect(cutOff(atApi.sent)).toEqual({ lost: everything });
    }
  });

  test('stays cut off through a restart of the control plane', async () => {
    const before = await shop();
    await contain(before.fleet);
    const { fleet, connect } = await before.restart();
    expect(cutOff((await connect('db-1', db)).sent)).toEqual({ lost: everything });
    expect(fleet.inventory().workloads.get('lost')?.quarantine).toEqual({ name: 'lost', peers: [] });
  });

  test('does not get its name free: it enrols anew only once an operator removed it, which is told', async () => {
    const { fleet, enrol, store, atApi } = await shop();
    await contain(fleet);
    await expect(enrol('lost')).rejects.toThrow('name-taken');
    await fleet.quiet();
    expect(cutOff(atApi.sent)).toEqual({ lost: everything });
    expect(await fleet.removeAgent('lost', actor)).toEqual({ was: 'contained' });
    expect(cutOff(atApi.sent)).toEqual({});
    await enrol('lost');
    expect(fleet.inventory().workloads.get('lost')).not.toHaveProperty('quarantine');
    const entries = await store.listAudit({ tenant, afterSeq: 0, limit: 1000 });
    expect(entries.find(({ action }) => action === 'agent-removed')?.details).toContain('"was":"contained"');
  });

  test('again: the others answer again, so that it can be asked again who has cut it off', async () => {
    const { fleet } = await shop();
    await contain(fleet);
    const { revision } = fleet;
    await contain(fleet);
    expect(fleet.revision).toBe(revision + 1);
    expect((await fleet.standing.waitFor(fleet.revision, 1000)).acked).toEqual(
      expect.arrayContaining(['api-1', 'db-1']),
    );
  });
});

test('a quarantined host that comes by another address is cut off there too, and a release ends it everywhere', async () => {
  const { fleet, connect, atLost, atApi } = await shop();
  await fleet.quarantine({ workload: 'lost', peers: [], actor });
  atLost.connection.disconnected();
  await connect('lost', { ...lost, addresses: [], seenFrom: '10.0.0.77' });
  expect(cutOff(atApi.sent)).toEqual({ lost: ['10.0.0.1', '10.0.0.77', '10.0.1.1', 'fd00::1'] });
  await fleet.quarantine({ workload: 'lost', actor });
  expect(cutOff(atApi.sent)).toEqual({});
});

test('peers that a quarantine names are not cut off, those that revocation leaves are', async () => {
  const { fleet, atApi, atDb } = await shop();
  const exempt = (sent: readonly HostRuleSet[]) => sent.at(-1)?.workloads[0]?.exemptFrom?.map(({ set }) => set) ?? [];
  await fleet.quarantine({ workload: 'lost', peers: ['db-1'], actor });
  expect([exempt(atApi.sent), exempt(atDb.sent).length]).toEqual([[], 1]);
  // the operator's word on whom it may talk to stands
  await fleet.revokeAgent('lost', actor);
  expect(exempt(atDb.sent)).toHaveLength(1);
  await fleet.quarantine({ workload: 'lost', actor });
  expect([exempt(atDb.sent), cutOff(atDb.sent)]).toEqual([[], { lost: everything }]);
});

test('a container that is quarantined stays so whatever its host reports', async () => {
  const { fleet, atLost, atApi, store } = await shop();
  await fleet.quarantine({ workload: 'lost-job', peers: [], actor });
  expect(cutOff(atApi.sent)).toEqual({ 'lost-job': ['10.0.1.1'] });
  for (const containers of [[], undefined, [container]]) {
    atLost.connection.hostReported({
      addresses: lost.addresses,
      facts,
      ...(containers === undefined ? {} : { containers }),
    });
    await fleet.quiet();
  }
  expect(cutOff(atApi.sent)).toEqual({ 'lost-job': ['10.0.1.1'] });
  const { quarantines } = await store.loadFleet({ tenant, now: millis(0) });
  expect(quarantines.map(({ workload }) => workload)).toEqual(['lost-job']);
});

test('a unit that is quarantined stays so where its host discovers none any more, and is held there alone', async () => {
  const { fleet, atLost, atApi } = await shop();
  atLost.connection.hostReported({ addresses: lost.addresses, facts, units: ['nginx.service'] });
  await fleet.quiet();
  await fleet.quarantine({ workload: 'lost-nginx', peers: [], actor });
  expect(cutOff(atApi.sent)).toEqual({});
  atLost.connection.hostReported({ addresses: lost.addresses, facts });
  await fleet.quiet();
  expect(fleet.quarantineOf('lost-nginx')).toEqual([]);
});

test('strangers’ addresses that it claimed are cut off with it, are listed, and an operator lets them go', async () => {
  const { fleet, atLost, atApi } = await shop();
  atLost.connection.hostReported({ addresses: [...lost.addresses, '10.0.0.254'], facts });
  await fleet.quiet();
  const quarantined = await fleet.quarantine({ workload: 'lost', peers: [], actor });
  expect(quarantined).toMatchObject({ ok: true, value: { cutOff: expect.arrayContaining(['10.0.0.254']) } });
  await fleet.allowAddresses({ host: 'lost', change: { kind: 'replace', ranges: ['10.0.0.1', 'fd00::1'] }, actor });
  expect(cutOff(atApi.sent)).toEqual({ lost: ['10.0.0.1', 'fd00::1'] });
});

test('who waits for all hosts does not wait for one that is revoked', async () => {
  const { fleet, atApi, atDb } = await shop();
  await fleet.revokeAgent('lost', actor);
  const status = { revision: fleet.revision, enforcing: true, lost: 0, spooledBatches: 0, repairs: 0, problem: '' };
  for (const { connection } of [atApi, atDb]) connection.statusReported(status);
  expect(await fleet.standing.waitForProtection([], 60_000)).toEqual(
    new Map([
      ['api-1', 'in-force'],
      ['db-1', 'in-force'],
    ]),
  );
});
