// A thread beside the first one of `policy eval`: it is handed the policy and the inventory as they were read, and answers the
// chunks that it is sent, each in its turn.

import { parentPort, workerData } from 'node:worker_threads';
import { createAnswerLines, type Judged } from './answer-lines.ts';
import type { QueryChunk } from './query-chunks.ts';

if (parentPort === null) throw new Error('this is started by `policy eval`, as a thread');
const port = parentPort;
const answerLines = createAnswerLines(workerData as Judged);

port.on('message', (chunk: QueryChunk) => port.postMessage(answerLines(chunk)));
