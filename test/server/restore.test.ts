// A control plane that was put back: from a backup, by hand, in part. It never speaks for the fleet by itself: agents keep what they have until
// an operator says so; and a store that cannot be trusted is refused at the start, with what to do.

import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { execa } from 'execa';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { openAuditKey } from '#control-plane/audit/audit-key.ts';
import { restoreBackup, takeBackup } from '#control-plane/data/backup.ts';
import { takeKeys } from '#control-plane/data/strange-keys.ts';
import { openRevisionProofs } from '#control-plane/publish/revision-proofs.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { programPath } from '#test/support/programs.ts';
import { type ApiServer, startApiServer } from '../hostile/support/api-server.ts';
import { operatorOf } from '../hostile/support/operator.ts';
import { shopPolicy } from './fleet-under-test.ts';
import { scratchDirectory } from './scratch-directory.ts';
import { startWireAgent } from './wire-agent.ts';

const now = () => millis(Date.now());
const files = (text: string) => ({ files: [{ path: 'shop.yaml', text }] });

/** A fleet of one host, and what was backed up of it before its policy began to enforce. */
async function shop() {
  const root = await scratchDirectory();
  const data = join(root, 'data');
  const running: { server: ApiServer } = { server: await startApiServer({ directory: data }) };
  onTestFinished(() => running.server.close());
  const { agents, caFingerprint } = running.server.controlPlane;
  const { token: adminToken } = running.server;
  const call = (method: string, path: string, body?: unknown) =>
    operatorOf({ ...running.server, token: adminToken }).call(method, `/api/v1${path}`, body);
  const token = await operatorOf(running.server).joinToken({ app: 'shop' });
  const host = await startWireAgent({
    controlPlane: agents,
    caFingerprint,
    token,
    name: 'web-1',
    addresses: ['10.0.0.1'],
  });
  await call('POST', '/policy/apply', files(shopPolicy({ mode: 'observe' })));
  await host.until(({ workloads }) => workloads[0]?.inbound.defaultSegment !== undefined);
  const backup = join(root, 'backup');
  return {
    ...{ root, data, backup, call, host },
    modes: () => host.applied.map(({ workloads }) => workloads[0]?.inbound.mode),
    enforce: async () => {
      await call('POST', '/policy/apply', files(shopPolicy()));
      await host.until(({ workloads }) => workloads[0]?.inbound.mode === 'enforce');
    },
    stop: () => running.server.close(),
    start: async (directory = data) => {
      if (!existsSync(join(directory, 'first-start.json')))
        await copyFile(join(data, 'first-start.json'), join(directory, 'first-start.json'));
      running.server = await startApiServer({ directory, settings: { agents } });
    },
    connected: () =>
      expect
        .poll(async () => (await call('GET', '/status')).body, { timeout: 60_000 })
        .toMatchObject({ agents: { connected: 1 } }),
  };
}

let first: Promise<string> | undefined;

/** The data directory of a control plane that ran twice and was stopped, what it was between the two, and as it was killed in the second. */
async function stopped() {
  first ??= (async () => {
    const root = await mkdtemp(join(tmpdir(), 'segwall-restore-'));
    const data = join(root, 'data');
    await (await startApiServer({ directory: data })).close();
    await cp(data, join(root, 'older'), { recursive: true });
    const second = await startApiServer({ directory: data });
    await operatorOf(second).call('POST', '/api/v1/policy/apply', files(shopPolicy({ mode: 'observe' })));
    await cp(data, join(root, 'killed'), { recursive: true });
    await second.close();
    return root;
  })();
  const root = await scratchDirectory();
  await cp(await first, root, { recursive: true });
  return { root, data: join(root, 'data'), older: join(root, 'older'), killed: join(root, 'killed') };
}
afterAll(async () => {
  if (first !== undefined) await rm(await first, { recursive: true, force: true });
});

const holds = (kind: string) => ({ hold: { kind, why: expect.any(String), revision: expect.any(Number) } });

test('a backup of a control plane that runs, put back: agents keep what they have until an operator resumes', async () => {
  const { data, root, backup, call, host, modes, enforce, stop, start, connected } = await shop();
  const command = [programPath('segwall-control-plane'), 'backup', '--data', data, '--to', backup];
  expect((await execa(process.execPath, command)).stdout).toContain('backed up');
  await enforce();
  const before = (await call('GET', '/status')).body as { lineage: string };
  await stop();
  const anew = join(root, 'anew');
  assertOk(await restoreBackup({ from: backup, data: anew, now: now() }));
  await start(anew);
  await connected();
  expect((await call('GET', '/status')).body).toMatchObject(holds('restored'));
  const told = host.applied.length;
  const label = (await call('PATCH', '/workloads/web-1/labels', { set: { role: 'web' } })).body as { revision: number };
  const progress = await call('GET', `/revisions/${label.revision}?waitMs=30000`);
  expect(progress.body).toMatchObject({ acked: [], held: expect.stringContaining('segwall resume') });
  const canary = await call('POST', '/policy/apply', {
    ...files(shopPolicy()),
    canary: { holdMs: 1000, answerMs: 1000 },
  });
  expect(canary).toMatchObject({ status: 409, body: { error: { code: 'held' } } });
  expect(host.applied).toHaveLength(told);
  expect(modes().at(-1)).toBe('enforce');
  const resumed = await call('POST', '/resume', {});
  expect(resumed).toMatchObject({ status: 200, body: { lineage: expect.any(String) } });
  await host.until(({ workloads }) => workloads[0]?.inbound.mode === 'observe');
  const after = (await call('GET', '/status')).body as { lineage: string };
  expect(after).not.toHaveProperty('hold');
  expect(after.lineage).not.toBe(before.lineage);
  expect(await call('POST', '/resume', {})).toMatchObject({ status: 409, body: { error: { code: 'not-held' } } });
  const actions = ((await call('GET', '/audit?limit=10000')).body as { action: string }[]).map(({ action }) => action);
  expect(actions).toEqual(expect.arrayContaining(['audit-lineage-began', 'hold-began', 'hold-ended']));
  expect(actions.filter((action) => action === 'audit-lineage-began')).toHaveLength(1);
});

test('the file of the store put back by hand: the same, over a restart too, and an apply ends it', async () => {
  const { data, backup, call, host, modes, enforce, stop, start, connected } = await shop();
  assertOk(await takeBackup({ data, to: backup, now: now() }));
  await enforce();
  await stop();
  await copyFile(join(backup, 'store.db'), join(data, 'store.db'));
  await start();
  await connected();
  expect((await call('GET', '/status')).body).toMatchObject(holds('put-back'));
  await stop();
  await start();
  await connected();
  expect((await call('GET', '/status')).body).toMatchObject(holds('put-back'));
  expect(modes().at(-1)).toBe('enforce');
  const told = host.applied.length;
  const { status, body } = await call('POST', '/policy/apply', files(shopPolicy({ mode: 'selective' })));
  expect(status, JSON.stringify(body)).toBe(200);
  await host.until(({ workloads }) => workloads[0]?.inbound.mode === 'selective');
  expect(modes().slice(told)).toEqual(['selective']);
  expect((await call('GET', '/status')).body).not.toHaveProperty('hold');
});

test('the whole directory put back by hand, which has counted on since: found out by the first host that comes back', async () => {
  const { data, root, call, host, modes, enforce, stop, start, connected } = await shop();
  await stop();
  const older = join(root, 'older');
  await cp(data, older, { recursive: true });
  await start();
  await connected();
  await enforce();
  const before = host.proof();
  await expect.poll(() => host.proof() !== before, { timeout: 60_000 }).toBe(true);
  await stop();
  const told = host.applied.length;
  await rm(data, { recursive: true });
  await cp(older, data, { recursive: true });
  // Where no host reaches it, it counts on further than hosts were told.
  const alone = await startApiServer({ directory: data });
  for (const role of ['a', 'b', 'c', 'd', 'e', 'f'])
    await operatorOf(alone).call('PATCH', '/api/v1/workloads/web-1/labels', { set: { role } });
  const { body } = await operatorOf(alone).call('GET', '/api/v1/status');
  expect((body as { revision: number }).revision).toBeGreaterThan(host.applied.at(-1)?.revision ?? 0);
  await alone.close();
  await start();
  await connected();
  expect((await call('GET', '/status')).body).toMatchObject({
    ...holds('behind'),
    hold: { ahead: { names: ['web-1'] } },
  });
  expect([host.applied.length, modes().at(-1)]).toEqual([told, 'enforce']);
  await call('POST', '/resume', {});
  await host.until(({ workloads }) => workloads[0]?.inbound.mode === 'observe');
});

describe('a store that cannot be trusted is refused at the start, with what to do', () => {
  const cases: readonly [string, (data: string, older: string) => Promise<unknown>, RegExp][] = [
    [
      'missing beside its keys',
      (data) => rm(join(data, 'store.db')),
      /store\.db is missing, and .*ca-key\.pem is there/,
    ],
    [
      'missing beside the key of proofs alone',
      async (data) => {
        await rm(join(data, 'store.db'));
        for (const folder of ['pki', 'audit']) await rm(join(data, folder), { recursive: true });
      },
      /store\.db is missing, and .*revision\.key is there/,
    ],
    ['no database', (data) => writeFile(join(data, 'store.db'), 'x'.repeat(5000)), /does not begin as an SQLite/],
    ['empty', (data) => truncate(join(data, 'store.db'), 0), /does not begin as an SQLite/],
    ['cut off', (data) => truncate(join(data, 'store.db'), 40_960), /cut off at 40960 of \d+ bytes/],
    ['overwritten in the middle', scribble, /is damaged: /],
    ['put in the place of one that left a log of writes', putUnderLog, /together they are neither/],
    ['whole, beside the log of writes of another store', putLogBeside, /is not the log of writes of .*store\.db/],
    [
      'without the key of its CA',
      (data) => rm(join(data, 'pki/ca-key.pem')),
      /ca\.pem is there and .*ca-key\.pem is not/,
    ],
    [
      'without the certificate of its CA',
      (data) => rm(join(data, 'pki/ca.pem')),
      /ca\.pem is missing, and .*server\.pem/,
    ],
    [
      'without both',
      async (data) => {
        for (const name of ['ca.pem', 'ca-key.pem']) await rm(join(data, 'pki', name));
      },
      /ca-key\.pem and .*ca\.pem are missing/,
    ],
    [
      'without the key of its audit log',
      (data) => rm(join(data, 'audit/key.pem')),
      /key\.pem is missing, and .*checkpoint\.json is there/,
    ],
    [
      'beside the key of another audit log',
      (data) => putKeyOfAnother(data, 'audit/key.pem'),
      /audit\/key\.pem is not the key that signed the audit log of this store: .*take-keys --data/,
    ],
    [
      'beside another key of what hosts were told',
      (data) => putKeyOfAnother(data, 'keys/revision.key'),
      /keys\/revision\.key is not the key that was used with this store, .*take-keys --data/,
    ],
  ];
  test.each(cases)('%s', async (_, damage, problem) => {
    const { data, older } = await stopped();
    await damage(data, older);
    await expect(startApiServer({ directory: data })).rejects.toThrow(problem);
    await expect(startApiServer({ directory: data })).rejects.toThrow(
      /segwall-control-plane restore --from BACKUP --data/,
    );
  });

  test('keys of another store are taken where an operator says so, and those alone', async () => {
    const { data } = await stopped();
    await putKeyOfAnother(data, 'keys/revision.key');
    assertOk(await takeKeys({ data, now: millis(Date.now()) }));
    for (const _start of ['first', 'second']) await (await startApiServer({ directory: data })).close();
    await putKeyOfAnother(data, 'keys/revision.key');
    await expect(startApiServer({ directory: data })).rejects.toThrow(/revision\.key is not the key/);
  });

  test('a log of writes that a killed one left is its own, and taken', async () => {
    const { data, killed } = await stopped();
    expect((await stat(join(killed, 'store.db-wal'))).size).toBeGreaterThan(0);
    const [{ revision }, before] = [revisionIn(data), revisionIn(killed, 'immutable')];
    expect(before.revision).toBeLessThan(revision);
    const server = await startApiServer({ directory: killed });
    onTestFinished(() => server.close());
    const { body } = await operatorOf(server).call('GET', '/api/v1/status');
    expect(body).toMatchObject({ revision });
    expect(body).not.toHaveProperty('hold');
  });

  test('the shared memory of another store beside it says nothing, and is made anew', async () => {
    const { data, killed } = await stopped();
    await copyFile(join(killed, 'store.db-shm'), join(data, 'store.db-shm'));
    const { revision } = revisionIn(data);
    const server = await startApiServer({ directory: data });
    onTestFinished(() => server.close());
    expect((await operatorOf(server).call('GET', '/api/v1/status')).body).toMatchObject({ revision });
  });

  test('without the key by which hosts show what they were told it starts, and holds', async () => {
    const { data } = await stopped();
    await rm(join(data, 'keys'), { recursive: true });
    const server = await startApiServer({ directory: data });
    onTestFinished(() => server.close());
    const { body } = await operatorOf(server).call('GET', '/api/v1/status');
    expect(body).toMatchObject({ hold: { kind: 'put-back', why: expect.stringContaining('revision.key') } });
    expect(await operatorOf(server).call('POST', '/api/v1/resume', {})).toMatchObject({ status: 200 });
  });
});

/** `immutable`: of the file alone, without its log of writes. */
function revisionIn(data: string, how: 'whole' | 'immutable' = 'whole'): { readonly revision: number } {
  const path = join(data, 'store.db');
  const store = new DatabaseSync(how === 'whole' ? path : `file:${path}?immutable=1`, { readOnly: true });
  try {
    return { revision: Number(store.prepare('select revision from tenants').get()?.['revision']) };
  } finally {
    store.close();
  }
}

/** Of a control plane that began elsewhere. */
async function putKeyOfAnother(data: string, name: string): Promise<void> {
  const elsewhere = await scratchDirectory();
  await openAuditKey(join(elsewhere, 'audit'));
  await openRevisionProofs(join(elsewhere, 'keys'));
  await copyFile(join(elsewhere, name), join(data, name));
}

async function scribble(data: string): Promise<void> {
  const path = join(data, 'store.db');
  const bytes = await readFile(path);
  // Every page but the first: whichever tables are looked through, one of them is hit.
  bytes.fill(0x5a, 4096);
  await writeFile(path, bytes);
}

async function putUnderLog(data: string, older: string): Promise<void> {
  const store = new DatabaseSync(join(data, 'store.db'));
  store.exec('update tenants set revision = revision + 1');
  const log = await readFile(join(data, 'store.db-wal'));
  store.close();
  await copyFile(join(older, 'store.db'), join(data, 'store.db'));
  await writeFile(join(data, 'store.db-wal'), log);
}

/** Of another control plane, which was killed. */
async function putLogBeside(data: string, older: string): Promise<void> {
  const store = new DatabaseSync(join(older, 'store.db'));
  store.exec('update tenants set revision = 77');
  const log = await readFile(join(older, 'store.db-wal'));
  store.close();
  await writeFile(join(data, 'store.db-wal'), log);
}

describe('a backup that is not whole is not put back, and nothing is written over', () => {
  const cases: readonly [string, (backup: string, data: string) => Promise<unknown>, RegExp][] = [
    ['without its list of files', (backup) => rm(join(backup, 'backup.json')), /no whole backup/],
    ['a key changed', (backup) => writeFile(join(backup, 'pki', 'ca-key.pem'), 'x'), /another than was backed up/],
    ['a file missing', (backup) => rm(join(backup, 'audit', 'key.pem')), /cannot be read/],
    ['a name that leads out of it', nameOutside, /no whole backup/],
    ['a directory that holds something', (_, data) => mkdir(join(data, 'x'), { recursive: true }), /is not empty/],
  ];
  test.each(cases)('%s', async (_, change, problem) => {
    const { root, data } = await stopped();
    const [to, anew] = [join(root, 'backup'), join(root, 'anew')];
    assertOk(await takeBackup({ data, to, now: now() }));
    await change(to, anew);
    const restored = await restoreBackup({ from: to, data: anew, now: now() });
    expect(restored).toMatchObject({ ok: false, error: expect.stringMatching(problem) });
    if (existsSync(anew)) expect(await readdir(anew)).not.toContain('store.db');
    expect(await takeBackup({ data, to, now: now() })).toMatchObject({ ok: false });
  });
});

async function nameOutside(backup: string): Promise<void> {
  const path = join(backup, 'backup.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as { files: Record<string, string> };
  manifest.files['audit/../../escaped'] = '0'.repeat(64);
  await writeFile(path, JSON.stringify(manifest));
}
