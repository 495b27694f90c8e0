// node:sqlite as kysely sees a database. Prepared statements are kept by their text, because preparing costs more than running.

import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { Kysely, type SqliteDatabase, SqliteDialect, type SqliteStatement } from 'kysely';
import type { Tables } from './schema.ts';

/** Past this many texts the cache starts anew: texts are few, unless rows of varying number are inserted at once. */
const cachedStatements = 500;

export interface SqliteOptions {
  readonly path: string;
  readonly access: 'write' | 'read';
}

/** Opens (and for `write` creates) the file. Commits reach the disk before they are answered: WAL, synchronous=FULL. */
export function openSqlite(options: SqliteOptions): Kysely<Tables> {
  const database = new DatabaseSync(options.path, { readOnly: options.access === 'read' });
  if (options.access === 'write') database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  database.exec('PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;');
  return new Kysely<Tables>({ dialect: new SqliteDialect({ database: kyselyDatabase(database) }) });
}

function kyselyDatabase(database: DatabaseSync): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>();
  return {
    close: () => database.close(),
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      if (statements.size >= cachedStatements) statements.clear();
      const prepared = kyselyStatement(database.prepare(sql));
      const statement = sql === 'rollback' ? whereStillOpen(database, prepared) : prepared;
      statements.set(sql, statement);
      return statement;
    },
  };
}

/** SQLite ends a transaction by itself where the disk is full or fails. Ending it again fails too, and that would be told instead of the cause. */
function whereStillOpen(database: DatabaseSync, rollback: SqliteStatement): SqliteStatement {
  const nothing = { changes: 0, lastInsertRowid: 0 };
  return { ...rollback, run: (parameters) => (database.isTransaction ? rollback.run(parameters) : nothing) };
}

function kyselyStatement(statement: StatementSync): SqliteStatement {
  const values = (parameters: readonly unknown[]) => parameters as (string | number | null)[];
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => statement.all(...values(parameters)),
    run: (parameters) => statement.run(...values(parameters)),
    iterate: (parameters) => statement.iterate(...values(parameters)),
  };
}
