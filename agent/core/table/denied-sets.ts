// Denies count themselves: a denied packet updates a dynamic set, the kernel aggregates, and the agent reads what moved. A key
// is the connection (real client, real server, service) and its mark, which names the decision that denied it. Declared here are the
// sets; denial-chains.ts has the rules that fill them, denied-listing.ts reads what they hold.

import type { Direction } from '#model/verdict.ts';

/** Of each set, in elements: some 2 MB each when full. */
export const deniedRoom = 16_384;
/** An element goes when nothing came for so long. */
export const deniedTimeoutMinutes = 5;

/**
 * What one source may have of the room: `burst` places at once, and so many more a minute. A place lasts for five minutes and its element
 * may last as long again, so one peer (of IPv6, a /64) has 2,024 of 16,384 at the most, and one workload's outbound denials half of all.
 */
export const deniedShares = {
  in: { burst: 512, perMinute: 100 },
  out: { burst: 2048, perMinute: 400 },
} as const;

export const deniedFamilies = [
  { digit: '4', type: 'ipv4_addr', ip: 'ip', icmp: 'icmp' },
  { digit: '6', type: 'ipv6_addr', ip: 'ip6', icmp: 'icmpv6' },
] as const;
export type DeniedFamily = (typeof deniedFamilies)[number];

export type Side = 'in' | 'out';
export const deniedSides: readonly { readonly side: Side; readonly direction: Direction }[] = [
  { side: 'in', direction: 'inbound' },
  { side: 'out', direction: 'outbound' },
];

/** Of a direction, counts the denied packets that found no room in any set. */
export const unrecordedCounter: Readonly<Record<Direction, string>> = {
  inbound: 'n_unrecorded_in',
  outbound: 'n_unrecorded_out',
};

const aged = `flags dynamic,timeout; timeout ${deniedTimeoutMinutes}m;`;
const counted = `size ${deniedRoom}; ${aged} counter; }`;
const uncounted = `size ${deniedRoom}; ${aged} }`;

/** What tells denied connections apart, by the end of their sets' names: "i" is of ICMP, by its type; "o" of other protocols. */
const connections = ({ type, icmp }: DeniedFamily): readonly (readonly [kind: string, key: string])[] => [
  ['', `${type} . ${type} . inet_proto . inet_service . mark`],
  ['i', `${type} . ${type} . inet_proto . ${icmp}_type . mark`],
  ['o', unserved(type)],
];
const unserved = (type: string): string => `${type} . ${type} . inet_proto . mark`;

interface ListedSet {
  readonly name: string;
  readonly direction: Direction;
  readonly declaration: string;
}

/** What a listing of denied connections is made of. "f" is of those without the service. */
const listed: readonly ListedSet[] = deniedSides.flatMap(({ side, direction }) =>
  deniedFamilies.flatMap((family) =>
    [...connections(family), ['f', unserved(family.type)] as const].map(([kind, key]) => ({
      name: `den_${side}${family.digit}${kind}`,
      direction,
      declaration: `{ type ${key}; ${counted}`,
    })),
  ),
);

/** What keeps one source from the room of all: the keys that have their place, and how far each source's share is used. */
const keeping: ReadonlyMap<string, string> = new Map(
  deniedSides.flatMap(({ side }) =>
    deniedFamilies.flatMap((family): [string, string][] => [
      ...connections(family).map(([kind, key]): [string, string] => [
        `seen_${side}${family.digit}${kind}`,
        `{ type ${key}; ${uncounted}`,
      ]),
      [`share_${side}${family.digit}`, `{ type ${family.type}${side === 'in' ? '' : ' . mark'}; ${uncounted}`],
    ]),
  ),
);

/** Name to declaration. */
export const deniedSets: ReadonlyMap<string, string> = new Map([
  ...listed.map(({ name, declaration }) => [name, declaration] as const),
  ...keeping,
]);

/** The sets of a direction that hold denied connections. */
export function listedSets(direction: Direction): readonly string[] {
  return listed.filter((set) => set.direction === direction).map(({ name }) => name);
}
