// One loop reads all of the agent's netlink sockets: waits until one has something, lets more gather for a few milliseconds
// (a call for 200 events costs little more than a call for one), reads it empty, and gives way to the rest of the process
// between calls. Stops as soon as its signal aborts.

import { nextTurn } from '#clock/next-turn.ts';
import { systemClock } from '#clock/system-clock.ts';
import { createReadiness } from './poll.ts';
import type { NetlinkSocket } from './socket.ts';

export interface NetlinkReader {
  readonly socket: NetlinkSocket;
  /** One call's worth; `more` means call again before waiting. */
  read(): 'more' | 'empty';
}

/** Where somebody waits for what is read, 0. */
const usualGatherMs = 5;
/** About 128 events a call: gives way about every 2 ms under load. */
const callsPerTurn = 4;

/** Resolves when the signal aborts; the sockets are the caller's to close after that. */
export async function runNetlinkLoop(
  readers: readonly NetlinkReader[],
  signal: AbortSignal,
  gatherMs = usualGatherMs,
): Promise<void> {
  const readiness = createReadiness(readers.map((reader) => reader.socket.descriptor));
  const wake = () => readiness.wake();
  signal.addEventListener('abort', wake);
  try {
    while (!signal.aborted) {
      const ready = await readiness.wait();
      if (signal.aborted || ready.size === 0) continue;
      if (gatherMs > 0) await systemClock.sleep(gatherMs);
      for (const reader of readers) {
        if (ready.has(reader.socket.descriptor)) await readEmpty(reader, signal);
      }
    }
  } finally {
    signal.removeEventListener('abort', wake);
    readiness.close();
  }
}

async function readEmpty(reader: NetlinkReader, signal: AbortSignal): Promise<void> {
  let calls = 0;
  while (reader.read() === 'more') {
    calls += 1;
    if (calls % callsPerTurn !== 0) continue;
    if (signal.aborted) return;
    await nextTurn();
  }
}
