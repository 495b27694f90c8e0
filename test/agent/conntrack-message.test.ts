// Decoding ctnetlink: every field of what a kernel really sent, and refusal of bytes that lie.

import { describe, expect, test } from 'vitest';
import { type ConntrackEntry, createConntrackDecoder } from '#agent-core/netlink/conntrack-entry.ts';
import * as captures from './conntrack-captures.ts';

const unset = {
  zone: 0,
  mark: 0,
  icmpType: -1,
  answered: 'no',
  begun: 'here',
  packetsOriginal: 0,
  bytesOriginal: 0,
  packetsReply: 0,
  bytesReply: 0,
  startedAtNanos: 0,
  stoppedAtNanos: 0,
} as const;

const behindDnat = {
  family: 'ipv4',
  protocol: 6,
  client: '10.9.0.1',
  clientPort: 41916,
  target: '10.9.0.2',
  targetPort: 8080,
  server: '10.9.0.3',
  serverPort: 7000,
  id: 1541557876,
  mark: 0xa001,
} as const;

const udp6 = {
  family: 'ipv6',
  protocol: 17,
  client: 'fd09::1',
  clientPort: 54844,
  target: 'fd09::2',
  targetPort: 5353,
  server: 'fd09::2',
  serverPort: 5353,
  id: 1273196506,
} as const;

const rows: readonly (readonly [string, string, object])[] = [
  [
    'a new TCP connection behind DNAT names the real server',
    captures.tcpBehindDnatOpened,
    { ...unset, ...behindDnat, event: 'opened' },
  ],
  [
    'an answered one is a change, and says so',
    captures.tcpBehindDnatAnswered,
    { ...unset, ...behindDnat, event: 'changed', answered: 'yes' },
  ],
  [
    'a closed one carries counters and times',
    captures.tcpBehindDnatClosed,
    {
      ...unset,
      ...behindDnat,
      event: 'closed',
      answered: 'yes',
      packetsOriginal: 5,
      bytesOriginal: 272,
      packetsReply: 5,
      bytesReply: 272,
      startedAtNanos: 1795319613453997000,
      stoppedAtNanos: 1795319613789395500,
    },
  ],
  ['UDP over IPv6', captures.udp6Opened, { ...unset, ...udp6, event: 'opened' }],
  [
    'ICMP keeps its type, and its id in the place of a port',
    captures.icmpOpened,
    {
      ...unset,
      event: 'opened',
      family: 'ipv4',
      protocol: 1,
      client: '10.9.0.1',
      clientPort: 5,
      target: '10.9.0.2',
      targetPort: 0,
      server: '10.9.0.2',
      serverPort: 0,
      icmpType: 8,
      id: 1307120347,
    },
  ],
  [
    'ICMPv6 likewise',
    captures.icmpv6Opened,
    {
      ...unset,
      event: 'opened',
      family: 'ipv6',
      protocol: 58,
      client: 'fd09::1',
      clientPort: 7,
      target: 'fd09::2',
      targetPort: 0,
      server: 'fd09::2',
      serverPort: 0,
      icmpType: 128,
      id: 3885546424,
    },
  ],
  [
    'SCTP has ports, and a mark may use all its bits',
    captures.sctpOpened,
    {
      ...unset,
      event: 'opened',
      family: 'ipv4',
      protocol: 132,
      client: '10.9.0.1',
      clientPort: 4000,
      target: '10.9.0.2',
      targetPort: 36412,
      server: '10.9.0.2',
      serverPort: 36412,
      mark: 0xffff001,
      id: 59645377,
    },
  ],
];

describe('conntrack messages', () => {
  test.each(rows)('%s', (_, hex, expected) => {
    expect(decode(bytesOf(hex))).toEqual({ entries: [expected], malformed: 0, dump: 'going-on' });
  });

  test('several messages in one datagram are read in order', () => {
    const both = Buffer.concat([bytesOf(captures.tcpBehindDnatOpened), bytesOf(captures.udp6Closed)]);
    const { entries, malformed } = decode(both);
    expect(entries.map(({ event, server }) => `${event} ${server}`)).toEqual(['opened 10.9.0.3', 'closed fd09::2']);
    expect(malformed).toBe(0);
  });

  test('a datagram cut anywhere is malformed or whole, and never a wrong entry', () => {
    const whole = bytesOf(captures.tcpBehindDnatClosed);
    for (let length = 1; length < whole.length; length += 1) {
      const { entries, malformed } = decode(whole.subarray(0, length));
      expect({ length, entries, malformed }).toEqual({ length, entries: [], malformed: 1 });
    }
  });

  test('any byte set to 0xff never throws', () => {
    const whole = bytesOf(captures.udp6Closed);
    for (let at = 0; at < whole.length; at += 1) {
      const broken = Buffer.from(whole);
      broken[at] = 0xff;
      expect(() => decode(broken)).not.toThrow();
    }
  });

  test('the end of a list, an interrupted list and a refusal are told apart', () => {
    expect(decode(header({ type: 3, flags: 2, body: 4 })).dump).toBe('done');
    expect(decode(header({ type: 3, flags: 0x12, body: 4 })).dump).toBe('interrupted');
    const refusal = header({ type: 2, flags: 0, body: 4 });
    refusal.writeInt32LE(-1, 16);
    expect(decode(refusal)).toEqual({ entries: [], malformed: 0, dump: 'going-on', errno: 1 });
  });
});

function decode(bytes: Uint8Array) {
  const entries: ConntrackEntry[] = [];
  const outcome = createConntrackDecoder().decode(bytes, (entry) => entries.push(entry));
  return { entries, ...outcome };
}

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

function header({ type, flags, body }: { readonly type: number; readonly flags: number; readonly body: number }) {
  const bytes = Buffer.alloc(16 + body);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  return bytes;
}
