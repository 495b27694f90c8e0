// The status socket: who may ask, what comes back, and what is said when nobody answers.

import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askStatus, serveStatus } from '#agent/status.ts';
import { modesOf, statusRows } from '#agent/status-view.ts';
import { run } from '#test/support/run-command.ts';

let path: string;

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'segwall-status-'));
});
afterEach(() => rm(path, { recursive: true, force: true }));

const main = new URL('../../agent/src/main.ts', import.meta.url).pathname;

test('whoever asks gets the newest answer, through a socket that is its owner’s alone', async () => {
  const socket = join(path, 'agent.sock');
  await writeFile(socket, 'left behind');
  let revision = 1;
  const server = await serveStatus(socket, () => ({ revision }));
  expect(await askStatus(socket)).toEqual({ ok: true, value: { revision: 1 } });
  revision = 2;
  expect(await askStatus(socket)).toEqual({ ok: true, value: { revision: 2 } });
  expect((await stat(socket)).mode & 0o777).toBe(0o600);
  await server.close();
  expect(await askStatus(socket)).toEqual({ ok: false, error: 'there is no socket' });
});

test('a path longer than a socket’s name may be works all the same', async () => {
  const deep = join(path, 'x'.repeat(60), 'y'.repeat(60));
  await mkdir(deep, { recursive: true });
  const socket = join(deep, 'agent.sock');
  const server = await serveStatus(socket, () => ({ deep: true }));
  expect(await askStatus(socket)).toEqual({ ok: true, value: { deep: true } });
  await server.close();
});

test('without an agent the command says so, gives what is known and ends with 3', async () => {
  const result = await run([process.execPath, main, 'status', '--state', path, '--json']);
  expect(result.exitCode).toBe(3);
  expect(JSON.parse(result.stdout)).toMatchObject({ revision: 0, applied: 0, mode: 'open', connected: false, lost: 0 });
  expect(result.stderr).toContain('agent-not-running');
});

test('the answer of a running agent is printed, as JSON or as a table', async () => {
  const answer = { host: 'web-1', revision: 7, applied: 6, mode: 'enforce', connected: true, lost: 0, running: true };
  const server = await serveStatus(join(path, 'agent.sock'), () => answer);
  const json = await run([process.execPath, main, 'status', '--state', path, '--json']);
  expect([json.exitCode, JSON.parse(json.stdout)]).toEqual([0, answer]);
  const table = await run([process.execPath, main, 'status', '--state', path]);
  expect(table.stdout).toContain('6 in force, 7 was offered');
  await server.close();
});

test('the mode is the stricter of the host’s directions, and open without a policy', () => {
  expect(modesOf(undefined).mode).toBe('open');
  const direction = { onDeny: 'drop', selective: [], guardrails: [], grants: [] } as const;
  const host = {
    workload: 'me',
    kind: 'host',
    addresses: [],
    inbound: { ...direction, mode: 'observe' },
    outbound: { ...direction, mode: 'selective' },
  } as const;
  expect(modesOf({ revision: 1, host: 'me', workloads: [host], peerSets: new Map() })).toEqual({
    mode: 'selective',
    modes: { inbound: 'observe', outbound: 'selective' },
  });
  expect(statusRows({ applied: 0 })).toContainEqual(['revision', 'none: this host is open']);
});
