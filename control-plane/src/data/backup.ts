// A backup is a folder with all that a control plane must not lose: the store as of one moment, and every key. It is taken while the control
// plane runs. `restore` puts one into an empty directory, where it is another history from then on: a lineage of its own, which holds
// until an operator says that it may speak for the fleet.

import { createHash } from 'node:crypto';
import { chown, copyFile, lstat, mkdir, open, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pino from 'pino';
import { AuditCheckpoints } from '#control-plane/audit/audit-checkpoints.ts';
import { openStore } from '#control-plane/store/store.ts';
import { damageOf } from '#control-plane/store/store-file.ts';
import { err, ok, type Result } from '#model/result.ts';
import { type Millis, millis } from '#model/time.ts';

const manifestName = 'backup.json';
const storeName = 'store.db';
/** The audit log's first: the copy of the store then holds at least what was signed. */
const keyFolders = ['audit', 'pki', 'keys'] as const;
const tenant = 'default';

export interface Backup {
  readonly at: Millis;
  readonly revision: number;
  readonly lineage: string;
  /** SHA-256 of each file, by its path within the backup. */
  readonly files: Readonly<Record<string, string>>;
}

/** Of the control plane in `data`, running or not, into the folder `to`, which is made. */
export async function takeBackup(given: {
  readonly data: string;
  readonly to: string;
  readonly now: Millis;
}): Promise<Result<Backup>> {
  const { data, to, now } = given;
  const storePath = join(data, storeName);
  if (!(await isThere(storePath))) return err(`${data} holds no store; name the data directory of a control plane`);
  const empty = await emptyFolder(to);
  if (!empty.ok) return empty;
  const paths: string[] = [];
  for (const folder of keyFolders) {
    for (const file of (await isThere(join(data, folder))) ? await readdir(join(data, folder)) : []) {
      // One that is being written has its name when it is whole.
      if (file.endsWith('.tmp')) continue;
      await mkdir(join(to, folder), { recursive: true, mode: 0o700 });
      // A copy would keep its owner: the backup is of who takes it, and nobody else's.
      await writeFile(join(to, folder, file), await readFile(join(data, folder, file)), { mode: 0o600, flush: true });
      paths.push(join(folder, file));
    }
  }
  const copied = copyStore(storePath, join(to, storeName));
  if (!copied.ok) return copied;
  paths.push(storeName);
  const files: Record<string, string> = {};
  for (const path of paths) {
    await synced(join(to, path));
    files[path] = await digestOf(join(to, path));
  }
  const backup: Backup = { at: now, ...copied.value, files };
  // Last: a folder without it is no backup.
  await writeFile(join(to, manifestName), `${JSON.stringify(backup, null, 2)}\n`, { mode: 0o600, flush: true });
  await synced(to);
  return ok(backup);
}

/** Into `data`, which is empty or made. Whoever owns that folder owns what is in it. */
export async function restoreBackup(given: {
  readonly from: string;
  readonly data: string;
  readonly now: Millis;
}): Promise<Result<Backup>> {
  const { from, data, now } = given;
  const manifest = await readManifest(from);
  if (!manifest.ok) return manifest;
  const backup = manifest.value;
  for (const [path, digest] of Object.entries(backup.files)) {
    const found = await digestOf(join(from, path)).catch(() => undefined);
    if (found === undefined) return err(`${join(from, path)} cannot be read; this backup is not whole, take another`);
    if (found !== digest) return err(`${join(from, path)} is another than was backed up; take another backup`);
  }
  const empty = await emptyFolder(data);
  if (!empty.ok) return empty;
  for (const path of Object.keys(backup.files)) {
    await mkdir(dirname(join(data, path)), { recursive: true, mode: 0o700 });
    await copyFile(join(from, path), placeOf(data, path));
    await synced(placeOf(data, path));
  }
  const begun = await beginAnew(data, { backup, now });
  if (!begun.ok) return begun;
  await giveAway(data);
  // Last: until then a start says that the store is missing.
  await rename(placeOf(data, storeName), join(data, storeName));
  await synced(data);
  return ok(backup);
}

/** Another lineage of the store and of the audit log, and a hold. */
async function beginAnew(
  data: string,
  { backup, now }: { readonly backup: Backup; readonly now: Millis },
): Promise<Result<void>> {
  const path = placeOf(data, storeName);
  const database = new DatabaseSync(path);
  try {
    const damage = damageOf(database, { everything: true });
    if (damage !== undefined) return err(`the store in this backup is damaged: ${damage}; take another backup`);
  } finally {
    database.close();
  }
  const store = await openStore({ path });
  try {
    const why = `restored from a backup of ${new Date(backup.at).toISOString()}`;
    await store.beginLineage({ tenant });
    await store.beginHold({ tenant, hold: { kind: 'restored', since: now, why } });
    const log = pino({ level: 'silent' });
    const checkpoints = await AuditCheckpoints.open({
      store,
      tenant,
      directory: join(data, 'audit'),
      now: () => now,
      log,
    });
    try {
      await checkpoints.beginLineage(why);
    } finally {
      await checkpoints.stop();
    }
    return ok(undefined);
  } finally {
    await store.close();
  }
}

/** Of one moment, whoever writes meanwhile. */
function copyStore(from: string, to: string): Result<Pick<Backup, 'revision' | 'lineage'>> {
  try {
    const source = new DatabaseSync(from, { readOnly: true });
    try {
      source.exec('pragma busy_timeout = 30000');
      source.prepare('vacuum into ?').run(to);
    } finally {
      source.close();
    }
    const copy = new DatabaseSync(to);
    try {
      const damage = damageOf(copy, { everything: true });
      if (damage !== undefined) return err(`the store in ${from} is damaged: ${damage}; this is no backup`);
      // No file that is in use has this mark.
      copy.exec('pragma user_version = 0');
      const row = copy.prepare('select revision, lineage from tenants where name = ?').get(tenant);
      return ok({ revision: Number(row?.['revision'] ?? 0), lineage: String(row?.['lineage'] ?? '') });
    } finally {
      copy.close();
    }
  } catch (cause) {
    return err(`cannot copy ${from} to ${to}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

async function readManifest(from: string): Promise<Result<Backup>> {
  const path = join(from, manifestName);
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Partial<Record<keyof Backup, unknown>>;
    const { at, revision, lineage, files } = value;
    const isWhole =
      [at, revision].every((number) => Number.isSafeInteger(number) && Number(number) >= 0) &&
      typeof lineage === 'string' &&
      typeof files === 'object' &&
      files !== null &&
      Object.entries(files).every(([name, digest]) => isInside(name) && typeof digest === 'string') &&
      storeName in files;
    if (isWhole)
      return ok({
        at: millis(Number(at)),
        revision: Number(revision),
        lineage,
        files: { ...files } as Backup['files'],
      });
  } catch {
    // Said below, in words that help.
  }
  return err(
    `${path} is missing or cannot be read: ${from} is no whole backup; name a folder that "segwall-control-plane backup" made`,
  );
}

function isInside(path: string): boolean {
  return (
    path === storeName || keyFolders.some((folder) => new RegExp(`^${folder}/[A-Za-z0-9][A-Za-z0-9._-]*$`).test(path))
  );
}

function placeOf(data: string, path: string): string {
  return path === storeName ? join(data, `${storeName}.restoring`) : join(data, path);
}

async function emptyFolder(path: string): Promise<Result<void>> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    if ((await readdir(path)).length === 0) return ok(undefined);
    return err(
      `${path} is not empty, and nothing is ever written over; name another folder, or move what is there aside`,
    );
  } catch (cause) {
    return err(`cannot use ${path}: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** Root restores for the user that the service runs as, who owns the data directory or else the folder that it is in. */
export async function giveAway(data: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(data);
  for (const name of await readdir(data, { recursive: true })) await chown(join(data, name), uid, gid);
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  try {
    for await (const chunk of file.createReadStream({ autoClose: false })) hash.update(chunk as Buffer);
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

async function synced(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
