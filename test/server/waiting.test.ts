// --wait of every command that changes what hosts enforce: a host that is away, or that goes away while it is waited for, is no success, whatever
// it answered before it went. Real streams over mTLS, and the operator's commands as they are.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exitCodeOf } from '#cli/server/waiting.ts';
import type { Agent, Progress, Status } from '#control-plane/answers/schemas.ts';
import { type ApiServer, startApiServer } from '../hostile/support/api-server.ts';
import { enrolFakeAgent, type FakeStream } from '../hostile/support/fake-agent.ts';
import { operatorOf } from '../hostile/support/operator.ts';
import { runSegwall } from '../hostile/support/segwall.ts';
import { shopPolicy } from './fleet-under-test.ts';
import { startWireAgent } from './wire-agent.ts';

const done: Progress = { revision: 7, acked: ['a', 'b'], nacked: [], pending: [], offline: [], open: [] };

test.each<readonly [string, Partial<Progress>, 0 | 1, 0 | 1]>([
  ['all hosts have it', {}, 0, 0],
  ['one refused it', { acked: ['a'], nacked: [{ host: 'b', reason: 'no' }] }, 1, 1],
  ['one has not answered', { acked: ['a'], pending: ['b'] }, 1, 1],
  ['one is away', { acked: ['a'], pending: ['b'], offline: ['b'] }, 1, 0],
  ['one is away and another has not answered', { acked: [], pending: ['a', 'b'], offline: ['b'] }, 1, 1],
  ['one has it and is open', { open: ['b'] }, 1, 1],
  ['nobody is concerned', { acked: [] }, 0, 0],
  ['nothing is sent now', { acked: [], held: 'the store is older' }, 1, 1],
])('%s', (_what, progress, exitCode, ignoringOffline) => {
  const told = { ...done, ...progress };
  expect(exitCodeOf(told, { timeout: '30s' })).toBe(exitCode);
  expect(exitCodeOf(told, { timeout: '30s', ignoreOffline: true })).toBe(ignoringOffline);
});

describe('a host that went between', () => {
  let server: ApiServer;
  let policy: string;
  const segwall = async (...args: readonly string[]) =>
    runSegwall(args, {
      SEGWALL_SERVER: server.controlPlane.apiUrl,
      SEGWALL_TOKEN: server.token,
      XDG_STATE_HOME: join(server.directory, 'state'),
    });
  const call = async (path: string) => (await operatorOf(server).call('GET', `/api/v1${path}`)).body;
  const write = (text: string) => writeFile(join(policy, 'shop.yaml'), text);

  const joined = async (name: string, role: string, address: string) => {
    const { agents: controlPlane, caFingerprint } = server.controlPlane;
    const token = await operatorOf(server).joinToken({ app: 'shop', role });
    const agent = await startWireAgent({ controlPlane, caFingerprint, token, name, addresses: [address] });
    await agent.until(() => true);
    return agent;
  };

  beforeAll(async () => {
    server = await startApiServer();
    policy = join(server.directory, 'policy');
    await mkdir(policy);
  });
  afterAll(() => server.close());

  test('apply, rollback, quarantine, release, label and revoke say so, in words, in JSON and by their exit code', async () => {
    await write(shopPolicy({ mode: 'observe' }));
    await joined('api-1', 'api', '10.0.0.1');
    const web = await joined('web-1', 'web', '10.0.0.2');
    await joined('lost', 'web', '10.0.0.3');
    expect((await segwall('apply', policy, '--wait')).exitCode).toBe(0);
    await write(shopPolicy());
    const both = await segwall('apply', policy, '--wait', '--json');
    expect([both.exitCode, JSON.parse(both.stdout)]).toMatchObject([
      0,
      { acked: ['api-1', 'lost', 'web-1'], pending: [] },
    ]);

    // It has answered all of that, and goes.
    await web.stop();
    const stateOf = async () =>
      ((await call('/agents')) as readonly Agent[]).find(({ host }) => host === 'web-1')?.state;
    await expect.poll(stateOf).toBe('offline');
    for (const command of [
      ['rollback'],
      ['apply', policy],
      ['quarantine', 'lost', '--allow', '10.9.9.9'],
      ['release', 'lost'],
      ['label', 'web-1', 'role=api', '--yes'],
      ['agents', 'revoke', 'lost'],
    ]) {
      const waited = await segwall(...command, '--wait', '--json');
      expect([command[0], waited.exitCode, JSON.parse(waited.stdout)]).toMatchObject([
        command[0],
        1,
        { pending: ['web-1'], offline: ['web-1'] },
      ]);
    }
    await write(shopPolicy({ mode: 'observe' }));
    const told = await segwall('apply', policy, '--wait');
    expect([told.exitCode, told.stderr]).toEqual([1, expect.stringMatching(/^offline, [^\n]*: web-1$/m)]);
    expect((await segwall('rollback', '--wait', '--ignore-offline')).exitCode).toBe(0);
    for (const host of ['api-1', 'lost', 'web-1']) await operatorOf(server).call('DELETE', `/api/v1/agents/${host}`);
  });

  test('one that goes while it is waited for ends the waiting, and is no success', async () => {
    const { agents: controlPlane, caFingerprint } = server.controlPlane;
    await joined('api-2', 'api', '10.0.0.4');
    const token = await operatorOf(server).joinToken({ app: 'shop', role: 'web' });
    const { directory } = server;
    const silent = await enrolFakeAgent({ controlPlane, caFingerprint, token, name: 'slow-1', directory });
    const stream: FakeStream = await silent.greeted();
    await write(shopPolicy({ mode: 'selective' }));
    const activeAt = async () => ((await call('/status')) as Status).policy.revision;
    const before = await activeAt();
    const waiting = segwall('apply', policy, '--wait', '--timeout', '10m', '--json');
    await expect.poll(activeAt, { timeout: 60_000 }).toBeGreaterThan(before);
    const progress = { acked: ['api-2'], pending: ['slow-1'], offline: [] };
    const revision = await activeAt();
    await expect.poll(() => call(`/revisions/${revision}`), { timeout: 60_000 }).toMatchObject(progress);
    stream.close();
    silent.close();
    const { exitCode, stdout } = await waiting;
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([1, { ...progress, offline: ['slow-1'] }]);
  });
});
