// Flow records count for their sender only: what names another's workload or address is stored nowhere, counted by its reason, and told.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import type { FlowView } from '#control-plane/answers/schemas.ts';
import type { FlowRecord } from '#model/flow.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, shopPolicy, tenant } from '#test/server/fleet-under-test.ts';
import { flowRecord, nothingLost } from '#test/server/flow-records.ts';
import { scratchDirectory } from '#test/server/scratch-directory.ts';
import { apiUnderTest } from './support/api-under-test.ts';

const at = millis(Date.now());
const own = { verdict: 'allow', reason: 'rule', workload: 'api-1' } as const;
const recent = { firstSeenAt: millis(at - 2000), lastSeenAt: millis(at - 1000), end: own };
const identity = { tenant, host: 'api-1', serial: 'serial-api-1' };
let sequence = 0;
const batchOf = (...records: FlowRecord[]) => {
  sequence += 1;
  return { sequence, startedAt: millis(at - 5000), endedAt: at, records, lost: nothingLost };
};

async function shop() {
  const under = await fleetUnderTest();
  await under.apply(shopPolicy());
  const api = await under.connect('api-1', {
    labels: { app: 'shop', role: 'api' },
    addresses: ['10.0.0.2', 'fd00::2'],
  });
  await under.connect('web-1', { labels: { app: 'shop', role: 'web' }, addresses: ['10.0.0.1', 'fd00::1'] });
  return { ...under, api };
}

describe('a record of the sender’s own', () => {
  test.each([
    ['address', { local: '10.0.0.2' }],
    ['address, IPv6', { local: 'fd00::2', peer: 'fd00::1' }],
    ['loopback', { local: '127.0.0.1', peer: '127.0.0.1' }],
    ['link-local address', { local: 'fe80::2', peer: 'fe80::1' }],
    ['unnamed workload', { end: { verdict: 'unmanaged', reason: 'unmanaged' } as const }],
  ])('%s counts', async (_, given) => {
    const { fleet, store } = await shop();
    const receipt = await fleet.ingestFlows(identity, batchOf(flowRecord({ ...recent, ...given })));
    expect(receipt).toMatchObject({
      ok: true,
      value: { kind: 'taken', refused: { workload: 0, address: 0, time: 0 } },
    });
    expect(await store.listFlows({ tenant, since: millis(0), limit: 10 })).toHaveLength(1);
  });

  test('address that it gave up a moment ago counts, and one that another has taken does not', async () => {
    const { fleet, api, connect } = await shop();
    api.connection.hostReported({ addresses: ['10.0.0.7'], facts: new Map() });
    await fleet.quiet();
    expect(await fleet.ingestFlows(identity, batchOf(flowRecord(recent)))).toMatchObject({
      value: { refused: { address: 0 } },
    });
    await connect('api-2', { addresses: ['10.0.0.2'] });
    expect(await fleet.ingestFlows(identity, batchOf(flowRecord(recent)))).toMatchObject({
      value: { refused: { address: 1 } },
    });
  });
});

describe('a record of', () => {
  test.each([
    ['another’s workload', 'workload', { end: { ...own, workload: 'web-1' } }],
    ['a workload that is none', 'workload', { end: { ...own, workload: 'nobody' } }],
    ['another’s address', 'address', { local: '10.0.0.1', peer: '10.0.0.2' }],
    ['an address of nobody', 'address', { local: '192.0.2.9' }],
    ['years ago', 'time', { firstSeenAt: millis(0), lastSeenAt: millis(1) }],
  ] as const)('%s is stored nowhere, counted and told', async (_, reason, given) => {
    const { fleet, store } = await shop();
    const receipt = await fleet.ingestFlows(identity, batchOf(flowRecord({ ...recent, ...given })));
    expect(receipt).toMatchObject({ ok: true, value: { kind: 'taken', refused: { [reason]: 1 } } });
    await fleet.quiet();
    expect(await store.listFlows({ tenant, since: millis(0), limit: 10 })).toEqual([]);
    expect(fleet.agents().find(({ host }) => host === 'api-1')?.refusedFlows).toMatchObject({ [reason]: 1 });
    await fleet.ingestFlows(identity, batchOf(flowRecord({ ...recent, ...given })));
    await fleet.quiet();
    const audit = await store.listAudit({ tenant, afterSeq: 0, limit: 1000 });
    expect(audit.filter(({ action }) => action === 'flows-refused')).toMatchObject([{ target: 'api-1' }]);
  });

  test('tomorrow is brought before now', async () => {
    const { fleet, store } = await shop();
    const ahead = { firstSeenAt: millis(at + 80_000_000), lastSeenAt: millis(253_402_300_799_999) };
    await fleet.ingestFlows(identity, batchOf(flowRecord({ ...recent, ...ahead })));
    const [row] = await store.listFlows({ tenant, since: millis(0), limit: 10 });
    expect(row?.last_seen).toBeLessThanOrEqual(Date.now());
  });
});

describe('nothing is written for a host that is', () => {
  test('revoked', async () => {
    const { fleet, store } = await shop();
    await fleet.revokeAgent('api-1', 'operator/test');
    expect(await fleet.ingestFlows(identity, batchOf(flowRecord(recent)))).toMatchObject({ ok: false });
    expect(await store.listFlows({ tenant, since: millis(0), limit: 10 })).toEqual([]);
  });

  test('revoked by the time its batch is stored', async () => {
    const { fleet, store } = await shop();
    // As a revocation that overtakes a batch in the store's queue.
    const note = { at, actor: 'operator/test', action: 'agent-revoked', target: 'api-1' };
    await store.revokeCertificates({ tenant, host: 'api-1', revision: 1, note });
    expect(await fleet.ingestFlows(identity, batchOf(flowRecord(recent)))).toMatchObject({
      ok: false,
      error: { kind: 'not-admitted' },
    });
    expect(await store.listFlows({ tenant, since: millis(0), limit: 10 })).toEqual([]);
  });

  test('removed', async () => {
    const { fleet, store } = await shop();
    await fleet.removeAgent('api-1', 'operator/test');
    expect(await fleet.ingestFlows(identity, batchOf(flowRecord(recent)))).toMatchObject({ ok: false });
    expect(await store.listFlows({ tenant, since: millis(0), limit: 10 })).toEqual([]);
  });

  test('kept out, since another agent has its identity', async () => {
    const { fleet } = await shop();
    const hello = { addresses: [], facts: new Map(), agentVersion: '', revision: 0 };
    const session = { send: () => undefined, close: () => undefined };
    const from = (port: number) => ({ ...identity, connection: `10.0.0.2:${port}` });
    let winner = 0;
    for (let port = 1; port <= 4; port += 1) if (fleet.connect(from(port), hello, session).ok) winner = port;
    await fleet.quiet();
    const kept = await fleet.ingestFlows(from(4), batchOf());
    expect(kept).toMatchObject({ ok: false, error: { kind: 'identity-shared' } });
    expect(await fleet.ingestFlows(from(winner), batchOf())).toMatchObject({ ok: true });
  });
});

test('sums stop at what is exact, and rows that an earlier version stored are skipped and counted', async () => {
  const directory = await scratchDirectory();
  const { fleet, store, connect, apply, ask, call } = await apiUnderTest({ directory });
  await apply(shopPolicy({ mode: 'observe' }));
  await connect('api-1', { addresses: ['10.0.0.2'] });
  await fleet.ingestFlows(identity, batchOf(flowRecord(recent)));
  const database = new DatabaseSync(join(directory, 'store.db'));
  const columns = 'connections = 9007199254740991, bytes_reply = 9007199254740991';
  database.exec(`update flows set ${columns}`);
  for (const [key, change] of [
    ['a', 'last_seen = 9007199254740991'],
    ['b', 'connections = 9223372036854775807'],
    ['c', 'bytes_reply = -1'],
  ]) {
    database.exec(`create temp table one as select * from flows where key not in ('a', 'b', 'c')`);
    database.exec(`update one set key = '${key}', ${change}; insert into flows select * from one; drop table one`);
  }
  database.exec(`insert into flow_losses values ('default', 'x', 9223372036854775807, 1, 1, 1, 1)`);
  database.close();
  await fleet.ingestFlows(identity, batchOf(flowRecord(recent), flowRecord({ ...recent, local: '127.0.0.1' })));
  const most = Number.MAX_SAFE_INTEGER;
  const rows = await store.listFlows({ tenant, since: millis(0), limit: 10 });
  expect(rows.map(({ connections }) => connections).sort()).toEqual([2, most]);
  expect(await store.countBadFlows({ tenant })).toBe(3);
  expect(await store.countDecisions({ tenant, since: millis(0) })).toMatchObject([{ connections: most }]);
  expect(await store.listObserved({ tenant, since: millis(0), limit: 10 })).toHaveLength(2);
  expect(await store.listFlowLosses({ tenant })).toMatchObject([{ overruns: most }]);

  const { body } = await ask('/api/v1/flows');
  const marks = (JSON.parse(body) as readonly FlowView[]).map(({ connections, atLeast }) => [connections, atLeast]);
  expect(marks.sort()).toEqual([
    [2, undefined],
    [most, true],
  ]);
  const files = [{ path: 'shop.yaml', text: shopPolicy() }];
  for (const told of [
    await call('POST', '/api/v1/policy/plan', { files }),
    await call('POST', '/api/v1/suggestions', { segment: 'shop' }),
    await call('GET', '/api/v1/coverage'),
  ])
    expect(told).toMatchObject({ skippedFlows: 3 });
  expect((await ask('/api/v1/flows')).skipped).toBe('3');
});
