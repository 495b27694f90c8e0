// Batches survive until their receipt: across restarts, torn files, a full disk allowance and a control plane that is away.

import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFlowSender } from '#agent/flows/flow-sender.ts';
import { type FlowSpool, openFlowSpool } from '#agent/flows/flow-spool.ts';
import { seal } from '#agent/state/durable-file.ts';
import { openStateDirectory, type StateDirectory } from '#agent/state/state-directory.ts';
import { noDenials } from '#agent-core/flows/unrecorded-denials.ts';
import type { Address } from '#model/address.ts';
import type { FlowBatch, FlowRecord } from '#model/flow.ts';
import { assertOk, err, ok } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { waitFor } from '#test/support/wait.ts';
import { decodeFlowBatch, encodeFlowBatch } from '#wire/flow-batch.ts';

let path: string;
let state: StateDirectory;
const codec = { encode: encodeFlowBatch, decode: decodeFlowBatch };

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'segwall-spool-'));
  state = openStateDirectory(path);
});
afterEach(() => rm(path, { recursive: true, force: true }));

const open = (bytesMost?: number) =>
  openFlowSpool({
    state,
    codec,
    firstSequence: 100,
    run: 'ab'.repeat(16),
    ...(bytesMost !== undefined && { bytesMost }),
  });

const record = (connections: number): FlowRecord => ({
  direction: 'inbound',
  local: '10.0.0.1' as Address,
  peer: '10.0.0.9' as Address,
  protocol: 6,
  port: 443,
  end: { verdict: 'allow', reason: 'rule', workload: 'me', segment: 'shop', rule: 'web' },
  revision: 3,
  connections,
  packetsOriginal: 4,
  packetsReply: 4,
  bytesOriginal: 400,
  bytesReply: 400,
  firstSeenAt: millis(1000),
  lastSeenAt: millis(2000),
  answered: true,
});

const noLoss = { overruns: 0, records: 0, spooled: 0, deniedInbound: 0, deniedOutbound: 0 };

const window = (connections: number, lost = { overruns: 0, records: 0, deniedInbound: 0, deniedOutbound: 0 }) => ({
  unrecorded: noDenials,
  startedAt: millis(1000),
  endedAt: millis(6000),
  records: [record(connections)],
  lost,
});

async function drain(spool: FlowSpool): Promise<readonly FlowBatch[]> {
  const batches: FlowBatch[] = [];
  for (let batch = await spool.oldest(); batch !== undefined; batch = await spool.oldest()) {
    batches.push(assertOk(decodeFlowBatch(batch.bytes)));
    spool.remove(batch.sequence);
  }
  return batches;
}

describe('the spool', () => {
  test('gives back what was put in, in order, numbered without a gap', async () => {
    const spool = await open();
    for (const connections of [1, 2, 3]) await spool.append(window(connections));
    const batches = await drain(spool);
    expect(batches.map(({ sequence, records }) => [sequence, records[0]?.connections])).toEqual([
      [100, 1],
      [101, 2],
      [102, 3],
    ]);
    expect(batches[0]?.records).toEqual([record(1)]);
    expect(spool.counts()).toMatchObject({ batches: 0, bytes: 0 });
  });

  test('goes on after a restart, and never numbers anything twice', async () => {
    const before = await open();
    await before.append(window(1));
    await before.append(window(2));
    before.remove(100);
    before.remove(101);
    const after = await open();
    await after.append(window(3));
    expect((await drain(after)).map(({ sequence }) => sequence)).toEqual([102]);
  });

  test('a crash before the number was kept is made good from the file', async () => {
    const before = await open();
    await before.append(window(1));
    await rm(join(path, 'flow-progress'));
    const after = await open();
    await after.append(window(2));
    expect((await drain(after)).map(({ sequence }) => sequence)).toEqual([100, 101]);
  });

  test('a crash before the progress was kept tells nothing twice: the batch knows what it told of', async () => {
    const denials = (unrecorded: number, endedAt: number) => ({
      ...window(1, { ...noLoss, deniedInbound: unrecorded }),
      endedAt: millis(endedAt),
      unrecorded: { inbound: unrecorded, outbound: 7 },
    });
    const before = await open();
    await before.append(denials(5, 5000));
    const progressPath = join(path, 'flow-progress');
    const older = await readFile(progressPath);
    await before.append(denials(9, 9000));
    await writeFile(progressPath, older);
    await open();
    const expected = { nextSequence: 102, seenUntil: 9000, unrecorded: { inbound: 9, outbound: 7 } };
    expect(await state.readFlowProgress()).toEqual(expected);
    // A newer progress stands, whatever an old file says.
    await state.writeFlowProgress({ ...expected, nextSequence: 200, seenUntil: millis(9500) });
    expect((await drain(await open())).map(({ sequence }) => sequence)).toEqual([100, 101]);
    expect(await state.readFlowProgress()).toMatchObject({ nextSequence: 200, seenUntil: 9500 });
  });

  test('a batch of an earlier agent, which says nothing of it, leaves the progress as it is', async () => {
    await mkdir(state.spoolPath, { recursive: true });
    const batch = { ...window(3), sequence: 100, lost: noLoss };
    await writeFile(join(state.spoolPath, '0000000000000100.batch'), seal(encodeFlowBatch(batch)));
    const spool = await open();
    expect(await state.readFlowProgress()).toBeUndefined();
    expect((await drain(spool)).map(({ sequence }) => sequence)).toEqual([100]);
  });

  test('a torn file is counted and removed, and the rest is sent', async () => {
    const before = await open();
    await before.append(window(1));
    await before.append(window(2));
    const [oldest = ''] = (await readdir(state.spoolPath)).sort();
    await truncate(join(state.spoolPath, oldest), 10);
    await writeFile(join(state.spoolPath, `${oldest}.1.tmp`), 'half');
    const after = await open();
    expect((await drain(after)).map(({ sequence }) => sequence)).toEqual([101]);
    expect(after.counts().damagedFiles).toBe(1);
    expect(await readdir(state.spoolPath)).toEqual([]);
  });

  test('when full the oldest go, and the next batch tells what they held and what they told', async () => {
    const probe = await open();
    await probe.append(window(1));
    const { bytes } = probe.counts();
    await drain(probe);
    const spool = await open(Math.floor(bytes * 2.5));
    await spool.append(window(10, { overruns: 1, records: 2, deniedInbound: 3, deniedOutbound: 4 }));
    for (const connections of [20, 30, 40]) await spool.append(window(connections));
    const batches = await drain(spool);
    expect(batches.map(({ records }) => records[0]?.connections)).toEqual([30, 40]);
    expect(spool.counts().lostConnections).toBe(30);
    await spool.append(window(50));
    const [next] = await drain(spool);
    const told = [...batches, next].map((batch) => batch?.lost);
    expect(told).toEqual([
      noLoss,
      { overruns: 1, records: 2, spooled: 10, deniedInbound: 3, deniedOutbound: 4 },
      { ...noLoss, spooled: 20 },
    ]);
  });

  test('gives out the bytes that were encoded, and nothing that is for this host alone', async () => {
    const spool = await open();
    await spool.append(window(1));
    const batch = { ...window(1), run: 'ab'.repeat(16), sequence: 100, lost: noLoss };
    const read = await spool.oldest();
    expect(read?.sequence).toBe(100);
    expect(Buffer.from(read?.bytes ?? []).equals(encodeFlowBatch(batch))).toBe(true);
  });

  test('a disk that takes nothing costs a counted loss, and no exception', async () => {
    const spool = await open();
    await rm(state.spoolPath, { recursive: true });
    await writeFile(state.spoolPath, 'not a folder');
    expect((await spool.append(window(7))).ok).toBe(false);
    await rm(state.spoolPath);
    expect((await spool.append(window(8))).ok).toBe(true);
    const [batch] = await drain(spool);
    expect(batch).toMatchObject({ sequence: 100, lost: { spooled: 7 } });
  });
});

describe('the sender', () => {
  test('tries again until the receipt comes, in order, and tells of trouble once', async () => {
    const spool = await open();
    for (const connections of [1, 2]) await spool.append(window(connections));
    const sent: number[] = [];
    const told: string[] = [];
    let failures = 3;
    const stop = new AbortController();
    const sender = createFlowSender({
      spool,
      reporter: {
        report: async ({ sequence }) => {
          sent.push(sequence);
          failures -= 1;
          if (failures >= 0) return err({ reason: 'away' });
          const refused = { workload: 1, address: 2, time: 0 };
          return ok({ sequence, kind: sequence === 101 ? 'duplicate' : 'taken', refused });
        },
      },
      reported: ({ kind }) => told.push(kind),
      backoffLeastMs: 1,
      backoffMostMs: 2,
    });
    const running = sender.run(stop.signal);
    await waitFor(() => spool.counts().batches === 0, { what: 'all is sent' });
    expect(sent).toEqual([100, 100, 100, 100, 101]);
    expect(told).toEqual(['failed', 'sent']);
    expect(sender.refused()).toEqual({ workload: 1, address: 2, time: 0 });
    await spool.append(window(3));
    sender.nudge();
    await waitFor(() => spool.counts().batches === 0, { what: 'a nudge sends at once' });
    stop.abort();
    await running;
  });

  test('a batch that is refused for good is counted as lost, and does not keep the next ones away', async () => {
    const spool = await open();
    for (const connections of [1, 2]) await spool.append(window(connections, { ...noLoss, overruns: 1 }));
    const outcomes: unknown[] = [];
    const stop = new AbortController();
    const sender = createFlowSender({
      spool,
      reporter: {
        report: async ({ sequence }) =>
          sequence === 100 ? err({ reason: 'no such protocol', isFinal: true }) : ok({ sequence, kind: 'taken' }),
      },
      reported: (outcome) => outcomes.push(outcome),
    });
    const running = sender.run(stop.signal);
    await waitFor(() => spool.counts().batches === 0, { what: 'nothing waits' });
    expect(outcomes).toEqual([{ kind: 'refused', sequence: 100, reason: 'no such protocol' }]);
    expect(spool.counts().lostConnections).toBe(1);
    stop.abort();
    await running;
    await spool.append(window(3));
    expect((await drain(spool))[0]?.lost).toEqual({ ...noLoss, overruns: 1, spooled: 1 });
  });
});
