// Sends many small UDP packets from within a network namespace, each as the first packet of a connection, through sendmmsg:
// frames with invented senders on an interface (what a host receives), or datagrams of its own (what a host sends).
// The kernel handles a packet within the call that sends it, so the time of the call is the cost of packet and rules.

import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';

const c = koffi.load('libc.so.6');
const setns = c.func('int setns(int fd, int type)') as (fd: number, type: number) => number;
const socket = c.func('int socket(int domain, int type, int protocol)') as (...args: number[]) => number;
const bind = c.func('int bind(int fd, const void *address, uint32_t length)') as (
  fd: number,
  address: Uint8Array,
  length: number,
) => number;
const setOption = c.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)') as (
  fd: number,
  level: number,
  name: number,
  value: Uint8Array,
  length: number,
) => number;
const interfaceIndex = c.func('uint32_t if_nametoindex(const char *name)') as (name: string) => number;
const sendMany = c.func('int sendmmsg(int fd, void *messages, unsigned int count, int flags)') as (
  fd: number,
  messages: bigint,
  count: number,
  flags: number,
) => number;
const closeDescriptor = c.func('int close(int fd)') as (fd: number) => number;

const newNetwork = 0x40000000;
const domain = { ipv4: 2, ipv6: 10, packet: 17 } as const;
const raw = 3;
const datagram = 2;
const packetLevel = 263;
const qdiscBypass = 20;
const messageBytes = 64;
const vectorBytes = 16;

export interface Generator {
  /** Sends `packets` packets, a multiple of 64, to the next peers in turn; nanoseconds of wall clock a packet. */
  shoot(packets: number): number;
  close(): void;
}

/** Peers are told apart by the last four bytes of their address: small, so that the list leaves the caches to the kernel. */
export interface Peers {
  readonly any: Uint8Array;
  readonly lastWords: Uint32Array;
}

/** What the host behind `interfaceName`'s other end receives: whole frames, sent in namespace `namespace`. */
export function receivedByHost(request: {
  readonly namespace: string;
  readonly interfaceName: string;
  readonly hostMac: Uint8Array;
  readonly hostAddress: Uint8Array;
  readonly servicePort: number;
  readonly peers: Peers;
}): Generator {
  const { peers } = request;
  const descriptor = inNamespace(request.namespace, () => {
    // Protocol 0: this socket never receives.
    const made = socket(domain.packet, raw, 0);
    const address = Buffer.alloc(20);
    address.writeUInt16LE(domain.packet, 0);
    address.writeInt32LE(interfaceIndex(request.interfaceName), 4);
    if (made < 0 || bind(made, address, address.length) < 0) throw new Error('a packet socket could not be opened');
    setOption(made, packetLevel, qdiscBypass, Buffer.from([1, 0, 0, 0]), 4);
    return made;
  });
  const isIpv4 = peers.any.length === 4;
  const frame = Buffer.concat([
    request.hostMac,
    Buffer.from([2, 0, 0, 0, 0, 1]),
    Buffer.from(isIpv4 ? [0x08, 0x00] : [0x86, 0xdd]),
    datagramBytes({ from: peers.any, fromPort: 40_000, to: request.hostAddress, toPort: request.servicePort }),
  ]);
  const sourceAt = isIpv4 ? 26 : 34;
  return generator({
    descriptor,
    payload: frame,
    perCall: 64,
    lastWords: peers.lastWords,
    aim: (bytes, at, lastWord) => {
      bytes.writeUInt32BE(lastWord, at + sourceAt);
      if (isIpv4) writeHeaderChecksum(bytes, at + 14);
    },
  });
}

/** What the host itself sends: one socket, many destinations. It is dropped on its way out (EPERM), which ends each call. */
export function sentByHost(request: {
  readonly namespace: string;
  readonly servicePort: number;
  readonly peers: Peers;
}): Generator {
  const { servicePort, peers } = request;
  const family = peers.any.length === 4 ? 'ipv4' : 'ipv6';
  const descriptor = inNamespace(request.namespace, () => socket(domain[family], datagram, 0));
  if (descriptor < 0) throw new Error('a UDP socket could not be opened');
  const name = Buffer.alloc(family === 'ipv4' ? 16 : 28);
  name.writeUInt16LE(domain[family], 0);
  name.writeUInt16BE(servicePort, 2);
  name.set(peers.any, family === 'ipv4' ? 4 : 8);
  const lastAt = family === 'ipv4' ? 4 : 20;
  return generator({
    descriptor,
    payload: Buffer.alloc(18),
    name,
    perCall: 1,
    lastWords: peers.lastWords,
    aim: (bytes, at, lastWord) => bytes.writeUInt32BE(lastWord, at + lastAt),
  });
}

function inNamespace<T>(namespace: string, work: () => T): T {
  const own = openSync('/proc/thread-self/ns/net', 'r');
  const other = openSync(`/run/netns/${namespace}`, 'r');
  try {
    if (setns(other, newNetwork) < 0) throw new Error(`the namespace ${namespace} could not be entered`);
    return work();
  } finally {
    if (setns(own, newNetwork) < 0) process.abort();
    closeSync(other);
    closeSync(own);
  }
}

function generator(request: {
  readonly descriptor: number;
  readonly payload: Uint8Array;
  readonly name?: Uint8Array;
  readonly perCall: 1 | 64;
  readonly lastWords: Uint32Array;
  /** Writes the peer into the bytes that carry it: the name where there is one, else the payload. */
  readonly aim: (bytes: Buffer, at: number, lastWord: number) => void;
}): Generator {
  const { descriptor, payload, name, perCall, lastWords, aim } = request;
  const expected = perCall === 1 ? -1 : perCall;
  // The kernel reads these by address: allocated apart from V8's heap, and kept by the closure below.
  const block = (part: Uint8Array) => {
    const bytes = Buffer.allocUnsafeSlow(part.length * perCall);
    for (let index = 0; index < perCall; index += 1) bytes.set(part, index * part.length);
    return { bytes, size: part.length, at: koffi.address(bytes) };
  };
  const data = block(payload);
  const names = name === undefined ? undefined : block(name);
  const aimed = names ?? data;
  const headers = Buffer.allocUnsafeSlow(perCall * (messageBytes + vectorBytes)).fill(0);
  const headersAt = koffi.address(headers);
  const vectors = perCall * messageBytes;
  for (let index = 0; index < perCall; index += 1) {
    const header = index * messageBytes;
    if (names !== undefined) {
      headers.writeBigUInt64LE(names.at + BigInt(index * names.size), header);
      headers.writeUInt32LE(names.size, header + 8);
    }
    headers.writeBigUInt64LE(headersAt + BigInt(vectors + index * vectorBytes), header + 16);
    headers.writeBigUInt64LE(1n, header + 24);
    headers.writeBigUInt64LE(data.at + BigInt(index * data.size), vectors + index * vectorBytes);
    headers.writeBigUInt64LE(BigInt(data.size), vectors + index * vectorBytes + 8);
  }
  const kept: unknown[] = [headers, data, names];
  let next = 0;
  return {
    shoot(packets) {
      let nanos = 0n;
      for (let sent = 0; sent < packets; sent += perCall) {
        for (let index = 0; index < perCall; index += 1) {
          aim(aimed.bytes, index * aimed.size, lastWords[next] ?? 0);
          next = (next + 1) % lastWords.length;
        }
        const startedAt = process.hrtime.bigint();
        const made = sendMany(descriptor, headersAt, perCall, 0);
        nanos += process.hrtime.bigint() - startedAt;
        if (made !== expected) throw new Error(`the kernel took ${made} of ${perCall} packets: errno ${koffi.errno()}`);
      }
      return Number(nanos) / packets;
    },
    close() {
      closeDescriptor(descriptor);
      kept.length = 0;
    },
  };
}

/** IP and UDP headers over 18 bytes of nothing. No UDP checksum: conntrack takes that for either family. */
function datagramBytes(ends: {
  readonly from: Uint8Array;
  readonly fromPort: number;
  readonly to: Uint8Array;
  readonly toPort: number;
}): Buffer {
  const udp = Buffer.alloc(26);
  udp.writeUInt16BE(ends.fromPort, 0);
  udp.writeUInt16BE(ends.toPort, 2);
  udp.writeUInt16BE(udp.length, 4);
  if (ends.from.length === 16) {
    const header = Buffer.alloc(8);
    header.writeUInt8(0x60, 0);
    header.writeUInt16BE(udp.length, 4);
    header.writeUInt8(17, 6);
    header.writeUInt8(64, 7);
    return Buffer.concat([header, ends.from, ends.to, udp]);
  }
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(header.length + udp.length, 2);
  header.writeUInt8(64, 8);
  header.writeUInt8(17, 9);
  header.set(ends.from, 12);
  header.set(ends.to, 16);
  const packet = Buffer.concat([header, udp]);
  writeHeaderChecksum(packet, 0);
  return packet;
}

function writeHeaderChecksum(bytes: Buffer, from: number): void {
  bytes.writeUInt16BE(0, from + 10);
  let sum = 0;
  for (let at = from; at < from + 20; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  bytes.writeUInt16BE(~sum & 0xffff, from + 10);
}
