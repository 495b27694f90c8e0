// A sealed copy of the last good record under /run, for when the state directory cannot be written. An agent that
// restarts on a full or read-only disk then continues from the policy in force, and not from what the disk took last.
// The copy names its enrolment and what lay on disk when it was made; last-good-store.ts decides which of the two is
// newer. A reboot removes it.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '#model/result.ts';
import { readIfThere, seal, unseal, writeWhole } from './durable-file.ts';
import { makeFallbackDirectory, removeIfPossible, trustedFallbackDirectory } from './run-directory.ts';
import type { StoredLastGood } from './state-directory.ts';

export interface RunCopy {
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

/** Throws the system's error if /run cannot be written either. */
export async function writeRunCopy(statePath: string, { bytes, follows }: RunCopy): Promise<void> {
  const header: Header = { version: 1, identity: await identityOf(statePath), follows };
  const sealed = seal(Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), bytes]));
  await writeWhole(join(makeFallbackDirectory(statePath), fileName), sealed);
}

/** Undefined if there is none of this enrolment: after a new enrolment an older copy means nothing. */
export async function readRunCopy(statePath: string): Promise<Result<RunCopy | undefined>> {
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

export function removeRunCopy(statePath: string): void {
  const directory = trustedFallbackDirectory(statePath);
  if (directory !== undefined) removeIfPossible(join(directory, fileName));
}

/** The digest of the key and of agent.json, which is written once for each enrolment. */
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
