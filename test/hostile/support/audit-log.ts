// The audit log of a data directory as a control plane would sign and give it, without the rest of the control plane; and the hands that
// change it behind its back.

import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pino from 'pino';
import type { ApiClient, Method } from '#cli/server/api-client.ts';
import { AuditCheckpoints } from '#control-plane/audit/audit-checkpoints.ts';
import { AuditPruner } from '#control-plane/audit/audit-pruning.ts';
import { sha256Hex } from '#control-plane/store/audit.ts';
import { millis } from '#model/time.ts';
import { type AuditEntry, auditText, firstPreviousHash } from '#policy/audit/audit-chain.ts';
import type { AuditCheckpoint } from '#policy/audit/audit-checkpoint.ts';
import { openInlineStore } from './inline-store.ts';

const tenant = 'default';
const silent = pino({ level: 'silent' });

export interface AuditLogUnderTest {
  readonly client: ApiClient;
  readonly checkpoints: AuditCheckpoints;
  /** What may drop entries that are `keepDays` old. */
  pruner(keepDays: number): AuditPruner;
  append(target: string): Promise<void>;
  close(): Promise<void>;
}

/** `now` of entries and signatures, in milliseconds. */
export async function openAuditLog(data: string, now: () => number = Date.now): Promise<AuditLogUnderTest> {
  await mkdir(data, { recursive: true });
  const store = await openInlineStore(join(data, 'store.db'));
  const checkpoints = await AuditCheckpoints.open({
    store,
    tenant,
    directory: join(data, 'audit'),
    now: () => millis(now()),
    log: silent,
  });
  /** As control-plane/src/api/audit.ts answers. */
  const answer = async (method: Method, path: string): Promise<unknown> => {
    const url = new URL(path, 'http://localhost');
    const query = (name: string) => Number(url.searchParams.get(name) ?? 0);
    const [limit, afterSeq, fromSeq] = [query('limit'), query('after'), query('from')];
    if (method === 'POST') return checkpoints.fresh();
    if (url.pathname === '/audit') return store.listAudit({ tenant, afterSeq, limit });
    if (url.pathname === '/audit/checkpoints') return store.listAuditCheckpoints({ tenant, fromSeq, limit });
    const { log } = await store.readAuditHead({ tenant });
    const { base } = checkpoints;
    return { log, key: checkpoints.key, ...(base === undefined ? {} : { base }) };
  };
  const call = async <Answer>(method: Method, path: string) => (await answer(method, path)) as Answer;
  return {
    checkpoints,
    client: { controlPlane: data, call },
    pruner: (keepDays) =>
      new AuditPruner({ store, tenant, checkpoints, keepDays, now: () => millis(now()), log: silent }),
    append: (target) =>
      store.appendAudit({
        tenant,
        note: { at: millis(now()), actor: 'operator/test', action: 'labels-changed', target },
      }),
    async close() {
      await checkpoints.stop();
      await store.close();
    },
  };
}

export function changeStore(data: string, sql: string): void {
  const database = new DatabaseSync(join(data, 'store.db'));
  database.exec(sql);
  database.close();
}

/** A chain made anew from `changed` entries, as whoever has the file and knows how hashes are made would. */
export function rewriteChain(data: string, changed: (entry: AuditEntry) => AuditEntry): void {
  const database = new DatabaseSync(join(data, 'store.db'));
  const rows = database.prepare('select * from audit order by seq').all() as unknown as AuditEntry[];
  const update = database.prepare('update audit set target = ?, previous_hash = ?, hash = ? where seq = ?');
  let previousHash = firstPreviousHash;
  for (const row of rows) {
    const entry = { ...changed({ ...row, at: millis(row.at) }), previousHash };
    const hash = sha256Hex(auditText(entry));
    update.run(entry.target, previousHash, hash, entry.seq);
    previousHash = hash;
  }
  database.close();
}

export const cutEnd = 'delete from audit where seq = (select max(seq) from audit)';

/** All that remembers what was signed, but the key. */
export async function forgetSigned(data: string): Promise<void> {
  changeStore(data, 'delete from audit_checkpoints');
  await rm(join(data, 'audit/checkpoint.json'));
}

export interface WrittenLog {
  readonly directory: string;
  /** The directory of the day before. */
  readonly older: string;
  /** What an operator kept that day, and now. */
  readonly early: AuditCheckpoint;
  readonly held: AuditCheckpoint;
}

/** In `scratch`, to copy and never to change. */
export async function writeLogs(scratch: string): Promise<WrittenLog> {
  const [directory, older] = [join(scratch, 'data'), join(scratch, 'older')];
  const written = async (targets: readonly string[]): Promise<AuditCheckpoint> => {
    const log = await openAuditLog(directory);
    for (const target of targets) await log.append(target);
    const checkpoint = await log.checkpoints.fresh();
    await log.close();
    return checkpoint;
  };
  const early = await written(['web-1', 'web-2', 'web-3']);
  await cp(directory, older, { recursive: true });
  const held = await written(['web-4', 'web-5']);
  return { directory, older, early, held };
}
