// Who lacks the rights for a command is told so in words, with a code and what to do: never by a stack.

import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { programPath } from '#test/support/programs.ts';
import { run } from '#test/support/run-command.ts';

/** Root's files can be read, wherever the programs lie, and nobody else's: root without a capability is a user like another. */
const powerless = ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--'];
const nobody = 65_534;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'segwall-rights-'));
  await mkdir(join(folder, 'state/identity'), { recursive: true });
  await mkdir(join(folder, 'data'));
  await mkdir(join(folder, 'policy'));
  await writeFile(join(folder, 'token'), 'secret');
  for (const name of ['state/identity', 'state', 'data', 'policy', 'token']) {
    await chown(join(folder, name), nobody, nobody);
    await chmod(join(folder, name), name === 'token' ? 0o600 : 0o700);
  }
  await chmod(folder, 0o755);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const agent = 'segwall-agent';
const enroll = ['enroll', '--control-plane', '127.0.0.1:9', '--ca-fingerprint', 'a'.repeat(64), '--token', 't'];

describe.each([
  [agent, ['status'], 3],
  [agent, ['run'], 2],
  [agent, ['restore'], 3],
  [agent, ['keep'], 3],
  [agent, ['panic'], 3],
  [agent, ['resume'], 3],
  [agent, ['open', '--yes'], 3],
  [agent, enroll, 3],
  ['segwall-control-plane', ['run', '--data', 'data', '--agents', '127.0.0.1:0', '--api', '127.0.0.1:0'], 1],
  ['segwall', ['--server', 'http://127.0.0.1:9', '--token-file', 'token', 'status'], 2],
  ['segwall', ['policy', 'check', 'policy'], 2],
] as const)('%s %j', (program, args, exit) => {
  test('says that it is not allowed, and shows no stack', async () => {
    const state = program === agent ? ['--state', join(folder, 'state')] : [];
    const { exitCode, stderr } = await run([...powerless, process.execPath, programPath(program), ...args, ...state], {
      cwd: folder,
    });
    expect(stderr).toMatch(/^(error|error: [a-z-]+): /m);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(exitCode).toBe(exit);
  });
});
