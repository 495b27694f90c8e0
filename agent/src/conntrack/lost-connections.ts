// Gives open TCP connections of this host and its containers the conntrack entries that they lost (reboot of what tracked them, flush, failover, timeout), in the
// direction in which they were opened. Hears of them in two ways: while anything is denied, the table drops and counts TCP that has no entry
// and does not begin, which is asked every second; while nothing is, the kernel takes it up by itself, by whoever speaks first, and
// tells. What a connection sends again is then judged, or told, as what it is. Strangers can move that counter: what they cause is bounded,
// and touches no entry of a connection that conntrack knows.

import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { errnoName, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import { decodeCounters, renderCounterRequest } from '#agent-core/netlink/counter-message.ts';
import { midCounter, oddCounter } from '#agent-core/table/odd-packets.ts';
import { tableName } from '#agent-core/table/table.ts';
import { systemClock } from '#clock/system-clock.ts';
import { err, ok, type Result } from '#model/result.ts';
import { insertOpenSockets, type LostEntries, siftOpenings } from './insert-open-connections.ts';

export interface LostConnections {
  /** The kernel took one up. */
  pickedUp(): void;
  /** Until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

/** TCP sends again after 0.2 s, and then after twice as long each time: the third or fourth try meets the entry. */
const everyMs = 1000;
/** Of the time, what reading sockets may take at the most: one part in so many. */
const apartTimes = 20;

export function createLostConnections(options: {
  /** Whether what is in force counts them. */
  readonly counts: () => 'yes' | 'no';
  readonly entries: LostEntries;
  readonly log: Logger;
}): LostConnections {
  const { counts, entries, log } = options;
  // What was dropped while no agent ran may wait still.
  let known = 0;
  let isOwed = false;
  let notBefore = 0;

  const look = (): void => {
    if (counts() === 'no') {
      known = 0;
      return;
    }
    const read = readLost();
    if (!read.ok) return;
    if (read.value !== known) isOwed = true;
    known = read.value;
  };

  const paced = async <T>(work: () => Promise<T>): Promise<T> => {
    const startedAt = systemClock.elapsedMs();
    const done = await work();
    notBefore = systemClock.elapsedMs() + (systemClock.elapsedMs() - startedAt) * apartTimes;
    return done;
  };

  const enter = async (): Promise<void> => {
    isOwed = false;
    const entered = await paced(() => insertOpenSockets(entries));
    if (!entered.ok) log.warn({ reason: entered.error }, 'connections that conntrack lost could not be entered again');
    else if (entered.value.inserted > 0)
      log.info({ ...entered.value }, 'connections that conntrack lost were entered again');
  };

  return {
    pickedUp() {
      isOwed = true;
    },
    async run(signal) {
      while (!signal.aborted) {
        look();
        if (systemClock.elapsedMs() >= notBefore) {
          if (isOwed) await enter();
          else if (entries.openings.isCrowded() || entries.containers?.openings.isCrowded() === true)
            await paced(() => siftOpenings(entries));
        }
        await systemClock.sleep(everyMs, signal);
      }
    },
  };
}

const loosePath = '/proc/sys/net/netfilter/nf_conntrack_tcp_loose';

/** Packets dropped so far. A kernel that is told to take up no connection in its midst calls their packets invalid, among others. */
function readLost(): Result<number> {
  const isStrict = readSwitch(loosePath) === '0';
  let lost = 0;
  for (const counter of isStrict ? [midCounter, oddCounter] : [midCounter]) {
    const read = readCounter(counter);
    if (!read.ok) return read;
    lost += read.value;
  }
  return ok(lost);
}

function readSwitch(path: string): string {
  try {
    return readFileSync(path, 'latin1').trim();
  } catch {
    return '';
  }
}

/** One question and one answer. */
function readCounter(counter: string): Result<number> {
  const [, table = ''] = tableName.split(' ');
  const opened = openNetlink({ protocol: netlinkProtocols.netfilter, groups: 0, receiveBufferBytes: 16 << 10 });
  if (!opened.ok) return opened;
  const socket = opened.value;
  let counted: number | undefined;
  try {
    const sent = socket.send(renderCounterRequest(table, counter));
    if (!sent.ok) return sent;
    const outcome = socket.receive((bytes) => {
      decodeCounters(bytes, (_, packets) => {
        counted = packets;
      });
    });
    if (counted !== undefined) return ok(counted);
    return err(outcome.kind === 'failed' ? errnoName(outcome.errno) : 'there is no such counter');
  } finally {
    socket.close();
  }
}
