// Denies count themselves: a denied packet updates a dynamic set, the kernel aggregates, and the agent reads what moved. A key
// is the connection (real client, real server, service) and its mark, which names the decision that denied it.
// When a set is full the rest of the counting rule is skipped, so the verdict stands in a rule of its own.

import { type Address, parseAddress } from '#model/address.ts';
import type { Direction } from '#model/verdict.ts';
import { defaultMarks, type MarkLayout } from './mark-layout.ts';

/** Sets of ICMP, which keep its type, end in "i"; of other connections without ports, in "o". */
const shape = 'size 16384; flags dynamic,timeout; timeout 5m; counter; }';

const families = [
  { digit: '4', type: 'ipv4_addr', ip: 'ip', icmp: 'icmp' },
  { digit: '6', type: 'ipv6_addr', ip: 'ip6', icmp: 'icmpv6' },
] as const;
const sides: readonly { readonly side: 'in' | 'out'; readonly direction: Direction }[] = [
  { side: 'in', direction: 'inbound' },
  { side: 'out', direction: 'outbound' },
];

/** Name to declaration. */
export const deniedSets: ReadonlyMap<string, string> = new Map(
  sides.flatMap(({ side }) =>
    families.flatMap(({ digit, type, icmp }): [string, string][] => [
      [`den_${side}${digit}`, `{ type ${type} . ${type} . inet_proto . inet_service . mark; ${shape}`],
      [`den_${side}${digit}i`, `{ type ${type} . ${type} . inet_proto . ${icmp}_type . mark; ${shape}`],
      [`den_${side}${digit}o`, `{ type ${type} . ${type} . inet_proto . mark; ${shape}`],
    ]),
  ),
);

const dhcpAsks = ['udp sport 68 udp dport 67', 'udp sport 546 udp dport 547'];
const dhcpAnswers = ['udp sport 67 udp dport 68', 'udp sport 547 udp dport 546'];
const asReply = (words: string) => `ct direction reply ${words}`;

/** What tells a DHCP client's packets, by the direction that is judged: of a connection, its answers are judged as its requests are. */
export const dhcpWords: Readonly<Record<Direction, readonly string[]>> = {
  inbound: [...dhcpAnswers, ...dhcpAsks.map(asReply)],
  outbound: [...dhcpAsks, ...dhcpAnswers.map(asReply)],
};

/** The chains that every denial passes: what is essential by its source port, and the counting. */
export function denialChains(
  dhcpChain: (direction: Direction) => string,
): readonly (readonly [string, readonly string[]])[] {
  return sides.flatMap(({ side, direction }) => {
    const goto = `goto ${dhcpChain(direction)}`;
    const essential = dhcpWords[direction].map((words) => `${words} ${goto}`);
    return [
      [`essential_${side}`, essential],
      [`count_${side}`, families.flatMap((family) => countLines(`den_${side}${family.digit}`, family))],
    ];
  });
}

/** An ICMP error about an ICMP connection is left out: its type is not the connection's, which is counted by its own packets. */
function countLines(set: string, { ip, icmp }: (typeof families)[number]): readonly string[] {
  const ends = `ct original ${ip} saddr . ct reply ${ip} saddr . ct protocol`;
  return [
    ...['tcp', 'udp', 'sctp'].map(
      (protocol) =>
        `meta l4proto { ${protocol}, icmp, icmpv6 } ct protocol ${protocol} update @${set} { ${ends} . ct reply proto-src . ct mark }`,
    ),
    `ct protocol ${icmp} ct state != related update @${set}i { ${ends} . ${icmp} type . ct mark }`,
    `ct protocol != { tcp, udp, sctp, ${icmp} } update @${set}o { ${ends} . ct mark }`,
  ];
}

/** One element of a denied set. Counts are since the element appeared; it goes five minutes after the last packet. */
export interface DeniedCount {
  readonly direction: Direction;
  readonly client: Address;
  readonly server: Address;
  readonly protocol: number;
  /** Of ICMP the type that opened it; 0 for other protocols without ports. */
  readonly port: number;
  readonly decision: number;
  readonly packets: number;
  readonly bytes: number;
}

const protocolNames: ReadonlyMap<string, number> = new Map([
  ['hopopt', 0],
  ['ip', 0],
  ['icmp', 1],
  ['igmp', 2],
  ['ggp', 3],
  ['ipencap', 4],
  ['tcp', 6],
  ['udp', 17],
  ['dccp', 33],
  ['ipv6', 41],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['ipv6-icmp', 58],
  ['icmpv6', 58],
  ['ospf', 89],
  ['pim', 103],
  ['ipcomp', 108],
  ['vrrp', 112],
  ['l2tp', 115],
  ['sctp', 132],
  ['udplite', 136],
]);

/** ICMP answers to what they answer, by protocol: a connection that a new policy cut may be denied at its answer. */
const askedTypes: ReadonlyMap<number, ReadonlyMap<number, number>> = new Map([
  [
    1,
    new Map([
      [0, 8],
      [14, 13],
      [16, 15],
      [18, 17],
    ]),
  ],
  [
    58,
    new Map([
      [129, 128],
      [140, 139],
    ]),
  ],
]);

const elementPattern =
  /([0-9a-f:.]+) \. ([0-9a-f:.]+) \. ([a-z0-9-]+) \.(?: (\d+) \.)? 0x([0-9a-f]+)[^,{}]*?counter packets (\d+) bytes (\d+)/g;

/**
 * Reads the text of `nft -n list set inet segwall den_…` (numeric, or services and protocols come as names) for every set whose
 * name begins with den_. Elements it cannot read are left out; there are none in the sets we declare.
 */
export function parseDeniedSets(listing: string, marks: MarkLayout = defaultMarks): readonly DeniedCount[] {
  const counts: DeniedCount[] = [];
  for (const part of listing.split(/\bset (?=den_)/).slice(1)) {
    const direction: Direction = part.startsWith('den_in') ? 'inbound' : 'outbound';
    for (const match of part.matchAll(elementPattern)) {
      const [
        ,
        clientText = '',
        serverText = '',
        protocolText = '',
        port = '0',
        mark = '0',
        packets = '0',
        bytes = '0',
      ] = match;
      const client = parseAddress(clientText);
      const server = parseAddress(serverText);
      const protocol = /^\d+$/.test(protocolText) ? Number(protocolText) : protocolNames.get(protocolText);
      if (!client.ok || !server.ok || protocol === undefined) continue;
      counts.push({
        direction,
        client: client.value,
        server: server.value,
        protocol,
        port: askedTypes.get(protocol)?.get(Number(port)) ?? Number(port),
        decision: marks.numberOf(Number.parseInt(mark, 16)),
        packets: Number(packets),
        bytes: Number(bytes),
      });
    }
  }
  return counts;
}
