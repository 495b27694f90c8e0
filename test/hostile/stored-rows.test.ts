// Rows that another version, a backup or a hand wrote: what cannot be read is left out, grants nothing, and is told; nothing else fails.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { tokenHash } from '#control-plane/fleet/tokens.ts';
import { Secret } from '#model/secret.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, shopPolicy, tenant } from '#test/server/fleet-under-test.ts';
import { scratchDirectory } from '#test/server/scratch-directory.ts';
import { startApiServer } from './support/api-server.ts';
import { operatorOf } from './support/operator.ts';

const beyond = '9223372036854775807';
const wrong = ["''", "'{'", "'null'", "'[1]'", '\'{"a":1}\'', '\'"text"\''];

function change(directory: string, statements: readonly string[]): void {
  const database = new DatabaseSync(join(directory, 'store.db'));
  for (const statement of statements) database.exec(statement);
  database.close();
}

describe('a host', () => {
  const columns = ['addresses', 'facts', 'units', 'containers'];
  const times = ['enrolled_at', 'last_connected_at', 'absent_since', 'newest_used_at'];

  test('of which something cannot be read is there without it, and told', async () => {
    const directory = await scratchDirectory();
    const under = await fleetUnderTest({ directory });
    const bad = [
      ...columns.flatMap((column) => wrong.map((value) => `${column} = ${value}`)),
      ...times.map((column) => `${column} = ${beyond}`),
    ];
    for (const [at] of bad.entries()) await under.enrol(`h-${at}`);
    await under.connect('good', { addresses: ['10.0.0.9'], labels: { app: 'shop' } });
    await under.fleet.stop();
    change(
      directory,
      bad.map((set, at) => `update hosts set ${set} where name = 'h-${at}'`),
    );
    const { fleet } = await under.restart();
    expect(fleet.agents()).toHaveLength(bad.length + 1);
    expect(fleet.holderOf('10.0.0.9' as never)).toBe('good');
    expect(fleet.unread.count).toBe(bad.length);
    expect(fleet.unread.samples[0]).toBe('host h-0: addresses');
  });

  test('is revoked, may claim nothing and lets nobody through where that cannot be read', async () => {
    const directory = await scratchDirectory();
    const under = await fleetUnderTest({ directory });
    for (const host of ['revoked', 'ranged', 'quarantined']) await under.connect(host, { labels: { app: 'shop' } });
    await under.fleet.quarantine({ workload: 'quarantined', peers: ['10.0.0.0/8'], actor: 'operator/test' });
    await under.fleet.stop();
    change(directory, [
      `update hosts set revoked_at = ${beyond} where name = 'revoked'`,
      `update hosts set ranges = '{' where name = 'ranged'`,
      `update quarantines set peers = '{', created_at = ${beyond}`,
      `update labels set value = 'a b' where workload = 'ranged'`,
    ]);
    const { fleet } = await under.restart();
    expect(fleet.isHostRevoked('revoked')).toBe(true);
    expect(fleet.hostEntry('ranged')).toMatchObject({ ranges: [], labels: new Map() });
    expect(fleet.quarantineOf('quarantined')).toEqual([]);
    expect(fleet.unread.count).toBe(4);
  });
});

test('a join token that cannot be read is none, and the others are listed', async () => {
  const directory = await scratchDirectory();
  const { store } = await fleetUnderTest({ directory });
  const bad = [
    ...wrong.map((value) => `labels = ${value}`),
    "ranges = '{'",
    `expires_at = ${beyond}`,
    'uses_spent = -1',
  ];
  const note = { at: millis(Date.now()), actor: 'operator/test', action: 'token-created', target: 'x' };
  const expiresAt = millis(Date.now() + 60_000);
  for (const id of ['good', ...bad.keys()].map(String)) {
    const hash = tokenHash(new Secret(id));
    await store.createJoinToken({ tenant, id, hash, labels: {}, uses: 1, expiresAt, note });
  }
  change(
    directory,
    bad.map((set, at) => `update join_tokens set ${set} where id = '${at}'`),
  );
  expect((await store.listJoinTokens({ tenant })).map(({ id }) => id)).toEqual(['good']);
  for (const id of bad.keys()) {
    const spending = await store.spendJoinToken({ hash: tokenHash(new Secret(String(id))), host: 'x', at: note.at });
    expect(spending, bad[id]).toEqual({ kind: 'refused', refusal: 'token-unknown' });
  }
});

test('a policy in force that cannot be read is a problem, and no empty one; every page of operators is answered', async () => {
  const directory = await scratchDirectory();
  const before = await startApiServer({ directory });
  const files = [{ path: 'shop.yaml', text: shopPolicy() }];
  await operatorOf(before).call('POST', '/api/v1/policy/apply', { files });
  await operatorOf(before).call('POST', '/api/v1/policy/apply', { files, mode: 'save-draft' });
  await before.close();
  change(directory, [
    `update policies set files = '{"no":"list"}', created_at = ${beyond}`,
    `update activations set at = ${beyond}, kind = 'who knows'`,
    `insert into operator_tokens (hash, id, tenant, name, created_at, created_by, expires_at) values ('x', 'x', 'default', 'eve', ${beyond}, 'eve', ${beyond})`,
  ]);
  const server = await startApiServer({ directory });
  const { call } = operatorOf(server);
  const { body } = await call('GET', '/api/v1/status');
  expect(body).toMatchObject({ unread: { count: 1, names: ['operator tokens: 1'] } });
  expect(body).toMatchObject({ policy: { problem: expect.stringContaining('cannot be read in the store') } });
  const pages = ['policy/history', 'operators', 'tokens', 'agents', 'workloads', 'flows', 'coverage'];
  const answers = await Promise.all(pages.map((page) => call('GET', `/api/v1/${page}`)));
  expect(answers.map(({ status }) => status)).toEqual(pages.map(() => 200));
  await server.close();
});
