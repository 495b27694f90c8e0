// What the kernel's routing netlink tells of this host's own side of its guests' networks: which interface leads into which network
// namespace, which bridge it is a port of, and behind which port a neighbour was heard. Nothing of it is a guest's to say but what
// address it answers for. Numbers are Linux's (rtnetlink(7), linux/if_link.h, linux/neighbour.h, linux/net_namespace.h).

import { type Address, addressValue, familyOf, parseAddress } from '#model/address.ts';
import { eachAttribute, headerBytes, messageDone, messageError } from './attributes.ts';
import { attribute, dumpFlags, joined } from './request.ts';

const messages = { newLink: 16, getLink: 18, newNeighbour: 28, getNeighbour: 30, newNsid: 88, getNsid: 90 } as const;
const flagRequest = 1;
const linkBytes = 16;
const neighbourBytes = 12;
const namespaceBytes = 4;
const families = { ipv4: 2, bridge: 7, ipv6: 10 } as const;
const attributes = {
  link: { name: 3, master: 10, info: 18, namespace: 37 },
  kind: 1,
  neighbour: { destination: 1, hardware: 2, vlan: 5, master: 9 },
  nsid: { id: 1, pid: 2 },
} as const;
/** NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_PERMANENT: the kernel would send there. */
const usable = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;

export interface Link {
  readonly index: number;
  readonly name: string;
  /** As in "veth", "bridge", "tun"; empty for what is no virtual device. */
  readonly kind: string;
  /** The bridge or other device that it is a port of. */
  readonly master?: number;
  /** Present where its other end is in another network namespace; the kernel's number for that one. */
  readonly namespace?: number;
}

/** By whom an address was answered for, or, without one, behind which port of a bridge a hardware address was heard. */
export interface Neighbour {
  readonly device: number;
  readonly hardware: string;
  readonly address?: Address;
}

/** An address, and the link on which it would be. */
export interface Place {
  readonly device: number;
  readonly address: Address;
}

export interface RouteAnswer {
  readonly links: readonly Link[];
  readonly neighbours: readonly Neighbour[];
  readonly namespace?: number;
  readonly isDone: boolean;
  /** 0 is an acknowledgement. */
  readonly errno?: number;
}

export function renderLinkDump(): Uint8Array {
  return request(messages.getLink, dumpFlags, new Uint8Array(linkBytes));
}

/** By whom an address was answered for on a link. Linux 5.0; it fails where nobody was asked for it. */
export function renderNeighbourQuestion({ device, address }: Place): Uint8Array {
  const isIpv4 = familyOf(address) === 'ipv4';
  const destination = new Uint8Array(isIpv4 ? 4 : 16);
  let rest = addressValue(address);
  for (let at = destination.length - 1; at >= 0; at -= 1, rest >>= 8n) destination[at] = Number(rest & 0xffn);
  const head = new Uint8Array(neighbourBytes);
  head[0] = isIpv4 ? families.ipv4 : families.ipv6;
  new DataView(head.buffer).setInt32(4, device, true);
  return request(
    messages.getNeighbour,
    flagRequest,
    joined([head, attribute(attributes.neighbour.destination, destination)]),
  );
}

/** Behind which port a bridge heard a hardware address; `vlan` 0 where it tells no VLANs apart. Linux 5.0; it fails where it heard none. */
export function renderPortQuestion(given: {
  readonly bridge: number;
  readonly hardware: string;
  readonly vlan: number;
}): Uint8Array {
  const head = new Uint8Array(neighbourBytes);
  head[0] = families.bridge;
  const master = new Uint8Array(4);
  new DataView(master.buffer).setUint32(0, given.bridge, true);
  const hardware = Uint8Array.from(given.hardware.split(':'), (byte) => Number.parseInt(byte, 16));
  const vlan = new Uint8Array(2);
  new DataView(vlan.buffer).setUint16(0, given.vlan, true);
  return request(
    messages.getNeighbour,
    flagRequest,
    joined([
      head,
      attribute(attributes.neighbour.hardware, hardware),
      attribute(attributes.neighbour.master, master),
      ...(given.vlan === 0 ? [] : [attribute(attributes.neighbour.vlan, vlan)]),
    ]),
  );
}

/** Which number the kernel has for the network namespace of a process. */
export function renderNamespaceQuestion(pid: number): Uint8Array {
  const value = new Uint8Array(4);
  new DataView(value.buffer).setUint32(0, pid, true);
  return request(
    messages.getNsid,
    flagRequest,
    joined([new Uint8Array(namespaceBytes), attribute(attributes.nsid.pid, value)]),
  );
}

function request(type: number, flags: number, body: Uint8Array): Uint8Array {
  const bytes = joined([new Uint8Array(headerBytes), body]);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  return bytes;
}

/** What cannot be read is left out. */
export function parseRouteAnswer(bytes: Uint8Array): RouteAnswer {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const links: Link[] = [];
  const neighbours: Neighbour[] = [];
  let namespace: number | undefined;
  let isDone = false;
  let errno: number | undefined;
  for (let at = 0; at + headerBytes <= view.byteLength; ) {
    const length = view.getUint32(at, true);
    if (length < headerBytes || at + length > view.byteLength) break;
    const type = view.getUint16(at + 4, true);
    const from = at + headerBytes;
    const to = at + length;
    if (type === messageDone) isDone = true;
    else if (type === messageError && to >= from + 4) errno = -view.getInt32(from, true);
    else if (type === messages.newLink) links.push(...linkAt(view, from, to));
    else if (type === messages.newNeighbour) neighbours.push(...neighbourAt(view, from, to));
    else if (type === messages.newNsid) namespace = nsidAt(view, from, to);
    at += (length + 3) & ~3;
  }
  return {
    links,
    neighbours,
    isDone,
    ...(namespace === undefined ? {} : { namespace }),
    ...(errno === undefined ? {} : { errno }),
  };
}

function linkAt(view: DataView, from: number, to: number): readonly Link[] {
  if (from + linkBytes > to) return [];
  const index = view.getInt32(from + 4, true);
  let [name, kind] = ['', ''];
  let master: number | undefined;
  let namespace: number | undefined;
  eachAttribute(view, from + linkBytes, to, (type, at, length) => {
    if (type === attributes.link.name) name = textAt(view, at, length);
    else if (type === attributes.link.master && length === 4) master = view.getUint32(at, true);
    else if (type === attributes.link.namespace && length === 4) namespace = view.getInt32(at, true);
    else if (type === attributes.link.info)
      eachAttribute(view, at, at + length, (inner, innerAt, innerLength) => {
        if (inner === attributes.kind) kind = textAt(view, innerAt, innerLength);
        return true;
      });
    return true;
  });
  if (name === '') return [];
  return [
    {
      index,
      name,
      kind,
      ...(master === undefined ? {} : { master }),
      ...(namespace === undefined ? {} : { namespace }),
    },
  ];
}

function neighbourAt(view: DataView, from: number, to: number): readonly Neighbour[] {
  if (from + neighbourBytes > to) return [];
  const family = view.getUint8(from);
  const device = view.getInt32(from + 4, true);
  const isUsable = (view.getUint16(from + 8, true) & usable) !== 0;
  let hardware = '';
  let address: Address | undefined;
  eachAttribute(view, from + neighbourBytes, to, (type, at, length) => {
    if (type === attributes.neighbour.hardware) hardware = hexAt(view, at, length);
    else if (type === attributes.neighbour.destination) address = addressAt(view, at, length);
    return true;
  });
  if (hardware === '') return [];
  if (family === families.bridge) return [{ device, hardware }];
  return isUsable && address !== undefined ? [{ device, hardware, address }] : [];
}

function nsidAt(view: DataView, from: number, to: number): number | undefined {
  let id: number | undefined;
  eachAttribute(view, from + namespaceBytes, to, (type, at, length) => {
    if (type === attributes.nsid.id && length === 4) id = view.getInt32(at, true);
    return true;
  });
  return id === undefined || id < 0 ? undefined : id;
}

function textAt(view: DataView, at: number, length: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, length);
  return String.fromCharCode(...bytes).replace(/\0.*$/s, '');
}

function hexAt(view: DataView, at: number, length: number): string {
  return Array.from({ length }, (_, index) =>
    view
      .getUint8(at + index)
      .toString(16)
      .padStart(2, '0'),
  ).join(':');
}

function addressAt(view: DataView, at: number, length: number): Address | undefined {
  const parts =
    length === 4
      ? Array.from({ length: 4 }, (_, index) => view.getUint8(at + index)).join('.')
      : Array.from({ length: 8 }, (_, index) =>
          length === 16 ? view.getUint16(at + 2 * index).toString(16) : '',
        ).join(':');
  const address = parseAddress(parts);
  return address.ok ? address.value : undefined;
}
