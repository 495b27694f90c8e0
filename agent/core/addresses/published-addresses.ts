// Which of a host's addresses others can reach it by. What decides is what an address can reach, never an interface's name: not
// loopback's own ranges, not link-local, not the range of a bridge whose ports are all guests' of this host, which repeats from host to
// host. An address of its own (/32, /128) on such a bridge has no range, and is published. Settings include or exclude interfaces by name.

import type { Link, LinkAddress } from '#agent-core/netlink/route-message.ts';
import { type Address, bitsOf, familyOf, isShareable } from '#model/address.ts';

/** Names of interfaces, `*` for any characters. `include` wins over `exclude` and over what a bridge hosts. */
export interface InterfacePatterns {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

export interface SeenNetwork {
  readonly links: ReadonlyMap<number, Link>;
  readonly addresses: readonly LinkAddress[];
  /** Links, by index, whose other end is a guest of this host: an endpoint in another network namespace. */
  readonly guestPorts: ReadonlySet<number>;
  /** Links that the routes to everywhere else lead through. */
  readonly uplinks: ReadonlySet<number>;
}

export interface PublishedAddress {
  readonly address: Address;
  readonly link: number;
}

export interface Published {
  /** At most as many as were asked for; those with a range first, then in code-unit order. */
  readonly addresses: readonly PublishedAddress[];
  /** How many more there are. */
  readonly beyond: number;
}

/** Ports of guests whatever is at their other end: taps of virtual machines. */
const guestKinds: ReadonlySet<string> = new Set(['tun']);

export function publishedAddresses(seen: SeenNetwork, settings: InterfacePatterns, most: number): Published {
  const hosting = hostingBridges(seen);
  const found = new Map<Address, { readonly link: number; readonly isSingle: boolean }>();
  for (const { link: index, address, prefixLength, duplicate } of seen.addresses) {
    const link = seen.links.get(index);
    if (link === undefined || link.up === 'no' || duplicate === 'yes' || !isShareable(address)) continue;
    const isSingle = prefixLength === bitsOf(familyOf(address));
    const isIncluded = matchesAny(settings.include, link.name);
    if (!isIncluded && (matchesAny(settings.exclude, link.name) || (hosting.has(index) && !isSingle))) continue;
    if (!found.has(address)) found.set(address, { link: index, isSingle });
  }
  const order = [...found].sort(([a, x], [b, y]) =>
    x.isSingle === y.isSingle ? (a < b ? -1 : 1) : Number(x.isSingle) - Number(y.isSingle),
  );
  return {
    addresses: order.slice(0, most).map(([address, { link }]) => ({ address, link })),
    beyond: Math.max(0, order.length - most),
  };
}

/** Bridges through which only guests of this host can be reached. */
export function hostingBridges({ links, guestPorts, uplinks }: SeenNetwork): ReadonlySet<number> {
  const hosting = new Set([...links.values()].filter(({ kind }) => kind === 'bridge').map(({ index }) => index));
  for (const index of uplinks) hosting.delete(index);
  for (const { index, kind, master } of links.values()) {
    if (!guestKinds.has(kind) && !guestPorts.has(index)) hosting.delete(master);
  }
  return hosting;
}

/** Links that can be guests': whose other end has to be looked at. */
export function undecidedPorts(links: ReadonlyMap<number, Link>): readonly Link[] {
  return [...links.values()].filter(({ kind, peer }) => kind === 'veth' && peer?.namespace !== undefined);
}

/** By name: bridges and links of their own behind which are only guests of this host, in code-unit order. */
export function guestInterfaces(seen: SeenNetwork): readonly string[] {
  const { links, guestPorts, uplinks } = seen;
  const bridges = hostingBridges(seen);
  return [...links.values()]
    .filter(({ index, master }) => bridges.has(index) || (master === 0 && guestPorts.has(index) && !uplinks.has(index)))
    .map(({ name }) => name)
    .filter((name) => nameable.test(name))
    .sort();
}

/** By name: bridges that have guests of this host and lead outside too, so that guests on them speak with addresses of that network. */
export function outwardBridges(seen: SeenNetwork): readonly string[] {
  const { links, guestPorts } = seen;
  const inward = hostingBridges(seen);
  const isGuest = ({ index, kind }: Link) => guestPorts.has(index) || guestKinds.has(kind);
  const masters = new Set([...links.values()].filter(isGuest).map(({ master }) => master));
  return [...links.values()]
    .filter(({ index, kind }) => kind === 'bridge' && masters.has(index) && !inward.has(index))
    .map(({ name }) => name)
    .sort();
}

/** The kernel takes nearly anything for a name; these are what nft reads between quotes as they are. */
const nameable = /^[A-Za-z0-9._@+-]{1,15}$/;

export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => {
    const source = pattern.split('*').map((part) => part.replace(/[^A-Za-z0-9]/g, '\\$&'));
    return new RegExp(`^${source.join('.*')}$`).test(name);
  });
}

/** An address that went while its link had no carrier, and until when it is published all the same; never while the carrier is away. */
export interface HeldAddress extends PublishedAddress {
  readonly untilMs: number | undefined;
}

/** Time for what took the address away with the carrier (a network manager, DHCP) to bring it back. */
const returnMs = 10_000;

/**
 * Loss of carrier withdraws no address: what went from a link that is up and has no carrier stays until it has had carrier for ten
 * seconds, is removed, or is set down. `before` is what was published then, held ones included.
 */
export function heldAddresses(given: {
  readonly before: readonly PublishedAddress[];
  readonly held: readonly HeldAddress[];
  readonly now: readonly PublishedAddress[];
  readonly links: ReadonlyMap<number, Link>;
  readonly atMs: number;
}): readonly HeldAddress[] {
  const { before, held, links, atMs } = given;
  const there = new Set(given.now.map(({ address }) => address));
  return before.flatMap(({ address, link: index }): readonly HeldAddress[] => {
    const link = links.get(index);
    if (there.has(address) || link === undefined || link.up === 'no') return [];
    if (link.carrier === 'no') return [{ address, link: index, untilMs: undefined }];
    const earlier = held.find((one) => one.address === address);
    if (earlier === undefined) return [];
    const untilMs = earlier.untilMs ?? atMs + returnMs;
    return atMs < untilMs ? [{ address, link: index, untilMs }] : [];
  });
}
