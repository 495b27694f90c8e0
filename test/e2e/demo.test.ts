// The demo as a stranger runs it: it tells its story, every matrix is as expected, it leaves nothing behind, and it says in one
// sentence why it cannot run.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repository } from '#test/support/fleet.ts';
import { run } from '#test/support/run-command.ts';

const demo = join(repository, 'test/demo/demo.ts');
const leftOver = (pid: number | undefined) => [
  ...readdirSync('/run/netns').filter((name) => name.startsWith(`segwall-${pid}-`)),
  ...readdirSync(tmpdir()).filter((name) => name.startsWith(`segwall-demo-${pid}-`)),
];

test('the demo ends by itself with every matrix as expected, and leaves nothing', { timeout: 900_000 }, async () => {
  const child = spawn(process.execPath, [demo, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => said.push(String(chunk)));
  const [exitCode] = await once(child, 'close');
  const text = said.join('');
  expect(exitCode, text).toBe(0);
  const figures = JSON.parse(text.trim().split('\n').at(-1) ?? '') as Record<string, number>;
  expect(figures).toMatchObject({ hosts: 7, mismatches: 0, suggestedRules: 2 });
  expect(figures['cells']).toBeGreaterThan(2000);
  expect(figures['flows']).toBeGreaterThan(20);
  // How fast it was is the benches' to judge.
  expect(figures['newPeerMs']).toBeGreaterThan(0);
  expect(leftOver(child.pid)).toEqual([]);
});

test('the demo, interrupted, leaves nothing', { timeout: 120_000 }, async () => {
  const child = spawn(process.execPath, [demo], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk) => String(chunk).includes('The control plane') && resolve());
  });
  const closed = once(child, 'exit');
  child.kill('SIGINT');
  expect(await closed).toEqual([130, null]);
  expect(leftOver(child.pid)).toEqual([]);
});

test.each([
  { name: 'without nft', argv: [process.execPath, demo], env: { PATH: '/nonexistent' }, says: /needs the program nft/ },
  {
    name: 'without root',
    // An unmapped user: nobody's id, with root's way to the files, wherever the checkout stands.
    argv: ['unshare', '--user', process.execPath, demo],
    env: {},
    says: /needs root/,
  },
])('the demo $name says so in one sentence and exits with 3', async ({ argv, env, says }) => {
  const result = await run(argv, { env, cwd: repository });
  expect(result.stderr).toMatch(says);
  expect(result.stderr.trim().split('\n')).toHaveLength(1);
  expect(result.exitCode).toBe(3);
});
