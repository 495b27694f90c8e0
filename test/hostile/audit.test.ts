// Whoever writes to the store's file, or has the whole data directory: each way of making the audit log say something else shows to whoever
// has kept a checkpoint of it, and is told by its name.

import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { ApiClient, Method } from '#cli/server/api-client.ts';
import { readEntries, verifyLog } from '#cli/server/audit-log.ts';
import { isSigned } from '#control-plane/audit/audit-key.ts';
import { sha256Hex } from '#control-plane/store/audit.ts';
import { millis } from '#model/time.ts';
import { type AuditEntry, auditText } from '#policy/audit/audit-chain.ts';
import { startApiServer } from './support/api-server.ts';
import {
  type AuditLogUnderTest,
  changeStore,
  cutEnd,
  forgetSigned,
  openAuditLog,
  rewriteChain,
  type WrittenLog,
  writeLogs,
} from './support/audit-log.ts';
import { runSegwall } from './support/segwall.ts';

let scratch: string;
let written: WrittenLog;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'segwall-audit-'));
  written = await writeLogs(scratch);
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

async function copied(): Promise<string> {
  const data = await mkdtemp(join(scratch, 'copy-'));
  await cp(written.directory, data, { recursive: true });
  return data;
}

async function opened(data: string): Promise<AuditLogUnderTest> {
  const log = await openAuditLog(data);
  onTestFinished(() => log.close());
  return log;
}

const hideThird = (entry: AuditEntry): AuditEntry => (entry.seq === 3 ? { ...entry, target: 'mail-1' } : entry);

describe('the log after', () => {
  test.each<{ readonly name: string; readonly tamper: (data: string) => unknown; readonly verdict: object }>([
    { name: 'nothing', tamper: () => undefined, verdict: { kind: 'intact' } },
    {
      name: 'a changed entry',
      tamper: (data) => changeStore(data, `update audit set actor = 'operator/else' where seq = 3`),
      verdict: { kind: 'broken', seq: 3, fault: 'changed' },
    },
    {
      name: 'an entry taken from the middle',
      tamper: (data) => changeStore(data, 'delete from audit where seq = 3'),
      verdict: { kind: 'broken', seq: 3, fault: 'missing' },
    },
    {
      name: 'a cut-off end',
      tamper: (data) => changeStore(data, cutEnd),
      verdict: { kind: 'broken', fault: 'restored' },
    },
    {
      name: 'a cut-off end, by whoever made the control plane forget what it signed',
      tamper: async (data) => {
        changeStore(data, cutEnd);
        await forgetSigned(data);
      },
      verdict: { kind: 'broken', fault: 'truncated' },
    },
    {
      name: 'a chain made anew',
      tamper: (data) => rewriteChain(data, hideThird),
      verdict: { kind: 'broken', fault: 'rewritten' },
    },
    {
      name: 'a chain made anew and signed again by root of the control plane, who has the key',
      tamper: async (data) => {
        rewriteChain(data, hideThird);
        await forgetSigned(data);
      },
      verdict: { kind: 'broken', fault: 'rewritten' },
    },
    {
      name: 'a chain made anew and signed with another key',
      tamper: async (data) => {
        rewriteChain(data, hideThird);
        await forgetSigned(data);
        await rm(join(data, 'audit/key.pem'));
      },
      verdict: { kind: 'broken', fault: 'other-key' },
    },
    {
      name: 'a checkpoint with a signature that nobody made',
      tamper: (data) =>
        changeStore(
          data,
          'insert into audit_checkpoints select tenant, log, 1, hash, at, key, signature from audit_checkpoints limit 1',
        ),
      verdict: { kind: 'broken', fault: 'bad-signature' },
    },
    {
      name: 'the store put back from the day before',
      tamper: (data) => cp(join(written.older, 'store.db'), join(data, 'store.db')),
      verdict: { kind: 'broken', fault: 'restored' },
    },
    {
      name: 'the whole directory put back from the day before, which the control plane cannot know',
      tamper: (data) => cp(written.older, data, { recursive: true, force: true }),
      verdict: { kind: 'broken', fault: 'truncated' },
    },
  ])('$name', async ({ tamper, verdict }) => {
    const data = await copied();
    await tamper(data);
    expect(await verifyLog((await opened(data)).client, written.held)).toMatchObject(verdict);
  });

  test('a restore is whole to whoever saw nothing of what is gone, and says what it was', async () => {
    const { older, early, held } = written;
    const data = await copied();
    await cp(join(older, 'store.db'), join(data, 'store.db'));
    const verdict = await verifyLog((await opened(data)).client, early);
    expect(verdict).toMatchObject({ kind: 'intact', lineages: [{ seq: early.seq + 1, previous: { seq: held.seq } }] });
  });

  test('a checkpoint of another control plane is known for one', async () => {
    const log = await opened(join(scratch, 'another'));
    expect(await verifyLog(log.client, written.held)).toMatchObject({ kind: 'broken', fault: 'other-log' });
  });
});

test('what is changed while the control plane runs is not signed: the log goes on as a new lineage, which says so', async () => {
  const data = await copied();
  const { checkpoints, client } = await opened(data);
  changeStore(data, cutEnd);
  const fresh = await checkpoints.fresh();
  expect(fresh.log).not.toBe(written.held.log);
  const entries = await Array.fromAsync(readEntries(client, fresh.seq - 1));
  expect(entries).toMatchObject([{ action: 'audit-lineage-began', actor: 'control-plane' }]);
});

test('a long log is signed about once in a thousand entries, and again only where it grew', async () => {
  const log = await opened(await copied());
  const { seq: at } = written.held;
  for (let count = 0; count < 25; count += 1) {
    for (let seq = 0; seq < 100; seq += 1) await log.append('web-1');
    await log.checkpoints.fresh();
  }
  expect(await log.checkpoints.fresh()).toEqual(await log.checkpoints.fresh());
  const stored = await log.client.call<readonly { seq: number }[]>('GET', '/audit/checkpoints?limit=1000');
  expect(stored.length).toBeLessThanOrEqual(5);
  expect(stored.at(-1)?.seq).toBe(at + 2500);
  expect(await verifyLog(log.client, written.held)).toMatchObject({ kind: 'intact', entries: at + 2500 });
});

describe('where the log begins', () => {
  const newest = '(select max(seq) from audit_checkpoints)';
  const moveBase = `update tenants set audit_base = ${newest}; delete from audit_checkpoints where seq < ${newest};`;
  const dropRows = 'delete from audit where seq <= (select audit_base from tenants);';
  const claimPruning = (data: string) => {
    const database = new DatabaseSync(join(data, 'store.db'));
    const base = database.prepare('select log, seq, hash from audit_checkpoints order by seq desc limit 1').get();
    const last = database.prepare('select * from audit order by seq desc limit 1').get() as {
      seq: number;
      hash: string;
    };
    const details = JSON.stringify({ through: base, entries: 1 });
    const entry = { seq: last.seq + 1, at: millis(Date.now()), actor: 'operator/eve', action: 'audit-pruned' };
    const rest = { target: 'audit', details, previousHash: last.hash };
    const hash = sha256Hex(auditText({ ...entry, ...rest }));
    database
      .prepare('insert into audit values (?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .run('default', entry.seq, entry.at, entry.actor, entry.action, rest.target, details, last.hash, hash);
    database.close();
  };

  test.each<{ readonly name: string; readonly tamper: (data: string) => void; readonly verdict: object }>([
    {
      name: 'moved to the newest checkpoint',
      tamper: (data) => changeStore(data, moveBase),
      verdict: { kind: 'intact', since: 0 },
    },
    {
      name: 'moved, and what lies before dropped',
      tamper: (data) => changeStore(data, moveBase + dropRows),
      // Nothing is left: it begins anew, and says what it was.
      verdict: { kind: 'intact', since: 0, lineages: [{ seq: 1, previous: { seq: 6 } }] },
    },
    {
      name: 'moved, what lies before dropped, and an entry made that says it was pruned',
      tamper: (data) => {
        claimPruning(data);
        changeStore(data, moveBase + dropRows);
      },
      verdict: { kind: 'broken', seq: 1, fault: 'missing' },
    },
    {
      name: 'moved beyond all entries',
      tamper: (data) => changeStore(data, 'update tenants set audit_base = 4611686018427387904'),
      verdict: { kind: 'intact', since: 0 },
    },
    {
      name: 'moved to no number',
      tamper: (data) => changeStore(data, `update tenants set audit_base = 'x'`),
      verdict: { kind: 'intact', since: 0 },
    },
  ])('is not the store’s word, whether the control plane runs or not: $name', async ({ tamper, verdict }) => {
    for (const when of ['at rest', 'running'] as const) {
      const data = await copied();
      if (when === 'at rest') tamper(data);
      const log = await opened(data);
      if (when === 'running') tamper(data);
      const pruning = log.pruner(-1);
      await pruning.stop();
      const found = await verifyLog(log.client, undefined);
      expect([when, found]).toMatchObject([when, verdict]);
      const entries = await Array.fromAsync(readEntries(log.client, 0));
      expect(entries.filter(({ action }) => action === 'audit-lineage-began')).toHaveLength(1);
      // Put right once, and not told again.
      await log.append('web-9');
      await log.checkpoints.fresh();
      expect((await verifyLog(log.client, undefined)).kind).toBe(found.kind);
    }
  });

  test('is what the verifier wants an entry for that names it', async () => {
    const log = await opened(await copied());
    const base = await log.checkpoints.fresh();
    await log.append('web-9');
    const forged: ApiClient = {
      ...log.client,
      call: async <Answer>(method: Method, path: string) =>
        path === '/audit/log' ? ({ key: base.key, base } as Answer) : log.client.call<Answer>(method, path),
    };
    expect(await verifyLog(forged, undefined)).toMatchObject({ kind: 'broken', seq: base.seq, fault: 'missing' });
  });

  test('is known through a pruning that was interrupted, on either side of it', async () => {
    const data = await copied();
    const before = await openAuditLog(data);
    const { early } = written;
    // The store took it, and the process ended before that was noted; or the process ended before the store was asked.
    const interrupted = (prune: () => Promise<never>) =>
      expect(before.checkpoints.moveBase(early, prune)).rejects.toThrow('ended');
    await interrupted(() => Promise.reject(new Error('ended')));
    await before.close();
    const between = await openAuditLog(data);
    expect(between.checkpoints.base).toBeUndefined();
    const pruning = between.pruner(-1);
    await pruning.prune(early, 'operator/test');
    await pruning.stop();
    await writeFile(join(data, 'audit/base.json'), JSON.stringify({ pending: early }));
    await between.close();
    const log = await opened(data);
    expect(await verifyLog(log.client, undefined)).toMatchObject({ kind: 'intact', since: early.seq, lineages: [] });
    expect(log.checkpoints.base?.seq).toBe(early.seq);
  });

  test('is taken over from a data directory of before it was kept beside the key', async () => {
    const data = await copied();
    const before = await openAuditLog(data);
    const pruning = before.pruner(-1);
    await pruning.prune(written.early, 'operator/test');
    await pruning.stop();
    await before.close();
    await rm(join(data, 'audit/base.json'));
    const log = await opened(data);
    expect(await verifyLog(log.client, written.held)).toMatchObject({ kind: 'intact', since: written.early.seq });
  });
});

describe('a row that no entry can be', () => {
  const insert = (seq: string, at: string, details = `'{}'`) =>
    `insert into audit values ('default', ${seq}, ${at}, 'a', 'b', 'c', ${details}, 'd', 'e')`;
  test.each([
    ['a number beyond 2^53', insert('4611686018427387904', '1')],
    ['the greatest number of SQLite', insert('9223372036854775807', '1')],
    ['a negative number', insert('-5', '1')],
    ['a number that is none', insert(`'x'`, '1')],
    ['a fraction', insert('2.5', '1')],
    ['the last number that is read', insert(String(2 ** 40), '1')],
    ['the last number but one', insert(String(2 ** 40 - 1), '1')],
    ['a time beyond 2^53', `update audit set at = 4611686018427387904 where seq = 3`],
    ['a time that is none', `update audit set at = 'x' where seq = 3`],
    ['bytes that are no text', `update audit set details = x'ff00' where seq = 3`],
    ['a number of ours made absurd', 'update audit set seq = 4611686018427387904 where seq = 3'],
    [
      'the last of ours made absurd',
      'update audit set seq = 4611686018427387904 where seq = (select max(seq) from audit)',
    ],
    ['a checkpoint’s time beyond 2^53', 'update audit_checkpoints set at = 4611686018427387904'],
    [
      'a checkpoint’s number beyond 2^53',
      'update audit_checkpoints set seq = 4611686018427387904 where seq = (select max(seq) from audit_checkpoints)',
    ],
  ])('stops no change and no start, and every look ends in a verdict: %s', async (_name, sql) => {
    const data = await copied();
    const running = await openAuditLog(data);
    changeStore(data, sql);
    for (const target of ['web-7', 'web-8', 'web-9']) await running.append(target);
    await running.checkpoints.fresh();
    await running.append('web-10');
    await running.close();
    const log = await opened(data);
    await log.append('web-11');
    const entries = await Array.fromAsync(readEntries(log.client, 0));
    expect(entries.map(({ target }) => target)).toEqual(expect.arrayContaining(['web-9', 'web-10', 'web-11']));
    const verdict = await verifyLog(log.client, written.held);
    const isTold = entries.some(({ action }) => action === 'audit-lineage-began');
    // A row that is none of ours, between ours, is read by nobody; of entries the log says so, or does not hold.
    expect(isTold || verdict.kind === 'broken').toBe(!/2\.5|checkpoints set seq/.test(sql));
  });
});

describe('whoever answers for a control plane', () => {
  const answering = (answer: unknown): ApiClient => ({
    controlPlane: 'somebody',
    call: async <Answer>(_method: Method, path: string) => (path === '/audit/log' ? { key: '' } : answer) as Answer,
  });
  const entry = { seq: 1, at: 0, actor: 'a', action: 'b', target: 'c', details: '{}', previousHash: '', hash: '' };

  test.each([
    ['pages that never end', Array.from({ length: 1000 }, () => entry)],
    ['checkpoints that are none', { seq: 1, key: 'zz' }],
  ])('cannot hold up or break the command with %s', async (_name, answer) => {
    const client = answering(answer);
    const reading = Array.isArray(answer) ? Array.fromAsync(readEntries(client, 0)) : verifyLog(client, undefined);
    await expect(reading).rejects.toMatchObject({ exit: 1, code: 'audit-broken' });
  });

  test('cannot sign by a key that is none', () => {
    for (const byte of ['00', 'ff', '7f'])
      expect(isSigned('text', { key: byte.repeat(32), signature: byte.repeat(64) })).toBe(false);
  });
});

describe('of a control plane', () => {
  test('segwall audit --verify keeps what it saw, and tells of what went since; the key is the log’s own', async () => {
    const data = await mkdtemp(join(scratch, 'whole-'));
    const state = join(scratch, 'state');
    const server = await startApiServer({ directory: data });
    onTestFinished(() => server.close());
    const { apiUrl } = server.controlPlane;
    const segwall = (...args: readonly string[]) =>
      runSegwall(['audit', ...args], { SEGWALL_SERVER: apiUrl, SEGWALL_TOKEN: server.token, XDG_STATE_HOME: state });
    const key = await segwall('key');
    expect(key.stdout).toMatch(/^[0-9a-f]{64}$/);
    const keyFile = join(data, 'audit/key.pem');
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    expect(await readFile(keyFile, 'utf8')).not.toBe(await readFile(join(data, 'pki/ca-key.pem'), 'utf8'));

    const first = await segwall('--verify', '--json');
    expect(first).toMatchObject({ exitCode: 0, stderr: expect.stringContaining('first look') });
    const { checkpoint } = JSON.parse(first.stdout) as { readonly checkpoint: { readonly key: string } };
    expect(checkpoint.key).toBe(key.stdout);
    changeStore(data, cutEnd);
    const second = await segwall('--verify');
    expect(second).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/^broken: the store was put back/) });
    const file = join(scratch, 'kept.json');
    await writeFile(file, JSON.stringify({ checkpoint }));
    expect((await segwall('--verify', '--checkpoint', file)).exitCode).toBe(1);
    expect((await segwall('--verify', '--trust-anew')).exitCode).toBe(0);
    expect((await segwall('--verify')).stdout).toContain('still holds');
  });
});
