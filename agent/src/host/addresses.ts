// Which addresses are this host's, for two questions: by which others can reach it (reported to the control plane), and which are
// local at all. Read over routing netlink and not from Node, which leaves out every interface that has no carrier at the moment.

import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { type NetlinkSocket, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import type { InterfaceSettings } from '#agent/settings/settings.ts';
import {
  guestInterfaces,
  type HeldAddress,
  heldAddresses,
  outwardBridges,
  type PublishedAddress,
  publishedAddresses,
  type SeenNetwork,
  undecidedPorts,
} from '#agent-core/addresses/published-addresses.ts';
import {
  addressesRequest,
  type Link,
  type LinkAddress,
  linkElsewhereRequest,
  linksRequest,
  type RouteMessage,
  readRouteDatagram,
  routeRequest,
} from '#agent-core/netlink/route-message.ts';
import type { GuestNetworks } from '#agent-core/table/hook-chains.ts';
import { type Address, parseAddress } from '#model/address.ts';
import { limits } from '#wire/limits.ts';

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

/** About 0.3 ms, and a millisecond for some hundred addresses. `before` is what was read last, for links that lost their carrier since. */
export function readHostAddresses(settings: InterfaceSettings, before?: HostAddresses): HostAddresses {
  const seen = readNetwork() ?? networkOfNode();
  const { addresses, beyond } = publishedAddresses(seen, settings, limits.reportedAddresses);
  const held = heldAddresses({
    before: before?.places ?? [],
    held: before?.held ?? [],
    now: addresses,
    links: seen.links,
    atMs: performance.now(),
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
  const { addresses } = readNetwork() ?? networkOfNode();
  const own = addresses.map(({ address }) => address).filter((address) => !isLinkLocal(address));
  return [...new Set(own)].sort();
}

/** `networks`: what of the forward path this host answers for; absent where it forwards nothing. `outward`: bridges on which it cannot. */
export interface SeenGuests {
  readonly networks?: GuestNetworks;
  readonly outward: readonly string[];
}

export function readGuests(): SeenGuests {
  const network = readNetwork();
  if (network === undefined) return { outward: [] };
  const networks = guestNetworksOf(network);
  return { outward: outwardBridges(network), ...(networks === undefined ? {} : { networks }) };
}

export function readGuestNetworks(): GuestNetworks | undefined {
  const network = readNetwork();
  return network === undefined ? undefined : guestNetworksOf(network);
}

function guestNetworksOf(network: SeenNetwork): GuestNetworks | undefined {
  const interfaces = guestInterfaces(network);
  const forwards = forwardingSwitches.some((path) => readText(path).trim() === '1');
  if (interfaces.length === 0 && !forwards) return undefined;
  const own = network.addresses.map(({ address }) => address).filter((address) => !isLinkLocal(address));
  return { interfaces, own: [...new Set(own)].sort() };
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
function readNetwork(): SeenNetwork | undefined {
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
    const undecided = undecidedPorts(links);
    const guestPorts = new Set(undecided.filter((port) => leadsToGuest(socket, port)).map(({ index }) => index));
    const uplinks = new Set<number>();
    for (const address of guestPorts.size === 0 ? [] : elsewhere) {
      ask(socket, routeRequest(address), (message) => {
        if (message.kind === 'route') uplinks.add(message.link);
      });
    }
    return { links, addresses, guestPorts, uplinks };
  } finally {
    socket.close();
  }
}

/**
 * Whether the other end of a veth is an endpoint in a network namespace below ours. An end that is itself a port, here or there, leads
 * on; so does one whose namespace we may not look into: it is not ours.
 */
function leadsToGuest(socket: NetlinkSocket, { peer }: Link): boolean {
  if (peer?.namespace === undefined) return false;
  let isEndpoint = false;
  ask(socket, linkElsewhereRequest({ index: peer.index, namespace: peer.namespace }), (message) => {
    if (message.kind === 'link') isEndpoint = message.link.master === 0;
  });
  return isEndpoint;
}

/** The kernel answers while it is asked, so there is nothing to wait for. False: it did not, or not wholly. */
function ask(socket: NetlinkSocket, message: Uint8Array, take: (message: RouteMessage) => void): boolean {
  if (!socket.send(message).ok) return false;
  const isDump = ((message[7] ?? 0) & 0x3) !== 0;
  for (;;) {
    let ending: 'whole' | 'refused' | undefined;
    const outcome = socket.receive((bytes) => {
      const told = readRouteDatagram(bytes, take);
      if (told.errno !== undefined && told.errno !== 0) ending = 'refused';
      else if (!isDump || told.dump === 'done') ending = 'whole';
    });
    if (ending !== undefined) return ending === 'whole';
    if (outcome.kind !== 'received') return false;
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
  return { links, addresses, guestPorts: new Set(), uplinks: new Set() };
}
