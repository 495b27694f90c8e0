// What one enrolled host can take of what all hosts share in the store: rows of flows, and entries of the audit log.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createFlowMethod } from '#control-plane/agents/flow-service.ts';
import { pruneFlowRows } from '#control-plane/fleet/flow-retention.ts';
import { HostNotes, type SkippedNote } from '#control-plane/notes/host-notes.ts';
import type { RpcPeer } from '#control-plane/rpc/rpc-call.ts';
import type { HostEvent } from '#model/host-event.ts';
import { ok } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { fairShare } from '#policy/fair-share.ts';
import { encodeFlowBatch } from '#wire/flow-batch.ts';
import { fleetUnderTest, tenant } from '../server/fleet-under-test.ts';
import { flowRecord } from '../server/flow-records.ts';
import { scratchDirectory } from '../server/scratch-directory.ts';
import { FakeBackend } from '../transport/control-plane-fixture.ts';

const log = pino({ level: 'silent' });

test.each([
  ['all fits', [1, 2, 3], 6, Number.POSITIVE_INFINITY],
  ['one has too much', [1, 2, 100], 10, 7],
  ['two have too much', [1, 50, 100], 11, 5],
  ['everyone has the same', [10, 10, 10], 15, 5],
  ['there is no room', [1, 2], 0, 0],
  ['there is nobody', [], 5, Number.POSITIVE_INFINITY],
] as const)('room is shared so that who has little keeps it: %s', (_what, amounts, room, share) => {
  expect(fairShare(amounts, room)).toBe(share);
});

test('a host that reports a hundred times what others do loses its own oldest rows, and they none', async () => {
  const { store, fleet, enrol } = await fleetUnderTest();
  for (const host of ['web-1', 'api-1', 'bad-1']) await enrol(host);
  const hour = 3_600_000;
  const flowsOf = (host: string, count: number) =>
    [...Array(count).keys()].map((at) => ({
      ...flowRecord({ lastSeenAt: millis(Date.now() - (count - at) * hour) }),
      end: { ...flowRecord({}).end, workload: host },
      peerWorkload: '',
    }));
  const lost = { overruns: 0, records: 0, spooled: 0, deniedInbound: 0, deniedOutbound: 0 };
  for (const [host, count] of [
    ['web-1', 3],
    ['bad-1', 300],
    ['api-1', 5],
  ] as const)
    await store.ingestFlows({ tenant, host, sequence: 1, flows: flowsOf(host, count), lost });
  const pruned = await pruneFlowRows({
    ...{ store, tenant, log },
    settings: { keepFlowsDays: 365, keepFlowRows: 20 },
    hostPruned: (host, rows) => fleet.flowsPruned(host, rows),
  });
  expect(pruned).toBe(288);
  const rows = new Map((await store.countFlowRows({ tenant })).map(({ host, rows }) => [host, rows]));
  expect(rows).toEqual(
    new Map([
      ['api-1', 5],
      ['bad-1', 12],
      ['web-1', 3],
    ]),
  );
  expect(fleet.agents().map(({ host, prunedFlows }) => [host, prunedFlows])).toEqual([
    ['api-1', 0],
    ['bad-1', 288],
    ['web-1', 0],
  ]);
  const left = await store.listFlows({ tenant, since: millis(0), limit: 1000 });
  const oldest = Math.min(...left.filter(({ host }) => host === 'bad-1').map(({ last_seen }) => last_seen));
  expect(oldest).toBeGreaterThan(Date.now() - 14 * hour);
});

test('a host that chooses the numbers of its batches leaves no more of them behind than any other', async () => {
  const directory = await scratchDirectory();
  const { store, enrol } = await fleetUnderTest({ directory });
  await enrol('bad-1');
  const lost = { overruns: 0, records: 0, spooled: 0, deniedInbound: 0, deniedOutbound: 0 };
  for (let at = 1; at < 40; at += 1)
    await store.ingestFlows({ tenant, host: 'bad-1', sequence: at * 640 + 1, flows: [], lost });
  const database = new DatabaseSync(join(directory, 'store.db'));
  onTestFinished(() => database.close());
  // Within the 4,096 numbers that are remembered.
  expect(database.prepare('select count(*) as rows from batches').get()).toEqual({ rows: 7 });
});

const pki = { cas: () => ({ present: { id: 'ca', fingerprint: '', endsAt: millis(4e12) } }) };

const peer = (host: string): RpcPeer => ({
  address: '10.0.0.1',
  connection: '10.0.0.1:1',
  certificate: ok({
    identity: { tenant, host, serial: '01' },
    enrolment: '',
    notBefore: millis(0),
    notAfter: millis(4e12),
    authority: 'ca',
  }),
  trusts: 'ca',
});

test('what is refused as no batch costs its host what reading it cost', async () => {
  const records = { burst: 10, everyMs: 100 };
  const elapsedMs = () => 1000;
  const method = createFlowMethod({
    backend: new FakeBackend(),
    pki,
    log,
    now: () => millis(1000),
    elapsedMs,
    records,
  });
  const noBatch = Buffer.alloc(800, 0xff);
  expect(await method.answer(noBatch, peer('web-1'))).toMatchObject({ ok: false, error: { code: 3 } });
  expect(await method.answer(noBatch, peer('web-1'))).toMatchObject({ ok: false, error: { code: 8 } });
  expect(await method.answer(noBatch, peer('web-2'))).toMatchObject({ ok: false, error: { code: 3 } });
});

test('a host that reports more records than the store takes of one is told when to come back, and others are not', async () => {
  let clock = 1_800_000_000_000;
  const method = createFlowMethod({
    backend: new FakeBackend(),
    pki,
    log,
    now: () => millis(clock),
    elapsedMs: () => clock,
    records: { burst: 10, everyMs: 100 },
  });
  const batch = (sequence: number) =>
    encodeFlowBatch({
      sequence,
      startedAt: millis(clock),
      endedAt: millis(clock),
      records: [...Array(6).keys()].map(() => flowRecord({ lastSeenAt: millis(clock) })),
      lost: { overruns: 0, records: 0, spooled: 0, deniedInbound: 0, deniedOutbound: 0 },
    });
  expect(await method.answer(batch(1), peer('web-1'))).toMatchObject({ ok: true });
  expect(await method.answer(batch(2), peer('web-1'))).toMatchObject({ ok: false, error: { retryAfterMs: 200 } });
  expect(await method.answer(batch(1), peer('web-2'))).toMatchObject({ ok: true });
  clock += 200;
  expect(await method.answer(batch(2), peer('web-1'))).toMatchObject({ ok: true });
});

test('events beyond thirty of a kind in an hour are taken from the agent, counted, and told as one entry', async () => {
  let clock = 1_800_000_000_000;
  const { connect, store, fleet } = await fleetUnderTest({ now: () => millis(clock), elapsedMs: () => clock });
  const { connection } = await connect('web-1');
  const events = (kind: HostEvent['kind'], from: number, count: number): readonly HostEvent[] =>
    [...Array(count).keys()].map((at) => ({ id: `${kind}-${from + at}`, at: millis(clock), kind, details: new Map() }));
  for (const from of [0, 32, 64]) await connection.eventsReported(events('table-tampered', from, 32));
  await connection.eventsReported(events('opened', 0, 1));
  const actions = async () => (await store.listAudit({ tenant, afterSeq: 0, limit: 1000 })).map(({ action }) => action);
  const count = async (action: string) => (await actions()).filter((one) => one === action).length;
  expect(await count('table-tampered')).toBe(30);
  expect(await count('opened')).toBe(1);
  expect(fleet.agents()[0]?.skippedEntries).toBe(66);
  expect(await count('entries-skipped')).toBe(0);
  clock += 3_600_001;
  await connection.eventsReported(events('table-tampered', 96, 1));
  await fleet.stop();
  const entries = await store.listAudit({ tenant, afterSeq: 0, limit: 1000 });
  const skipped = entries.filter(({ action }) => action === 'entries-skipped');
  expect(skipped.map(({ target, details }) => [target, JSON.parse(details)])).toEqual([
    ['web-1', { entries: 66, since: '2027-01-15T08:00:00.000Z', actions: { 'table-tampered': 66 } }],
  ]);
  expect(await count('table-tampered')).toBe(31);
});

test('one host cannot use up the entries of another, and what could not be written is not counted as written', () => {
  const told: SkippedNote[] = [];
  const notes = new HostNotes({
    now: () => millis(0),
    elapsedMs: () => 0,
    tell: (note) => void told.push(note),
    mostInHour: 2,
  });
  expect([1, 2, 3].map(() => notes.take('a', 'x'))).toEqual([true, true, false]);
  expect(notes.take('b', 'x')).toBe(true);
  notes.giveBack('a', 'x');
  expect(notes.take('a', 'x')).toBe(true);
  notes.stop();
  expect(told).toEqual([{ host: 'a', details: { entries: 1, since: '1970-01-01T00:00:00.000Z', actions: { x: 1 } } }]);
});
