// Sequences belong to a life of an agent: a state directory that is put back, or copied, loses no flows and counts none twice.

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { type FlowSpool, openFlowSpool } from '#agent/flows/flow-spool.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { noDenials } from '#agent-core/flows/unrecorded-denials.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { decodeFlowBatch, encodeFlowBatch } from '#wire/flow-batch.ts';
import { fleetUnderTest, tenant } from './fleet-under-test.ts';
import { flowRecord } from './flow-records.ts';

const codec = { encode: encodeFlowBatch, decode: decodeFlowBatch };
let runs = 0;

async function host() {
  const { fleet, store, storePath, connect } = await fleetUnderTest();
  await connect('api-1', { addresses: ['10.0.0.2'] });
  const root = await mkdtemp(join(tmpdir(), 'segwall-runs-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const at = millis(Date.now());
  /** A life of the agent on a state directory. */
  const live = (name: string) => {
    runs += 1;
    const run = runs.toString(16).padStart(32, '0');
    return openFlowSpool({ state: openStateDirectory(join(root, name)), codec, firstSequence: 100, run });
  };
  const see = async (spool: FlowSpool, ports: readonly number[]) => {
    for (const port of ports)
      assertOk(
        await spool.append({
          ...{ startedAt: at, endedAt: at, unrecorded: noDenials },
          records: [flowRecord({ port, connections: 1, firstSeenAt: at, lastSeenAt: at })],
          lost: { overruns: 0, records: 0, deniedInbound: 0, deniedOutbound: 0 },
        }),
      );
  };
  const send = async (spool: FlowSpool) => {
    const kinds: string[] = [];
    for (let batch = await spool.oldest(); batch !== undefined; batch = await spool.oldest()) {
      const read = assertOk(decodeFlowBatch(batch.bytes));
      kinds.push(assertOk(await fleet.ingestFlows({ tenant, host: 'api-1', serial: 'serial-api-1' }, read)).kind);
      spool.remove(batch.sequence);
    }
    return kinds;
  };
  const stored = async () =>
    Object.fromEntries(
      (await store.listFlows({ tenant, since: millis(0), limit: 100 })).map(({ port, connections }) => [
        port,
        connections,
      ]),
    );
  const copy = (from: string, to: string) => cp(join(root, from), join(root, to), { recursive: true });
  return { live, see, send, stored, copy, root, storePath };
}

test('a snapshot of the state directory that is put back: what was seen since and after is all stored, once', async () => {
  const { live, see, send, stored, copy, root } = await host();
  const first = await live('state');
  await see(first, [1, 2]);
  await copy('state', 'snapshot');
  expect(await send(first)).toEqual(['taken', 'taken']);
  await see(first, [3, 4, 5]);
  await send(first);
  await rm(join(root, 'state'), { recursive: true });
  await copy('snapshot', 'state');
  const second = await live('state');
  await see(second, [6, 7, 8]);
  expect(await send(second)).toEqual(['duplicate', 'duplicate', 'taken', 'taken', 'taken']);
  expect(await stored()).toEqual({ 1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1 });
});

test('a copy that runs has its own flows stored, and those of the original not again', async () => {
  const { live, see, send, stored, copy } = await host();
  const original = await live('state');
  await see(original, [1]);
  await copy('state', 'clone');
  const clone = await live('clone');
  await see(original, [2]);
  await see(clone, [3]);
  expect(await send(original)).toEqual(['taken', 'taken']);
  expect(await send(clone)).toEqual(['duplicate', 'taken']);
  expect(await stored()).toEqual({ 1: 1, 2: 1, 3: 1 });
});

test('however many lives a host makes up, what is remembered of them is bounded', async () => {
  const { live, see, send, stored, storePath } = await host();
  const ports = Array.from({ length: 40 }, (_, at) => at + 1);
  for (const port of ports) {
    const spool = await live(`state-${port}`);
    await see(spool, [port]);
    expect(await send(spool)).toEqual(['taken']);
  }
  expect(Object.keys(await stored())).toHaveLength(ports.length);
  const database = new DatabaseSync(storePath, { readOnly: true });
  const count = (table: string) => database.prepare(`select count(*) as rows from ${table}`).get()?.['rows'];
  expect([count('batch_runs'), count('batches')]).toEqual([16, 16]);
  database.close();
});
