// Waits until one of some file descriptors can be read, on a thread of libuv's pool, and can be woken at once: for netlink
// sockets, which Node's own event loop cannot watch. One wait at a time; a process that exits without stopping wakes it, or it would be
// held up by the thread that waits.

import { closeSync, readSync, writeSync } from 'node:fs';
import * as library from './libc.ts';

export interface Readiness {
  /** Descriptors that can be read (or failed); empty after a wake-up or the time limit. */
  wait(): Promise<ReadonlySet<number>>;
  wake(): void;
  /** Only while nobody waits. */
  close(): void;
}

/** Each end wakes an idle process for nothing. Not for ever, in case a wake-up is missed. */
const waitLimitMs = 60_000;
const eventNonBlocking = 0o4000;
const eventCloseOnExec = 0o2000000;
const pollIn = 1;
const recordBytes = 8;

export function createReadiness(descriptors: readonly number[]): Readiness {
  const waker = library.eventDescriptor(0, eventNonBlocking | eventCloseOnExec);
  if (waker < 0) throw new Error(`eventfd failed with errno ${library.lastErrno()}`);
  const all = [waker, ...descriptors];
  const records = Buffer.allocUnsafeSlow(recordBytes * all.length).fill(0);
  for (const [index, descriptor] of all.entries()) {
    records.writeInt32LE(descriptor, index * recordBytes);
    records.writeInt16LE(pollIn, index * recordBytes + 4);
  }
  const one = Buffer.alloc(8);
  one.writeBigUInt64LE(1n);
  const wake = () => void writeSync(waker, one);
  process.once('exit', wake);

  return {
    async wait() {
      const ready = new Set<number>();
      if ((await library.poll(records, all.length, waitLimitMs)) <= 0) return ready;
      for (const [index, descriptor] of all.entries()) {
        if (records.readInt16LE(index * recordBytes + 6) === 0) continue;
        if (descriptor === waker) readSync(waker, Buffer.alloc(8));
        else ready.add(descriptor);
      }
      return ready;
    },
    wake,
    close() {
      process.removeListener('exit', wake);
      closeSync(waker);
    },
  };
}
