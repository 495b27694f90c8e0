// `segwall policy eval DIR --inventory F`: queries in, verdicts out, one JSON object a line and in order, as a stream: memory
// does not grow with the number of queries. A bad line gets an error in its place; at the end the first of them is told of on
// standard error, and the command exits 2. What comes is answered at once, on this thread; once it is much, threads beside it
// answer their share.

import { createReadStream } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import { nextTurn } from '#clock/next-turn.ts';
import { createAnswerLines, type Judged } from './answer-lines.ts';
import { AnswerOutput } from './answer-output.ts';
import { type AnswerThreads, startAnswerThreads } from './answer-threads.ts';
import { loadPolicy, type PolicyOptions } from './load-policy.ts';
import { queryChunks } from './query-chunks.ts';

export interface EvalOptions extends PolicyOptions {
  readonly queries: string;
}

const fileChunkLength = 1 << 17;
/** Beside the first; each holds the inventory once more. */
const mostThreads = 3;
/** Chunks on their way for each thread: they bound what a reader that pauses makes this hold. */
const mostWaiting = 4;

export async function runEval(directory: string, options: EvalOptions): Promise<void> {
  const judged = await loadPolicy(directory, options);
  const threadCount = Math.min(availableParallelism() - 1, mostThreads);
  const answerLines = createAnswerLines(judged);
  const output = new AnswerOutput(process.stdout);
  let threads: AnswerThreads | undefined;
  let read = 0;
  try {
    for await (const chunk of queryChunks(openQueries(options.queries))) {
      read += chunk.bytes.length;
      if (threads === undefined && threadCount > 0 && read > worthThreads(judged))
        threads = startAnswerThreads(judged, threadCount);
      const elsewhere = threads?.answer(chunk);
      output.send(elsewhere ?? answerLines(chunk));
      // What the threads have answered meanwhile is heard here, and they are given more.
      if (threads !== undefined && elsewhere === undefined) await nextTurn();
      await output.room(threads === undefined ? 0 : threadCount * mostWaiting);
    }
    await output.room(0);
  } finally {
    await threads?.close();
  }
  if (output.firstBad !== undefined) {
    const { code, line, message } = output.firstBad;
    const are = output.badLines === 1 ? '1 line is no query' : `${output.badLines} lines are no queries, the first`;
    process.stderr.write(`error: ${code}: ${are}: line ${line}: ${message}\n`);
    process.exitCode = 2;
  }
}

/** Bytes of input by which this thread has worked for as long as it takes to start others and hand them the inventory. */
function worthThreads({ inventory }: Judged): number {
  return (1 << 20) + 256 * inventory.workloads.size;
}

function openQueries(name: string): Readable {
  return name === '-' ? process.stdin : createReadStream(name, { highWaterMark: fileChunkLength });
}
