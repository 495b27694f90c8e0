// Which of a host's addresses others can reach it by. What decides is what an address can reach, never an interface's name: not
// loopback's own ranges, not link-local, not the range of a bridge whose ports are all guests' of this host, which repeats from host to
// host. An address of its own (/32, /128) on such a bridge has no range, and is published. Settings include or exclude interfaces by name.

import type { Link, LinkAddress } from '#agent-core/netlink/route-message.ts';
import { type Address, bitsOf, familyOf, isShareable } from '#model/address.ts';
import { linkSidesOf, patternsMatcher, type SeenLinks } from './guest-links.ts';

/**
 * Names of interfaces, `*` for any characters. `include` wins over `exclude` and over what a bridge hosts; `outside` leads to other machines
 * though it looks like a guest's.
 */
export interface InterfacePatterns {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly outside: readonly string[];
}

export interface SeenNetwork extends SeenLinks {
  readonly addresses: readonly LinkAddress[];
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

export function publishedAddresses(seen: SeenNetwork, settings: InterfacePatterns, most: number): Published {
  const sides = linkSidesOf(seen);
  const isNamed = { include: patternsMatcher(settings.include), exclude: patternsMatcher(settings.exclude) };
  const found = new Map<Address, { readonly link: number; readonly isSingle: boolean }>();
  for (const { link: index, address, prefixLength, duplicate } of seen.addresses) {
    const link = seen.links.get(index);
    if (link === undefined || link.up === 'no' || duplicate === 'yes' || !isShareable(address)) continue;
    const isSingle = prefixLength === bitsOf(familyOf(address));
    const isHosting = link.kind === 'bridge' && sides.get(index) === 'guests';
    if (!isNamed.include(link.name) && (isNamed.exclude(link.name) || (isHosting && !isSingle))) continue;
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
