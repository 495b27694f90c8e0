// Hears every nftables transaction of this network namespace and tells those that touched our table and were not ours. A
// transaction of ours is known by the state rule it writes, which holds revision, epoch and digest, or by the socket it was made on; a
// stranger's by lacking both.

import type { NetlinkReader } from '#agent/netlink/read-loop.ts';
import { errnoName, netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import { changeText, decodeNftablesNotices, familyInet, isElementChange } from '#agent-core/netlink/nftables-notice.ts';
import { isUnitSet } from '#agent-core/table/table-listing.ts';
import { nextTurn } from '#clock/next-turn.ts';
import { err, ok, type Result } from '#model/result.ts';

/** Who changed our table, as the kernel names the process that committed, and what, in words with how often. */
export interface ForeignChange {
  readonly pid: number;
  readonly process: string;
  readonly what: ReadonlyMap<string, number>;
}

export interface TableWatch {
  readonly reader: NetlinkReader;
  /** Reads every notice that was sent before the call. */
  hearAll(): Promise<void>;
  close(): void;
}

export interface TableWatchOptions {
  readonly table: string;
  /** Whether a state rule's words are of a transaction this agent made; each answers for one transaction. */
  isOwn(state: string): boolean;
  /** Whether a transaction made on the netlink socket of this port was made by this agent. Default: none was. */
  isOwnPort?(port: number): boolean;
  changed(change: ForeignChange): void;
  /** Somebody changed tables of their own. */
  othersChanged?(): void;
  /** Notices were lost: what the table holds has to be looked at. */
  overrun(): void;
  /** Default 64 MiB; less is a test's, which loses notices on purpose. */
  readonly receiveBufferBytes?: number;
}

/** NFNLGRP_NFTABLES is group 7. */
const groups = 1 << 6;
/** A bound, not a cost: our own table of 100,000 peers is announced in some 20 MB. */
const bufferBytes = 64 << 20;
const datagramBytes = 65_536;
/** The manager that NFTSet= has fill our sets of units' cgroups. */
const systemdName = 'systemd';
/** A deleted table names hundreds of chains; the first say enough. */
const kindsOfChangeMost = 32;

export function openTableWatch(options: TableWatchOptions): Result<TableWatch> {
  const opened = openNetlink({
    protocol: netlinkProtocols.netfilter,
    groups,
    receiveBufferBytes: options.receiveBufferBytes ?? bufferBytes,
    datagramBytes,
    datagramsPerCall: 4,
  });
  if (!opened.ok) return err(`changes of the table cannot be heard: ${opened.error}`);
  const socket = opened.value;
  let isTouched = false;
  let isOwn = false;
  let isOthers = false;
  /** Elements of sets that are systemd's to fill; whose they were is told at the end. */
  let isUnitsTold = false;
  let what = new Map<string, number>();
  /** Notices were lost: the rest of the transaction they were of cannot be told from a stranger's. */
  let isCut = false;
  let isClosed = false;

  const take = (bytes: Uint8Array) => {
    for (const notice of decodeNftablesNotices(bytes)) {
      if (notice.kind === 'touched') {
        if (notice.family !== familyInet || notice.table !== options.table) {
          isOthers = true;
          continue;
        }
        if (isUnitSet(notice.name) && isElementChange(notice.message)) isUnitsTold = true;
        else isTouched = true;
        // A rule's own set comes and goes with the rule, which is told.
        const isOfRule = notice.name.startsWith('__');
        if (!isOfRule && (what.size < kindsOfChangeMost || notice.name === '')) {
          const text = changeText(notice.message, notice.name);
          what.set(text, (what.get(text) ?? 0) + 1);
        }
        if (notice.state !== undefined && options.isOwn(notice.state)) isOwn = true;
        continue;
      }
      if (options.isOwnPort?.(notice.port) === true) isOwn = true;
      if (isCut) options.overrun();
      else if ((isTouched || (isUnitsTold && notice.process !== systemdName)) && !isOwn)
        options.changed({ pid: notice.pid, process: notice.process, what });
      if (isOthers) options.othersChanged?.();
      isTouched = false;
      isOwn = false;
      isOthers = false;
      isUnitsTold = false;
      isCut = false;
      if (what.size > 0) what = new Map();
    }
  };

  const read = (): 'more' | 'empty' => {
    const outcome = socket.receive(take);
    switch (outcome.kind) {
      case 'received':
        if (outcome.cut > 0) {
          isCut = true;
          options.overrun();
        }
        return 'more';
      case 'overrun':
        isCut = true;
        options.overrun();
        return 'more';
      case 'empty':
        return 'empty';
      case 'failed':
        throw new Error(`reading changes of the table failed: ${errnoName(outcome.errno)}`);
    }
  };

  return ok({
    reader: { socket, read },
    async hearAll() {
      while (!isClosed && read() === 'more') await nextTurn();
    },
    close() {
      isClosed = true;
      socket.close();
    },
  });
}
