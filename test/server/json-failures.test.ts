// With --json a command that fails says so in JSON, on standard output, and still in words on standard error.

import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { programPath } from '#test/support/programs.ts';
import { scratchDirectory } from './scratch-directory.ts';

const program = programPath('segwall');
const nobody = { SEGWALL_SERVER: 'http://127.0.0.1:9', SEGWALL_TOKEN: 'x' };
const timeout = 60_000;

async function segwall(args: readonly string[], env: Readonly<Record<string, string>> = nobody) {
  return execa(process.execPath, [program, ...args], { env, reject: false });
}

describe('with --json a failure is one JSON document on standard output', () => {
  const cases = [
    { name: 'no token', args: ['status'], env: { ...nobody, SEGWALL_TOKEN: '' }, exit: 2, code: 'no-token' },
    { name: 'nobody answers', args: ['agents'], exit: 3, code: 'unreachable' },
    { name: 'nobody answers a command below another', args: ['agents', 'revoke', 'a'], exit: 3, code: 'unreachable' },
    { name: 'a listing of many lines', args: ['flows'], exit: 3, code: 'unreachable' },
    { name: 'a label without a value', args: ['label', 'web-1', 'role'], exit: 2, code: 'bad-argument' },
    { name: 'a token for no host', args: ['tokens', 'create', '--uses', '0'], exit: 2, code: 'bad-option' },
    { name: 'a token without time', args: ['tokens', 'create', '--ttl', '0s'], exit: 2, code: 'bad-option' },
    { name: 'a token without end', args: ['tokens', 'create', '--ttl', '366d'], exit: 2, code: 'bad-option' },
    { name: 'no flows', args: ['flows', '--limit', '0'], exit: 2, code: 'bad-option' },
    { name: 'no such directory', args: ['apply', '/nonexistent'], exit: 2, code: 'cannot-read' },
    { name: 'offline, no such directory', args: ['policy', 'eval', '/nonexistent'], exit: 2, code: 'cannot-read' },
    {
      name: 'a draft and a directory',
      args: ['apply', '.', '--from-draft', '1'],
      exit: 2,
      code: 'bad-option',
    },
    { name: 'no such option', args: ['apply', '--wiat'], exit: 2, code: 'wrong-use' },
    { name: 'no such command', args: ['aply'], exit: 2, code: 'wrong-use' },
    { name: 'no command', args: ['policy'], exit: 2, code: 'wrong-use' },
  ];
  test.concurrent.each(cases)(
    '$name',
    async ({ args, env, exit, code }) => {
      const result = await segwall([...args, '--json'], env);
      const { error } = JSON.parse(result.stdout) as {
        readonly error: { readonly code: string; readonly message: string };
      };
      expect(error.code).toBe(code);
      expect(error.message).toMatch(/\w+ \w+/);
      expect(result.stderr).not.toBe('');
      expect(result.exitCode).toBe(exit);
    },
    timeout,
  );

  describe('what the control plane refuses', () => {
    const refusals = [
      { status: 400, code: 'bad-request', exit: 2 },
      { status: 422, code: 'label-invalid', exit: 2 },
      { status: 422, code: 'peer-invalid', exit: 2 },
      { status: 422, code: 'policy-invalid', exit: 1 },
      { status: 404, code: 'not-found', exit: 1 },
      { status: 403, code: 'forbidden', exit: 3 },
      { status: 503, code: 'not-ready', exit: 3 },
    ] as const;
    test.each(refusals)(
      'as $code ends with $exit',
      async ({ status, code, exit }) => {
        const server = createServer((_request, response) => {
          response.writeHead(status, { 'content-type': 'application/json' });
          response.end(JSON.stringify({ error: { code, message: 'it is said why' } }));
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        try {
          const { port } = server.address() as AddressInfo;
          const env = { ...nobody, SEGWALL_SERVER: `http://127.0.0.1:${port}` };
          const result = await segwall(['label', 'web-1', 'has=x', '--json'], env);
          expect(JSON.parse(result.stdout)).toEqual({ error: { code, message: 'it is said why' } });
          expect(result.exitCode).toBe(exit);
        } finally {
          server.close();
        }
      },
      timeout,
    );
  });

  test(
    'a policy with errors is refused offline with its problems',
    async () => {
      const directory = join(await scratchDirectory(), 'policy');
      await mkdir(directory);
      await writeFile(join(directory, 'bad.yaml'), 'kind: Segment\n');
      const result = await segwall(['policy', 'test', directory, '--format', 'json']);
      const { error } = JSON.parse(result.stdout) as { readonly error: { readonly problems: readonly unknown[] } };
      expect(error).toMatchObject({ code: 'policy-invalid' });
      expect(error.problems.length).toBeGreaterThan(0);
      expect(result.exitCode).toBe(1);
    },
    timeout,
  );

  test(
    'without --json standard output stays empty',
    async () => {
      const result = await segwall(['status']);
      expect(result.stdout).toBe('');
      expect(result.stderr).toMatch(/^error: unreachable: /);
      expect(result.exitCode).toBe(3);
    },
    timeout,
  );
});
