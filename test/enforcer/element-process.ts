// A process of its own inside a host's namespace: gives the changes of elements it reads to the kernel, and prints what came of each.

import { createInterface } from 'node:readline';
import { createElementSocket } from '#agent/nft/element-socket.ts';

const elements = createElementSocket();
for await (const line of createInterface({ input: process.stdin })) {
  const { changes, state } = JSON.parse(line, (_, value) =>
    typeof value === 'string' && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value,
  );
  process.stdout.write(`${JSON.stringify(elements.apply(changes, state))}\n`);
}
elements.close();
