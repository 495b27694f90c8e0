// Waiting for sockets takes a thread of its own, which must not outlive the process that waits.

import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';

const readiness = fileURLToPath(import.meta.resolve('#agent/netlink/poll.ts'));

test.each([
  ['exits', 'process.exit(0)'],
  ['dies of an error', 'throw new Error("told to")'],
])('a process that %s while it waits is not held up', async (_, end) => {
  const program = `
    import { createReadiness } from ${JSON.stringify(readiness)};
    void createReadiness([]).wait();
    setTimeout(() => { console.log(Date.now()); ${end}; }, 100);`;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '--eval', program], { reject: false });
  // The wait alone would take a minute.
  expect(Date.now() - Number(stdout)).toBeLessThan(20_000);
});
