// Cuts the input of `policy eval` at line ends, as it comes: what has come is passed on at once, and of a line that never ends no
// more is kept than it takes to say that it is too long.

import type { Readable } from 'node:stream';
import { CommandFailure } from '#cli/output/failure.ts';

/** Whole lines in UTF-8, but the last of the input may lack its end; `firstLine` counts from 1. */
export interface QueryChunk {
  readonly bytes: Uint8Array;
  readonly firstLine: number;
}

/** In characters, which in UTF-8 are up to three bytes each. */
export const longestLine = 65_536;
const mostKept = longestLine * 2 * 3;
const lineFeed = 10;

/** Throws a CommandFailure (exit 2) if the input cannot be read. */
export async function* queryChunks(input: Readable): AsyncGenerator<QueryChunk> {
  let firstLine = 1;
  let rest: Uint8Array[] = [];
  let kept = 0;
  try {
    for await (const chunk of input as AsyncIterable<Buffer>) {
      const end = chunk.lastIndexOf(lineFeed) + 1;
      if (end > 0) {
        const bytes = kept === 0 ? chunk.subarray(0, end) : Buffer.concat([...rest, chunk.subarray(0, end)]);
        yield { bytes, firstLine };
        firstLine += lineEnds(bytes);
        rest = [];
        kept = 0;
      }
      const begun = chunk.subarray(end, end + mostKept - kept);
      if (begun.length > 0) rest.push(begun);
      kept += begun.length;
    }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(2, 'cannot-read', `cannot read the queries: ${message}`);
  }
  if (kept > 0) yield { bytes: Buffer.concat(rest), firstLine };
}

function lineEnds(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += 1) if (bytes[at] === lineFeed) count += 1;
  return count;
}
