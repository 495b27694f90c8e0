// Routing netlink, both ways: the lists of links and of addresses, one link of another network namespace, and which link leads
// towards an address. Numbers are in the machine's byte order, little endian on both machines we run on; addresses are bytes in order.

import { type Address, addressFromIpv4Number, addressFromValue, addressValue, familyOf } from '#model/address.ts';
import { eachAttribute, headerBytes, messageDone, messageError } from './attributes.ts';

/** One network interface. `kind` is the driver's name for a virtual one (bridge, veth, tun, vlan …), empty for a device of hardware. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly kind: string;
  /** Set up by the administrator, whether or not it has carrier. */
  readonly up: 'yes' | 'no';
  readonly carrier: 'yes' | 'no';
  /** Index of the bridge or bond that it is a port of, 0 without one. */
  readonly master: number;
  /** Of a veth: the other end's index, and the local number of its network namespace, absent where that is this one. */
  readonly peer: { readonly index: number; readonly namespace?: number } | undefined;
}

export interface LinkAddress {
  readonly link: number;
  readonly address: Address;
  readonly prefixLength: number;
  /** Duplicate address detection found another host with it: the kernel does not use it. */
  readonly duplicate: 'yes' | 'no';
}

export type RouteMessage =
  | { readonly kind: 'link'; readonly link: Link }
  | { readonly kind: 'address'; readonly address: LinkAddress }
  | { readonly kind: 'route'; readonly route: Route };

/** `links`: one, or those that traffic is spread over. `from`: who made it, by the kernel's number (rtnetlink(7), rtm_protocol). */
export interface Route {
  readonly links: readonly number[];
  readonly from: number;
}

/** Of routes that the kernel made itself, that an administrator added by hand, and that configuration names; of a DHCP client's. */
export const routeMakers = { kernel: 2, boot: 3, static: 4, dhcp: 16 } as const;

const messageTypes = { newLink: 16, getLink: 18, newAddress: 20, getAddress: 22, newRoute: 24, getRoute: 26 } as const;
const flagRequest = 1;
const flagDump = 0x300;
const linkHeaderBytes = 16;
const addressHeaderBytes = 8;
const routeHeaderBytes = 12;
const linkAttributes = { name: 3, link: 5, master: 10, info: 18, namespace: 37, targetNamespace: 46 } as const;
const infoKind = 1;
const addressAttributes = { address: 1, local: 2, flags: 8 } as const;
const routeAttributes = { destination: 1, output: 4, paths: 9 } as const;
/** RTM_F_FIB_MATCH: tell the entry that was found, and not what would be done by it. */
const flagEntry = 0x2000;
const linkFlags = { up: 1, lowerUp: 0x10000 } as const;
const duplicateFlag = 8;
const families = { ipv4: 2, ipv6: 10 } as const;

export function linksRequest(): Uint8Array {
  return request(messageTypes.getLink, flagDump, linkHeaderBytes, []);
}

export function addressesRequest(): Uint8Array {
  return request(messageTypes.getAddress, flagDump, addressHeaderBytes, []);
}

/** A link of another network namespace, by the number that this one has for it. Needs CAP_NET_ADMIN there. */
export function linkElsewhereRequest(given: { readonly index: number; readonly namespace: number }): Uint8Array {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setInt32(0, given.namespace, true);
  const bytes = request(messageTypes.getLink, 0, linkHeaderBytes, [[linkAttributes.targetNamespace, number]]);
  new DataView(bytes.buffer).setInt32(headerBytes + 4, given.index, true);
  return bytes;
}

/** The route by which the kernel would send a packet to that address. */
export function routeRequest(to: Address): Uint8Array {
  const family = familyOf(to);
  const size = family === 'ipv4' ? 4 : 16;
  const destination = new Uint8Array(size);
  let rest = addressValue(to);
  for (let at = size - 1; at >= 0; at -= 1) {
    destination[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  const bytes = request(messageTypes.getRoute, 0, routeHeaderBytes, [[routeAttributes.destination, destination]]);
  bytes[headerBytes] = families[family];
  bytes[headerBytes + 1] = size * 8;
  new DataView(bytes.buffer).setUint32(headerBytes + 8, flagEntry, true);
  return bytes;
}

function request(
  type: number,
  flags: number,
  bodyBytes: number,
  attributes: readonly (readonly [type: number, value: Uint8Array])[],
): Uint8Array {
  const length = attributes.reduce((sum, [, value]) => sum + 4 + value.length, headerBytes + bodyBytes);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flagRequest | flags, true);
  let at = headerBytes + bodyBytes;
  for (const [attribute, value] of attributes) {
    view.setUint16(at, 4 + value.length, true);
    view.setUint16(at + 2, attribute, true);
    bytes.set(value, at + 4);
    at += 4 + value.length;
  }
  return bytes;
}

/** `errno` 0 is an acknowledgement. A message that cannot be read is left out and counted. Whether a list changed while it was read is not told. */
export interface RouteDatagram {
  readonly malformed: number;
  readonly dump: 'going-on' | 'done';
  readonly errno?: number;
}

export function readRouteDatagram(bytes: Uint8Array, take: (message: RouteMessage) => void): RouteDatagram {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let malformed = 0;
  let dump: RouteDatagram['dump'] = 'going-on';
  let errno: number | undefined;
  let at = 0;
  while (at < view.byteLength) {
    const length = at + headerBytes > view.byteLength ? 0 : view.getUint32(at, true);
    if (length < headerBytes || at + length > view.byteLength) {
      malformed += 1;
      break;
    }
    const type = view.getUint16(at + 4, true);
    if (type === messageDone) {
      dump = 'done';
    } else if (type === messageError) {
      if (length >= headerBytes + 4) errno = -view.getInt32(at + headerBytes, true);
    } else {
      const message = readMessage(view, { type, from: at + headerBytes, to: at + length });
      if (message !== undefined) take(message);
      else if (Object.values<number>(messageTypes).includes(type)) malformed += 1;
    }
    at += (length + 3) & ~3;
  }
  return { malformed, dump, ...(errno !== undefined && { errno }) };
}

interface Place {
  readonly type: number;
  readonly from: number;
  readonly to: number;
}

function readMessage(view: DataView, place: Place): RouteMessage | undefined {
  if (place.type === messageTypes.newLink) return readLink(view, place);
  if (place.type === messageTypes.newAddress) return readAddress(view, place);
  return place.type === messageTypes.newRoute ? readRoute(view, place) : undefined;
}

function readLink(view: DataView, { from, to }: Place): RouteMessage | undefined {
  if (from + linkHeaderBytes > to) return undefined;
  const flags = view.getUint32(from + 8, true);
  let [name, kind, master, peer] = ['', '', 0, 0];
  let namespace: number | undefined;
  const isWhole = eachAttribute(view, from + linkHeaderBytes, to, (type, at, length) => {
    if (type === linkAttributes.name) name = textAt(view, at, length);
    else if (type === linkAttributes.master && length === 4) master = view.getUint32(at, true);
    else if (type === linkAttributes.link && length === 4) peer = view.getUint32(at, true);
    else if (type === linkAttributes.namespace && length === 4) namespace = view.getInt32(at, true);
    else if (type === linkAttributes.info) {
      return eachAttribute(view, at, at + length, (inner, innerAt, innerLength) => {
        if (inner === infoKind) kind = textAt(view, innerAt, innerLength);
        return true;
      });
    }
    return true;
  });
  if (!isWhole) return undefined;
  const isVeth = kind === 'veth' && peer !== 0;
  return {
    kind: 'link',
    link: {
      index: view.getInt32(from + 4, true),
      name,
      kind,
      up: (flags & linkFlags.up) === 0 ? 'no' : 'yes',
      carrier: (flags & linkFlags.lowerUp) === 0 ? 'no' : 'yes',
      master,
      peer: isVeth ? { index: peer, ...(namespace === undefined ? {} : { namespace }) } : undefined,
    },
  };
}

function readAddress(view: DataView, { from, to }: Place): RouteMessage | undefined {
  if (from + addressHeaderBytes > to) return undefined;
  const family = view.getUint8(from);
  if (family !== families.ipv4 && family !== families.ipv6) return undefined;
  let flags = view.getUint8(from + 2);
  let address: Address | undefined;
  let local: Address | undefined;
  const isWhole = eachAttribute(view, from + addressHeaderBytes, to, (type, at, length) => {
    // Of a point-to-point link IFA_ADDRESS is the other end's; IFA_LOCAL is ours wherever it is given.
    if (type === addressAttributes.address) address = addressAt(view, at, length);
    else if (type === addressAttributes.local) local = addressAt(view, at, length);
    else if (type === addressAttributes.flags && length === 4) flags = view.getUint32(at, true);
    return true;
  });
  const own = local ?? address;
  if (!isWhole || own === undefined) return undefined;
  return {
    kind: 'address',
    address: {
      link: view.getUint32(from + 4, true),
      address: own,
      prefixLength: view.getUint8(from + 1),
      duplicate: (flags & duplicateFlag) === 0 ? 'no' : 'yes',
    },
  };
}

function readRoute(view: DataView, { from, to }: Place): RouteMessage | undefined {
  if (from + routeHeaderBytes > to) return undefined;
  const links: number[] = [];
  const isWhole = eachAttribute(view, from + routeHeaderBytes, to, (type, at, length) => {
    if (type === routeAttributes.output && length === 4) links.push(view.getUint32(at, true));
    else if (type === routeAttributes.paths) links.push(...pathsAt(view, at, at + length));
    return true;
  });
  return isWhole ? { kind: 'route', route: { links, from: view.getUint8(from + 5) } } : undefined;
}

/** Links of struct rtnexthop one after the other. */
function pathsAt(view: DataView, from: number, to: number): readonly number[] {
  const links: number[] = [];
  for (let at = from; at + 8 <= to; ) {
    const length = view.getUint16(at, true);
    if (length < 8) break;
    links.push(view.getInt32(at + 4, true));
    at += (length + 3) & ~3;
  }
  return links;
}

function addressAt(view: DataView, at: number, length: number): Address | undefined {
  if (length === 4) return addressFromIpv4Number(view.getUint32(at));
  if (length !== 16) return undefined;
  return addressFromValue('ipv6', (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8));
}

/** Names of interfaces and their kinds: what is not ASCII in them matches no pattern of ours anyhow. */
function textAt(view: DataView, at: number, length: number): string {
  let text = '';
  for (let index = at; index < at + length && view.getUint8(index) !== 0; index += 1) {
    text += String.fromCharCode(view.getUint8(index));
  }
  return text;
}
