// How the two IP families, the two directions and the two ends of a connection are called in nft's words and in the names of our objects.

import type { Family } from '#model/address.ts';
import type { Direction } from '#model/verdict.ts';

export const families = ['ipv4', 'ipv6'] as const;
export const directions = ['inbound', 'outbound'] as const;
export const opposite: Readonly<Record<Direction, Direction>> = { inbound: 'outbound', outbound: 'inbound' };
/** In the names of chains and maps. */
export const sideOf: Readonly<Record<Direction, 'in' | 'out'>> = { inbound: 'in', outbound: 'out' };

interface FamilyWords {
  readonly family: Family;
  /** Of its header. */
  readonly ip: 'ip' | 'ip6';
  /** In the names of maps. */
  readonly digit: '4' | '6';
  /** Of an address, as a set's key. */
  readonly type: 'ipv4_addr' | 'ipv6_addr';
}

export const familyWords: Readonly<Record<Family, FamilyWords>> = {
  ipv4: { family: 'ipv4', ip: 'ip', digit: '4', type: 'ipv4_addr' },
  ipv6: { family: 'ipv6', ip: 'ip6', digit: '6', type: 'ipv6_addr' },
};

export function eachFamily<T>(make: (words: FamilyWords) => readonly T[]): readonly T[] {
  return families.flatMap((family) => make(familyWords[family]));
}

/** Where an address of a judged connection is read: in the first packet's header, or in the connection's tuple. */
export type View = 'header' | 'tuple';

/** Where the remote and the local address stand. The tuple's client is `ct original saddr` and its server `ct reply saddr`, whatever the packet's way. */
const ends = {
  inbound: { header: { remote: 'saddr', local: 'daddr' }, tuple: { remote: 'ct original', local: 'ct reply' } },
  outbound: { header: { remote: 'daddr', local: 'saddr' }, tuple: { remote: 'ct reply', local: 'ct original' } },
} as const;

/** The address of one end, as a key: "ip saddr", "ct original ip6 saddr". */
export function endKey(end: 'remote' | 'local', direction: Direction, view: View, family: Family): string {
  const { ip } = familyWords[family];
  const { header, tuple } = ends[direction];
  return view === 'header' ? `${ip} ${header[end]}` : `${tuple[end]} ${ip} saddr`;
}
