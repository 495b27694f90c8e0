// The store's file before anything is read from it: whether it is there, whole, and the one that was used last. What cannot be trusted is
// refused with what to do. Each use marks the file with a number that is kept beside it too, so that a file that was put in another's
// place is told: quietly where nothing is mixed, and as a refusal where the log of writes (-wal) of the file before lies beside it.

import { randomInt } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, readSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { err, ok, type Result } from '#model/result.ts';

export interface StorePlaces {
  /** The data directory. */
  readonly path: string;
  readonly storePath: string;
  readonly pkiPath: string;
  readonly auditPath: string;
}

/** `put-back`: whole, and not the file that was used here last. */
export type StoreFound = 'new' | 'same' | 'put-back';

interface Header {
  /** In bytes, as the file says of itself. */
  readonly length: number;
  readonly mark: number;
}

/** https://www.sqlite.org/fileformat.html */
const headerLength = 100;
const magic = 'SQLite format 3\0';

/** Rows of what hosts observed: most of a store, and not what decides. Looked through only where something is amiss. */
const bulkTables = new Set(['flows', 'batches', 'batch_runs', 'host_events']);

const howToRestore = (path: string) =>
  `hosts go on enforcing what they have. Move ${path} aside, and put your newest backup in its place: segwall-control-plane restore --from BACKUP --data ${path}`;

/** Looks at the file, writes its log of writes into it, and marks it as used. Errors are for whoever starts the control plane. */
export function prepareStore(places: StorePlaces): Result<StoreFound> {
  const { path, storePath } = places;
  const log = `${storePath}-wal`;
  const isLogged = existsSync(log) && statSync(log).size > 0;
  if (!existsSync(storePath)) {
    const key = [join(places.pkiPath, 'ca-key.pem'), join(places.auditPath, 'key.pem')].find((file) =>
      existsSync(file),
    );
    if (key === undefined && !isLogged) return opened(places, 'new');
    return err(
      `${storePath} is missing, and ${key ?? log} is there: without it nothing is known of hosts, policy and operators; ${howToRestore(path)}. To begin anew, with every host to be enrolled again, move ${path} away`,
    );
  }
  const damaged = (what: string) => err(`${storePath} is damaged: ${what}; ${howToRestore(path)}`);
  const header = readHeader(storePath);
  if (header === undefined) return damaged('it does not begin as an SQLite database does');
  const size = statSync(storePath).size;
  if (!isLogged && size < header.length) return damaged(`it is cut off at ${size} of ${header.length} bytes`);
  const marks = readMarks(path);
  const isPutBack = marks !== undefined && !marks.includes(header.mark);
  if (isPutBack && isLogged) {
    return err(
      `${storePath} is not the file that was used here last, and ${log} is what was written to that one; together they are neither. If you put a copy of the store back, take it from a backup instead: ${howToRestore(path)}`,
    );
  }
  try {
    return opened(places, isPutBack ? 'put-back' : 'same', { everything: isPutBack || isLogged });
  } catch (cause) {
    return damaged(cause instanceof Error ? cause.message : String(cause));
  }
}

/** The first thing that is wrong with the database; undefined where it is whole. */
export function damageOf(database: DatabaseSync, { everything }: { readonly everything: boolean }): string | undefined {
  const tables = database.prepare(`select name from sqlite_master where type = 'table'`).all() as { name: string }[];
  const names = everything ? [] : tables.map(({ name }) => name).filter((name) => !bulkTables.has(name));
  const checks = everything ? ['pragma quick_check(1)'] : names.map((name) => `pragma quick_check('${name}')`);
  for (const check of checks) {
    const found = database.prepare(check).get()?.['quick_check'];
    if (found !== 'ok') return String(found);
  }
  return undefined;
}

function opened(
  { path, storePath }: StorePlaces,
  found: StoreFound,
  given: { readonly everything: boolean } = { everything: false },
): Result<StoreFound> {
  const database = new DatabaseSync(storePath);
  try {
    const damage = damageOf(database, given);
    if (damage !== undefined) throw new Error(damage);
    markUsed(database, path);
    return ok(found);
  } finally {
    database.close();
  }
}

/** Both marks hold until the file has the new one for sure. On a full disk the old one goes on holding. */
function markUsed(database: DatabaseSync, path: string): void {
  const before = Number(database.prepare('pragma user_version').get()?.['user_version']);
  const mark = randomInt(1, 2 ** 31 - 1);
  try {
    keepMarks(path, [before, mark]);
    database.exec(`pragma journal_mode = wal; pragma synchronous = full; pragma user_version = ${mark};`);
    // Into the file itself: it is read there without its log.
    database.exec('pragma wal_checkpoint(truncate)');
    keepMarks(path, [mark]);
  } catch {
    // What cannot be written is told where it matters: by the store, at its first write.
  }
}

function readHeader(path: string): Header | undefined {
  const bytes = Buffer.alloc(headerLength);
  const file = openSync(path, 'r');
  try {
    if (readSync(file, bytes, 0, headerLength, 0) < headerLength) return undefined;
  } finally {
    closeSync(file);
  }
  if (bytes.toString('latin1', 0, magic.length) !== magic) return undefined;
  const pageSize = bytes.readUInt16BE(16);
  const pages = bytes.readUInt32BE(28);
  return { length: pages * (pageSize === 1 ? 65_536 : pageSize), mark: bytes.readUInt32BE(60) };
}

/** Undefined where no control plane that marks its store was here. */
function readMarks(path: string): readonly number[] | undefined {
  const file = markPath(path);
  if (!existsSync(file)) return undefined;
  const marks = readFileSync(file, 'utf8').trim().split('\n').map(Number);
  return marks.every(Number.isInteger) ? marks : undefined;
}

function keepMarks(path: string, marks: readonly number[]): void {
  const place = `${markPath(path)}.new`;
  writeFileSync(place, `${marks.join('\n')}\n`, { mode: 0o600, flush: true });
  renameSync(place, markPath(path));
}

function markPath(path: string): string {
  return join(path, 'store.mark');
}
