// The store's operations on a file, without its threads: for tests that open one many times. Each call is a transaction of its own.

import { sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { type OperationName, operations } from '#control-plane/store/operations.ts';
import { migrations } from '#control-plane/store/schema.ts';
import { openSqlite } from '#control-plane/store/sqlite.ts';
import type { Store } from '#control-plane/store/store.ts';
import type { Transaction } from '#control-plane/store/transaction.ts';

export async function openInlineStore(path: string): Promise<Store> {
  const db = openSqlite({ path, access: 'write' });
  // Nothing of a test needs to outlive the machine.
  await sql`pragma synchronous = off`.execute(db);
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
  // One after the other, as the store's own thread has it.
  let turn: Promise<unknown> = Promise.resolve();
  const call = (name: OperationName) => (input: unknown) => {
    const operation = operations[name] as (tx: Transaction, input: unknown) => Promise<unknown>;
    const done = turn.then(() => db.transaction().execute((tx) => operation(tx, input)));
    turn = done.catch(() => undefined);
    return done;
  };
  const names = Object.keys(operations) as OperationName[];
  const calls = Object.fromEntries(names.map((name) => [name, call(name)]));
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= turn.then(() => db.destroy());
    return closed;
  };
  return { ...calls, close } as unknown as Store;
}
