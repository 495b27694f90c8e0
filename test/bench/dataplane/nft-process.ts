// A process of its own inside a host's namespace, small as an agent is: loads scripts by nft, or gives elements to the kernel, as an agent
// would; prints for each when it began and when it was done (milliseconds of the wall clock).

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createElementSocket } from '#agent/nft/element-socket.ts';
import { createNft } from '#agent/nft/nft.ts';
import type { ElementChange } from '#agent-core/table/element-change.ts';
import { assertOk } from '#model/result.ts';

/** A file that holds a script, or changes of elements with the words of the state, as JSON. */
interface Command {
  readonly by: 'nft' | 'elements';
  readonly path: string;
}

const nft = createNft();
const elements = createElementSocket();
const now = () => performance.timeOrigin + performance.now();
for await (const line of createInterface({ input: process.stdin })) {
  const { by, path } = JSON.parse(line) as Command;
  const text = readFileSync(path, 'utf8');
  const { changes, state } = (by === 'nft' ? {} : JSON.parse(text)) as { changes?: ElementChange[]; state?: string };
  const startedAt = now();
  assertOk(changes === undefined ? await nft.apply(text) : elements.apply(changes, state));
  process.stdout.write(`${JSON.stringify({ startedAt, endedAt: now() })}\n`);
}
elements.close();
