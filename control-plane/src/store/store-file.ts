// The store's file before anything is read from it: whether it is there, whole, and the one that was used last. What cannot be trusted is
// refused with what to do. Each use marks the file with a number that is kept beside it too, so that a file that was put in another's
// place is told: quietly where nothing is mixed, and as a refusal where the log of writes (-wal) of the file before lies beside it. So is a
// log of another store beside the right file: SQLite would write its pages into it, and tell nobody.

import { randomInt } from 'node:crypto';
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { err, ok, type Result } from '#model/result.ts';

export interface StorePlaces {
  /** The data directory. */
  readonly path: string;
  readonly storePath: string;
  readonly pkiPath: string;
  readonly auditPath: string;
  readonly keysPath: string;
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
/** Of one run: two years of one a second. One in sixty logs of others passes for ours so, and the audit log is to tell it. */
const mostBegins = 2 ** 26;

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
    const keys = [[places.pkiPath, 'ca-key.pem'] as const, [places.auditPath, 'key.pem'] as const];
    const key = [...keys, [places.keysPath, 'revision.key'] as const]
      .map(([folder, name]) => join(folder, name))
      .find((file) => existsSync(file));
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
  if (isLogged && !isPutBack && !isOwnLog(log, path)) {
    return err(
      `${log} is not the log of writes of ${storePath}: it is of another store, or another program wrote it, and together they would be neither. If you know that what it holds is of no use, move it away; else ${howToRestore(path)}`,
    );
  }
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
    rmSync(logMarkPath(path), { force: true });
    keepMarks(path, [mark]);
  } catch {
    // What cannot be written is told where it matters: by the store, at its first write.
  }
}

/** Once this process has written to the store: keeps which log it began, for the next start to know it by. */
export function markLog({ path, storePath }: Pick<StorePlaces, 'path' | 'storePath'>): void {
  const begun = readLogSalt(`${storePath}-wal`);
  if (begun === undefined) return;
  try {
    writeWhole(logMarkPath(path), `${begun}\n`);
  } catch {
    // On a full disk: then the log is taken as it is found.
  }
}

/** A log goes on under its first number, one more each time that it begins anew; those of others begin at random. */
function isOwnLog(log: string, path: string): boolean {
  const found = readLogSalt(log);
  const file = logMarkPath(path);
  const begun = existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN;
  if (found === undefined || !Number.isInteger(begun)) return true;
  return (found - begun) >>> 0 < mostBegins;
}

/** Its first salt; undefined where there is no log that SQLite would read. https://www.sqlite.org/fileformat.html#walformat */
function readLogSalt(log: string): number | undefined {
  const bytes = Buffer.alloc(32);
  if (!existsSync(log)) return undefined;
  const file = openSync(log, 'r');
  try {
    return readSync(file, bytes, 0, 32, 0) === 32 ? bytes.readUInt32BE(16) : undefined;
  } finally {
    closeSync(file);
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
  writeWhole(markPath(path), `${marks.join('\n')}\n`);
}

function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
}

function logMarkPath(path: string): string {
  return join(path, 'store.wal-mark');
}

function markPath(path: string): string {
  return join(path, 'store.mark');
}
