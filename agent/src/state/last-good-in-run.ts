// The last good record while the state directory cannot take it: a sealed copy under /run, so that an agent started anew on a full
// or read-only disk goes on from what was in force, and not from what the disk last took. It says whose it is and what lay on disk
// when it was made; whether it is the newer of the two is newest-last-good.ts's to tell. A reboot ends it.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '#model/result.ts';
import { readIfThere, seal, unseal, writeWhole } from './durable-file.ts';
import { makeFallbackDirectory, removeIfPossible, trustedFallbackDirectory } from './run-directory.ts';
import type { StoredLastGood } from './state-directory.ts';

export interface InterimLastGood {
  readonly bytes: Uint8Array;
  /** `digestOfLastGood` of what lay on disk when this was made. */
  readonly follows: string;
}

interface Header {
  readonly version: 1;
  readonly identity: string;
  readonly follows: string;
}

const newline = 10;
const fileName = 'last-good';

/** SHA-256, hex; empty where nothing whole is on disk. */
export function digestOfLastGood(stored: StoredLastGood): string {
  return stored.kind === 'found' ? createHash('sha256').update(stored.bytes).digest('hex') : '';
}

/** Throws what the system says where /run takes it neither. */
export async function writeInterimLastGood(statePath: string, { bytes, follows }: InterimLastGood): Promise<void> {
  const header: Header = { version: 1, identity: await identityOf(statePath), follows };
  const sealed = seal(Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), bytes]));
  await writeWhole(join(makeFallbackDirectory(statePath), fileName), sealed);
}

/** Undefined where there is none of this very enrolment: a state directory enrolled anew has nothing to do with what was before. */
export async function readInterimLastGood(statePath: string): Promise<Result<InterimLastGood | undefined>> {
  const directory = trustedFallbackDirectory(statePath);
  if (directory === undefined) return ok(undefined);
  const path = join(directory, fileName);
  const sealed = await readOwnFile(path);
  if (sealed === undefined) return ok(undefined);
  const whole = unseal(sealed);
  if (!whole.ok) return err(`${path}: ${whole.error}`);
  const end = whole.value.indexOf(newline);
  const header = parseHeader(Buffer.from(whole.value.subarray(0, end)).toString('utf8'));
  if (header === undefined) return err(`${path}: its header cannot be read`);
  if (header.identity !== (await identityOf(statePath))) return ok(undefined);
  return ok({ bytes: whole.value.subarray(end + 1), follows: header.follows });
}

export function removeInterimLastGood(statePath: string): void {
  const directory = trustedFallbackDirectory(statePath);
  if (directory !== undefined) removeIfPossible(join(directory, fileName));
}

/** An enrolment is told by its key, and by where it holds: agent.json is written once for each. */
async function identityOf(statePath: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['key.pem', 'agent.json']) {
    const bytes = (await readIfThere(join(statePath, 'identity', name))) ?? Buffer.alloc(0);
    hash.update(`${bytes.length} `).update(bytes);
  }
  return hash.digest('hex');
}

/** A link in its place is not followed, and what another user owns is not read. */
async function readOwnFile(path: string): Promise<Uint8Array | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
  try {
    const found = await file.stat();
    if (!found.isFile() || found.uid !== process.geteuid?.()) return undefined;
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function parseHeader(text: string): Header | undefined {
  try {
    const { version, identity, follows } = JSON.parse(text) as Partial<Record<keyof Header, unknown>>;
    if (version !== 1 || typeof identity !== 'string' || typeof follows !== 'string') return undefined;
    return { version, identity, follows };
  } catch {
    return undefined;
  }
}
