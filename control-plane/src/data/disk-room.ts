// How much room is left where the data directory is: a full disk keeps every change from being stored, and is to be told before it is.

import { statfsSync } from 'node:fs';

export interface DiskRoom {
  readonly freeBytes: number;
  /** Below it the room is low (`leastFreeMegabytes`). */
  readonly leastBytes: number;
  /** Also low where no file can be made any more. */
  readonly room: 'enough' | 'low';
}

const mebibyte = 2 ** 20;

/** Undefined where the system does not tell. One call, some 5 µs. */
export function readDiskRoom(path: string, leastMegabytes: number): DiskRoom | undefined {
  try {
    const { bsize, bavail, files, ffree } = statfsSync(path);
    const freeBytes = bavail * bsize;
    const leastBytes = leastMegabytes * mebibyte;
    const isLow = freeBytes < leastBytes || (files > 0 && ffree === 0);
    return { freeBytes, leastBytes, room: isLow ? 'low' : 'enough' };
  } catch {
    return undefined;
  }
}
