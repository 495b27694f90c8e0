// What comes from the kernel and, through it, from the network: netlink datagrams, packets, answers of DNS, and the text of tables. Nobody
// but the kernel writes the first, but what stands in them (a packet, a name, a comment, another program's rules) is others'.

import fc from 'fast-check';
import { readDnsAnswer } from '#agent-core/dns/dns-answer.ts';
import { DnsStreams } from '#agent-core/dns/dns-over-tcp.ts';
import { readDnsQuestion } from '#agent-core/dns/dns-question.ts';
import { readPacket } from '#agent-core/dns/ip-packet.ts';
import { parseOwnSocket, parseSocketLine } from '#agent-core/host/open-tcp-connections.ts';
import { findForeignRules, findingText } from '#agent-core/host/other-tables.ts';
import { parseDecisionKey } from '#agent-core/judge/decision.ts';
import { createConntrackDecoder } from '#agent-core/netlink/conntrack-entry.ts';
import { isQueryable, renderQuery } from '#agent-core/netlink/conntrack-query.ts';
import { decodeCounters } from '#agent-core/netlink/counter-message.ts';
import { decodeBatchAnswer } from '#agent-core/netlink/element-message.ts';
import { decodeNftablesNotices } from '#agent-core/netlink/nftables-notice.ts';
import { readHandedPackets } from '#agent-core/netlink/queued-packet.ts';
import { attribute, renderNetfilterRequest } from '#agent-core/netlink/request.ts';
import { readRouteDatagram } from '#agent-core/netlink/route-message.ts';
import { decodeRuleComments } from '#agent-core/netlink/state-rule-message.ts';
import { parseDeniedSets } from '#agent-core/table/denied-listing.ts';
import { parseStanding, parseTableState } from '#agent-core/table/table-listing.ts';
import { type Address, parseAddress } from '#model/address.ts';
import * as captures from '#test/agent/conntrack-captures.ts';
import { dnsAnswer } from '#test/names/dns-bytes.ts';
import { packet, tcp, udp } from '#test/protocols/packets.ts';
import { usualCost } from '../cost.ts';
import { almost, bytesOf, textOf } from '../mutations.ts';
import { must, same, shown } from '../promises.ts';
import { type FuzzTarget, pureTarget } from '../target.ts';

const at = (text: string) => text as Address;
const isPort = (value: number) => Number.isInteger(value) && value >= 0 && value <= 0xffff;
const isCount = (value: number) => Number.isInteger(value) && value >= 0;

function mustBeAddress(address: string): void {
  const parsed = parseAddress(address);
  must(parsed.ok && parsed.value === address, () => `${address} is no address`);
}

const conntrack = Object.values(captures).map((hex) => Uint8Array.from(Buffer.from(hex, 'hex')));

const conntrackTarget = pureTarget({
  name: 'netlink-conntrack',
  what: 'connections as conntrack tells them, and the queries made of what it told',
  suiteRuns: 25_000,
  cost: usualCost,
  inputs: almost({ corpus: conntrack }),
  check(input) {
    createConntrackDecoder().decode(input, (entry) => {
      for (const address of [entry.client, entry.target, entry.server]) mustBeAddress(address);
      for (const port of [entry.clientPort, entry.targetPort, entry.serverPort])
        must(isPort(port), () => `port ${port}`);
      const { packetsOriginal, packetsReply, bytesOriginal, bytesReply } = entry;
      for (const count of [packetsOriginal, packetsReply, bytesOriginal, bytesReply])
        must(isCount(count), () => `${count}`);
      if (isQueryable(entry)) renderQuery(entry);
    });
  },
});

const name = (text: string) => bytesOf(`${text}\0`);
const u32 = (value: number) => Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
const u64 = (value: number) => Buffer.concat([u32(0), u32(value)]);
/** nf_tables (10), conntrack (1), queue (3) and log (4): as the kernel would send them. */
const message = (subsystem: number, kind: number, attributes: readonly (readonly [number, Uint8Array])[]) =>
  Uint8Array.from(
    renderNetfilterRequest({
      subsystem,
      message: kind,
      flags: 0,
      attributes: attributes.map(([type, value]) => attribute(type, value)),
    }),
  );
const stateWords = 'revision=7 epoch=3 digest=00ff marks=0x0000ffff unswept=0x00ff0000';
const notices = [
  message(10, 0, [[1, name('segwall')]]),
  message(10, 6, [
    [1, name('segwall')],
    [2, name('state')],
    [7, Buffer.concat([Uint8Array.of(0, stateWords.length), name(stateWords)])],
  ]),
  message(10, 12, [
    [1, name('segwall')],
    [2, name('in0_4')],
  ]),
  message(10, 15, [
    [1, u32(12)],
    [2, u32(4711)],
    [3, name('nft')],
  ]),
  message(10, 18, [
    [1, name('segwall')],
    [2, name('n_deny_in')],
    [4, Buffer.concat([attribute(1, u64(500)), attribute(2, u64(9))])],
  ]),
];

const nftablesTarget = pureTarget({
  name: 'netlink-nftables',
  what: 'notices of changed tables, comments of rules, counters, and answers to a batch',
  suiteRuns: 25_000,
  cost: usualCost,
  inputs: almost({ corpus: [...notices, Buffer.concat(notices)], words: [stateWords, 'segwall'] }),
  check(input) {
    for (const notice of decodeNftablesNotices(input))
      if (notice.kind === 'touched' && notice.state !== undefined)
        must(notice.state.startsWith('revision='), () => `the state ${notice.state}`);
    decodeRuleComments(input, () => undefined);
    decodeCounters(input, (_, packets) => must(isCount(packets), () => `${packets} packets`));
    const { taken } = decodeBatchAnswer(input);
    must(taken <= input.length / 16, () => `${taken} answers in ${input.length} bytes`);
  },
});

const u32le = (value: number) => Uint8Array.from(u32(value)).reverse();
const routeMessage = (type: number, body: Uint8Array, attributes: readonly (readonly [number, Uint8Array])[]) => {
  const rest = Buffer.concat([body, ...attributes.map(([kind, value]) => attribute(kind, value))]);
  return Uint8Array.from(
    Buffer.concat([u32le(16 + rest.length), Uint8Array.of(type, 0, 2, 0), u32le(1), u32le(0), rest]),
  );
};
/** As the kernel tells links and addresses: a port of a bridge, an address of each family, and a route. */
const routed = [
  routeMessage(16, Buffer.concat([Buffer.from([0, 0, 1, 0]), u32le(7), u32le(0x1_0043), u32le(0)]), [
    [3, name('eth0')],
    [10, u32le(3)],
    [18, attribute(1, Buffer.from('veth\0'))],
    [5, u32le(9)],
    [37, u32le(1)],
  ]),
  routeMessage(20, Buffer.concat([Buffer.from([2, 24, 0x80, 0]), u32le(7)]), [
    [1, Buffer.from([10, 0, 0, 1])],
    [8, u32le(8)],
  ]),
  routeMessage(20, Buffer.concat([Buffer.from([10, 64, 0, 0]), u32le(7)]), [[1, Buffer.alloc(16, 0xfd)]]),
  routeMessage(24, Buffer.concat([Buffer.from([2, 32, 0, 0, 254, 0, 0, 1]), u32le(0)]), [[4, u32le(7)]]),
];

const routeTarget = pureTarget({
  name: 'netlink-route',
  what: 'links, addresses and routes as routing netlink lists them',
  suiteRuns: 25_000,
  cost: usualCost,
  inputs: almost({ corpus: [...routed, Buffer.concat(routed)] }),
  check(input) {
    readRouteDatagram(input, (message) => {
      if (message.kind === 'address') mustBeAddress(message.address.address);
    });
  },
});

const ends = { source: at('10.0.0.53'), target: at('10.0.0.1') };
const ends6 = { source: at('fd00::53'), target: at('fd00::1') };
const answers = [
  dnsAnswer('api.example.com', [{ owner: 'api.example.com', address: at('192.0.2.1'), ttl: 30 }]),
  dnsAnswer('api.example.com', [{ owner: 'api.example.com', address: at('2001:db8::1') }], { compression: 'off' }),
  dnsAnswer('www.example.com', [
    { owner: 'www.example.com', alias: 'cdn.example.net', ttl: 300 },
    { owner: 'cdn.example.net', alias: 'edge.example.org', ttl: 20 },
    { owner: 'edge.example.org', address: at('192.0.2.9'), ttl: 60 },
  ]),
].map((bytes) => Uint8Array.from(bytes));
const overTcp = (bytes: Uint8Array) => Buffer.concat([Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes]);
const packets = [ends, ends6].flatMap((side) => [
  ...answers.map((payload) => packet(side, udp(53, 40_000, Buffer.from(payload)), { tag: 1 }).bytes),
  packet(side, tcp(53, 40_000, { flags: 0x18, data: overTcp(answers[0] ?? new Uint8Array()) }), { tag: 1 }).bytes,
]);

const packetTarget = pureTarget({
  name: 'packet',
  what: 'a packet that the kernel hands over, held or copied, with what hands it over',
  suiteRuns: 25_000,
  cost: usualCost,
  inputs: almost({
    corpus: [
      ...packets,
      ...packets.map((bytes) =>
        message(3, 0, [
          [1, u32(7)],
          [10, bytes],
        ]),
      ),
    ],
  }),
  check(input) {
    const read = readPacket(input);
    if (read !== undefined) {
      mustBeAddress(read.source);
      mustBeAddress(read.target);
      must(isPort(read.sourcePort) && isPort(read.targetPort), () => shown(read));
      must(read.payload.length <= input.length, () => 'more payload than packet');
    }
    for (const source of ['held', 'copied'] as const)
      for (const { bytes } of readHandedPackets(source, input).packets) readPacket(bytes);
  },
});

const dnsTarget = pureTarget({
  name: 'dns',
  what: 'an answer of DNS, and what it answers',
  suiteRuns: 25_000,
  cost: usualCost,
  inputs: almost({ corpus: answers, words: ['\u0003com\0', '\u0007example', '\u00c0\u000c'] }),
  check(input) {
    for (const { address, names, ttlSeconds } of readDnsAnswer(input)) {
      mustBeAddress(address);
      must(names.length <= 17 && ttlSeconds >= 0 && ttlSeconds <= 0x7fffffff, () => shown({ names, ttlSeconds }));
      for (const one of names) must(/^[a-z0-9_.-]{1,255}$/.test(one), () => `the name ${one}`);
    }
    const question = readDnsQuestion(input);
    if (question === undefined) return;
    must(isPort(question.id) && question.text.length <= 260, () => shown(question));
    must(Buffer.from(input).toString('latin1').startsWith(question.text, 12), () => shown(question));
  },
});

/** The input is a stream, cut into segments as its first bytes say. Whole messages come out as they went in, however it is cut. */
const dnsTcpTarget = pureTarget({
  name: 'dns-tcp',
  what: 'messages of DNS in the segments of a TCP connection',
  suiteRuns: 1500,
  cost: usualCost,
  inputs: fc
    .tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), almost({ corpus: answers.map(overTcp) }))
    .map(([cuts, stream]) => Buffer.concat([cuts, stream])),
  check(input) {
    const cuts = [...input.subarray(0, 4)].map((size) => (size < 200 ? 1 + (size % 3) : size * 16));
    const stream = input.subarray(4);
    const streams = new DnsStreams();
    const [{ source, target }, out]: [typeof ends, Uint8Array[]] = [ends, []];
    for (let from = 0, turn = 0; from < stream.length; turn += 1) {
      const payload = stream.subarray(from, from + (cuts[turn % cuts.length] ?? 1));
      out.push(
        ...streams.push({
          protocol: 'tcp',
          source,
          sourcePort: 53,
          target,
          targetPort: 40_000,
          sequence: (4_294_967_000 + from) >>> 0,
          payload,
        }),
      );
      from += payload.length;
    }
    let at = 0;
    for (const bytes of out) {
      must(same(bytes, stream.subarray(at + 2, at + 2 + bytes.length)), () => 'a message is not what was sent');
      at += 2 + bytes.length;
    }
  },
});

const listings = [
  `table inet segwall {\n\tset den_in4 {\n\t\ttype ipv4_addr . ipv4_addr . inet_proto . inet_service . mark\n\t\telements = { 10.0.0.1 . 10.0.0.2 . 6 . 80 . 0x00000010 counter packets 3 bytes 180 expires 4m59s }\n\t}\n\tset den_in6 {\n\t\telements = { fd00::1 . fd00::2 . 58 . 128 . 0x00000020 counter packets 1 bytes 64 expires 3s, fd00::3 . fd00::2 . 17 . 53 . 0x20 counter packets 2 bytes 9 }\n\t}\n\tchain state {\n\t\tcounter packets 0 bytes 0 comment "${stateWords}"\n\t}\n\tmap in0_4 {\n\t}\n}\n`,
  'table ip raw {\n\tchain PREROUTING {\n\t\ttype filter hook prerouting priority raw; policy accept;\n\t\tudp dport 53 notrack\n\t\tmeta mark set ct mark\n\t\tct mark set 0x00000001\n\t}\n\tchain in {\n\t\ttype filter hook input priority -10; policy drop;\n\t\tjump other\n\t\tip saddr 10.0.0.0/8 drop\n\t}\n}\n',
  '   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1234 1\n   1: 0100007F:0016 0200007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 1235 1\n',
  'web-1 inbound accept allow rule shop - web-to-api\nweb-1 outbound drop deny default shop',
].map(bytesOf);

const listingTarget = pureTarget({
  name: 'listings',
  what: 'tables as nft lists them (denied sets, state, others’ rules), sockets of /proc, keys of decisions',
  suiteRuns: 8000,
  cost: usualCost,
  inputs: almost({
    corpus: listings,
    words: [
      ' . ',
      ' counter packets ',
      'elements = { ',
      'chain ',
      'set den_in4 {',
      'notrack',
      'ct mark set ',
      'jump ',
      '\n\t\t',
    ],
  }),
  check(input) {
    const text = textOf(input);
    for (const denied of parseDeniedSets(text, undefined, 0)) {
      mustBeAddress(denied.client);
      must(isCount(denied.expiresAt ?? 0), () => shown(denied));
      must(isCount(denied.packets), () => shown(denied));
    }
    parseTableState(text);
    parseStanding(text);
    findForeignRules(text).map(findingText);
    for (const line of text.split('\n')) {
      const socket = parseSocketLine(line);
      if (socket !== undefined) mustBeAddress(socket.local);
      const own = parseOwnSocket(line);
      if (own !== undefined) mustBeAddress(own.local);
      parseDecisionKey(line);
    }
  },
});

export const kernelTargets: readonly FuzzTarget[] = [
  conntrackTarget,
  nftablesTarget,
  routeTarget,
  packetTarget,
  dnsTarget,
  dnsTcpTarget,
  listingTarget,
];
