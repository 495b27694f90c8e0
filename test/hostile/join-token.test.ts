// Where an agent takes its join token from, and that no text of ours shows one on a command line, which every local user can read.

import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, test } from 'vitest';
import { readJoinToken } from '#agent/link/join-token.ts';
import { renderNextSteps } from '#control-plane/first-start.ts';
import { listTrackedFiles, root } from '../arch/sources.ts';
import { scratchDirectory } from '../server/scratch-directory.ts';

const nothing = { environment: {}, input: Readable.from([]) };

let directory: string;
let tokenFile: string;
beforeEach(async () => {
  directory = await scratchDirectory();
  tokenFile = join(directory, 'join.token');
  await writeFile(tokenFile, 'swj_file\n');
  await mkdir(join(directory, 'credentials'));
  await writeFile(join(directory, 'credentials', 'segwall-join-token'), 'swj_credential');
});
const withCredentials = () => ({
  environment: { CREDENTIALS_DIRECTORY: join(directory, 'credentials') },
  input: Readable.from([]),
});

async function tokenOf(...given: Parameters<typeof readJoinToken>): Promise<string> {
  const read = await readJoinToken(...given);
  return read.ok ? read.value.reveal() : read.error.code;
}

describe('the token comes from', () => {
  test('a file', async () => expect(await tokenOf({ tokenFile }, nothing)).toBe('swj_file'));
  test('standard input, in pieces', async () => {
    const input = Readable.from(['swj_', 'input', '\r\n']);
    expect(await tokenOf({ tokenFile: '-' }, { environment: {}, input })).toBe('swj_input');
  });
  test('the systemd credential where nothing else is said', async () =>
    expect(await tokenOf({}, withCredentials())).toBe('swj_credential'));
  test('what is said, beside a credential', async () =>
    expect(await tokenOf({ tokenFile }, withCredentials())).toBe('swj_file'));
  test('the command line, still', async () => expect(await tokenOf({ token: 'swj_line' }, nothing)).toBe('swj_line'));
});

describe('is refused, with what to do', () => {
  test('nothing said at all', async () => {
    expect(await readJoinToken({}, nothing)).toMatchObject({
      error: { code: 'token-missing', message: expect.stringContaining('--token-file -') },
    });
  });
  test('two ways at once', async () => expect(await tokenOf({ token: 'a', tokenFile }, nothing)).toBe('token-twice'));
  test('a file that is not there, or a folder', async () => {
    expect(await tokenOf({ tokenFile: join(directory, 'none') }, nothing)).toBe('token-unreadable');
    expect(await tokenOf({ tokenFile: directory }, nothing)).toBe('token-unreadable');
    expect(await tokenOf({}, { environment: { CREDENTIALS_DIRECTORY: directory }, input: Readable.from([]) })).toBe(
      'token-unreadable',
    );
  });
  test.each(['', ' \n', 'two words', 'swj_a\nswj_b', 'swj_\u001b[2J', 'x'.repeat(5000)])(
    'what is no token: %j',
    async (text) => {
      await writeFile(tokenFile, text);
      const read = await readJoinToken({ tokenFile }, nothing);
      expect(read).toMatchObject({ ok: false, error: { code: 'token-malformed' } });
      expect(JSON.stringify(read)).not.toContain('swj_');
    },
  );
  test('what has no end', async () => {
    await symlink('/dev/zero', join(directory, 'zero'));
    expect(await tokenOf({ tokenFile: join(directory, 'zero') }, nothing)).toBe('token-malformed');
    const endless = Readable.from(
      (function* () {
        for (;;) yield 'x'.repeat(1000);
      })(),
    );
    expect(await tokenOf({ tokenFile: '-' }, { environment: {}, input: endless })).toBe('token-malformed');
  });
});

/** Followed by a value: the reference of commands alone names the option, and says what is wrong with it. */
const onCommandLine = /--token[ =][A-Z$<'"]/g;

test('no document, hint or text of a package shows a token on a command line', async () => {
  const texts = (await listTrackedFiles()).filter(
    (path) => /^(README|SECURITY)\.md$|^docs\/|^packaging\//.test(path) && /\.md$|packaging\//.test(path),
  );
  expect(texts.length).toBeGreaterThan(40);
  const found: string[] = [];
  for (const path of texts) {
    for (const [hit] of (await readFile(join(root, path), 'utf8')).matchAll(onCommandLine))
      found.push(`${path}: ${hit}`);
  }
  expect(found).toEqual(['docs/reference/cli.md: --token T']);
  const running = { apiUrl: 'http://127.0.0.1:1', agents: '127.0.0.1:2', caFingerprint: '00' };
  expect(renderNextSteps('/data', running)).toContain('--token-file join.token');
  expect(renderNextSteps('/data', running)).not.toMatch(onCommandLine);
});
