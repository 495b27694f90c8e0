// Every other message: round trips both ways, refusals, and random bytes at every decoder.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HostRuleSet } from '#model/rule-set.ts';
import { millis } from '#model/time.ts';
import { decodeDelta } from '#wire/delta.ts';
import {
  decodeEnrolReply,
  decodeEnrolRequest,
  decodeRenewRequest,
  type EnrolReply,
  encodeEnrolReply,
  encodeEnrolRequest,
  encodeRenewRequest,
} from '#wire/enrolment-messages.ts';
import { decodeFlowBatch, decodeFlowReceipt, encodeFlowBatch } from '#wire/flow-batch.ts';
import { limits } from '#wire/limits.ts';
import {
  decodeDownMessage,
  decodeUpMessage,
  encodeDeltaMessage,
  encodeHeartbeat,
  encodeSnapshotMessage,
  encodeUpMessage,
  heldOf,
  type UpMessage,
} from '#wire/policy-sync-messages.ts';
import { v1 } from '#wire/protobuf.ts';
import { decodeSnapshot, encodeSnapshot } from '#wire/snapshot.ts';
import { flowBatches, ruleSets } from './arbitraries.ts';

const nothing: HostRuleSet = { revision: 3, host: 'web-1', workloads: [], peerSets: new Map() };
const host = {
  addresses: ['10.0.0.1', '2001:db8::1'],
  facts: new Map([
    ['os', 'debian'],
    ['region', ''],
  ]),
};

/** Each with as many addresses as one may have. */
const fullContainers = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    name: `c${at}`,
    addresses: Array.from(
      { length: 64 },
      (__, of) => `2001:db8:1234:5678:9abc:def0:${at.toString(16)}:${of.toString(16)}`,
    ),
    reachable: [],
  }));

describe('up', () => {
  test.each<UpMessage>([
    { kind: 'hello', agentVersion: '0.1.0', host },
    { kind: 'hello', agentVersion: '0.1.0', host, takesStanding: true },
    { kind: 'hello', agentVersion: '0.1.0', host, takesSchedules: true },
    { kind: 'hello', agentVersion: '0.1.0', host, takesNextCa: true },
    { kind: 'hello', agentVersion: '0.1.0', host, takesAnnouncement: true, asksOnly: true },
    {
      ...{ kind: 'hello', agentVersion: '0.1.0', host, takesProof: true },
      ...{ proof: Buffer.alloc(57, 1), cutOff: ['db-1', 'web-1'] },
    },
    { kind: 'hello', agentVersion: '0.1.0', host, held: heldOf(nothing) },
    { kind: 'ack', revision: 12 },
    { kind: 'nack', revision: 12, reason: 'nft: no such file', nack: 'refused' },
    { kind: 'nack', revision: 0, reason: '', nack: 'need-snapshot' },
    {
      kind: 'status',
      status: { revision: 1, enforcing: true, lost: 2 ** 50, spooledBatches: 0, repairs: 1, problem: 'disk is full' },
    },
    {
      kind: 'status',
      status: {
        revision: 1,
        enforcing: false,
        lost: 0,
        spooledBatches: 0,
        repairs: 0,
        problem: '',
        panic: { since: millis(1_800_000_000_000), reason: 'the shop is down' },
        warnings: ['may override ours: ip raw, chain PREROUTING'],
        unjudgedUnits: ['quadlet.service'],
        clock: millis(1_796_000_000_000),
      },
    },
    { kind: 'host-report', host: { addresses: [], facts: new Map() } },
    { kind: 'host-report', host: { addresses: [], facts: new Map(), units: [], containers: [] } },
    {
      kind: 'host-report',
      host: {
        addresses: ['10.0.0.1'],
        facts: new Map(),
        containers: [{ name: 'shop_web.1', addresses: ['172.17.0.2', 'fd00::2'], reachable: ['fd00::2'] }],
      },
    },
    {
      kind: 'events',
      events: [
        { id: 'e-1', at: millis(1_800_000_000_000), kind: 'opened', details: new Map() },
        { id: 'e-2', at: millis(1), kind: 'table-tampered', details: new Map([['process', 'nft']]) },
      ],
    },
  ])('$kind goes there and comes back', (message) => {
    expect(decodeUpMessage(encodeUpMessage(message))).toEqual({ ok: true, value: message });
  });

  test.each([
    ['no kind', {}, /found none of its kinds; allowed: hello, ack/],
    ['a NACK of an unknown kind', { nack: { revision: 1, reason: 'x', kind: 7 as 1 } }, /NACK kind 7/],
    ['a hello without a report', { hello: { agentVersion: '1' } }, /no host report/],
    [
      'a held digest cut short',
      { hello: { agentVersion: '1', report: {}, held: { digest: Buffer.alloc(3) } } },
      /3 bytes/,
    ],
    [
      'too many unjudged units',
      { status: { unjudgedUnits: Array.from({ length: 4097 }, () => 'x.service') } },
      /at most 4096/,
    ],
    ['too many warnings', { status: { warnings: Array.from({ length: 33 }, () => 'x') } }, /at most 32/],
    ['an event of an unknown kind', { events: { events: [{ id: 'e', kind: 99 as 1 }] } }, /event kind 99/],
    ['an event without an id', { events: { events: [{ kind: 1 as const }] } }, /an empty name/],
    [
      'too many events',
      { events: { events: Array.from({ length: 33 }, () => ({ id: 'e', kind: 1 as const })) } },
      /at most 32/,
    ],
    ['a reason without end', { nack: { revision: 1, kind: 1, reason: 'x'.repeat(5000) } }, /at most 4096/],
  ])('%s is refused', (_, message, reason) => {
    const result = decodeUpMessage(v1.AgentMessage.encode(message).finish());
    expect(result.ok ? 'taken' : result.error).toMatch(reason);
  });

  test.each([
    ['an address that is none', { addresses: ['10.0.0.300', '10.0.0.1'] }, 1],
    ['addresses beyond their bound', { addresses: Array.from({ length: 4400 }, () => '10.0.0.1') }, 304],
    ['a container’s address that is none', { containers: { containers: [{ name: 'web', addresses: ['web'] }] } }, 1],
    ['a container without a name', { containers: { containers: [{}] } }, 1],
    ['a unit with a control character', { units: { names: ['a\u0085b', 'good.service'] } }, 1],
    [
      'too many containers',
      { containers: { containers: Array.from({ length: 4097 }, () => ({ name: 'web' })) } },
      3073,
    ],
    [
      'more addresses of all containers than a host may have',
      { containers: { containers: fullContainers(150) } },
      1408,
    ],
    ['too many facts', { facts: factsOf(65) }, 1],
  ])('%s: what does not fit is left out and counted, and the rest is taken', (_, hostReport, cut) => {
    const result = decodeUpMessage(v1.AgentMessage.encode({ hostReport }).finish());
    expect(result).toMatchObject({ ok: true, value: { host: { cut } } });
  });

  test.each([-1, 2 ** 53, 2 ** 63])('a count of %d stands for the most there is', (count) => {
    const bytes = v1.AgentMessage.encode({ status: { lost: count, repairs: count, spooledBatches: count } }).finish();
    const most = Number.MAX_SAFE_INTEGER;
    const status = { lost: most, repairs: most, spooledBatches: most };
    expect(decodeUpMessage(bytes)).toMatchObject({ ok: true, value: { status } });
  });

  test('of a host with more than a message holds the sender leaves out what is beyond bounds, and the receiver tells', () => {
    const units = Array.from({ length: 9000 }, (_, at) => `${'u'.repeat(250)}${at}`);
    const host = { addresses: ['10.0.0.1'], facts: new Map(), units, containers: fullContainers(2000) };
    const bytes = encodeUpMessage({ kind: 'host-report', host });
    expect(bytes.length).toBeLessThanOrEqual(limits.streamMessageBytes);
    const result = decodeUpMessage(bytes);
    expect(result).toMatchObject({ ok: true, value: { host: { addresses: ['10.0.0.1'] } } });
    expect(result.ok && 'host' in result.value ? (result.value.host.cut ?? 0) : 0).toBeGreaterThan(0);
  });

  test('what an event says of itself is cut, and its control characters are spaces', () => {
    const details = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`k${at}`, '\u0001'.repeat(4096)]));
    const bytes = v1.AgentMessage.encode({ events: { events: [{ id: 'e', kind: 1, details }] } }).finish();
    const result = decodeUpMessage(bytes);
    const [event] = result.ok && result.value.kind === 'events' ? result.value.events : [];
    expect([...(event?.details ?? [])]).toEqual(
      Array.from({ length: limits.eventDetails }, (_, at) => [`k${at}`, ' '.repeat(limits.eventDetailCharacters)]),
    );
  });

  test('a reason too long is cut by the sender', () => {
    const bytes = encodeUpMessage({ kind: 'nack', revision: 1, reason: 'x'.repeat(9000), nack: 'refused' });
    expect(decodeUpMessage(bytes).ok).toBe(true);
  });
});

describe('down', () => {
  test('snapshot, delta and heartbeat are told apart', () => {
    expect(decodeDownMessage(encodeSnapshotMessage(nothing))).toEqual({
      ok: true,
      value: { kind: 'snapshot', ruleSet: nothing },
    });
    const delta = decodeDownMessage(encodeDeltaMessage(nothing, { ...nothing, revision: 4 }));
    expect(delta).toMatchObject({
      ok: true,
      value: { kind: 'delta', wire: { delta: { baseRevision: 3, revision: 4 } } },
    });
    const sentAt = millis(1_800_000_000_000);
    expect(decodeDownMessage(encodeHeartbeat(sentAt))).toEqual({
      ok: true,
      value: { kind: 'heartbeat', sentAt, takesEvents: true },
    });
  });

  test('an empty message is neither "unchanged" nor "deny all", but refused', () => {
    expect(decodeDownMessage(new Uint8Array(0))).toMatchObject({ ok: false, error: { revision: 0 } });
    const empty = decodeDownMessage(v1.ControlPlaneMessage.encode({ snapshot: {} }).finish());
    expect(empty.ok).toBe(false);
  });

  test('a message that cannot be taken still tells its revision', () => {
    const snapshot = { revision: 17, host: 'web-1', digest: Buffer.alloc(32) };
    const result = decodeDownMessage(v1.ControlPlaneMessage.encode({ snapshot }).finish());
    expect(result).toMatchObject({ ok: false, error: { revision: 17, reason: expect.stringContaining('digest') } });
  });
});

describe('enrolment', () => {
  test('requests go there and come back', () => {
    const request = { token: 'swj_x', host: 'web-1', csr: Buffer.from([1, 2]), clientClock: millis(1_800_000_000_000) };
    expect(decodeEnrolRequest(encodeEnrolRequest(request))).toEqual({ ok: true, value: request });
    const { csr, clientClock } = request;
    expect(decodeRenewRequest(encodeRenewRequest({ csr, clientClock }))).toEqual({
      ok: true,
      value: { csr, clientClock },
    });
  });

  test.each<EnrolReply>([
    { kind: 'issued', tenant: 't', host: 'h', certificate: Buffer.from([1]), caCertificate: Buffer.from([2]) },
    { kind: 'refused', code: 'token-spent', detail: 'spent', serverClock: millis(5) },
  ])('a reply goes there and comes back: $kind', (reply) => {
    expect(decodeEnrolReply(encodeEnrolReply(reply))).toEqual({ ok: true, value: reply });
  });

  test('a CSR without end is refused', () => {
    const request = { token: 't', host: 'h', csr: Buffer.alloc(9000), clientClock: millis(0) };
    expect(decodeEnrolRequest(encodeEnrolRequest(request)).ok).toBe(false);
  });
});

const decoders = {
  decodeSnapshot,
  decodeDelta,
  decodeDownMessage,
  decodeUpMessage,
  decodeFlowBatch,
  decodeFlowReceipt,
  decodeEnrolRequest,
  decodeRenewRequest,
  decodeEnrolReply,
};

describe.each(Object.entries(decoders))('%s answers', (_, decode) => {
  test('random bytes with a value or a refusal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(typeof decode(bytes).ok).toBe('boolean');
      }),
    );
  });

  test('damaged messages with a value or a refusal', () => {
    const whole = fc.oneof(
      ruleSets.map(encodeSnapshot),
      ruleSets.map(encodeSnapshotMessage),
      flowBatches.map(encodeFlowBatch),
    );
    fc.assert(
      fc.property(whole, fc.nat(), fc.nat({ max: 255 }), fc.nat({ max: 5 }), (bytes, at, value, cut) => {
        const damaged = Uint8Array.from(bytes);
        damaged[at % Math.max(1, damaged.length)] = value;
        expect(typeof decode(damaged.subarray(0, damaged.length - cut)).ok).toBe('boolean');
      }),
    );
  });
});

function factsOf(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`fact-${index}`, 'x']));
}
