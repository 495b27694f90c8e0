// What an answer teaches, and what it does not: rows of right answers, of foreign records, of bytes that lie; and for any bytes at
// all, that reading them ends, and soon.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDnsAnswer } from '#agent-core/dns/dns-answer.ts';
import { DnsStreams } from '#agent-core/dns/dns-over-tcp.ts';
import { readPacket } from '#agent-core/dns/ip-packet.ts';
import { readHandedPackets } from '#agent-core/netlink/queued-packet.ts';
import type { Address } from '#model/address.ts';
import { packet, tcp, udp } from '#test/protocols/packets.ts';
import { leastReferencesOf } from '#test/support/thread-time.ts';
import { type DnsRecord, dnsAnswer, dnsName } from './dns-bytes.ts';

const at = (text: string) => text as Address;
const a: DnsRecord = { owner: 'api.example.com', address: at('192.0.2.1'), ttl: 30 };

describe('an answer', () => {
  const rows: readonly (readonly [string, Buffer, unknown])[] = [
    ['of one address', dnsAnswer('api.example.com', [a]), [['192.0.2.1', ['api.example.com'], 30]]],
    [
      'without compression',
      dnsAnswer('api.example.com', [a], { compression: 'off' }),
      [['192.0.2.1', ['api.example.com'], 30]],
    ],
    [
      'in capitals',
      dnsAnswer('API.Example.COM', [{ ...a, owner: 'API.Example.COM' }]),
      [['192.0.2.1', ['api.example.com'], 30]],
    ],
    [
      'of IPv6',
      dnsAnswer('api.example.com', [{ ...a, address: at('2001:db8::1') }]),
      [['2001:db8::1', ['api.example.com'], 30]],
    ],
    [
      'through aliases, with the least TTL of the way',
      dnsAnswer('www.example.com', [
        { owner: 'www.example.com', alias: 'cdn.example.net', ttl: 300 },
        { owner: 'cdn.example.net', alias: 'edge.example.org', ttl: 20 },
        { owner: 'edge.example.org', address: at('192.0.2.9'), ttl: 60 },
      ]),
      [['192.0.2.9', ['www.example.com', 'cdn.example.net', 'edge.example.org'], 20]],
    ],
    [
      'of records that nothing leads to',
      dnsAnswer('api.example.com', [a, { ...a, owner: 'bank.example.org', address: at('192.0.2.66') }]),
      [['192.0.2.1', ['api.example.com'], 30]],
    ],
    [
      'whose aliases go round',
      dnsAnswer('a.b', [
        { owner: 'a.b', alias: 'c.d' },
        { owner: 'c.d', alias: 'a.b' },
      ]),
      [],
    ],
    ['that is a question', dnsAnswer('api.example.com', [a], { flags: 0x0100 }), []],
    ['that the name does not exist', dnsAnswer('api.example.com', [a], { flags: 0x8183 }), []],
    ['of another operation', dnsAnswer('api.example.com', [a], { flags: 0xa180 }), []],
    ['to no question', dnsAnswer('api.example.com', [a], { questions: 0 }), []],
    ['to two questions', dnsAnswer('api.example.com', [a], { questions: 2 }), []],
    [
      'that claims 65,535 records',
      dnsAnswer('api.example.com', [a], { answers: 65_535 }),
      [['192.0.2.1', ['api.example.com'], 30]],
    ],
    [
      'with an IPv4-mapped address',
      dnsAnswer('api.example.com', [{ ...a, address: '::ffff:192.0.2.1' as Address }]),
      [],
    ],
    [
      'with a negative TTL',
      dnsAnswer('api.example.com', [{ ...a, ttl: 0x80000001 }]),
      [['192.0.2.1', ['api.example.com'], 0]],
    ],
    ['to a name with a space in it', dnsAnswer('a b.example.com', [{ ...a, owner: 'a b.example.com' }]), []],
    ['to the root', dnsAnswer('', [a]), []],
  ];
  test.each(rows)('%s', (_, bytes, expected) => {
    const read = readDnsAnswer(bytes).map(({ address, names, ttlSeconds }) => [address, names, ttlSeconds]);
    expect(read).toEqual(expected);
  });

  test('cut anywhere gives what is whole before the cut, or nothing', () => {
    const whole = dnsAnswer('api.example.com', [a, { ...a, address: at('192.0.2.2') }]);
    for (let length = 0; length < whole.length; length += 1) {
      expect(readDnsAnswer(whole.subarray(0, length)).length).toBeLessThan(2);
    }
  });

  test('of names that point at themselves, forwards or in a circle is not read', () => {
    const head = dnsAnswer('x', []).subarray(0, 12);
    for (const name of [
      [0xc0, 12],
      [0xc0, 14, 0xc0, 12],
      [1, 97, 0xc0, 12],
      [0xff, 0xff],
      [0x40, 1],
    ]) {
      expect(readDnsAnswer(Buffer.concat([head, Buffer.from(name), Buffer.alloc(20)]))).toEqual([]);
    }
  });

  test('with a name of 255 octets made of pointers is bounded', () => {
    const label = `${'a'.repeat(63)}`;
    const long = [label, label, label, label].join('.');
    expect(readDnsAnswer(dnsAnswer(long, [{ ...a, owner: long }]))).toEqual([]);
  });
});

describe('any bytes', () => {
  test('end soon, whatever they say', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
        expect(readDnsAnswer(bytes).length).toBeLessThanOrEqual(512);
        readPacket(bytes);
        readHandedPackets('held', bytes);
        readHandedPackets('copied', bytes);
      }),
      { numRuns: 2000 },
    );
  });

  test('also as a right answer with some bytes changed', () => {
    const whole = dnsAnswer('www.example.com', [
      { owner: 'www.example.com', alias: 'cdn.example.net' },
      { owner: 'cdn.example.net', address: at('192.0.2.9') },
      { owner: 'cdn.example.net', address: at('2001:db8::9') },
    ]);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
        const bytes = Buffer.from(whole);
        for (const [place, value] of changes) bytes[place] = value;
        for (const { names } of readDnsAnswer(bytes)) {
          expect(names.length).toBeLessThanOrEqual(17);
          for (const name of names) expect(name).toMatch(/^[a-z0-9_.-]{1,255}$/);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('64 KiB of pointers and labels are read within a moment', () => {
    const bytes = Buffer.alloc(65_535, 0xc0);
    dnsAnswer('a.b', [], { answers: 65_535 }).copy(bytes);
    const cost = leastReferencesOf(() => {
      for (let round = 0; round < 20; round += 1) readDnsAnswer(bytes);
    }, 100);
    expect(cost).toBeLessThan(100);
  });
});

describe('a captured packet', () => {
  const ends = { source: at('10.0.0.53'), target: at('10.0.0.1') };
  const ends6 = { source: at('fd00::53'), target: at('fd00::1') };
  test('tells who sent what to whom, in both families and protocols', () => {
    for (const side of [ends, ends6]) {
      const read = readPacket(packet(side, udp(53, 4000, Buffer.from('abc')), { tag: 1 }).bytes);
      expect({ ...read, payload: Buffer.from(read?.payload ?? []).toString() }).toEqual({
        protocol: 'udp',
        ...side,
        sourcePort: 53,
        targetPort: 4000,
        sequence: 0,
        payload: 'abc',
      });
      const segment = readPacket(
        packet(side, tcp(53, 4000, { flags: 16, sequence: 7, data: Buffer.from('xy') }), { tag: 1 }).bytes,
      );
      expect([segment?.protocol, segment?.sequence, segment?.payload.length]).toEqual(['tcp', 7, 2]);
    }
  });

  test('behind extension headers is found', () => {
    const hopByHop = [0, Buffer.from([0, 5, 2, 0, 0, 1, 0])] as const;
    const read = readPacket(packet(ends6, udp(53, 4000), { tag: 1, extensions: [hopByHop] }).bytes);
    expect(read?.sourcePort).toBe(53);
  });
});

describe('DNS over TCP', () => {
  const message = dnsAnswer('api.example.com', [a]);
  const framed = Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]);
  const segment = (sequence: number, payload: Uint8Array, targetPort = 4000) => ({
    protocol: 'tcp' as const,
    source: at('10.0.0.53'),
    sourcePort: 53,
    target: at('10.0.0.1'),
    targetPort,
    sequence,
    payload,
  });

  test('comes in pieces of any size, twice, and across the end of the sequence numbers', () => {
    for (const size of [1, 2, 3, 20, framed.length, 500]) {
      const streams = new DnsStreams();
      const all = Buffer.concat([framed, framed]);
      const messages: Uint8Array[] = [];
      for (let from = 0; from < all.length; from += size) {
        const piece = segment((0xffffffff - 9 + from) >>> 0, all.subarray(from, from + size));
        messages.push(...streams.push(piece), ...streams.push(piece));
      }
      expect(messages.map((bytes) => Buffer.from(bytes).equals(message))).toEqual([true, true]);
      expect(streams.lost).toBe(0);
    }
  });

  test('with a gap is given up and counted', () => {
    const streams = new DnsStreams();
    streams.push(segment(0, framed.subarray(0, 10)));
    expect(streams.push(segment(20, framed.subarray(20)))).toEqual([]);
    expect(streams.lost).toBe(1);
  });

  test('of many at once is bounded, and the loss counted', () => {
    const streams = new DnsStreams();
    for (let port = 1; port <= 1000; port += 1) streams.push(segment(0, framed.subarray(0, 10), port));
    expect(streams.lost).toBe(1000 - 64);
  });

  test('of the longest message in segments of one byte costs what its bytes cost', () => {
    const longest = Buffer.concat([Buffer.from([0xff, 0xff]), Buffer.alloc(65_535)]);
    const inSegmentsOfOne = () => {
      const streams = new DnsStreams();
      let messages = 0;
      for (let from = 0; from < longest.length; from += 1)
        messages += streams.push(segment(from, longest.subarray(from, from + 1))).length;
      expect(messages).toBe(1);
    };
    // It comes to 10 references; joined anew at every segment it came to 50.
    expect(leastReferencesOf(inSegmentsOfOne, 25)).toBeLessThan(25);
  });
});

test('a name is written as the wire has it', () => {
  expect([...dnsName('a.bc')]).toEqual([1, 97, 2, 98, 99, 0]);
});
