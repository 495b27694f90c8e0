// Which answers were asked for: rows of what is said one after the other, and for any bytes at all, that reading a question ends.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AskedQuestions, type AskedWay } from '#agent-core/dns/asked-questions.ts';
import { DnsExchanges } from '#agent-core/dns/dns-exchanges.ts';
import { readDnsQuestion } from '#agent-core/dns/dns-question.ts';
import type { CapturedPacket } from '#agent-core/dns/ip-packet.ts';
import type { Address } from '#model/address.ts';
import { dnsAnswer, dnsName, dnsQuery } from './dns-bytes.ts';

const at = (text: string) => text as Address;
const way: AskedWay = { protocol: 'udp', client: '10.0.0.1', clientPort: 40_000, resolver: '10.0.0.53' };
const question = (id: number, text = 'a') => ({ kind: 'query', id, text }) as const;

describe('an answer is asked for', () => {
  type Step = readonly ['ask' | 'asked' | 'unasked', number, string?, Partial<AskedWay>?, number?];
  const rows: readonly (readonly [string, readonly Step[]])[] = [
    [
      'once',
      [
        ['ask', 7],
        ['asked', 7],
        ['unasked', 7],
      ],
    ],
    ['by nobody', [['unasked', 7]]],
    [
      'with its number alone',
      [
        ['ask', 7],
        ['unasked', 8],
        ['asked', 7],
      ],
    ],
    [
      'with its very question',
      [
        ['ask', 7, 'api'],
        ['unasked', 7, 'evil'],
        ['unasked', 7, 'API'],
        ['asked', 7, 'api'],
      ],
    ],
    [
      'at its port',
      [
        ['ask', 7],
        ['unasked', 7, 'a', { clientPort: 40_001 }],
        ['asked', 7],
      ],
    ],
    [
      'of its resolver',
      [
        ['ask', 7],
        ['unasked', 7, 'a', { resolver: '10.0.0.54' }],
        ['asked', 7],
      ],
    ],
    [
      'by its client',
      [
        ['ask', 7],
        ['unasked', 7, 'a', { client: '10.0.0.2' }],
        ['asked', 7],
      ],
    ],
    [
      'over its protocol',
      [
        ['ask', 7],
        ['unasked', 7, 'a', { protocol: 'tcp' }],
        ['asked', 7],
      ],
    ],
    [
      'one of several, in any order',
      [
        ['ask', 1],
        ['ask', 2],
        ['ask', 3],
        ['asked', 2],
        ['asked', 1],
        ['asked', 3],
      ],
    ],
    [
      'once, though it was asked twice',
      [
        ['ask', 7],
        ['ask', 7],
        ['asked', 7],
        ['unasked', 7],
      ],
    ],
    [
      'again, when it is asked again',
      [
        ['ask', 7],
        ['asked', 7],
        ['ask', 7],
        ['asked', 7],
      ],
    ],
    [
      'by the question that came last with its number',
      [
        ['ask', 7, 'a'],
        ['ask', 7, 'b'],
        ['unasked', 7, 'a'],
        ['asked', 7, 'b'],
      ],
    ],
    [
      'for a while',
      [
        ['ask', 7],
        ['unasked', 7, 'a', {}, 15_000],
      ],
    ],
    [
      'as long as it is asked again',
      [
        ['ask', 7],
        ['ask', 7, 'a', {}, 14_000],
        ['asked', 7, 'a', {}, 16_000],
      ],
    ],
  ];
  test.each(rows)('%s', (_, steps) => {
    const asked = new AskedQuestions();
    for (const [step, id, text = 'a', other = {}, nowMs = 0] of steps) {
      if (step === 'ask') asked.ask({ ...way, ...other }, question(id, text), nowMs);
      else expect(asked.answered({ ...way, ...other }, question(id, text), nowMs)).toBe(step);
    }
  });

  test('by nobody who tries all numbers, however long, and the port is believed when they have stopped', () => {
    const asked = new AskedQuestions();
    for (let at = 0; at < 100_000; at += 1000) {
      asked.ask(way, question(60_000), at);
      for (let id = 0; id < 65_536; id += 64) expect(asked.answered(way, question(id + 32), at)).toBe('unasked');
    }
    expect(asked.size).toBe(0);
    asked.ask(way, question(1), 114_001);
    expect(asked.answered(way, question(1), 114_001)).toBe('asked');
  });

  test('again soon on a port that is in use all the time, after a burst of wrong ones', () => {
    const asked = new AskedQuestions();
    const believed: number[] = [];
    for (let at = 0; at < 60_000; at += 100) {
      asked.ask(way, question(at % 60_000), at);
      if (at === 1000) for (let id = 0; id < 100; id += 1) asked.answered(way, question(61_000 + id), at);
      if (asked.answered(way, question(at % 60_000), at) === 'asked') believed.push(at);
    }
    expect(believed.filter((at) => at >= 1000)[0]).toBe(16_000);
    expect(believed).toHaveLength(10 + 440);
  });

  test('always, though each is answered twice on a port that is in use for years', () => {
    const asked = new AskedQuestions();
    for (let at = 0; at < 1000; at += 1) {
      asked.ask(way, question(60_001), at * 100);
      asked.ask(way, question(at), at * 100);
      expect(asked.answered(way, question(at), at * 100)).toBe('asked');
      expect(asked.answered(way, question(at), at * 100)).toBe('unasked');
    }
  });

  test('of the newest where more wait than there is room for, and nothing grows', () => {
    const asked = new AskedQuestions({ questionsMost: 3 });
    for (let id = 0; id < 1000; id += 1) asked.ask({ ...way, clientPort: id }, question(id), 0);
    expect(asked.size).toBe(3);
    expect(asked.answered({ ...way, clientPort: 996 }, question(996), 0)).toBe('unasked');
    expect(asked.answered({ ...way, clientPort: 997 }, question(997), 0)).toBe('asked');
  });
});

describe('what a message asks', () => {
  test.each([
    ['a query', dnsQuery('Api.example', { id: 7 }), { kind: 'query', id: 7 }],
    ['an answer', dnsAnswer('api.example', [], { id: 7 }), { kind: 'answer', id: 7 }],
    ['nothing', dnsAnswer('api.example', [], { questions: 0 }), undefined],
    ['two things', dnsAnswer('api.example', [], { questions: 2 }), undefined],
    ['another operation', dnsAnswer('api.example', [], { flags: 0xa800 }), undefined],
    ['cut off', dnsQuery('api.example').subarray(0, -1), undefined],
    ['a header alone', dnsQuery('api.example').subarray(0, 12), undefined],
    ['less than a header', Buffer.alloc(11), undefined],
    [
      'a name that points',
      Buffer.concat([dnsQuery('a').subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
      undefined,
    ],
    ['a name that is too long', dnsQuery(Array.from({ length: 128 }, () => 'ab').join('.')), undefined],
  ])('%s', (_, bytes, expected) => {
    const read = readDnsQuestion(bytes);
    if (expected === undefined) expect(read).toBeUndefined();
    else expect(read).toMatchObject(expected);
  });

  test('is compared with its capitals', () => {
    expect(readDnsQuestion(dnsQuery('Api.example'))?.text).toBe(
      `${dnsName('Api.example').toString('latin1')}\u0000\u0001\u0000\u0001`,
    );
    expect(readDnsQuestion(dnsQuery('a.b'))?.text).toBe(readDnsQuestion(dnsAnswer('a.b', []))?.text);
    expect(readDnsQuestion(dnsQuery('a.b'))?.text).not.toBe(readDnsQuestion(dnsAnswer('A.b', []))?.text);
  });

  test('any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void readDnsQuestion(bytes)));
  });
});

describe('packets of an exchange', () => {
  const resolvers = [at('10.0.0.53'), at('10.0.0.54')];
  const client = at('10.0.0.1');
  const [resolver = client, other = client] = resolvers;
  const sent = (from: readonly [Address, number], to: readonly [Address, number], payload: Buffer): CapturedPacket => ({
    protocol: 'udp',
    source: from[0],
    sourcePort: from[1],
    target: to[0],
    targetPort: to[1],
    sequence: 0,
    payload,
  });
  const framed = (message: Buffer) =>
    Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]);
  const query = dnsQuery('a.b', { id: 7 });
  const answer = dnsAnswer('a.b', [], { id: 7 });

  test('over UDP', () => {
    const exchanges = new DnsExchanges();
    const see = (packet: CapturedPacket) => exchanges.see({ packet, resolvers, nowMs: 0 });
    expect(see(sent([client, 4000], [resolver, 53], query))).toBeUndefined();
    expect(see(sent([resolver, 53], [client, 4000], answer))).toEqual({ answers: [answer], unasked: 0 });
    expect(see(sent([resolver, 53], [client, 4000], answer))).toEqual({ answers: [], unasked: 1 });
    expect(see(sent([resolver, 53], [client, 4000], query)), 'a question in an answer’s place').toMatchObject({
      unasked: 1,
    });
    expect(see(sent([at('10.0.0.66'), 53], [client, 4000], answer)), 'of none of them').toBeUndefined();
  });

  test('between resolvers, with the port on both sides', () => {
    const exchanges = new DnsExchanges();
    const see = (packet: CapturedPacket) => exchanges.see({ packet, resolvers, nowMs: 0 });
    expect(see(sent([other, 53], [resolver, 53], query))).toBeUndefined();
    expect(see(sent([resolver, 53], [other, 53], answer))).toEqual({ answers: [answer], unasked: 0 });
  });

  test('over TCP, in pieces, several questions at once', () => {
    const exchanges = new DnsExchanges();
    const see = (packet: CapturedPacket) => exchanges.see({ packet, resolvers, nowMs: 0 });
    const tcp = (packet: CapturedPacket, sequence: number) => see({ ...packet, protocol: 'tcp', sequence });
    const asked = Buffer.concat([framed(query), framed(dnsQuery('c.d', { id: 8 }))]);
    const answered = Buffer.concat([framed(dnsAnswer('c.d', [], { id: 8 })), framed(answer), framed(answer)]);
    tcp(sent([client, 4000], [resolver, 53], asked.subarray(0, 9)), 100);
    tcp(sent([client, 4000], [resolver, 53], asked.subarray(9)), 109);
    expect(tcp(sent([resolver, 53], [client, 4000], answered.subarray(0, 5)), 500)).toEqual({
      answers: [],
      unasked: 0,
    });
    const rest = tcp(sent([resolver, 53], [client, 4000], answered.subarray(5)), 505);
    expect(rest?.answers).toHaveLength(2);
    expect(rest?.unasked).toBe(1);
  });
});
