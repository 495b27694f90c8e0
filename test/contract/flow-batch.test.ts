// Flow batches in columns: what goes in comes out, in few bytes, and what does not add up is refused.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressFromIpv4Number } from '#model/address.ts';
import type { FlowBatch, FlowRecord } from '#model/flow.ts';
import { millis } from '#model/time.ts';
import { decodeFlowBatch, decodeFlowReceipt, encodeFlowBatch, encodeFlowReceipt } from '#wire/flow-batch.ts';
import { v1 } from '#wire/protobuf.ts';
import { flowBatches } from './arbitraries.ts';

describe('a flow batch', () => {
  test('decodes to the batch it was made of', () => {
    fc.assert(
      fc.property(flowBatches, (batch) => {
        expect(decodeFlowBatch(encodeFlowBatch(batch))).toEqual({ ok: true, value: batch });
      }),
    );
  });

  test('of 5,000 distinct peers takes at most 40 bytes a record', () => {
    const batch = batchOf(5000);
    const bytes = encodeFlowBatch(batch);
    expect(bytes.length / 5000).toBeLessThan(40);
    expect(decodeFlowBatch(bytes)).toEqual({ ok: true, value: batch });
  });
});

type Message = ReturnType<typeof v1.FlowBatch.decode>;
const refusals: readonly (readonly [string, (message: Message) => void, RegExp])[] = [
  ['a column of another length', (m) => void m.port.pop(), /flow column port: found 2 entries; allowed: none or 3/],
  ['a column too long', (m) => void m.answered.push(true), /flow column answered/],
  ['an address that is not there', (m) => set(m.peer, 1, 50), /flow 1: found peer 50; allowed: below 4/],
  ['an end that is not there', (m) => set(m, 'end', [4, 4, 4]), /end 4/],
  ['an unknown verdict', (m) => set(m.ends[0], 'verdict', 9), /verdict 9; allowed: 1 \(allow\)/],
  ['an unknown reason', (m) => set(m.ends[0], 'reason', 90), /reason 90/],
  ['an unknown direction', (m) => set(m.ends[0], 'direction', 3), /direction 3/],
  ['a protocol beyond 255', (m) => set(m.protocol, 0, 256), /protocol: found 256; allowed: 0 to 255/],
  ['a port beyond 65535', (m) => set(m.port, 0, 65536), /0 to 65535/],
  [
    'an asked port beyond 65535',
    (m) => set(m, 'askedPort', [0, 70_000, 0]),
    /asked port: found 70000; allowed: 0 to 65535/,
  ],
  ['more records than a batch may hold', (m) => set(m, 'count', 60_000), /at most 50000/],
  ['a time before 1970', (m) => set(m, 'firstSeen', [-(2 ** 52), 0, 0]), /first seen/],
];

test('counts beyond what a window can hold are brought to their bound', () => {
  const message = v1.FlowBatch.decode(encodeFlowBatch(batchOf(3)));
  set(message, 'bytesReply', [1, 2, 2 ** 60]);
  set(message, 'connections', [1, 2 ** 53, -1]);
  message.lost = { overruns: -1 };
  const read = decodeFlowBatch(v1.FlowBatch.encode(message).finish());
  const batch = read.ok ? read.value : undefined;
  expect(batch?.records.map(({ bytesReply }) => bytesReply)).toEqual([1, 2, 2 ** 50]);
  expect(batch?.records.map(({ connections }) => connections)).toEqual([1, 2 ** 40, 2 ** 40]);
  expect(batch?.lost.overruns).toBe(2 ** 40);
});

describe('a flow batch is refused with', () => {
  test.each(refusals)('%s', (_, change, reason) => {
    const message = v1.FlowBatch.decode(encodeFlowBatch(batchOf(3)));
    change(message);
    const result = decodeFlowBatch(v1.FlowBatch.encode(message).finish());
    expect(result.ok ? 'taken' : result.error).toMatch(reason);
  });
});

test.each(['taken', 'duplicate'] as const)('a receipt says %s', (kind) => {
  const receipt = { sequence: 12, kind, refused: { workload: 1, address: 2, time: 3 } };
  expect(decodeFlowReceipt(encodeFlowReceipt(receipt))).toEqual({ ok: true, value: receipt });
});

test('a receipt of an unknown kind is refused', () => {
  const bytes = v1.FlowReceipt.encode({ sequence: 1, kind: 3 as 1 }).finish();
  expect(decodeFlowReceipt(bytes).ok).toBe(false);
});

function set<T extends object, K extends keyof T>(target: T | null | undefined, key: K, value: unknown): void {
  if (target === null || target === undefined) throw new Error(`nothing to set ${String(key)} on`);
  Object.assign(target, { [key]: value });
}

function batchOf(count: number): FlowBatch {
  const end = { verdict: 'allow', reason: 'rule', workload: 'web-1', segment: 'shop', rule: 'web-to-api' } as const;
  const startedAt = millis(1_800_000_000_000);
  const records = Array.from(
    { length: count },
    (_, index): FlowRecord => ({
      direction: 'inbound',
      local: addressFromIpv4Number(0x0a00_0001),
      peer: addressFromIpv4Number(0x0a01_0000 + index),
      protocol: 6,
      port: 8080,
      end,
      revision: 1234,
      connections: 1 + (index % 50),
      packetsOriginal: 12 + (index % 900),
      packetsReply: 10 + (index % 800),
      bytesOriginal: 1000 + index * 7,
      bytesReply: 40_000 + index * 11,
      firstSeenAt: millis(startedAt + (index % 10_000)),
      lastSeenAt: millis(startedAt + (index % 10_000) + 300),
      answered: true,
    }),
  );
  const lost = { overruns: 0, records: 0, spooled: 0, deniedInbound: 0, deniedOutbound: 0 };
  return { sequence: 9, startedAt, endedAt: millis(startedAt + 10_000), records, lost };
}
