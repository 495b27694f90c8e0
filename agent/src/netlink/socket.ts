// Netlink sockets: opened with a large buffer, read many datagrams a call without waiting, and waited for on libuv's pool, so
// no worker thread is needed. A full buffer is an outcome here (`overrun`), never a silence.

import { constants } from 'node:os';
import { err, ok, type Result } from '#model/result.ts';
import * as library from './libc.ts';

export const netlinkProtocols = { route: 0, netfilter: 12 } as const;

export interface NetlinkOptions {
  readonly protocol: number;
  /** The bit mask of sockaddr_nl: bit n - 1 is group n. */
  readonly groups: number;
  /** Asked of the kernel with SO_RCVBUFFORCE, else SO_RCVBUF; the kernel doubles it. */
  readonly receiveBufferBytes: number;
  /** Longest datagram, and how many are read in a call. Default 2048 and 128. */
  readonly datagramBytes?: number;
  readonly datagramsPerCall?: number;
}

/** `overrun`: the kernel threw messages away since the last read. `cut` datagrams were longer than their place. */
export type ReceiveOutcome =
  | { readonly kind: 'received'; readonly datagrams: number; readonly cut: number }
  | { readonly kind: 'empty' }
  | { readonly kind: 'overrun' }
  | { readonly kind: 'failed'; readonly errno: number };

export interface NetlinkSocket {
  readonly descriptor: number;
  /** By which the kernel names this socket to others: nobody else in this network namespace has it while it is open. */
  readonly port: number;
  send(bytes: Uint8Array): Result<void>;
  /** Reads what is there, one call's worth. The bytes are valid only during `take`. */
  receive(take: (bytes: Uint8Array) => void): ReceiveOutcome;
  close(): void;
}

const domainNetlink = 16;
const typeRaw = 3;
const typeCloseOnExec = 0o2000000;
const levelSocket = 1;
const optionReceiveBuffer = 8;
const optionReceiveBufferForce = 33;
const flagDontWait = 0x40;
const flagCut = 0x20;
/** struct mmsghdr on 64-bit Linux: a 56-byte msghdr, then the length received. */
const headerBytes = 64;
const vectorBytes = 16;

/** The error says what failed and how: the operator lacks CAP_NET_ADMIN, or the kernel lacks the protocol. */
export function openNetlink(options: NetlinkOptions): Result<NetlinkSocket> {
  const { datagramBytes = 2048, datagramsPerCall = 128 } = options;
  const descriptor = library.socket(domainNetlink, typeRaw | typeCloseOnExec, options.protocol);
  if (descriptor < 0) return err(`a netlink socket could not be opened: ${errnoName(library.lastErrno())}`);
  const size = Buffer.allocUnsafeSlow(4);
  size.writeInt32LE(options.receiveBufferBytes);
  if (library.setOption(descriptor, levelSocket, optionReceiveBufferForce, size, 4) < 0) {
    library.setOption(descriptor, levelSocket, optionReceiveBuffer, size, 4);
  }
  const address = Buffer.alloc(12);
  address.writeUInt16LE(domainNetlink, 0);
  address.writeUInt32LE(options.groups, 8);
  if (library.bind(descriptor, address, address.length) < 0) {
    const reason = errnoName(library.lastErrno());
    library.close(descriptor);
    return err(`a netlink socket could not join its groups: ${reason}`);
  }
  const addressLength = Buffer.alloc(4);
  addressLength.writeUInt32LE(address.length);
  library.getName(descriptor, address, addressLength);
  const port = address.readUInt32LE(4);

  // One block for the datagrams, one for the headers and the iovecs they point at: only what the closures below name stays
  // alive, and a pointer inside a buffer keeps nothing.
  const datagrams = Buffer.allocUnsafeSlow(datagramBytes * datagramsPerCall);
  const vectorsStart = headerBytes * datagramsPerCall;
  const headers = Buffer.allocUnsafeSlow(vectorsStart + vectorBytes * datagramsPerCall).fill(0);
  const datagramsAt = library.addressOf(datagrams);
  const vectorsAt = library.addressOf(headers) + BigInt(vectorsStart);
  for (let index = 0; index < datagramsPerCall; index += 1) {
    headers.writeBigUInt64LE(datagramsAt + BigInt(index * datagramBytes), vectorsStart + index * vectorBytes);
    headers.writeBigUInt64LE(BigInt(datagramBytes), vectorsStart + index * vectorBytes + 8);
    headers.writeBigUInt64LE(vectorsAt + BigInt(index * vectorBytes), index * headerBytes + 16);
    headers.writeBigUInt64LE(1n, index * headerBytes + 24);
  }

  return ok({
    descriptor,
    port,
    send(bytes) {
      const sent = library.send(descriptor, bytes, bytes.length, 0);
      return sent === bytes.length ? ok(undefined) : err(errnoName(library.lastErrno()));
    },
    receive(take) {
      const count = library.receiveMany(descriptor, headers, datagramsPerCall, flagDontWait, null);
      if (count < 0) return failure(library.lastErrno());
      let cut = 0;
      for (let index = 0; index < count; index += 1) {
        const header = index * headerBytes;
        if ((headers.readUInt32LE(header + 48) & flagCut) !== 0) {
          cut += 1;
          continue;
        }
        const start = index * datagramBytes;
        take(datagrams.subarray(start, start + headers.readUInt32LE(header + 56)));
      }
      return count === 0 ? { kind: 'empty' } : { kind: 'received', datagrams: count, cut };
    },
    close: () => void library.close(descriptor),
  });
}

function failure(errno: number): ReceiveOutcome {
  if (errno === constants.errno.EAGAIN || errno === constants.errno.EINTR) return { kind: 'empty' };
  if (errno === constants.errno.ENOBUFS) return { kind: 'overrun' };
  return { kind: 'failed', errno };
}

export function errnoName(errno: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}
