// A store whose disk is full: what cannot be written is refused with the cause, nothing of it stays, and there is no need to open it again.

import { join } from 'node:path';
import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import { openSqlite } from '#control-plane/store/sqlite.ts';
import { scratchDirectory } from './scratch-directory.ts';

async function count(db: ReturnType<typeof openSqlite>): Promise<number> {
  const { rows } = await sql<{ readonly n: number }>`select count(*) as n from things`.execute(db);
  return rows[0]?.n ?? 0;
}

test('a transaction that finds the disk full says so, and the next one goes through once there is room', async () => {
  const db = openSqlite({ path: join(await scratchDirectory(), 'full.db'), access: 'write' });
  onTestFinished(() => db.destroy());
  await sql`create table things (text text)`.execute(db);
  const write = (bytes: number) =>
    db.transaction().execute(async (tx) => {
      await sql`insert into things values ('small')`.execute(tx);
      await sql`insert into things values (${'x'.repeat(bytes)})`.execute(tx);
    });
  await sql.raw('pragma max_page_count = 4').execute(db);
  await expect(write(1_000_000)).rejects.toThrow('database or disk is full');
  expect(await count(db)).toBe(0);
  await sql.raw('pragma max_page_count = 100000').execute(db);
  await write(1_000_000);
  expect(await count(db)).toBe(2);
});
