// Which addresses are this host's, for two questions: by which others can reach it (reported to the control plane), and
// which are local at all. Read over routing netlink and not from Node, which leaves out every interface that has no
// carrier at the moment.

import { readFileSync } from 'node:fs';
import { constants, networkInterfaces } from 'node:os';
import { type NetlinkSocket, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import type { InterfaceSettings } from '#agent/settings/settings.ts';
import { guestLinks, standingOfPort, undecidedPorts } from '#agent-core/addresses/guest-links.ts';
import {
  type HeldAddress,
  heldAddresses,
  type PublishedAddress,
  publishedAddresses,
  type SeenNetwork,
} from '#agent-core/addresses/published-addresses.ts';
import {
  addressesRequest,
  type Link,
  type LinkAddress,
  linkElsewhereRequest,
  linksRequest,
  type Route,
  type RouteMessage,
  readRouteDatagram,
  routeMakers,
  routeRequest,
} from '#agent-core/netlink/route-message.ts';
import type { GuestNetworks } from '#agent-core/table/guest-ends.ts';
import { systemClock } from '#clock/system-clock.ts';
import { type Address, parseAddress } from '#model/address.ts';
import { limits } from '#wire/limits.ts';
import { ownNamespace } from './own-namespace.ts';

export interface HostAddresses {
  /** In code-unit order; at most as many as the control plane takes. */
  readonly published: readonly Address[];
  /** How many more others could reach it by. */
  readonly beyond: number;
  readonly all: ReadonlySet<Address>;
  /** Published though they are gone for the moment: their link has no carrier. */
  readonly held: readonly HeldAddress[];
  /** `published`, with the link of each. */
  readonly places: readonly PublishedAddress[];
}

/** The kernel fills up to 32 KiB of a list into one datagram if the reader has room. */
const datagramBytes = 32_768;
const bufferBytes = 1 << 20;
/** Of documentation: no host has them, so they are where everything else is. */
const elsewhere = ['192.0.2.1', '2001:db8::1'] as readonly string[] as readonly Address[];

/**
 * About 0.3 ms, and a millisecond for some hundred addresses. `before` is what was read last, for links that lost their
 * carrier since.
 */
export function readHostAddresses(settings: InterfaceSettings, before?: HostAddresses): HostAddresses {
  const seen = readNetwork(settings.outside) ?? networkOfNode();
  const { addresses, beyond } = publishedAddresses(seen, settings, limits.reportedAddresses);
  const held = heldAddresses({
    before: before?.places ?? [],
    held: before?.held ?? [],
    now: addresses,
    links: seen.links,
    atMs: systemClock.elapsedMs(),
  }).slice(0, limits.reportedAddresses - addresses.length);
  const places = [...addresses, ...held];
  return {
    published: places.map(({ address }) => address).sort(),
    beyond,
    all: new Set(seen.addresses.map(({ address }) => address)),
    held,
    places,
  };
}

/** Every address but link-local ones, which are another's on every link. In code-unit order. */
export function ownAddresses(): readonly Address[] {
  const { addresses } = readNetwork([]) ?? networkOfNode();
  const own = addresses.map(({ address }) => address).filter((address) => !isLinkLocal(address));
  return [...new Set(own)].sort();
}

/**
 * `networks`: what of the forward path this host answers for; absent where it forwards nothing. `outward`: bridges on
 * which it cannot. `taught`: links behind which only guests are and whose router advertisements the kernel follows all
 * the same.
 */
export interface SeenGuests {
  readonly networks?: GuestNetworks;
  readonly outward: readonly string[];
  readonly taught: readonly string[];
}

export function readGuests({ outside }: Pick<InterfaceSettings, 'outside'>): SeenGuests {
  const network = readNetwork(outside);
  if (network === undefined) return { outward: [], taught: [] };
  const { guests, inDoubt, outward } = guestLinks(network);
  const forwards = forwardingSwitches.some((path) => readText(path).trim() === '1');
  const taught = guests.filter(followsAdvertisements);
  if (guests.length === 0 && !forwards) return { outward, taught };
  const own = network.addresses.map(({ address }) => address).filter((address) => !isLinkLocal(address));
  const networks = {
    interfaces: [...guests, ...inDoubt].sort(),
    ...(inDoubt.length === 0 ? {} : { inDoubt }),
    own: [...new Set(own)].sort(),
  };
  return { networks, outward, taught };
}

/**
 * By the kernel's own rule: it does unless it forwards, or is told to do both (Linux:
 * Documentation/networking/ip-sysctl.rst, accept_ra).
 */
function followsAdvertisements(name: string): boolean {
  const setting = (key: string) => readText(`/proc/sys/net/ipv6/conf/${name}/${key}`).trim();
  if (setting('disable_ipv6') !== '0') return false;
  const accepts = setting('accept_ra');
  return accepts === '2' || (accepts === '1' && setting('forwarding') === '0');
}

const forwardingSwitches = ['/proc/sys/net/ipv4/ip_forward', '/proc/sys/net/ipv6/conf/all/forwarding'];

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // A kernel without that family.
    return '';
  }
}

export function isLinkLocal(address: Address): boolean {
  return address.startsWith('169.254.') || /^fe[89ab][0-9a-f]:/.test(address);
}

/** Undefined where routing netlink cannot be had. What changed meanwhile is heard of, and looked at again. */
function readNetwork(outside: readonly string[]): SeenNetwork | undefined {
  const opened = openNetlink({
    protocol: netlinkProtocols.route,
    groups: 0,
    receiveBufferBytes: bufferBytes,
    datagramBytes,
    datagramsPerCall: 4,
  });
  if (!opened.ok) return undefined;
  const socket = opened.value;
  try {
    const links = new Map<number, Link>();
    const addresses: LinkAddress[] = [];
    const haveLinks = ask(socket, linksRequest(), (message) => {
      if (message.kind === 'link') links.set(message.link.index, message.link);
    });
    const haveAddresses = ask(socket, addressesRequest(), (message) => {
      if (message.kind === 'address') addresses.push(message.address);
    });
    if (!haveLinks || !haveAddresses) return undefined;
    const own = ownNamespace();
    const guestPorts = new Set<number>();
    const doubtfulPorts = new Set<number>();
    for (const port of undecidedPorts(links)) {
      const standing = standingOfPort(own, () => otherEndOf(socket, port));
      if (standing === 'guests') guestPorts.add(port.index);
      else if (standing === 'in-doubt') doubtfulPorts.add(port.index);
    }
    const uplinks = new Set<number>();
    for (const address of guestPorts.size + doubtfulPorts.size === 0 ? [] : elsewhere) {
      ask(socket, routeRequest(address), (message) => {
        if (message.kind !== 'route' || !isSet(message.route, own)) return;
        for (const link of message.route.links) uplinks.add(link);
      });
    }
    return { links, addresses, guestPorts, doubtfulPorts, uplinks, outside };
  } finally {
    socket.close();
  }
}

/**
 * Whether somebody on this host set the route: not a router's advertisement, a redirect or a routing protocol, which
 * whoever is on the link can speak. Where this host may be somebody's guest its own way out may come by DHCP, which it
 * must have asked for on that link.
 */
function isSet({ from }: Route, own: 'outermost' | 'inner'): boolean {
  const { kernel, boot, static: configured, dhcp } = routeMakers;
  return from === kernel || from === boot || from === configured || (own === 'inner' && from === dhcp);
}

/** The link as the other end's namespace sees it; the kernel refuses this for namespaces that we may not administer. */
function otherEndOf(socket: NetlinkSocket, { peer }: Link): 'endpoint' | 'port' | 'foreign' | 'untold' {
  if (peer?.namespace === undefined) return 'untold';
  let told: 'endpoint' | 'port' | undefined;
  const { errno } = askOnce(
    socket,
    linkElsewhereRequest({ index: peer.index, namespace: peer.namespace }),
    (message) => {
      if (message.kind === 'link') told = message.link.master === 0 ? 'endpoint' : 'port';
    },
  );
  return told ?? (errno === constants.errno.EACCES ? 'foreign' : 'untold');
}

/** The kernel answers while it is asked, so there is nothing to wait for. False: it did not, or not wholly. */
function ask(socket: NetlinkSocket, message: Uint8Array, take: (message: RouteMessage) => void): boolean {
  return askOnce(socket, message, take).isWhole;
}

function askOnce(
  socket: NetlinkSocket,
  message: Uint8Array,
  take: (message: RouteMessage) => void,
): { readonly isWhole: boolean; readonly errno?: number } {
  if (!socket.send(message).ok) return { isWhole: false };
  const isDump = ((message[7] ?? 0) & 0x3) !== 0;
  for (;;) {
    let ending: { readonly isWhole: boolean; readonly errno?: number } | undefined;
    const outcome = socket.receive((bytes) => {
      const told = readRouteDatagram(bytes, take);
      if (told.errno !== undefined && told.errno !== 0) ending = { isWhole: false, errno: told.errno };
      else if (!isDump || told.dump === 'done') ending = { isWhole: true };
    });
    if (ending !== undefined) return ending;
    if (outcome.kind !== 'received') return { isWhole: false };
  }
}

/** What Node tells: nothing of what interfaces are, and none without carrier. */
function networkOfNode(): SeenNetwork {
  const links = new Map<number, Link>();
  const addresses: LinkAddress[] = [];
  for (const [number, [name, entries]] of Object.entries(networkInterfaces()).entries()) {
    const index = number + 1;
    links.set(index, { index, name, kind: '', up: 'yes', carrier: 'yes', master: 0, peer: undefined });
    for (const { address, cidr } of entries ?? []) {
      const parsed = parseAddress(address.split('%')[0] ?? '');
      if (!parsed.ok) continue;
      const prefixLength = Number(cidr?.split('/')[1] ?? 0);
      addresses.push({ link: index, address: parsed.value, prefixLength, duplicate: 'no' });
    }
  }
  return {
    ...{ links, addresses, outside: [] },
    ...{ guestPorts: new Set<number>(), doubtfulPorts: new Set<number>(), uplinks: new Set<number>() },
  };
}
