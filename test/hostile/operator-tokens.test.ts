// Operators' tokens, as the command makes and ends them: what each change means for the very next call, that nobody can end the last one,
// and that no token is where it does not belong.

import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { OperatorTokens } from '#control-plane/fleet/operator-tokens.ts';
import { newOperatorToken, tokenHash } from '#control-plane/fleet/tokens.ts';
import { openStore } from '#control-plane/store/store.ts';
import { Secret } from '#model/secret.ts';
import { millis } from '#model/time.ts';
import { programPath } from '#test/support/programs.ts';
import { scratchDirectory } from '../server/scratch-directory.ts';
import { type ApiServer, startApiServer } from './support/api-server.ts';

const cliPath = programPath('segwall');

let server: ApiServer;
let scratch: string;
beforeEach(async () => {
  scratch = await scratchDirectory();
  server = await startApiServer();
  onTestFinished(() => server.close());
});

async function segwall(args: readonly string[], given: { readonly token?: string; readonly input?: string } = {}) {
  const env = { SEGWALL_SERVER: server.controlPlane.apiUrl, SEGWALL_TOKEN: given.token ?? server.token };
  const input = given.input === undefined ? {} : { input: given.input };
  const { stdout, stderr, exitCode } = await execa(process.execPath, [cliPath, ...args], {
    reject: false,
    env,
    ...input,
  });
  return { stdout, stderr, exitCode };
}

const statusOf = async (token: string): Promise<number> => {
  const headers = { authorization: `Bearer ${token}` };
  return (await fetch(`${server.controlPlane.apiUrl}/api/v1/status`, { headers })).status;
};

async function audited(): Promise<readonly string[]> {
  const { stdout } = await segwall(['audit', '--json']);
  return stdout.split('\n').map((line) => {
    const { actor, action, target } = JSON.parse(line) as Readonly<Record<string, string>>;
    return `${actor} ${action} ${target}`;
  });
}

test('made, used, replaced with an overlap, and revoked: each change holds for the next call', async () => {
  const created = await segwall(['operators', 'create', 'alice']);
  const alice = created.stdout;
  expect(alice).toMatch(/^segwall_[A-Za-z0-9_-]{43}\.[0-9a-f]{64}$/);
  expect(await statusOf(alice)).toBe(200);

  const rotated = await segwall(['operators', 'rotate', 'alice', '--overlap', '1h']);
  expect(rotated.stderr).toMatch(/^token [0-9a-f]{10} of alice ends at /);
  expect([await statusOf(alice), await statusOf(rotated.stdout)]).toEqual([200, 200]);

  const again = await segwall(['operators', 'rotate', 'alice', '--json']);
  const { token, replaced } = JSON.parse(again.stdout) as { readonly token: string; readonly replaced: unknown[] };
  expect(replaced).toHaveLength(2);
  expect([await statusOf(alice), await statusOf(rotated.stdout), await statusOf(token)]).toEqual([401, 401, 200]);

  const revoked = await segwall(['operators', 'revoke', 'alice']);
  expect(revoked.stdout).toMatch(/^operator alice: revoked [0-9a-f]{10}$/);
  expect(await statusOf(token)).toBe(401);
  const refused = await segwall(['status'], { token });
  expect(refused.exitCode).toBe(3);
  expect(refused.stderr).toMatch(/^error: unauthorised: .*this token of operator alice was revoked at /);

  expect((await audited()).filter((line) => line.includes('operator-'))).toEqual([
    'control-plane operator-created admin',
    'operator/admin operator-created alice',
    'operator/admin operator-rotated alice',
    'operator/admin operator-rotated alice',
    'operator/admin operator-revoked alice',
  ]);
  expect(await audited()).toContain('control-plane api-call-refused alice');
});

test('what an operator does stands under the name of the token', async () => {
  const { stdout: bob } = await segwall(['operators', 'create', 'bob', '--ttl', '1d']);
  await segwall(['tokens', 'create', '--labels', 'app=shop'], { token: bob });
  expect((await audited()).at(-1)).toMatch(/^operator\/bob token-created /);
});

test('the list has states and times and no token', async () => {
  const { stdout: bob } = await segwall(['operators', 'create', 'bob', '--ttl', '1d']);
  await segwall(['operators', 'revoke', 'bob']);
  const { stdout } = await segwall(['operators', '--json']);
  const listed = JSON.parse(stdout) as readonly Readonly<Record<string, string>>[];
  expect(listed.map(({ name, state, createdBy }) => [name, state, createdBy])).toEqual([
    ['admin', 'holds', 'control-plane'],
    ['bob', 'revoked', 'operator/admin'],
  ]);
  expect(listed[0]?.['lastUsedAt']).toMatch(/:00:00\.000Z$/);
  expect(listed[1]).not.toHaveProperty('lastUsedAt');
  expect(stdout).not.toContain(bob.slice(0, 30));
  const table = await segwall(['operators', 'list']);
  expect(table.stdout).toMatch(/^ID +OPERATOR +STATE +EXPIRES +LAST USED +CREATED BY\n/);
});

describe('nobody can end the last token that holds', () => {
  test('by name or by id, until there is another', async () => {
    const { stdout } = await segwall(['operators', 'list', '--json']);
    const [admin] = JSON.parse(stdout) as readonly { readonly id: string }[];
    for (const which of ['admin', admin?.id ?? '']) {
      const refused = await segwall(['operators', 'revoke', which]);
      expect(refused.exitCode).toBe(1);
      expect(refused.stderr).toMatch(/^error: operator-last: .*segwall operators create NAME/);
    }
    const { stdout: carol } = await segwall(['operators', 'create', 'carol']);
    expect((await segwall(['operators', 'revoke', 'admin'])).exitCode).toBe(0);
    expect((await segwall(['operators', 'revoke', 'carol'], { token: carol })).exitCode).toBe(1);
    expect(await statusOf(server.token)).toBe(401);
  });

  test('two that end each other at once leave one: who is ended first does no more', async () => {
    const { stdout: dave } = await segwall(['operators', 'create', 'dave']);
    const revoke = (which: string, token: string) =>
      fetch(`${server.controlPlane.apiUrl}/api/v1/operators/${which}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${token}` },
      });
    const answers = await Promise.all([revoke('admin', dave), revoke('dave', server.token)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401]);
  });
});

test.each([
  { name: 'a name that is taken', args: ['create', 'admin'], exit: 1, text: /operator-exists: .*rotate admin/ },
  { name: 'a name that is none', args: ['create', 'Ada L'], exit: 2, text: /bad-request: name: is not a name/ },
  { name: 'a name like an id', args: ['create', '0123456789'], exit: 2, text: /looks like the id of a token/ },
  { name: 'nobody to replace', args: ['rotate', 'eve'], exit: 1, text: /not-found: .*operators create eve/ },
  { name: 'nobody to revoke', args: ['revoke', 'eve'], exit: 1, text: /not-found: .*operators list/ },
  {
    name: 'a life too long',
    args: ['create', 'eve', '--ttl', '9999d'],
    exit: 2,
    text: /allowed is a duration from 1s to 3650d/,
  },
])('$name is refused with what to do', async ({ args, exit, text }) => {
  const refused = await segwall(['operators', ...args]);
  expect(refused.exitCode).toBe(exit);
  expect(refused.stderr).toMatch(text);
});

test('--out writes a file for its owner alone, and never over another', async () => {
  const path = join(scratch, 'bob.token');
  const { stdout, stderr } = await segwall(['operators', 'create', 'bob', '--out', path]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  const token = (await readFile(path, 'utf8')).trim();
  expect(await statusOf(token)).toBe(200);
  expect(stdout + stderr).not.toContain(token.slice(0, 20));
  expect((await segwall(['--token-file', path, 'status'], { token: '' })).exitCode).toBe(0);
  expect((await segwall(['--token-file', '-', 'status'], { token: '', input: `${token}\n` })).exitCode).toBe(0);

  await writeFile(join(scratch, 'mine'), 'mine');
  const refused = await segwall(['operators', 'create', 'eve', '--out', join(scratch, 'mine')]);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toMatch(/^error: cannot-write: .*name a new file/);
  expect(await readFile(join(scratch, 'mine'), 'utf8')).toBe('mine');
  expect((await segwall(['operators', 'list'])).stdout).not.toMatch(/ eve /);
  await segwall(['operators', 'create', 'admin', '--out', join(scratch, 'none')]);
  await expect(stat(join(scratch, 'none'))).rejects.toThrow('ENOENT');
});

test('a token ends by its time with the clock alone, and its uses are written once an hour', async () => {
  let at = millis(Date.UTC(2026, 0, 1));
  const store = await openStore({ path: join(scratch, 'store.db') });
  onTestFinished(() => store.close());
  const token = newOperatorToken('00');
  const note = { at, actor: 'test', action: 'operator-created', target: 'ann' };
  const made = await store.createOperatorToken({
    hash: tokenHash(token),
    ca: 'f',
    id: '0123456789',
    tenant: 'default',
    name: 'ann',
    ttlMs: 7_200_000,
    note,
  });
  if (made.kind === 'refused') throw new Error(made.refusal);
  const uses: number[] = [];
  const operators = new OperatorTokens(made.changed, { now: () => at, used: (use) => uses.push(use.at) });
  for (let time = 0; time < 1000; time += 1) expect(operators.find(token).kind).toBe('holds');
  at = millis(at + 3_600_000);
  expect(operators.find(token).kind).toBe('holds');
  expect(uses).toHaveLength(2);
  at = millis(at + 3_599_999);
  expect(operators.find(token).kind).toBe('holds');
  at = millis(at + 1);
  expect(operators.find(token)).toMatchObject({ kind: 'expired', name: 'ann' });
  expect(operators.isUsable).toBe(false);
  expect(operators.find(new Secret('segwall_x.00'))).toEqual({ kind: 'unknown' });
});

test('who waits is told when a token’s time ends, also one that an overlap ends sooner', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const now = () => millis(Date.now());
  const token = newOperatorToken('00');
  const row = {
    hash: tokenHash(token),
    id: '0',
    tenant: 'default',
    name: 'ann',
    createdAt: now(),
    createdBy: '',
    ca: '',
  };
  const operators = new OperatorTokens([{ ...row, expiresAt: millis(now() + 60 * 86_400_000) }], {
    now,
    used: () => undefined,
  });
  const found = operators.find(token);
  if (found.kind !== 'holds') throw new Error(found.kind);
  const { ended, holding } = operators.asker(found);
  // Longer than a timer may be.
  vi.advanceTimersByTime(30 * 86_400_000);
  expect([ended.aborted, holding()]).toEqual([false, 'operator/ann']);
  operators.put([{ ...row, expiresAt: millis(now() + 1000) }]);
  vi.advanceTimersByTime(999);
  expect(ended.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(ended.reason).toMatchObject({ name: 'AuthorityEnded', reason: 'token-expired' });
  expect(holding).toThrow('this token of operator ann expired at ');
});

test('tokens hold over a restart, and where none holds the owner of the data directory gets a new one', async () => {
  const directory = await scratchDirectory();
  const first = await startApiServer({ directory });
  const headers = { authorization: `Bearer ${first.token}`, 'content-type': 'application/json' };
  const post = (path: string, body: unknown) =>
    fetch(`${first.controlPlane.apiUrl}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  expect((await post('/operators', { name: 'fay' })).status).toBe(200);
  await first.close();

  const second = await startApiServer({ directory });
  expect(second.controlPlane.start).toBe('later');
  expect(second.token).toBe(first.token);
  await second.close();

  const store = await openStore({ path: join(directory, 'store.db') });
  // As if time had ended them all.
  for (const { hash, id, name } of await store.listOperatorTokens({ tenant: 'default' })) {
    const note = { at: millis(Date.now()), actor: 'test', action: 'operator-rotated', target: name };
    const rotation = {
      hash: `${hash}x`,
      id: `${id.slice(1)}x`,
      ca: 'f',
      tenant: 'default',
      name,
      ttlMs: 0,
      overlapMs: 0,
      note,
    };
    await store.rotateOperatorToken(rotation);
  }
  await store.close();
  const third = await startApiServer({ directory });
  onTestFinished(() => third.close());
  expect(third.controlPlane.start).toBe('first');
  expect(third.token).not.toBe(first.token);
  const answer = await fetch(`${third.controlPlane.apiUrl}/api/v1/status`, {
    headers: { authorization: `Bearer ${third.token}` },
  });
  expect(answer.status).toBe(200);
});
