// The chains that every denied packet passes before its verdict, which stands in a rule of its own: what is essential by its source
// port, and the counting. A packet is counted exactly once: in the element of its connection, else without its service, else by a
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

const dhcpAsks = ['udp sport 68 udp dport 67', 'udp sport 546 udp dport 547'];
const dhcpAnswers = ['udp sport 67 udp dport 68', 'udp sport 547 udp dport 546'];
const asReply = (words: string) => `ct direction reply ${words}`;

/** What tells a DHCP client's packets, by the direction that is judged: of a connection, its answers are judged as its requests are. */
export const dhcpWords: Readonly<Record<Direction, readonly string[]>> = {
  inbound: [...dhcpAnswers, ...dhcpAsks.map(asReply)],
  outbound: [...dhcpAsks, ...dhcpAnswers.map(asReply)],
};

/** The least that is given to one stranger of IPv6. */
const strangersBits = 'ffff:ffff:ffff:ffff::';

export function denialChains(
  dhcpChain: (direction: Direction) => string,
): readonly (readonly [string, readonly string[]])[] {
  return deniedSides.flatMap(({ side, direction }): (readonly [string, readonly string[]])[] => {
    const goto = `goto ${dhcpChain(direction)}`;
    const [ipv4, ipv6] = deniedFamilies;
    return [
      [`essential_${side}`, dhcpWords[direction].map((words) => `${words} ${goto}`)],
      [`unshared_${side}`, unsharedLines(side, direction)],
      [`count_${side}4`, countLines(side, ipv4)],
      [`count_${side}6`, countLines(side, ipv6)],
      [`count_${side}`, [`meta nfproto ipv4 goto count_${side}4`, `goto count_${side}6`]],
    ];
  });
}

/** One shape of key a set: what tells the packets that have it, and where they are kept. */
interface Shape {
  readonly match: string;
  readonly suffix: '' | 'i' | 'o';
  readonly key: string;
}

/** An ICMP error about an ICMP connection has not the connection's type: it is counted without. */
function shapesOf({ ip, icmp }: DeniedFamily): readonly Shape[] {
  const ends = `${endsOf(ip)} . ct protocol`;
  return [
    ...['tcp', 'udp', 'sctp'].map(
      (protocol): Shape => ({
        match: `meta l4proto { ${protocol}, icmp, icmpv6 } ct protocol ${protocol}`,
        suffix: '',
        key: `${ends} . ct reply proto-src . ct mark`,
      }),
    ),
    { match: `ct protocol ${icmp} ct state != related`, suffix: 'i', key: `${ends} . ${icmp} type . ct mark` },
    { match: `ct protocol != { tcp, udp, sctp, ${icmp} }`, suffix: 'o', key: `${ends} . ct mark` },
  ];
}

function endsOf(ip: DeniedFamily['ip']): string {
  return `ct original ${ip} saddr . ct reply ${ip} saddr`;
}

function countLines(side: Side, family: DeniedFamily): readonly string[] {
  const { digit } = family;
  const shapes = shapesOf(family);
  const seen = (suffix: string) => `@seen_${side}${digit}${suffix}`;
  const record = ({ suffix, key }: Shape) => `update @den_${side}${digit}${suffix} { ${key} } return`;
  const { burst, perMinute } = deniedShares[side];
  return [
    ...shapes.map((shape) => `${shape.match} ${shape.key} ${seen(shape.suffix)} ${record(shape)}`),
    `update @share_${side}${digit} { ${sourceOf(side, family)} limit rate over ${perMinute}/minute burst ${burst} packets } goto unshared_${side}`,
    ...shapes.map((shape) => `${shape.match} add ${seen(shape.suffix)} { ${shape.key} } ${record(shape)}`),
    `goto unshared_${side}`,
  ];
}

/** Outbound all sources are this host's own, and the mark tells which of its workloads was denied. */
function sourceOf(side: Side, { ip, digit }: DeniedFamily): string {
  const address = `ct original ${ip} saddr${digit === '4' ? '' : ` and ${strangersBits}`}`;
  return side === 'in' ? address : `${address} . ct mark`;
}

function unsharedLines(side: Side, direction: Direction): readonly string[] {
  return [
    ...deniedFamilies.map(
      ({ digit, ip }) => `update @den_${side}${digit}f { ${endsOf(ip)} . ct protocol . ct mark } return`,
    ),
    `counter name ${unrecordedCounter[direction]}`,
  ];
}
