// A neighbour that writes any packet it likes: forged sources, answers to nothing, errors about nothing, headers in odd orders. Nothing of it
// opens what policy denies. What a forged source can do (be taken for the peer, in traffic without connections) is told in SECURITY.md.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Address, Family } from '#model/address.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import {
  aboutPacket,
  address,
  fragments,
  icmp,
  other,
  type Packet,
  type Payload,
  packet,
  tcp,
  tcpFlags,
  udp,
} from '#test/protocols/packets.ts';
import {
  families,
  own,
  type ProtocolStage,
  remoteAddress,
  remoteRanges,
  standUpProtocols,
} from '#test/protocols/stage.ts';

const { syn, ack, fin, rst, psh } = tcpFlags;
const good = 1;
const bad = 2;
const granted = 80;
const denied = 8080;
let stage: ProtocolStage;

beforeAll(async () => {
  stage = await standUpProtocols('spoofed');
  await stage.host.exec(['ip', 'link', 'set', 'eth0', 'arp', 'off']);
  // Loose, as many hosts have it: what protects is then ours alone.
  for (const name of ['all', 'eth0']) await stage.host.exec(['sysctl', '-qw', `net.ipv4.conf.${name}.rp_filter=2`]);
  await stage.host.exec(['sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_loose=1']);
  await stage.apply(
    hostRuleSet({
      addresses: [own.ipv4, own.ipv6],
      inbound: 'enforce',
      outbound: 'enforce',
      allowIn: [`good: tcp/${granted}, udp/53`],
      allowOut: [`good: tcp/${granted}, udp/53`],
      peers: { good: remoteRanges(good) },
    }),
  );
});
afterAll(async () => {
  await stage?.remove();
});

interface Row {
  readonly what: string;
  readonly from: (family: Family) => Address;
  readonly payload: (family: Family) => Payload;
}

const peer = (family: Family) => remoteAddress(family, good, 1);
const stranger = (family: Family) => remoteAddress(family, bad, 1);
const of = (ipv4: string, ipv6: string) => (family: Family) => address(family === 'ipv4' ? ipv4 : ipv6);
const opening = (port: number) => () => tcp(40_000, port, { flags: syn });

const begins: readonly Row[] = [
  { what: 'a stranger, to what is granted to others', from: stranger, payload: opening(granted) },
  { what: 'a stranger, from the port of a service', from: stranger, payload: () => udp(53, denied) },
  { what: 'a peer’s address, to what is not granted', from: peer, payload: opening(denied) },
  { what: 'a peer’s address, in a protocol that is not granted', from: peer, payload: () => other(47) },
  { what: 'the host’s own address', from: (family) => own[family], payload: opening(granted) },
  { what: 'loopback', from: of('127.0.0.1', '::1'), payload: opening(granted) },
  { what: 'nothing', from: of('0.0.0.0', '::'), payload: opening(granted) },
  { what: 'a group', from: of('224.0.0.5', 'ff02::5'), payload: opening(granted) },
  { what: 'link-local', from: of('169.254.1.1', 'fe80::66'), payload: opening(granted) },
  { what: 'everyone', from: of('255.255.255.255', 'ff0e::1'), payload: () => udp(53, granted) },
  { what: 'a reserved range', from: of('240.0.0.1', '2001:db8::1'), payload: opening(granted) },
];

/** From the address of a peer, which no connection has reached: answers to nothing, and what ends nothing. */
const answers: readonly (readonly [string, number])[] = [
  ['a SYN-ACK', syn | ack],
  ['an ACK with data', ack | psh],
  ['a RST', rst],
  ['a RST-ACK', rst | ack],
  ['a FIN', fin],
  ['no flag', 0],
  ['all flags', 0x3f],
  ['SYN and FIN', syn | fin],
  ['SYN and RST', syn | rst],
];

const option = Buffer.from([0, 1, 4, 0, 0, 0, 0]);
/** [number of the header, the rest of it]: hop-by-hop, destination options, and both. */
const headers: readonly (readonly [string, readonly (readonly [number, Buffer])[]])[] = [
  ['hop-by-hop options', [[0, option]]],
  ['destination options', [[60, option]]],
  [
    'both',
    [
      [0, option],
      [60, option],
    ],
  ],
  ['an atomic fragment', [[44, Buffer.from([0, 0, 0, 0, 0, 0, 9])]]],
  ['a routing header', [[43, Buffer.from([0, 2, 0, 0, 0, 0, 0])]]],
];

/** What of these passed the host's rules, by name. */
async function passedOf(sent: ReadonlyMap<string, number>): Promise<readonly string[]> {
  const { inbound } = await stage.passed();
  return [...sent].filter(([, tag]) => inbound.has(tag)).map(([what]) => what);
}

describe.each(families)('in %s nothing passes', (family) => {
  test('of what begins with a forged source', async () => {
    const sent = new Map(
      begins.map(({ what, from, payload }) => [
        what,
        stage.inject('arrive', { source: from(family), target: own[family] }, payload(family)),
      ]),
    );
    expect(await passedOf(sent)).toEqual([]);
  });

  test('of TCP that no connection asked for, from a peer’s address', async () => {
    const sent = new Map(
      answers.flatMap(([what, flags], at) =>
        [granted, denied].map((port): [string, number] => [
          `${what} for ${port}`,
          stage.inject(
            'arrive',
            { source: remoteAddress(family, good, 10 + at), target: own[family] },
            tcp(port, 40_000, { flags, acknowledgement: 1 }),
          ),
        ]),
      ),
    );
    expect(await passedOf(sent)).toEqual([]);
  });

  test('of ICMP errors about connections that there are not', async () => {
    const about = (source: Address, payload: Payload): Packet =>
      packet({ source: own[family], target: source }, payload, { tag: stage.tag() });
    const types = family === 'ipv4' ? [3, 5, 11, 12] : [1, 2, 3, 4];
    const sent = new Map(
      types.flatMap((type) =>
        [peer, stranger].map((from, at): [string, number] => [
          `type ${type} ${at}`,
          stage.inject(
            'arrive',
            { source: from(family), target: own[family] },
            icmp(family, type, 0, aboutPacket(about(from(family), tcp(45_000, granted, { flags: syn })))),
          ),
        ]),
      ),
    );
    expect(await passedOf(sent)).toEqual([]);
  });

  test('of fragments of what is denied, however they are cut', async () => {
    const sent = new Map<string, number>();
    for (const [what, parts] of [
      ['the header in the second', [[0, 8, 'more'], [8, 40, 'last']]], // biome-ignore format: one row a cut
      ['the second alone', [[8, 40, 'last']]],
      ['the first alone', [[0, 16, 'more']]],
    ] as const) {
      const tag = stage.tag();
      const ends = { source: stranger(family), target: own[family] };
      const payload = tcp(40_000, granted, { flags: syn, data: Buffer.alloc(28) });
      for (const part of fragments(ends, payload, { tag, parts })) stage.arrive(part);
      sent.set(what, tag);
    }
    expect(await passedOf(sent)).toEqual([]);
  });

  test('but what is granted does, so that this can fail', async () => {
    const ends = { source: remoteAddress(family, good, 99), target: own[family] };
    expect(await stage.hasPassed('arrive', stage.inject('arrive', ends, tcp(41_000, granted, { flags: syn })))).toBe(
      true,
    );
  });

  test('from elsewhere on a connection of a peer, nor changes it', async () => {
    const far = remoteAddress(family, good, 120);
    const port = 42_000;
    await stage.hasPassed('leave', stage.inject('leave', { source: own[family], target: far }, udp(port, 53)));
    const sent = new Map([
      ['a stranger', stage.inject('arrive', { source: stranger(family), target: own[family] }, udp(53, port))],
      ['the peer from another port', stage.inject('arrive', { source: far, target: own[family] }, udp(54, port))],
      ['the peer to another port', stage.inject('arrive', { source: far, target: own[family] }, udp(53, port + 1))],
    ]);
    expect(await passedOf(sent)).toEqual([]);
    const answer = stage.inject('arrive', { source: far, target: own[family] }, udp(53, port));
    expect(await stage.hasPassed('arrive', answer)).toBe(true);
  });
});

test('in ipv6 nothing of what is denied passes behind extension headers', async () => {
  const sent = new Map(
    headers.flatMap(([what, extensions]) =>
      [opening(granted), opening(denied)].map((payload, at): [string, number] => [
        `${what} ${at}`,
        stage.inject('arrive', { source: stranger('ipv6'), target: own.ipv6 }, payload(), { extensions }),
      ]),
    ),
  );
  expect(await passedOf(sent)).toEqual([]);
});
