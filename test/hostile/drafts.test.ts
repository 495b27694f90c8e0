// What drafts may take, and what it costs to list them; and threads of plans whose askers are gone.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Worker } from 'node:worker_threads';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { Judging } from '#control-plane/judging/judging.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, shopPolicy, tenant } from '../server/fleet-under-test.ts';
import { scratchDirectory } from '../server/scratch-directory.ts';
import { startApiServer } from './support/api-server.ts';
import { operatorOf } from './support/operator.ts';
import { runSegwall } from './support/segwall.ts';

const note = { at: millis(0), actor: 'operator/a', action: 'draft-saved', target: 'policy' };
const filesOf = (bytes: number) => [{ path: 'a.yaml', text: 'x'.repeat(bytes) }];

test('drafts are kept up to a number and a size, and one that is deleted makes room and gives its number to no other', async () => {
  const { store } = await fleetUnderTest();
  const limits = { drafts: 3, bytes: 10_000 };
  const save = (bytes: number) => store.saveDraft({ tenant, files: filesOf(bytes), note, limits });
  expect([await save(10), await save(10), await save(10)]).toMatchObject([{ id: 1 }, { id: 2 }, { id: 3 }]);
  expect(await save(10)).toMatchObject({ kind: 'full', drafts: 3 });
  const deletion = { ...note, action: 'draft-deleted' };
  expect(await store.deleteDraft({ tenant, id: 3, note: deletion })).toBe('deleted');
  expect(await store.deleteDraft({ tenant, id: 3, note: deletion })).toBe('unknown');
  expect(await store.readPolicy({ tenant, id: 3 })).toBeUndefined();
  expect(await save(20_000)).toMatchObject({ kind: 'full', drafts: 2 });
  expect(await save(10)).toEqual({ kind: 'saved', id: 4 });
  expect((await store.listDrafts({ tenant, limit: 10 })).map(({ id }) => id)).toEqual([4, 2, 1]);
});

test('a policy that was active once, or that a canary tries, is no draft to delete', async () => {
  const { fleet, connect, apply } = await fleetUnderTest();
  await apply(shopPolicy());
  await connect('web-1');
  const { policy } = fleet.active;
  const source = { kind: 'files' as const, files: filesOf(1) };
  const limits = { holdMs: 1_000_000, answerMs: 1_000_000 };
  const started = await fleet.startCanary({ policy, source, hosts: ['web-1'], limits, actor: 'operator/a' });
  if (!started.ok) throw new Error(started.error);
  const remove = (id: number) => fleet.deleteDraft({ id, actor: 'operator/a' });
  expect(await remove(fleet.active.id)).toBe('activated');
  expect(await remove(started.value.policy)).toBe('on-trial');
  await fleet.endCanary({ reason: 'enough', actor: 'operator/a' });
  expect(await remove(started.value.policy)).toBe('deleted');
});

test('listing drafts reads no document of them', async () => {
  const directory = await scratchDirectory();
  const { store } = await fleetUnderTest({ directory });
  await store.saveDraft({ tenant, files: filesOf(10), note, limits: { drafts: 9, bytes: 1e9 } });
  const database = new DatabaseSync(join(directory, 'store.db'));
  onTestFinished(() => database.close());
  // Whatever reads it as text fails on it.
  database.exec(`update policies set files = 'no JSON', file_count = 4611686018427387904`);
  expect(await store.listDrafts({ tenant, limit: 10 })).toMatchObject([{ id: 1, fileCount: 1_000_000_000_000 }]);
});

test('segwall drafts delete', async () => {
  const server = await startApiServer({ directory: await scratchDirectory() });
  onTestFinished(() => server.close());
  const operator = operatorOf(server);
  const body = { files: [], mode: 'save-draft' };
  const { body: saved } = await operator.call('POST', '/api/v1/policy/apply', body);
  const { policy } = saved as { readonly policy: number };
  const environment = { SEGWALL_SERVER: server.controlPlane.apiUrl, SEGWALL_TOKEN: server.token };
  const remove = (number: string) => runSegwall(['drafts', 'delete', number], environment);
  expect(await remove(String(policy))).toMatchObject({ exitCode: 0, stdout: `draft ${policy} is deleted` });
  expect(await remove(String(policy))).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('not-found') });
  expect(await remove('1')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('active once') });
  expect(await remove('x')).toMatchObject({ exitCode: 2 });
  const { stdout } = await runSegwall(['audit', '--json'], environment);
  expect(stdout).toContain('"draft-deleted"');
});

test('of plans whose askers hang up one after the other, one thread lives at a time', async () => {
  const { fleet, apply, storePath } = await fleetUnderTest();
  await apply(shopPolicy());
  let [living, most] = [0, 0];
  const watch = (worker: Worker) => {
    living += 1;
    most = Math.max(most, living);
    worker.once('exit', () => (living -= 1));
  };
  process.on('worker', watch);
  onTestFinished(() => void process.off('worker', watch));
  const log = pino({ level: 'silent' });
  const judging = new Judging({ fleet, storePath, tenant, now: () => millis(Date.now()), log });
  const job = { kind: 'suggest', segment: 'shop', since: 0, outside: 'comment', denied: 'comment' } as const;
  for (let time = 0; time < 12; time += 1) {
    const gone = new AbortController();
    const asked = judging.ask(job, { operator: `op-${time}`, gone: gone.signal });
    await new Promise(setImmediate);
    gone.abort();
    await expect(asked).rejects.toMatchObject({ code: 'busy' });
  }
  const answer = await judging.ask(job, { operator: 'last', gone: new AbortController().signal });
  expect(Buffer.from(answer).toString()).toContain('"segment":"shop"');
  await judging.stop();
  expect(most).toBe(1);
  expect(living).toBe(0);
});
