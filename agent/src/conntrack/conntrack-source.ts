// The kernel's connections as events, and as a list when events were lost or progress is wanted. Counts every loss: overruns of
// the socket's buffer, and messages that could not be read. Decides nothing about what a connection means.

import { readFileSync, writeFileSync } from 'node:fs';
import { dumpNetfilter } from '#agent/netlink/dump.ts';
import type { NetlinkReader } from '#agent/netlink/read-loop.ts';
import { errnoName, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import { type ConntrackEntry, createConntrackDecoder, renderDumpRequest } from '#agent-core/netlink/conntrack-entry.ts';
import { renderQuery } from '#agent-core/netlink/conntrack-query.ts';
import { nextTurn } from '#clock/next-turn.ts';
import { err, ok, type Result } from '#model/result.ts';
import { protocolNumbers } from '#model/service.ts';

export interface ConntrackSource {
  readonly reader: NetlinkReader;
  /** Every entry of both families, given one by one; the value is how many, the error why the list is not whole. */
  list(take: (entry: ConntrackEntry) => void): Promise<Result<number>>;
  /** Asks for single connections and gives those that are still there. */
  ask(entries: readonly ConntrackEntry[], take: (entry: ConntrackEntry) => void): Promise<Result<void>>;
  /** Since the start. */
  counts(): ConntrackCounts;
  close(): void;
}

export interface ConntrackCounts {
  readonly events: number;
  readonly overruns: number;
  readonly malformed: number;
}

export interface ConntrackSourceOptions {
  readonly take: (entry: ConntrackEntry) => void;
  /** The kernel took up a TCP connection in its midst: its direction may be wrong. */
  readonly pickedUp?: () => void;
  /** A TCP connection that the kernel saw begin, when it begins and when it is listed. */
  readonly began?: (entry: ConntrackEntry) => void;
  /** Events were lost: a list is due. */
  readonly overrun: () => void;
}

/** Groups NEW and DESTROY. UPDATE would be five more events a TCP connection, for what a list tells as well. */
const groups = 1 | 4;
const eventBufferBytes = 8 << 20;
const askBufferBytes = 256 << 10;
const asksPerCall = 64;

/** The error is for the operator: flows cannot be seen, enforcement is not affected. */
export function openConntrackSource(options: ConntrackSourceOptions): Result<ConntrackSource> {
  const opened = openNetlink({ protocol: netlinkProtocols.netfilter, groups, receiveBufferBytes: eventBufferBytes });
  if (!opened.ok) return err(`conntrack events are not to be had: ${opened.error}`);
  const socket = opened.value;
  const decoder = createConntrackDecoder();
  let events = 0;
  let overruns = 0;
  let malformed = 0;
  let sequence = 0;

  const take = (entry: ConntrackEntry) => {
    events += 1;
    if (entry.event === 'opened') {
      if (entry.begun === 'in-the-midst') options.pickedUp?.();
      tellBeginning(entry);
    }
    options.take(entry);
  };

  const tellBeginning = (entry: ConntrackEntry) => {
    if (entry.begun === 'here' && entry.protocol === protocolNumbers.tcp) options.began?.(entry);
  };

  return ok({
    reader: {
      socket,
      read() {
        const outcome = socket.receive((bytes) => {
          malformed += decoder.decode(bytes, take).malformed;
        });
        switch (outcome.kind) {
          case 'received':
            malformed += outcome.cut;
            return 'more';
          case 'overrun':
            overruns += 1;
            options.overrun();
            return 'more';
          case 'empty':
            return 'empty';
          case 'failed':
            throw new Error(`reading conntrack events failed: ${errnoName(outcome.errno)}`);
        }
      },
    },
    ask: (entries, takeAnswer) => askConntrack(entries, takeAnswer),
    list(takeListed) {
      sequence += 1;
      return listConntrack((entry) => {
        tellBeginning(entry);
        takeListed(entry);
      }, sequence);
    },
    counts: () => ({ events, overruns, malformed }),
    close: () => socket.close(),
  });
}

async function listConntrack(take: (entry: ConntrackEntry) => void, sequence: number): Promise<Result<number>> {
  const decoder = createConntrackDecoder();
  let count = 0;
  const listed = await dumpNetfilter({
    what: 'the list of connections',
    message: renderDumpRequest(sequence),
    take: (bytes) =>
      decoder.decode(bytes, (entry) => {
        count += 1;
        take(entry);
      }),
  });
  return listed.ok ? ok(count) : listed;
}

/** The kernel answers within the call that asks; 64 answers are some 20 KB. */
async function askConntrack(
  entries: readonly ConntrackEntry[],
  take: (entry: ConntrackEntry) => void,
): Promise<Result<void>> {
  if (entries.length === 0) return ok(undefined);
  const opened = openNetlink({
    protocol: netlinkProtocols.netfilter,
    groups: 0,
    receiveBufferBytes: askBufferBytes,
    datagramsPerCall: asksPerCall,
  });
  if (!opened.ok) return opened;
  const socket = opened.value;
  const decoder = createConntrackDecoder();
  try {
    for (let index = 0; index < entries.length; index += asksPerCall) {
      const sent = socket.send(Buffer.concat(entries.slice(index, index + asksPerCall).map(renderQuery)));
      if (!sent.ok) return err(`connections could not be asked for: ${sent.error}`);
      // What is gone answers with an error, which says nothing new: its end has been an event.
      while (socket.receive((bytes) => void decoder.decode(bytes, take)).kind === 'received');
      await nextTurn();
    }
  } finally {
    socket.close();
  }
  return ok(undefined);
}

/** What must be on for events to carry counters and times; the namespace is that of this process. */
const accountingSwitches = ['nf_conntrack_acct', 'nf_conntrack_timestamp'] as const;

/** Turns on byte counters and times for connections opened from now on. The errors name each switch that stayed off. */
export function enableConntrackAccounting(): readonly string[] {
  const problems: string[] = [];
  for (const name of accountingSwitches) {
    const path = `/proc/sys/net/netfilter/${name}`;
    try {
      if (readFileSync(path, 'latin1').trim() !== '1') writeFileSync(path, '1');
    } catch (error) {
      problems.push(`${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
    }
  }
  return problems;
}
