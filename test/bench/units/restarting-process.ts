// The process of units that restart, inside a host: leaves their cgroups, makes them anew, opens a socket in each as a service does, and
// sends until the kernel lets a datagram pass that only the unit's own rules allow (a dropped one is refused with EPERM). A look every
// 0.1 ms, so that what is measured is the agent's time. One JSON command a line, one answer each.

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import koffi from 'koffi';

export interface RestartCommand {
  /** Cgroups to leave and make, below the tree. */
  readonly units: readonly string[];
  /** Of the remote side, IPv4. */
  readonly address: string;
  readonly port: number;
  readonly timeoutMs: number;
}

/** By unit, milliseconds from the making of its cgroup to the first datagram that passed; -1: none did. */
export type RestartAnswer = readonly number[];

const c = koffi.load('libc.so.6');
const socket = c.func('int socket(int domain, int type, int protocol)') as (...args: number[]) => number;
const closeDescriptor = c.func('int close(int fd)') as (fd: number) => number;
const sendTo = c.func(
  'long sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t addressLength)',
) as (fd: number, bytes: Uint8Array, length: number, flags: number, address: Uint8Array, size: number) => number;
const ipv4 = 2;
const datagram = 2;
const dontWait = 0x40;
const betweenLooksMs = 0.1;

const [tree = ''] = process.argv.slice(2);
const nowhere = join(tree, 'system.slice/elsewhere.service');
mkdirSync(nowhere, { recursive: true });
const pause = new Int32Array(new SharedArrayBuffer(4));
const standing = new Set<string>();

const enter = (folder: string) => writeFileSync(join(folder, 'cgroup.procs'), String(process.pid));

function restart({ units, address, port, timeoutMs }: RestartCommand): RestartAnswer {
  const target = Buffer.alloc(16);
  target.writeUInt16LE(ipv4, 0);
  target.writeUInt16BE(port, 2);
  for (const [index, part] of address.split('.').entries()) target.writeUInt8(Number(part), 4 + index);
  enter(nowhere);
  for (const unit of units) if (standing.delete(unit)) rmdirSync(join(tree, unit));
  const waiting = new Map<number, { readonly fd: number; readonly madeAt: number }>();
  const made = units.map((unit) => {
    mkdirSync(join(tree, unit), { recursive: true });
    standing.add(unit);
    return performance.now();
  });
  for (const [index, unit] of units.entries()) {
    enter(join(tree, unit));
    waiting.set(index, { fd: socket(ipv4, datagram, 0), madeAt: made[index] ?? Number.NaN });
  }
  const took = units.map(() => -1);
  const until = performance.now() + timeoutMs;
  while (waiting.size > 0 && performance.now() < until) {
    for (const [index, { fd, madeAt }] of waiting) {
      if (sendTo(fd, target, 1, dontWait, target, target.length) !== 1) continue;
      took[index] = performance.now() - madeAt;
      closeDescriptor(fd);
      waiting.delete(index);
    }
    if (waiting.size > 0) Atomics.wait(pause, 0, 0, betweenLooksMs);
  }
  for (const { fd } of waiting.values()) closeDescriptor(fd);
  return took;
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(restart(JSON.parse(line) as RestartCommand))}\n`);
}
enter(nowhere);
