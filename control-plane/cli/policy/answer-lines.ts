// Answers a chunk of query lines, in order: what both the first thread of `policy eval` and those beside it do.

import type { Millis } from '#model/time.ts';
import { createOracle } from '#policy/judge/oracle.ts';
import type { Inventory, Policy } from '#policy/policy/policy.ts';
import { longestLine, type QueryChunk } from './query-chunks.ts';
import { parseQueryLine, type QueryError, verdictJson } from './query-line.ts';

/** What lines are judged by; `now` is the instant of those that name none. */
export interface Judged {
  readonly policy: Policy;
  readonly inventory: Inventory;
  readonly now: Millis;
}

/** `text` is lines of JSON; `firstBad` is there where a line was no query. */
export interface Answers {
  readonly text: Uint8Array;
  readonly badLines: number;
  readonly firstBad?: BadLine;
}

export interface BadLine extends QueryError {
  /** From 1. */
  readonly line: number;
}

export type AnswerLines = (chunk: QueryChunk) => Answers;

/** Empty lines are counted and not answered. */
export function createAnswerLines({ policy, inventory, now }: Judged): AnswerLines {
  const oracle = createOracle({ policy, inventory });
  const defaults = { inventory, at: now };

  return ({ bytes, firstLine }) => {
    const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8').split('\n');
    // Some editors begin a file with a byte order mark.
    if (firstLine === 1) lines[0] = lines[0]?.replace(/^\uFEFF/, '') ?? '';
    let text = '';
    let badLines = 0;
    let firstBad: BadLine | undefined;
    for (let at = 0; at < lines.length; at += 1) {
      const line = lines[at] ?? '';
      if (line.trim() === '') continue;
      const query = line.length > longestLine ? tooLong(line) : parseQueryLine(line, defaults);
      if (query.ok) {
        text += `${verdictJson(oracle.judge(query.value))}\n`;
      } else {
        badLines += 1;
        const bad: BadLine = { ...query.error, line: firstLine + at };
        firstBad ??= bad;
        text += `${JSON.stringify({ error: bad })}\n`;
      }
    }
    // Names and label values are ASCII, which is written twice as fast so; a message may quote anything.
    return firstBad === undefined
      ? { text: Buffer.from(text, 'latin1'), badLines }
      : { text: Buffer.from(text, 'utf8'), badLines, firstBad };
  };
}

function tooLong(line: string): { readonly ok: false; readonly error: QueryError } {
  const message = `the line has ${line.length < longestLine * 2 ? line.length : 'many more'} characters; at most ${longestLine} are allowed`;
  return { ok: false, error: { code: 'line-too-long', message } };
}
