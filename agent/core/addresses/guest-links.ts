// Behind which of a host's links only guests of it are. What decides is the host's own side: which links lead into other network namespaces,
// which bridge each is a port of, and which routes the host's administrator has set. What a guest can arrange in its own network or can
// have the host learn (bridges there, router advertisements) may at most put a link in doubt, never outside:
//
//   a port that leads to no guest (hardware, VLAN, tunnel), or that settings name as outside ──► outside
//   all ports are guests', or there is none yet ───────────────────────────────────────────────► guests
//   else ──────────────────────────────────────────────────────────────────────────────────────► in doubt
//   a route to everywhere that the administrator set leads there ──────────────────────────────► one step further out
//
// A link in doubt is judged as if guests were behind it and, towards guests, as if strangers were.

import type { Link } from '#agent-core/netlink/route-message.ts';

export interface SeenLinks {
  readonly links: ReadonlyMap<number, Link>;
  /** Links, by index, whose other end is in a network namespace of a guest of this host. */
  readonly guestPorts: ReadonlySet<number>;
  /** Links whose other end is in a namespace that may be a guest's, or that of a machine which this host is itself a guest of. */
  readonly doubtfulPorts: ReadonlySet<number>;
  /** Links that routes to everywhere else lead through, of those that were set and not learned from whoever is on the link. */
  readonly uplinks: ReadonlySet<number>;
  /** Names that settings give for links that lead outside, `*` for any characters. */
  readonly outside: readonly string[];
}

export type LinkSide = 'guests' | 'in-doubt' | 'outside';

const outwards = { guests: 'in-doubt', 'in-doubt': 'outside', outside: 'outside' } as const;
const order: readonly LinkSide[] = ['guests', 'in-doubt', 'outside'];

/** Bridges, and veths on their own that lead into another namespace. Linear in the links. */
export function linkSidesOf(seen: SeenLinks): ReadonlyMap<number, LinkSide> {
  const { links, uplinks, outside } = seen;
  const isOutside = patternsMatcher(outside);
  const sides = new Map<number, LinkSide>();
  for (const { index, kind, name } of links.values())
    if (kind === 'bridge') sides.set(index, isOutside(name) ? 'outside' : 'guests');
  for (const link of links.values()) {
    const side = isOutside(link.name) ? 'outside' : portSide(link, seen);
    if (link.master === 0) {
      if (link.kind === 'veth' && portSide(link, seen) !== 'outside') sides.set(link.index, side);
      continue;
    }
    const before = sides.get(link.master);
    if (before !== undefined && order.indexOf(side) > order.indexOf(before)) sides.set(link.master, side);
  }
  for (const index of uplinks) {
    const side = sides.get(index);
    if (side !== undefined) sides.set(index, outwards[side]);
  }
  return sides;
}

function portSide({ index, kind }: Link, { guestPorts, doubtfulPorts }: SeenLinks): LinkSide {
  // Taps of virtual machines, whatever is at their other end.
  if (kind === 'tun' || guestPorts.has(index)) return 'guests';
  return doubtfulPorts.has(index) ? 'in-doubt' : 'outside';
}

/** Links whose other end is in another network namespace. */
export function undecidedPorts(links: ReadonlyMap<number, Link>): readonly Link[] {
  return [...links.values()].filter(({ kind, peer }) => kind === 'veth' && peer?.namespace !== undefined);
}

/**
 * What is known of the other end of a port. `outermost`: this host's network namespace is the machine's own, which no other is around.
 * `endpoint` and `port` of a bridge are its namespace's own word; `foreign`: that one is not below ours.
 */
export function standingOfPort(
  own: 'outermost' | 'inner',
  otherEnd: () => 'endpoint' | 'port' | 'foreign' | 'untold',
): LinkSide {
  if (own === 'outermost') return 'guests';
  const told = otherEnd();
  return told === 'endpoint' ? 'guests' : told === 'foreign' ? 'outside' : 'in-doubt';
}

/** In code-unit order of names. `outward`: bridges that have guests and lead outside too, so that these speak with addresses of that network. */
export interface GuestLinks {
  readonly guests: readonly string[];
  readonly inDoubt: readonly string[];
  readonly outward: readonly string[];
}

export function guestLinks(seen: SeenLinks): GuestLinks {
  const { links } = seen;
  const sides = linkSidesOf(seen);
  const withGuests = new Set(
    [...links.values()].filter((link) => portSide(link, seen) !== 'outside').map(({ master }) => master),
  );
  const named = (side: LinkSide, holds: (link: Link) => boolean) =>
    [...links.values()]
      .filter((link) => sides.get(link.index) === side && holds(link))
      .map(({ name }) => name)
      .sort();
  const isNameable = ({ name }: Link) => nameable.test(name);
  return {
    guests: named('guests', isNameable),
    inDoubt: named('in-doubt', isNameable),
    outward: named('outside', ({ kind, index }) => kind === 'bridge' && withGuests.has(index)),
  };
}

/** The kernel takes nearly anything for a name; these are what nft reads between quotes as they are. */
const nameable = /^[A-Za-z0-9._@+-]{1,15}$/;

export function patternsMatcher(patterns: readonly string[]): (name: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const source = pattern.split('*').map((part) => part.replace(/[^A-Za-z0-9]/g, '\\$&'));
    return new RegExp(`^${source.join('.*')}$`);
  });
  return (name) => expressions.some((expression) => expression.test(name));
}
