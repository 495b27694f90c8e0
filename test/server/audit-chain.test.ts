// The audit log: every kind of tampering shows, and where.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { createVerifier } from '#cli/server/audit-log.ts';
import { millis } from '#model/time.ts';
import type { AuditEntry } from '#policy/audit/audit-chain.ts';
import type { AuditVerdict } from '#policy/audit/audit-verifier.ts';
import { openInlineStore } from '../hostile/support/inline-store.ts';
import { scratchDirectory } from './scratch-directory.ts';

const tenant = 'default';

async function writtenLog(path: string): Promise<void> {
  const store = await openInlineStore(path);
  for (const [index, target] of ['web-1', 'web-2', 'web-3', 'web-4'].entries()) {
    const note = { at: millis(index), actor: 'operator/test', action: 'labels-changed', target, details: { index } };
    await store.appendAudit({ tenant, note });
  }
  await store.close();
}

async function readLog(path: string): Promise<readonly AuditEntry[]> {
  const store = await openInlineStore(path);
  const entries = await store.listAudit({ tenant, afterSeq: 0, limit: 100 });
  await store.close();
  return entries;
}

function verdictOf(entries: readonly AuditEntry[]): AuditVerdict {
  const verifier = createVerifier({});
  for (const entry of entries) verifier.entry(entry);
  return verifier.verdict();
}

const tamperings = [
  { name: 'nothing', sql: 'select 1', verdict: { kind: 'intact', entries: 4 } },
  {
    name: 'a changed detail',
    sql: `update audit set details = '{}' where seq = 3`,
    verdict: { kind: 'broken', seq: 3 },
  },
  {
    name: 'a changed actor',
    sql: `update audit set actor = 'operator/else' where seq = 1`,
    verdict: { kind: 'broken', seq: 1 },
  },
  { name: 'a changed time', sql: 'update audit set at = 9 where seq = 4', verdict: { kind: 'broken', seq: 4 } },
  { name: 'a removed entry', sql: 'delete from audit where seq = 2', verdict: { kind: 'broken', seq: 2 } },
  {
    name: 'a removed entry, the rest renumbered',
    sql: 'delete from audit where seq = 2; update audit set seq = seq - 1 where seq > 2',
    verdict: { kind: 'broken', seq: 2 },
  },
  {
    name: 'two entries in each other’s place',
    sql: 'update audit set seq = 9 where seq = 2; update audit set seq = 2 where seq = 3; update audit set seq = 3 where seq = 9',
    verdict: { kind: 'broken', seq: 2 },
  },
];

describe('verifying the chain after', () => {
  test.each(tamperings)('$name', async ({ sql, verdict }) => {
    const path = join(await scratchDirectory(), 'store.db');
    await writtenLog(path);
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
    expect(verdictOf(await readLog(path))).toMatchObject(verdict);
  });
});

test('a rewritten end is whole by itself but has another last hash', async () => {
  const path = join(await scratchDirectory(), 'store.db');
  await writtenLog(path);
  const entries = await readLog(path);
  const whole = verdictOf(entries);
  const cut = verdictOf(entries.slice(0, 3));
  expect(cut.kind).toBe('intact');
  expect(cut).not.toEqual(whole);
});
