// The thread that holds the database: it runs one group of calls at a time, the group as one transaction (one wait for the disk),
// each call in a savepoint so that one that fails takes none with it.

import { parentPort, workerData } from 'node:worker_threads';
import { type Kysely, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { type OperationName, operations } from './operations.ts';
import type { StoreAnswer, StoreCall, StoreReply, StoreWorkerOptions } from './protocol.ts';
import { migrations, type Tables } from './schema.ts';
import { openSqlite } from './sqlite.ts';
import type { Transaction } from './transaction.ts';

const options = workerData as StoreWorkerOptions;

async function serve(): Promise<void> {
  if (parentPort === null) throw new Error('the store worker is started by the store, as a thread');
  const port = parentPort;
  const reply = (message: StoreReply) => port.postMessage(message);
  let db: Kysely<Tables> | undefined;
  try {
    // The reading thread opens at its first call: until the writing one is done, there may be no file.
    if (options.access === 'write') {
      db = openSqlite(options);
      await migrate(db);
    }
  } catch (cause) {
    reply({ kind: 'not-opened', message: messageOf(cause) });
    return;
  }
  let turn = Promise.resolve();
  port.on('message', (calls: readonly StoreCall[]) => {
    turn = turn.then(async () => {
      if (calls.length === 0) {
        await db?.destroy();
        port.close();
        return;
      }
      db ??= openSqlite(options);
      reply({ kind: 'answers', answers: await runGroup(db, calls) });
    });
  });
  reply({ kind: 'opened' });
}

async function migrate(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}

async function runGroup(db: Kysely<Tables>, calls: readonly StoreCall[]): Promise<readonly StoreAnswer[]> {
  try {
    return await db.transaction().execute(async (tx) => {
      const answers: StoreAnswer[] = [];
      for (const call of calls) answers.push(await runCall(tx, call));
      return answers;
    });
  } catch (cause) {
    const answer: StoreAnswer = { kind: 'failed', message: messageOf(cause) };
    return calls.map(() => answer);
  }
}

async function runCall(tx: Transaction, call: StoreCall): Promise<StoreAnswer> {
  await sql`savepoint call`.execute(tx);
  try {
    const operation = operations[call.operation] as (tx: Transaction, input: unknown) => Promise<unknown>;
    const value = await operation(tx, call.input);
    await sql`release savepoint call`.execute(tx);
    return { kind: 'done', value };
  } catch (cause) {
    try {
      await sql`rollback to savepoint call`.execute(tx);
      await sql`release savepoint call`.execute(tx);
    } catch {
      // SQLite has ended the whole transaction: none of its calls is done, and the first cause is what to tell.
      throw cause;
    }
    return { kind: 'failed', message: `${call.operation satisfies OperationName}: ${messageOf(cause)}` };
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

await serve();
