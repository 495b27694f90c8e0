// An agent's word on revisions: over a real connection it ends no change, it survives in no store, and a store that an earlier version
// let be ruined by it counts on at the next start.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shopPolicy } from '#test/server/fleet-under-test.ts';
import { type ApiServer, startApiServer } from './support/api-server.ts';
import { enrolFakeAgent, type FakeAgent } from './support/fake-agent.ts';
import { operatorOf } from './support/operator.ts';

let directory: string;
let server: ApiServer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'segwall-hostile-'));
  server = await startApiServer({ directory });
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

const apply = (text: string) =>
  operatorOf(server).call('POST', '/api/v1/policy/apply', { files: [{ path: 'shop.yaml', text }] });

async function enrolled(name: string): Promise<FakeAgent> {
  const { agents, caFingerprint } = server.controlPlane;
  const token = await operatorOf(server).joinToken({ app: 'shop' });
  return enrolFakeAgent({ controlPlane: agents, caFingerprint, token, name, directory });
}

test.each([2 ** 31, 2 ** 40, Number.MAX_SAFE_INTEGER])('holding %i ends no change', async (revision) => {
  const agent = await enrolled(`web-${revision}`);
  const stream = await agent.greeted({ held: { revision, digest: 'ab'.repeat(32) } });
  const sent = await stream.until(({ kind }) => kind === 'snapshot');
  expect(sent).toMatchObject({ kind: 'snapshot' });
  const listed = await operatorOf(server).call('GET', '/api/v1/agents');
  expect(listed.body).toContainEqual(expect.objectContaining({ host: agent.name, ahead: revision }));
  const applied = await apply(shopPolicy());
  expect(applied.status, JSON.stringify(applied.body)).toBe(200);
  expect(applied.body).toHaveProperty('revision', expect.any(Number));
  expect((applied.body as { revision: number }).revision).toBeLessThan(1000);
  stream.close();
  agent.close();
});

test.each([
  ['2^50 with activations behind it', 2n ** 50n, [2n ** 50n - 5n, 2n ** 50n]],
  ['2^53', 2n ** 53n, []],
  ['the most that SQLite holds', 2n ** 63n - 1n, [2n ** 63n - 2n, 2n ** 63n - 1n]],
])('a store ruined at %s counts on, and keeps which policy was last', async (_, revision, activations) => {
  await apply(shopPolicy({ mode: 'observe' }));
  const last = (await apply(shopPolicy())).body as { policy: number; revision: number };
  const { activations: before } = (await operatorOf(server).call('GET', '/api/v1/policy/history')).body as {
    activations: unknown[];
  };
  await server.close();
  const database = new DatabaseSync(join(directory, 'store.db'));
  database.prepare('update tenants set revision = ?').run(revision);
  const [first, second] = activations;
  if (first !== undefined && second !== undefined) {
    const move = database.prepare('update activations set revision = ? where revision = ?');
    const { lower } = database
      .prepare('select max(revision) as lower from activations where revision < ?')
      .get(last.revision) as { lower: number };
    move.run(first, lower);
    move.run(second, last.revision);
  }
  database.close();
  server = await startApiServer({ directory });
  const operator = operatorOf(server);
  expect((await operator.call('GET', '/api/v1/policy')).body).toMatchObject({ policy: last.policy });
  const history = (await operator.call('GET', '/api/v1/policy/history')).body as { activations: unknown[] };
  expect(history.activations).toHaveLength(before.length);
  const applied = await apply(shopPolicy());
  expect(applied.status).toBe(200);
  expect((applied.body as { revision: number }).revision).toBeLessThan(1000);
  const audit = (await operator.call('GET', '/api/v1/audit?limit=10000')).body as { action: string }[];
  expect(audit.some(({ action }) => action === 'revision-recovered')).toBe(true);
});
