// The last whole line of a file that may be gigabytes long, read from its end.

import type { FileHandle } from 'node:fs/promises';

const chunkBytes = 64 * 1024;
const newline = 0x0a;

export interface LastLine {
  /** Absent where the file has none. */
  readonly text?: string;
  /** Where it ends, its line feed included: what follows was cut short. */
  readonly end: number;
}

export async function readLastLine(file: FileHandle): Promise<LastLine> {
  const { size } = await file.stat();
  let tail = Buffer.alloc(0);
  for (let start = size; ; ) {
    const end = tail.lastIndexOf(newline);
    const begin = end <= 0 ? -1 : tail.lastIndexOf(newline, end - 1);
    const isWhole = end >= 0 && (begin >= 0 || start === 0);
    if (isWhole) return { text: tail.subarray(begin + 1, end).toString('utf8'), end: start + end + 1 };
    if (start === 0) return { end: 0 };
    const length = Math.min(chunkBytes, start);
    start -= length;
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, start);
    tail = Buffer.concat([buffer, tail]);
  }
}
