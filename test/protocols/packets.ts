// Whole IP packets in bytes, right in every checksum unless a test breaks one: what a network card or a raw socket would carry.
// Each packet has a tag (IPv4's identification, IPv6's flow label) by which witness.ts knows it again.

import { type Address, addressValue, type Family, familyOf } from '#model/address.ts';

export interface Packet {
  readonly family: Family;
  readonly source: Address;
  readonly target: Address;
  readonly bytes: Buffer;
}

/** What follows the IP header: protocol number and bytes, whose checksum may need the addresses. */
export interface Payload {
  readonly protocol: number;
  make(ends: Ends): Buffer;
}

export interface Ends {
  readonly source: Address;
  readonly target: Address;
}

export const address = (text: string): Address => text as Address;

export function addressBytes(of: Address): Buffer {
  const length = familyOf(of) === 'ipv4' ? 4 : 16;
  return Buffer.from(
    addressValue(of)
      .toString(16)
      .padStart(length * 2, '0'),
    'hex',
  );
}

export interface PacketOptions {
  readonly tag: number;
  readonly hopLimit?: number;
  /** Of IPv6: extension headers before the payload, as [its own number, its bytes without the next-header byte]. */
  readonly extensions?: readonly (readonly [number, Buffer])[];
}

export function packet(ends: Ends, payload: Payload, options: PacketOptions): Packet {
  const family = familyOf(ends.source);
  const body = payload.make(ends);
  const bytes =
    family === 'ipv4'
      ? ipv4(ends, {
          protocol: payload.protocol,
          body,
          tag: options.tag,
          hopLimit: options.hopLimit ?? 64,
          fragment: 0,
        })
      : ipv6(ends, payload.protocol, body, options);
  return { family, ...ends, bytes };
}

/** The packet cut at multiples of eight bytes of its payload: `parts` are [offset, length, whether more follow]. */
export function fragments(
  ends: Ends,
  payload: Payload,
  options: PacketOptions & { readonly parts: readonly (readonly [number, number, 'more' | 'last'])[] },
): readonly Packet[] {
  const family = familyOf(ends.source);
  const body = payload.make(ends);
  return options.parts.map(([offset, length, following]) => {
    const part = body.subarray(offset, offset + length);
    const field = (offset >> 3) | (following === 'more' ? 0x2000 : 0);
    if (family === 'ipv4') {
      const header = { protocol: payload.protocol, body: part, tag: options.tag, hopLimit: 64, fragment: field };
      return { family, ...ends, bytes: ipv4(ends, header) };
    }
    const fragment = Buffer.alloc(7);
    fragment.writeUInt16BE(offset | (following === 'more' ? 1 : 0), 1);
    fragment.writeUInt32BE(options.tag, 3);
    return { family, ...ends, bytes: ipv6(ends, payload.protocol, part, { ...options, extensions: [[44, fragment]] }) };
  });
}

function ipv4(
  { source, target }: Ends,
  header: { protocol: number; body: Buffer; tag: number; hopLimit: number; fragment: number },
): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.set([0x45, 0], 0);
  bytes.writeUInt16BE(20 + header.body.length, 2);
  bytes.writeUInt16BE(header.tag, 4);
  bytes.writeUInt16BE(header.fragment, 6);
  bytes.set([header.hopLimit, header.protocol], 8);
  bytes.set(addressBytes(source), 12);
  bytes.set(addressBytes(target), 16);
  bytes.writeUInt16BE(checksum(bytes), 10);
  return Buffer.concat([bytes, header.body]);
}

function ipv6({ source, target }: Ends, protocol: number, body: Buffer, options: PacketOptions): Buffer {
  const { extensions = [] } = options;
  const numbers = [...extensions.map(([number]) => number), protocol];
  const between = extensions.map(([, rest], index) => Buffer.concat([Buffer.from([numbers[index + 1] ?? 59]), rest]));
  const after = Buffer.concat([...between, body]);
  const bytes = Buffer.alloc(40);
  bytes.writeUInt32BE(0x60000000 + options.tag, 0);
  bytes.writeUInt16BE(after.length, 4);
  bytes.set([numbers[0] ?? protocol, options.hopLimit ?? 64], 6);
  bytes.set(addressBytes(source), 8);
  bytes.set(addressBytes(target), 24);
  return Buffer.concat([bytes, after]);
}

// ---- payloads

export interface TcpOptions {
  readonly flags: number;
  readonly sequence?: number;
  readonly acknowledgement?: number;
  readonly data?: Buffer;
}

export const tcpFlags = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const;

export function tcp(from: number, to: number, options: TcpOptions): Payload {
  return {
    protocol: 6,
    make: (ends) => {
      const bytes = Buffer.concat([Buffer.alloc(20), options.data ?? Buffer.alloc(0)]);
      bytes.writeUInt16BE(from, 0);
      bytes.writeUInt16BE(to, 2);
      bytes.writeUInt32BE(options.sequence ?? 1000, 4);
      bytes.writeUInt32BE(options.acknowledgement ?? 0, 8);
      bytes.set([0x50, options.flags], 12);
      bytes.writeUInt16BE(0xffff, 14);
      return withChecksum(bytes, 16, 6, ends);
    },
  };
}

/**
 * `protocol` 17, or 136 for UDP-Lite, whose length field says how much the checksum covers (0: all), with the checksum that Linux's
 * conntrack expects: it reckons with UDP's number (6.18), and calls invalid what UDP-Lite's own definition makes.
 */
export function udp(from: number, to: number, data: Buffer = Buffer.from('hello'), protocol: 17 | 136 = 17): Payload {
  return {
    protocol,
    make: (ends) => {
      const bytes = Buffer.concat([Buffer.alloc(8), data]);
      bytes.writeUInt16BE(from, 0);
      bytes.writeUInt16BE(to, 2);
      bytes.writeUInt16BE(protocol === 17 ? bytes.length : 0, 4);
      return withChecksum(bytes, 6, 17, ends);
    },
  };
}

/** `rest`: what follows the checksum; for errors four bytes and the packet they are about. */
export function icmp(
  family: Family,
  type: number,
  code = 0,
  rest: Buffer = Buffer.from([0, 1, 0, 1, 1, 2, 3, 4]),
): Payload {
  return {
    protocol: family === 'ipv4' ? 1 : 58,
    make: (ends) => {
      const bytes = Buffer.concat([Buffer.from([type, code, 0, 0]), rest]);
      if (family === 'ipv6') return withChecksum(bytes, 2, 58, ends);
      bytes.writeUInt16BE(checksum(bytes), 2);
      return bytes;
    },
  };
}

export function aboutPacket(about: Packet, word = 0): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(word);
  return Buffer.concat([head, about.bytes.subarray(0, 120)]);
}

/** An SCTP packet that begins an association. */
export function sctpInit(from: number, to: number): Payload {
  return {
    protocol: 132,
    make: () => {
      const bytes = Buffer.alloc(32);
      bytes.writeUInt16BE(from, 0);
      bytes.writeUInt16BE(to, 2);
      bytes.set([1, 0, 0, 20], 12);
      bytes.writeUInt32BE(0x01020304, 16);
      bytes.writeUInt32BE(65_536, 20);
      bytes.writeUInt16BE(1, 24);
      bytes.writeUInt16BE(1, 26);
      bytes.writeUInt32BE(7, 28);
      bytes.writeUInt32LE(crc32c(bytes), 8);
      return bytes;
    },
  };
}

/** A request of DCCP to begin a connection. */
export function dccpRequest(from: number, to: number): Payload {
  return {
    protocol: 33,
    make: (ends) => {
      const bytes = Buffer.alloc(20);
      bytes.writeUInt16BE(from, 0);
      bytes.writeUInt16BE(to, 2);
      bytes.set([5, 0], 4);
      bytes.set([1], 8);
      return withChecksum(bytes, 6, 33, ends);
    },
  };
}

/** Any other protocol: its number and some bytes (GRE's would be its flags and the EtherType within). */
export function other(protocol: number, bytes: Buffer = Buffer.from([0, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 2])): Payload {
  return { protocol, make: () => bytes };
}

function withChecksum(bytes: Buffer, at: number, protocol: number, { source, target }: Ends): Buffer {
  const pseudo = Buffer.alloc(8);
  pseudo.writeUInt32BE(bytes.length, 0);
  pseudo.writeUInt32BE(protocol, 4);
  const sum = checksum(Buffer.concat([addressBytes(source), addressBytes(target), pseudo, bytes]));
  bytes.writeUInt16BE(sum === 0 && protocol !== 58 ? 0xffff : sum, at);
  return bytes;
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2)
    sum += at + 1 < bytes.length ? bytes.readUInt16BE(at) : (bytes[at] ?? 0) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** SCTP's checksum, bit by bit: packets are few and short. */
function crc32c(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}
