// Hears every nftables transaction of this network namespace and tells those that touched our table and were not ours. A
// transaction of ours is known by the state rule it writes, which holds revision, epoch and digest; a stranger's by lacking it.

import { decodeNftablesNotices, familyInet } from '#agent-core/nftables-message.ts';
import { err, ok, type Result } from '#model/result.ts';
import { errnoName, netlinkProtocols, openNetlink } from './netlink.ts';
import type { NetlinkReader } from './netlink-loop.ts';

/** Who changed our table: as the kernel names the process that committed. */
export interface ForeignChange {
  readonly pid: number;
  readonly process: string;
}

export interface TableWatch {
  readonly reader: NetlinkReader;
  close(): void;
}

export interface TableWatchOptions {
  readonly table: string;
  /** Whether a state rule's words are of a transaction this agent made. */
  isOwn(state: string): boolean;
  changed(change: ForeignChange): void;
  /** Notices were lost: what the table holds has to be looked at. */
  overrun(): void;
}

/** NFNLGRP_NFTABLES is group 7. */
const groups = 1 << 6;
const bufferBytes = 8 << 20;
const datagramBytes = 65_536;

export function openTableWatch(options: TableWatchOptions): Result<TableWatch> {
  const opened = openNetlink({
    protocol: netlinkProtocols.netfilter,
    groups,
    receiveBufferBytes: bufferBytes,
    datagramBytes,
    datagramsPerCall: 4,
  });
  if (!opened.ok) return err(`changes of the table cannot be heard: ${opened.error}`);
  const socket = opened.value;
  let isTouched = false;
  let isOwn = false;

  const take = (bytes: Uint8Array) => {
    for (const notice of decodeNftablesNotices(bytes)) {
      if (notice.kind === 'touched') {
        if (notice.family !== familyInet || notice.table !== options.table) continue;
        isTouched = true;
        if (notice.state !== undefined && options.isOwn(notice.state)) isOwn = true;
        continue;
      }
      if (isTouched && !isOwn) options.changed({ pid: notice.pid, process: notice.process });
      isTouched = false;
      isOwn = false;
    }
  };

  return ok({
    reader: {
      socket,
      read() {
        const outcome = socket.receive(take);
        switch (outcome.kind) {
          case 'received':
            if (outcome.cut > 0) options.overrun();
            return 'more';
          case 'overrun':
            isTouched = false;
            isOwn = false;
            options.overrun();
            return 'more';
          case 'empty':
            return 'empty';
          case 'failed':
            throw new Error(`reading changes of the table failed: ${errnoName(outcome.errno)}`);
        }
      },
    },
    close: () => socket.close(),
  });
}
