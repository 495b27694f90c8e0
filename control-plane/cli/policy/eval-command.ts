// `segwall policy eval DIR --inventory F`: queries in, verdicts out, one JSON object a line and in order, as a stream: memory
// does not grow with the number of queries. A bad line gets an error in its place, and the command exits 2 at the end.

import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { CommandFailure } from '#cli/server/failure.ts';
import { createOracle } from '#policy/oracle.ts';
import { loadPolicy, type PolicyOptions } from './load-policy.ts';
import { parseQueryLine, type QueryError, verdictJson } from './query-line.ts';

export interface EvalOptions extends PolicyOptions {
  readonly queries: string;
}

const longestLine = 65_536;
const flushLength = 1 << 20;

export async function runEval(directory: string, options: EvalOptions): Promise<void> {
  const { policy, inventory, now } = await loadPolicy(directory, options);
  const oracle = createOracle({ policy, inventory });
  let output = '';
  let number = 0;
  let badLines = 0;

  function answer(line: string): string {
    number += 1;
    if (line.trim() === '') return '';
    const query = line.length > longestLine ? tooLong(line) : parseQueryLine(line, { inventory, at: now });
    if (query.ok) return `${verdictJson(oracle.judge(query.value))}\n`;
    badLines += 1;
    return `${JSON.stringify({ error: { ...query.error, line: number } })}\n`;
  }

  for await (const lines of lineBunches(openQueries(options.queries))) {
    for (const line of lines) {
      output += answer(line);
      if (output.length >= flushLength) {
        await write(output);
        output = '';
      }
    }
    await write(output);
    output = '';
  }
  if (badLines > 0) process.exitCode = 2;
}

function tooLong(line: string): { readonly ok: false; readonly error: QueryError } {
  const message = `the line has ${line.length < longestLine * 2 ? line.length : 'many more'} characters; at most ${longestLine} are allowed`;
  return { ok: false, error: { code: 'line-too-long', message } };
}

function openQueries(name: string): Readable {
  if (name === '-') return process.stdin;
  return createReadStream(name, { highWaterMark: 1 << 20 });
}

/** Lines as they come, in bunches. Of a line that never ends no more than twice the longest is kept. */
async function* lineBunches(input: Readable): AsyncGenerator<readonly string[]> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  try {
    for await (const chunk of input) {
      const lines = (rest + decoder.write(chunk as Buffer)).split('\n');
      rest = (lines.pop() ?? '').slice(0, longestLine * 2);
      yield lines;
    }
  } catch (cause) {
    throw new CommandFailure(
      2,
      'cannot-read',
      `cannot read the queries: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  rest += decoder.end();
  if (rest !== '') yield [rest];
}

async function write(text: string): Promise<void> {
  if (text !== '' && !process.stdout.write(text)) await once(process.stdout, 'drain');
}
