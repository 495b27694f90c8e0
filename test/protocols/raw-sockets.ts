// Raw packets into a host (frames, sent at a neighbour's card) and out of it (its own raw sockets), from this process: a socket
// belongs to the namespace in which it was opened. Nothing is received here; witness.ts says what passed.

import { closeSync, openSync } from 'node:fs';
import koffi from 'koffi';
import { familyOf } from '#model/address.ts';
import type { LabHost } from '#test/support/lab.ts';
import { addressBytes, type Packet } from './packets.ts';

type Call = (...args: unknown[]) => number;
const c = koffi.load('libc.so.6');
const setns = c.func('int setns(int fd, int type)') as Call;
const socket = c.func('int socket(int domain, int type, int protocol)') as Call;
const bind = c.func('int bind(int fd, const void *address, uint32_t length)') as Call;
const setOption = c.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)') as Call;
const interfaceIndex = c.func('uint32_t if_nametoindex(const char *name)') as Call;
const send = c.func('long send(int fd, const void *bytes, size_t length, int flags)') as Call;
const sendTo = c.func(
  'long sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t addressLength)',
) as Call;
const closeDescriptor = c.func('int close(int fd)') as Call;

const newNetwork = 0x40000000;
/** Of packets that a test has a host send, by which they are told from the kernel's own. */
export const rawMark = 0x7a57;
const raw = 3;

export interface RawSockets {
  /** The host's card receives it. */
  arrive(packet: Packet): void;
  /** The host sends it; `refused`: its own rules did not let it. */
  leave(packet: Packet): 'sent' | 'refused';
  close(): void;
}

export async function openRawSockets(host: LabHost, neighbour: LabHost): Promise<RawSockets> {
  const link = await host.exec(['cat', '/sys/class/net/eth0/address']);
  const mac = /link\/ether (\S+)/.exec((await host.exec(['ip', 'link', 'show', 'eth0'])).stdout)?.[1];
  if (mac === undefined) throw new Error(`eth0 of ${host.name} has no address: ${link.stderr}`);
  const hostMac = Buffer.from(mac.replaceAll(':', ''), 'hex');
  const arriving = inNamespace(neighbour, () => {
    const made = opened(socket(17, raw, 0));
    const name = Buffer.alloc(20);
    name.writeUInt16LE(17, 0);
    name.writeInt32LE(interfaceIndex('eth0'), 4);
    if (bind(made, name, name.length) < 0) throw new Error('a packet socket could not be bound');
    return made;
  });
  // Protocol 255: the whole header is ours.
  const leaving = {
    ipv4: inNamespace(host, () => opened(socket(2, raw, 255))),
    ipv6: inNamespace(host, () => opened(socket(10, raw, 255))),
  };
  setOption(leaving.ipv4, 1, 6, Buffer.from([1, 0, 0, 0]), 4);
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(rawMark);
  for (const descriptor of Object.values(leaving)) setOption(descriptor, 1, 36, mark, 4);
  const index = inNamespace(host, () => interfaceIndex('eth0'));
  return {
    arrive({ family, target, bytes }) {
      const frame = Buffer.concat([
        cardOf(target, hostMac),
        Buffer.from([2, 0, 0, 0, 0, 1]),
        etherTypes[family],
        bytes,
      ]);
      if (send(arriving, frame, frame.length, 0) !== frame.length)
        throw new Error(`a frame was not sent: ${koffi.errno()}`);
    },
    leave({ family, target, bytes }) {
      const name = Buffer.alloc(family === 'ipv4' ? 16 : 28);
      name.writeUInt16LE(family === 'ipv4' ? 2 : 10, 0);
      name.set(addressBytes(target), family === 'ipv4' ? 4 : 8);
      if (family === 'ipv6') name.writeUInt32LE(index, 24);
      if (sendTo(leaving[family], bytes, bytes.length, 0, name, name.length) >= 0) return 'sent';
      const errno = koffi.errno();
      // EPERM: dropped. Anything else is a fault of the test.
      if (errno !== 1) throw new Error(`a packet to ${target} was not sent: errno ${errno}`);
      return 'refused';
    },
    close: () => {
      for (const descriptor of [arriving, leaving.ipv4, leaving.ipv6]) closeDescriptor(descriptor);
    },
  };
}

const etherTypes = { ipv4: Buffer.from([0x08, 0x00]), ipv6: Buffer.from([0x86, 0xdd]) } as const;

/** Groups and broadcasts have cards' addresses of their own. */
function cardOf(target: Packet['target'], hostMac: Buffer): Buffer {
  const bytes = addressBytes(target);
  if (familyOf(target) === 'ipv6')
    return bytes[0] === 0xff ? Buffer.from([0x33, 0x33, ...bytes.subarray(12)]) : hostMac;
  const [first = 0, second = 0, third = 0, last = 0] = bytes;
  if (last === 255) return Buffer.alloc(6, 0xff);
  return first >= 224 && first < 240 ? Buffer.from([1, 0, 0x5e, second & 0x7f, third, last]) : hostMac;
}

function opened(descriptor: number): number {
  if (descriptor < 0) throw new Error(`a raw socket could not be opened: errno ${koffi.errno()}`);
  return descriptor;
}

/** Only this thread enters, and only for the time of `work`. */
function inNamespace<T>(host: LabHost, work: () => T): T {
  const own = openSync('/proc/thread-self/ns/net', 'r');
  const namespace = openSync(`/run/netns/${host.namespace}`, 'r');
  try {
    if (setns(namespace, newNetwork) < 0) throw new Error(`${host.namespace} could not be entered`);
    return work();
  } finally {
    // It cannot fail: the namespace is this process's own, and open.
    setns(own, newNetwork);
    closeSync(namespace);
    closeSync(own);
  }
}
