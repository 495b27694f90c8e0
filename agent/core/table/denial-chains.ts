// The chains that every denied packet passes before its verdict, which stands in a rule of its own: DHCP, which only its ports tell, and
// the counting. A packet is counted exactly once: in the element of its connection, else without its service, else by a
// counter of what found no room.
//
//   has its place ─────────────────────────────► den_in4 …   (seen_in4 tells)
//   new, its source within its share ──────────► seen_in4, den_in4
//   new, over the share, or the sets are full ─► den_in4f    source, destination and protocol alone
//   and that is full ──────────────────────────► n_unrecorded_in
//
// When a set is full, the rest of the rule is skipped: so each rule that records ends in `return`, and who comes to the next was not
// recorded. A place lasts five minutes and is asked for anew, so that no source can hold more than its share by keeping it alive.

import type { Direction } from '#model/verdict.ts';
import {
  type DeniedFamily,
  deniedFamilies,
  deniedShares,
  deniedSides,
  type Side,
  unrecordedCounter,
} from './denied-sets.ts';
import { back, count, decidedBy, ending, goOn, goto, inSet, type Rule, rule, type Statement } from './rule.ts';

/** A client's port and its server's. */
const dhcpPorts = [
  { client: 68, server: 67 },
  { client: 546, server: 547 },
] as const;
export type DhcpServerPort = (typeof dhcpPorts)[number]['server'];
export const dhcpServerPorts: readonly DhcpServerPort[] = dhcpPorts.map(({ server }) => server);

/** What of DHCP is essential, by whose sockets, and under which decisions. */
export interface DhcpWays {
  /** Users whose sockets ask and answer: ports alone would be a way through any denial for whoever may bind them. */
  readonly users: readonly number[];
  /** Of a client's decision. */
  readonly client: Readonly<Record<Direction, number>>;
  /** Of the decision by which a host answers whom it is granted to hear; absent where no workload of the host is. */
  readonly server?: { readonly number: number; readonly ports: readonly DhcpServerPort[] };
}

const firstWay = 'ct direction original';
/** What is forwarded is a guest's, which has none of it. */
const notForwarded = 'oif 0';

/**
 * A client's own requests are told by whose socket sends them, and what comes from a server by its ports; nothing else of a connection tells
 * them from anybody's on these ports, so the other way of it passes by the decision in its mark alone, which only the first has brought there.
 */
function clientRules(direction: Direction, { users, client }: DhcpWays): readonly Rule[] {
  const decision = client[direction];
  const way = goto(`r_${decision}`);
  const isKnown = decidedBy(decision);
  return dhcpPorts.flatMap(({ client: own, server }) => {
    const asks = [`udp sport ${own}`, `udp dport ${server}`];
    const answers = [`udp sport ${server}`, `udp dport ${own}`];
    return direction === 'outbound'
      ? [rule([firstWay, ...asks, ownedBy(users)], way), rule(['ct direction reply', ...answers, isKnown], way)]
      : [rule([firstWay, ...answers, notForwarded], way), rule(['ct direction reply', ...asks, isKnown], way)];
  });
}

/** A server's answer to a broadcast or a multicast is no reply to conntrack, but a connection of its own. */
function serverRules({ users, server }: DhcpWays): readonly Rule[] {
  return dhcpPorts
    .filter(({ server: port }) => server?.ports.includes(port) === true)
    .map(({ client, server: port }) =>
      rule([firstWay, `udp sport ${port}`, `udp dport ${client}`, ownedBy(users)], goto(`r_${server?.number}`)),
    );
}

/** Where a server's answers are looked for. */
export const dhcpServerChain = 'dhcp_answers_out';

function ownedBy(users: readonly number[]): string {
  return users.length === 1 ? `meta skuid ${users[0]}` : `meta skuid { ${users.join(', ')} }`;
}

/** The least that is given to one stranger of IPv6. */
const strangersBits = 'ffff:ffff:ffff:ffff::';

export function denialChains(dhcp: DhcpWays): readonly (readonly [string, readonly Rule[]])[] {
  const chains = deniedSides.flatMap(({ side, direction }): (readonly [string, readonly Rule[]])[] => {
    const [ipv4, ipv6] = deniedFamilies;
    return [
      [`essential_${side}`, clientRules(direction, dhcp)],
      [`unshared_${side}`, unsharedRules(side, direction)],
      [`count_${side}4`, countRules(side, ipv4)],
      [`count_${side}6`, countRules(side, ipv6)],
      [`count_${side}`, [rule(['meta nfproto ipv4'], goto(`count_${side}4`)), rule([], goto(`count_${side}6`))]],
    ];
  });
  return dhcp.server === undefined ? chains : [...chains, [dhcpServerChain, serverRules(dhcp)]];
}

/** One shape of key a set: what tells the packets that have it, and where they are kept. */
interface Shape {
  readonly match: readonly string[];
  readonly suffix: '' | 'i' | 'o';
  readonly key: string;
}

/** An ICMP error about an ICMP connection has not the connection's type: it is counted without. */
function shapesOf({ ip, icmp }: DeniedFamily): readonly Shape[] {
  const ends = `${endsOf(ip)} . ct protocol`;
  return [
    ...['tcp', 'udp', 'sctp'].map(
      (protocol): Shape => ({
        match: [`meta l4proto { ${protocol}, icmp, icmpv6 }`, `ct protocol ${protocol}`],
        suffix: '',
        key: `${ends} . ct reply proto-src . ct mark`,
      }),
    ),
    { match: [`ct protocol ${icmp}`, 'ct state != related'], suffix: 'i', key: `${ends} . ${icmp} type . ct mark` },
    { match: [`ct protocol != { tcp, udp, sctp, ${icmp} }`], suffix: 'o', key: `${ends} . ct mark` },
  ];
}

function endsOf(ip: DeniedFamily['ip']): string {
  return `ct original ${ip} saddr . ct reply ${ip} saddr`;
}

function countRules(side: Side, family: DeniedFamily): readonly Rule[] {
  const { digit } = family;
  const shapes = shapesOf(family);
  const seen = (suffix: string) => `seen_${side}${digit}${suffix}`;
  const record = ({ suffix, key }: Shape): Statement => ({ kind: 'update', set: `den_${side}${digit}${suffix}`, key });
  const take: Statement = {
    kind: 'update',
    set: `share_${side}${digit}`,
    key: sourceOf(side, family),
    over: deniedShares[side],
  };
  const unshared = goto(`unshared_${side}`);
  return [
    ...shapes.map((shape) =>
      rule([...shape.match, inSet(shape.key, seen(shape.suffix))], ending([record(shape)], back)),
    ),
    rule([], ending([take], unshared)),
    ...shapes.map((shape) => {
      const giveRoom: Statement = { kind: 'add', set: seen(shape.suffix), key: shape.key };
      return rule(shape.match, ending([giveRoom, record(shape)], back));
    }),
    rule([], unshared),
  ];
}

/** Outbound all sources are this host's own, and the mark tells which of its workloads was denied. */
function sourceOf(side: Side, { ip, digit }: DeniedFamily): string {
  const address = `ct original ${ip} saddr${digit === '4' ? '' : ` and ${strangersBits}`}`;
  return side === 'in' ? address : `${address} . ct mark`;
}

function unsharedRules(side: Side, direction: Direction): readonly Rule[] {
  return [
    ...deniedFamilies.map(({ digit, ip }) => {
      const key = `${endsOf(ip)} . ct protocol . ct mark`;
      return rule([], ending([{ kind: 'update', set: `den_${side}${digit}f`, key }], back));
    }),
    rule([], ending([count(unrecordedCounter[direction])], goOn)),
  ];
}
