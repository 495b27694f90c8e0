// How much room is left where running out keeps a host from working: the kernel's table of connections, and the state directory's disk.

import { readFileSync, statfsSync } from 'node:fs';
import type { HostCondition } from '#agent-core/host/host-problems.ts';

/** Of this network namespace; undefined where conntrack is not loaded or /proc does not tell. Two small files, some 20 µs. */
export function readConntrackRoom(root = '/proc/sys/net/netfilter'): HostCondition['conntrack'] {
  const entries = readNumber(`${root}/nf_conntrack_count`);
  const most = readNumber(`${root}/nf_conntrack_max`);
  return entries === undefined || most === undefined ? undefined : { entries, most };
}

export function readFreeDisk(path: string): HostCondition['freeDisk'] {
  try {
    const { bsize, bavail, files, ffree } = statfsSync(path);
    return { bytes: bavail * bsize, blocks: files > 0 && ffree === 0 ? 'none' : 'some' };
  } catch {
    return undefined;
  }
}

function readNumber(path: string): number | undefined {
  try {
    const value = Number(readFileSync(path, 'latin1'));
    return Number.isSafeInteger(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
