// Flow batches over the real connection: a receipt for each, twice the same is stored once, and nobody reports without a certificate.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFlowReporter } from '#agent/flows/flow-reporter.ts';
import { openClient } from '#agent/link/control-plane-client.ts';
import type { EncodedBatch } from '#agent/table/apply-outcome.ts';
import type { FlowBatch } from '#model/flow.ts';
import { millis } from '#model/time.ts';
import { encodeFlowBatch } from '#wire/flow-batch.ts';
import { type Fixture, startFixture } from './control-plane-fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await startFixture();
});
afterAll(() => fixture.stop());

const signal = new AbortController().signal;

test('a batch is answered with a receipt, and sent again with one that says so', async () => {
  const reporter = createFlowReporter({ identity: await fixture.enrolled() });
  expect(await reporter.report(encoded(1), signal)).toMatchObject({ ok: true, value: { sequence: 1, kind: 'taken' } });
  expect(await reporter.report(encoded(1), signal)).toMatchObject({
    ok: true,
    value: { sequence: 1, kind: 'duplicate' },
  });
  expect(await reporter.report(encoded(2), signal)).toMatchObject({ ok: true, value: { sequence: 2, kind: 'taken' } });
  expect(fixture.backend.batches).toEqual([batchOf(1), batchOf(2)]);
});

test('what is no batch is refused for good', async () => {
  const reporter = createFlowReporter({ identity: await fixture.enrolled('web-3') });
  const result = await reporter.report({ sequence: 4, bytes: Uint8Array.of(0x0f) }, signal);
  expect(result).toMatchObject({
    ok: false,
    error: { isFinal: true, reason: expect.stringMatching(/no such message/) },
  });
});

test('without a certificate there is no receipt', async () => {
  const [host = '', port] = fixture.server.address.split(':');
  const client = openClient({ host, port: Number(port) }, { ca: fixture.pki.caPem });
  const reporter = createFlowReporter({ identity: { client: () => client } });
  const result = await reporter.report(encoded(9), signal);
  expect(result.ok ? 'taken' : result.error.reason).toMatch(/no valid client certificate/);
  client.close();
});

test('a reporter that is stopped gives an error, and so does a control plane that is away', async () => {
  const identity = await fixture.enrolled('web-2');
  const reporter = createFlowReporter({ identity });
  expect((await reporter.report(encoded(3), AbortSignal.abort())).ok).toBe(false);
  const nowhere = openClient({ host: '127.0.0.1', port: 1 }, { ca: fixture.pki.caPem });
  expect((await createFlowReporter({ identity: { client: () => nowhere } }).report(encoded(3), signal)).ok).toBe(false);
  nowhere.close();
});

/** As the spool keeps it. */
function encoded(sequence: number): EncodedBatch {
  return { sequence, bytes: encodeFlowBatch(batchOf(sequence)) };
}

function batchOf(sequence: number): FlowBatch {
  const startedAt = millis(1_800_000_000_000 + sequence);
  const lost = { overruns: 1, records: 0, spooled: 2, deniedInbound: 3, deniedOutbound: 0 };
  return { sequence, startedAt, endedAt: millis(startedAt + 10_000), records: [], lost };
}
