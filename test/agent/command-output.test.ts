// The agent's commands, and the control plane's, where their output goes nowhere: a reader that went away changes neither what they
// do nor how they end, and a full disk is told of.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, test } from 'vitest';
import { programPath } from '#test/support/programs.ts';

const agent = programPath('segwall-agent');
const controlPlane = programPath('segwall-control-plane');
const state = mkdtempSync(join(tmpdir(), `segwall-agent-output-${process.pid}-`));
afterAll(() => rmSync(state, { recursive: true }));

interface Ends {
  readonly stdout?: 'closed' | 'full';
  readonly stderr?: 'closed';
}

async function run(program: string, args: readonly string[], { stdout, stderr }: Ends) {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', stdout === 'full' ? openSync('/dev/full', 'w') : 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  // Node takes longer to start than this takes: the child finds them closed.
  if (stdout === 'closed') child.stdout?.destroy();
  if (stderr === 'closed') child.stderr?.destroy();
  const said = stderr === 'closed' || child.stderr === null ? '' : await text(child.stderr);
  const [code] = (await exited) as [number | null];
  return { code, said };
}

const enroll = ['enroll', '--control-plane', '127.0.0.1:9', '--token', 't', '--state', state, '--name', 'h1'];

describe('the exit code is the same, and nobody is shown a stack', () => {
  const rows: readonly (readonly [
    name: string,
    program: string,
    args: readonly string[],
    ends: Ends,
    code: number,
    said: RegExp,
  ])[] = [
    ['help that nobody reads', agent, ['--help'], { stdout: 'closed' }, 0, /^$/],
    ['a status that nobody reads', agent, ['status', '--state', state], { stdout: 'closed' }, 3, /^error: agent-not/],
    ['wrong use that nobody reads', agent, ['nonsense'], { stderr: 'closed' }, 2, /^$/],
    ['a status on a full disk', agent, ['status', '--state', state], { stdout: 'full' }, 2, /cannot-write.*ENOSPC/],
    ['wrong use of the control plane', controlPlane, ['run'], { stderr: 'closed' }, 2, /^$/],
    ['a fingerprint that is none', agent, [...enroll, '--ca-fingerprint', 'ab'], {}, 2, /^error: fingerprint-invalid/],
    [
      'a control plane that is not there',
      agent,
      [...enroll, '--ca-fingerprint', 'ab'.repeat(32)],
      {},
      3,
      /^error: control-plane-unreachable/,
    ],
  ];
  test.concurrent.each(rows)('%s', async (_name, program, args, ends, code, said) => {
    const ended = await run(program, args, ends);
    expect(ended).toEqual({ code, said: expect.stringMatching(said) });
    expect(ended.said).not.toMatch(/^ +at /m);
  });
});

test('a control plane goes on without a reader', async () => {
  const data = join(state, 'control-plane');
  const args = ['run', '--data', data, '--agents', '127.0.0.1:0', '--api', '127.0.0.1:0'];
  const child = spawn(process.execPath, [controlPlane, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  child.stdout.destroy();
  let log = '';
  for await (const chunk of child.stderr) {
    log += String(chunk);
    // What it says comes before this.
    if (log.includes('"msg":"started"')) break;
  }
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});
