// An IP packet as the kernel hands out copies of it: who sent it to whom, and what UDP or TCP carries. Fragments do not come
// here (conntrack has put them together); what cannot be read is undefined.

import { type Address, addressFromIpv4Number, addressFromValue } from '#model/address.ts';

export interface CapturedPacket {
  readonly protocol: 'udp' | 'tcp';
  readonly source: Address;
  readonly sourcePort: number;
  readonly target: Address;
  readonly targetPort: number;
  /** Of TCP: the place of the payload's first byte in the stream; 0 for UDP. */
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** Extension headers of IPv6 that may stand before the payload: hop-by-hop, routing, fragment, destination options. */
const extensions: ReadonlySet<number> = new Set([0, 43, 44, 60]);
const extensionsMost = 8;

export function readPacket(bytes: Uint8Array): CapturedPacket | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = (bytes[0] ?? 0) >> 4;
  if (version === 4) return readIpv4(view, bytes);
  return version === 6 ? readIpv6(view, bytes) : undefined;
}

function readIpv4(view: DataView, bytes: Uint8Array): CapturedPacket | undefined {
  if (bytes.length < 20) return undefined;
  const headerLength = ((bytes[0] ?? 0) & 0x0f) * 4;
  const end = Math.min(view.getUint16(2), bytes.length);
  if (headerLength < 20 || end < headerLength || (view.getUint16(6) & 0x3fff) !== 0) return undefined;
  const ends = {
    source: addressFromIpv4Number(view.getUint32(12)),
    target: addressFromIpv4Number(view.getUint32(16)),
  };
  return readTransport({ view, bytes, protocol: bytes[9] ?? 0, at: headerLength, end, ends });
}

function readIpv6(view: DataView, bytes: Uint8Array): CapturedPacket | undefined {
  if (bytes.length < 40) return undefined;
  const end = Math.min(40 + view.getUint16(4), bytes.length);
  const ends = { source: address6(view, 8), target: address6(view, 24) };
  let protocol = bytes[6] ?? 59;
  let at = 40;
  for (let count = 0; extensions.has(protocol) && count < extensionsMost; count += 1) {
    if (at + 8 > end) return undefined;
    if (protocol === 44 && (view.getUint16(at + 2) & 0xfff9) !== 0) return undefined;
    const length = protocol === 44 ? 8 : ((bytes[at + 1] ?? 0) + 1) * 8;
    protocol = bytes[at] ?? 59;
    at += length;
  }
  return readTransport({ view, bytes, protocol, at, end, ends });
}

function readTransport(packet: {
  readonly view: DataView;
  readonly bytes: Uint8Array;
  readonly protocol: number;
  readonly at: number;
  readonly end: number;
  readonly ends: { readonly source: Address; readonly target: Address };
}): CapturedPacket | undefined {
  const { view, bytes, protocol, at, end, ends } = packet;
  if (protocol !== 17 && protocol !== 6) return undefined;
  if (at + (protocol === 17 ? 8 : 20) > end) return undefined;
  const headerLength = protocol === 17 ? 8 : (view.getUint8(at + 12) >> 4) * 4;
  if (protocol === 6 && (headerLength < 20 || at + headerLength > end)) return undefined;
  return {
    protocol: protocol === 17 ? 'udp' : 'tcp',
    ...ends,
    sourcePort: view.getUint16(at),
    targetPort: view.getUint16(at + 2),
    sequence: protocol === 17 ? 0 : view.getUint32(at + 4),
    payload: bytes.subarray(at + headerLength, end),
  };
}

function address6(view: DataView, at: number): Address {
  return addressFromValue('ipv6', (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8));
}
