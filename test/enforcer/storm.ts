// A stranger who changes a host's ruleset as fast as a program can that asks one nft for one thing after the other.

import { once } from 'node:events';
import type { LabHost } from '#test/support/lab.ts';

/** So many transactions, at most a few hundred a second; done once nft is. A line that fails changes nothing. */
export async function stormOf(host: LabHost, changes: number, line: (at: number) => string): Promise<void> {
  const child = host.spawn(['nft', '-i'], { stdio: ['pipe', 'ignore', 'ignore'] });
  const { stdin } = child;
  if (stdin === null) throw new Error('nft has no input');
  for (let at = 0; at < changes; at += 1) {
    stdin.write(`${line(at)}\n`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  stdin.end();
  await once(child, 'exit');
}
