// Writes a file so that a reader sees the old content or the new, never a part: temporary name, fsync, rename, fsync of
// the folder. What must also be proof against a disk that lies carries a trailer with its SHA-256, checked when it is
// read.

import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { err, ok, type Result } from '#model/result.ts';

/** The trailer: this word and the SHA-256 of all before it, 32 bytes. */
const trailerWord = Buffer.from('segwall1');
const trailerBytes = trailerWord.length + 32;

/** By path: the write that is under way. Two at once would take each other's temporary name away. */
const writing = new Map<string, Promise<void>>();

/**
 * After this resolves, a power cut leaves the new content. Writes of one file come after one another, in the order
 * asked. `mode` is the file's permission bits, 0600 unless given.
 */
export async function writeWhole(path: string, bytes: Uint8Array, mode = 0o600): Promise<void> {
  const before = writing.get(path) ?? Promise.resolve();
  const own = before.then(
    () => write(path, bytes, mode),
    () => write(path, bytes, mode),
  );
  writing.set(path, own);
  try {
    await own;
  } finally {
    if (writing.get(path) === own) writing.delete(path);
  }
}

async function write(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, 'w', mode);
  try {
    await file.writeFile(bytes);
    await file.sync();
    await rename(temporary, path);
  } catch (error) {
    // On a full disk, what is half written must not take room from what is whole.
    await unlink(temporary).catch(() => undefined);
    throw error;
  } finally {
    await file.close();
  }
  await syncFolder(dirname(path));
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export function seal(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, trailerWord, createHash('sha256').update(bytes).digest()]);
}

/** What was sealed, or what is wrong with it. */
export function unseal(sealed: Uint8Array): Result<Uint8Array> {
  const end = sealed.length - trailerBytes;
  if (end < 0) return err(`${sealed.length} bytes, too short to hold its checksum`);
  const bytes = sealed.subarray(0, end);
  if (!trailerWord.equals(sealed.subarray(end, end + trailerWord.length))) return err('its end is missing');
  const digest = createHash('sha256').update(bytes).digest();
  if (!digest.equals(sealed.subarray(end + trailerWord.length))) return err('its checksum does not match its content');
  return ok(bytes);
}

/** A file's bytes, or undefined where there is none; any other error is thrown. */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
