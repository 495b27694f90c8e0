// Where a command's output goes and its input comes from, when either is not as it should be: readers that went away, a full disk,
// directories that may not be opened, no inventory. Exit codes hold, and no operator is shown a stack.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, describe, expect, test } from 'vitest';
import { readPolicyDirectory } from '#cli/input/read-directory.ts';
import { programPath } from '#test/support/programs.ts';
import { segment, workloads } from './world.ts';

const program = programPath('segwall');
const base = mkdtempSync(join(tmpdir(), `segwall-output-${process.pid}-`));
afterAll(() => rmSync(base, { recursive: true }));

const good = join(base, 'good');
const bad = join(base, 'bad');
const inventory = join(base, 'inventory.yaml');
const tokenFile = join(base, 'token');
writeFileSync(tokenFile, 'segwall_of-nobody\n');
for (const directory of [good, bad]) mkdirSync(directory);
writeFileSync(join(good, 'policy.yaml'), segment('shop', 'selector: app == "shop"\ninbound: enforce'));
writeFileSync(join(bad, 'policy.yaml'), segment('shop', 'selector: app = "shop"'));
writeFileSync(inventory, workloads('web h1 10.0.0.1 app=shop', 'api h2 10.0.0.2 app=shop'));
const query = '{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":8080}\n';

interface Ends {
  readonly stdout?: 'closed' | 'full';
  readonly stderr?: 'closed';
  readonly input?: string;
}

async function segwall(args: readonly string[], { stdout = undefined, stderr = undefined, input = '' }: Ends) {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['pipe', stdout === 'full' ? openSync('/dev/full', 'w') : 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  // Node takes longer to start than this takes: the child finds them closed.
  if (stdout === 'closed') child.stdout?.destroy();
  if (stderr === 'closed') child.stderr?.destroy();
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  const said = stderr === 'closed' || child.stderr === null ? '' : await text(child.stderr);
  const [code] = (await exited) as [number | null];
  return { code, said };
}

const offline = ['--inventory', inventory];

describe('a reader that went away leaves the exit code, and no stack', () => {
  const many = query.repeat(20_000);
  const rows: readonly (readonly [name: string, args: readonly string[], ends: Ends, code: number])[] = [
    ['of help', ['--help'], { stdout: 'closed' }, 0],
    ['of a check that finds nothing', ['policy', 'check', good], { stdout: 'closed' }, 0],
    ['of a check that finds errors', ['policy', 'check', bad], { stdout: 'closed' }, 1],
    ['of many answers', ['policy', 'eval', good, ...offline], { stdout: 'closed', input: many }, 0],
    ['of a script', ['policy', 'render', good, ...offline, '--host', 'h1'], { stdout: 'closed' }, 0],
    ['told of wrong use', ['nonsense'], { stderr: 'closed' }, 2],
    ['told of a directory that is not there', ['policy', 'check', join(base, 'none')], { stderr: 'closed' }, 2],
    ['told of a bad policy', ['policy', 'eval', bad, ...offline], { stderr: 'closed' }, 1],
    [
      'told of a server that is not there',
      ['status', '--server', 'http://127.0.0.1:9', '--token-file', tokenFile],
      { stderr: 'closed' },
      3,
    ],
  ];
  test.concurrent.each(rows)('%s', async (_name, args, ends, code) => {
    expect(await segwall(args, ends)).toEqual({ code, said: '' });
  });
});

describe('output that cannot be written is told of, exit 2', () => {
  const rows: readonly (readonly string[])[] = [
    ['policy', 'check', good],
    ['policy', 'schema'],
    ['policy', 'eval', good, ...offline],
    ['policy', 'render', good, ...offline, '--host', 'h1'],
  ];
  test.concurrent.each(rows)('segwall %s %s', async (...args) => {
    const { code, said } = await segwall(args, { stdout: 'full', input: query });
    expect(said).toMatch(/^error: cannot-write: cannot write to standard output: ENOSPC[^\n]*\n$/);
    expect(code).toBe(2);
  });
});

test('a byte order mark before the first query is none of it', async () => {
  expect(await segwall(['policy', 'eval', good, ...offline], { input: `\uFEFF${query}` })).toEqual({
    code: 0,
    said: '',
  });
});

test('bad queries are answered in their place, and the first is told of on standard error', async () => {
  const input = `${query}\n${query}nonsense\n${query}{"src":"10.0.0.1"}\n`;
  const { code, said } = await segwall(['policy', 'eval', good, ...offline], { input });
  expect(said).toMatch(/^error: bad-json: 2 lines are no queries, the first: line 4: the line is not JSON[^\n]*\n$/);
  expect(code).toBe(2);
});

describe('judging without an inventory is wrong use', () => {
  const rows: readonly (readonly string[])[] = [
    ['policy', 'test', good],
    ['policy', 'eval', good],
    ['policy', 'explain', good, '10.0.0.1', '10.0.0.2', 'tcp/1'],
    ['policy', 'render', good, '--host', 'h1'],
  ];
  test.concurrent.each(rows)('segwall %s %s', async (...args) => {
    const { code, said } = await segwall(args, { input: query });
    expect(said).toMatch(/^error: no-inventory: .*--inventory FILE, or --server URL for a live fleet\n$/);
    expect(code).toBe(2);
  });

  test('but the workloads may stand in the directory', async () => {
    const whole = join(base, 'whole');
    mkdirSync(whole);
    writeFileSync(join(whole, 'inventory.yaml'), workloads('web h1 10.0.0.1 app=shop'));
    expect(await segwall(['policy', 'eval', whole], { input: query })).toEqual({ code: 0, said: '' });
  });
});

test('an inventory may come through a pipe', async () => {
  const args = ['policy', 'check', good, '--inventory', '/dev/fd/0', '--strict'];
  const child = spawn('sh', ['-c', `cat "${inventory}" | "${process.execPath}" "${program}" ${args.join(' ')}`]);
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  // Without its members the segment would be told of.
  expect([code, said]).toEqual([
    1,
    expect.stringMatching(/segment-without-rules[\s\S]*0 errors, 1 warning in 2 files/),
  ]);
});

describe('directories that may not be opened', () => {
  const outer = join(base, 'outer');
  const locked = join(outer, 'locked');
  mkdirSync(locked, { recursive: true });
  chmodSync(base, 0o755);

  /** Root may open everything: for so long, be somebody else. */
  async function asAnyone<T>(work: () => Promise<T>): Promise<T> {
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    try {
      return await work();
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  }

  test('the one that was named is wrong use', async () => {
    chmodSync(locked, 0);
    const read = asAnyone(() => readPolicyDirectory(locked));
    await expect(read).rejects.toMatchObject({ exit: 2, message: `cannot read ${locked}: permission denied` });
  });

  test('one inside it is an error of the policy', async () => {
    chmodSync(locked, 0);
    const { problems } = await asAnyone(() => readPolicyDirectory(outer));
    expect(problems).toMatchObject([
      {
        severity: 'error',
        code: 'file-unreadable',
        file: 'locked',
        message: expect.stringMatching(/permission denied/),
      },
    ]);
  });
});
