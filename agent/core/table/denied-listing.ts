// The border at which nft's listing of denied connections becomes values (denied-sets.ts declares the sets).

import { defaultMarks, type MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { type Address, parseAddress } from '#model/address.ts';
import type { Direction } from '#model/verdict.ts';

/** One element of a denied set. Counts are since the element appeared; it goes five minutes after the last packet. */
export interface DeniedCount {
  readonly direction: Direction;
  readonly client: Address;
  readonly server: Address;
  readonly protocol: number;
  /** Of ICMP the type that opened it; 0 for other protocols, and where the service was not kept (over the source's share). */
  readonly port: number;
  readonly decision: number;
  readonly packets: number;
  readonly bytes: number;
  /** When the element goes if nothing more comes, in milliseconds of the lister's clock, which only goes forward; undefined where that was not told. */
  readonly expiresAt?: number;
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

/** Each part has a longest length, so that no text makes the search start over and over on the same characters. */
const elementPattern =
  /([0-9a-f:.]{2,45}) \. ([0-9a-f:.]{2,45}) \. ([a-z0-9-]{1,16}) \.(?: (\d{1,5}) \.)? 0x([0-9a-f]{1,8})[^,{}]{0,100}?counter packets (\d{1,20}) bytes (\d{1,20})([^,{}]{0,100})/g;

/**
 * Reads the text of `nft -n list set inet segwall den_…` (numeric, or services and protocols come as names) for every set whose
 * name begins with den_. Elements it cannot read are left out; there are none in the sets we declare.
 */
export function parseDeniedSets(
  listing: string,
  marks: MarkLayout = defaultMarks,
  listedAt?: number,
): readonly DeniedCount[] {
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
        rest = '',
      ] = match;
      const left = listedAt === undefined ? undefined : expiresInMs(rest);
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
        ...(listedAt === undefined || left === undefined ? {} : { expiresAt: listedAt + left }),
      });
    }
  }
  return counts;
}

const unitsMs: ReadonlyMap<string, number> = new Map([
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]);

/** "… expires 4m58s916ms" */
function expiresInMs(words: string): number | undefined {
  const text = /expires ((?:\d{1,6}(?:ms|[dhms])){1,5})/.exec(words)?.[1];
  if (text === undefined) return undefined;
  return [...text.matchAll(/(\d{1,6})(ms|[dhms])/g)].reduce(
    (sum, [, count = '0', unit = '']) => sum + Number(count) * (unitsMs.get(unit) ?? 0),
    0,
  );
}
