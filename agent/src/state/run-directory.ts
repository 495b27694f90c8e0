// Where an agent keeps its lock, its socket, its panic flag and the policy in force when the state directory cannot be
// written (read-only, full): a folder under /run, made when needed, named after the state directory, and gone at the
// next boot. One that another user owns or may write to is as good as none: whoever could plant a file there would
// decide what this host enforces.

import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync, unlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = '/run/segwall-agent';

/** The same for every way to write one directory's path. */
export function fallbackDirectory(statePath: string): string {
  return join(root, createHash('sha256').update(realPath(statePath)).digest('hex').slice(0, 16));
}

/** Throws what the system says where /run cannot be written either, and EPERM where what is there is not ours alone. */
export function makeFallbackDirectory(statePath: string): string {
  const directory = fallbackDirectory(statePath);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (trustedFallbackDirectory(statePath) === undefined) {
    throw Object.assign(new Error(`EPERM: ${directory} is a link, or others may write to it`), { code: 'EPERM' });
  }
  return directory;
}

/** Undefined where it is not there, is a link, or anyone but this user could have put something into it. */
export function trustedFallbackDirectory(statePath: string): string | undefined {
  const directory = fallbackDirectory(statePath);
  return [dirname(directory), directory].every(isOursAlone) ? directory : undefined;
}

function isOursAlone(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === process.geteuid?.() && (found.mode & 0o022) === 0;
}

/** Full, read-only, over quota, or broken: the disk, not the request, is what is wrong. */
export function isDiskError(error: unknown): error is NodeJS.ErrnoException {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code !== undefined && diskErrors.has(code);
}

const diskErrors: ReadonlySet<string> = new Set([
  'ENOSPC',
  'EROFS',
  'EDQUOT',
  'EIO',
  'EACCES',
  'EPERM',
  'ENODEV',
  'ENOMEM',
]);

const explanations: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the disk',
  EROFS: 'the file system is read-only',
  EDQUOT: 'over the disk quota',
  EIO: 'the disk does not work',
};

/**
 * A file that is not there is no error; one that the disk does not let go of stays. Not rmSync: where the disk is
 * read-only it throws an error without a code (Node 24).
 */
export function removeIfPossible(path: string): 'gone' | 'stays' {
  try {
    unlinkSync(path);
    return 'gone';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'gone';
    if (!isDiskError(error)) throw error;
    return 'stays';
  }
}

/** "ENOSPC: no space left on the disk" */
export function diskErrorText(error: NodeJS.ErrnoException): string {
  const { code = '' } = error;
  const explanation = explanations[code];
  return explanation === undefined ? code : `${code}: ${explanation}`;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
