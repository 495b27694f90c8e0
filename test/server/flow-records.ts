// Flow records for tests, of one shape but for what a test says.

import { parseAddress } from '#model/address.ts';
import type { FlowRecord } from '#model/flow.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';

export function flowRecord(
  given: Partial<Omit<FlowRecord, 'local' | 'peer'>> & { readonly local?: string; readonly peer?: string } = {},
): FlowRecord {
  return {
    direction: 'inbound',
    protocol: 6,
    port: 8080,
    end: { verdict: 'allow', reason: 'rule', workload: 'api-1', segment: 'shop', rule: 'web-to-api' },
    revision: 3,
    connections: 2,
    packetsOriginal: 10,
    packetsReply: 8,
    bytesOriginal: 1000,
    bytesReply: 5000,
    firstSeenAt: millis(1_000_000),
    lastSeenAt: millis(1_060_000),
    answered: true,
    ...given,
    local: assertOk(parseAddress(given.local ?? '10.0.0.2')),
    peer: assertOk(parseAddress(given.peer ?? '10.0.0.1')),
  };
}

export const nothingLost = { overruns: 0, records: 0, spooled: 0, deniedInbound: 0, deniedOutbound: 0 };
