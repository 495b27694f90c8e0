// Two agents on one state directory would fight over the table and the flow sequence: the one that runs holds a lock on
// a file there. The kernel keeps it (flock) for as long as the process has the file open, and no longer, however it
// ends: an agent that was killed and that nobody has waited for yet holds none. What stands in the file names the
// holder to people. Where the state directory cannot be written, the file is under /run.

import { closeSync, fstatSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileLock, lastErrno } from '#agent/netlink/libc.ts';
import { err, ok, type Result } from '#model/result.ts';
import { fallbackDirectory, isDiskError, makeFallbackDirectory } from './run-directory.ts';

export interface StateLock {
  release(): void;
}

const [lockShared, lockExclusive, lockNow] = [1, 2, 4];
const wouldBlock = 11;
/** Whoever only looks who holds it has it for a moment. */
const attempts = 10;
const betweenMs = 20;

/** Of one state directory. The error names the process that holds the lock. */
export function acquireStateLock(path: string): Result<StateLock> {
  try {
    return acquireAt(path);
  } catch (error) {
    if (!isDiskError(error)) throw error;
    // An agent that took its lock before the disk failed still runs on it.
    const owner = lockOwner(path);
    if (owner !== undefined) return err(heldText(owner));
    makeFallbackDirectory(dirname(path));
    return acquireAt(fallbackOf(path));
  }
}

/** The process that holds the lock, or undefined; 0 where it is held and does not say by whom. */
export function lockOwner(path: string): number | undefined {
  for (const place of [path, fallbackOf(path)]) {
    const file = openIfThere(place, 'r');
    if (file === undefined) continue;
    try {
      if (!take(file, lockShared)) return ownerIn(place);
    } finally {
      closeSync(file);
    }
  }
  return undefined;
}

function fallbackOf(path: string): string {
  return join(fallbackDirectory(dirname(path)), basename(path));
}

function acquireAt(path: string): Result<StateLock> {
  for (let attempt = 1; ; attempt += 1) {
    closeSync(openSync(path, 'a', 0o600));
    // Held for reading: a file that is open for writing would keep an administrator from making the file system
    // read-only. Closed in what is started from here, as Node opens everything.
    const file = openSync(path, 'r');
    try {
      if (take(file, lockExclusive) && isStill(path, file)) {
        writeFileSync(path, `${process.pid}\n`);
        return ok({ release: () => closeSync(file) });
      }
    } catch (error) {
      closeSync(file);
      throw error;
    }
    closeSync(file);
    if (attempt === attempts) return err(heldText(ownerIn(path)));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, betweenMs);
  }
}

function take(file: number, how: number): boolean {
  if (fileLock(file, how | lockNow) === 0) return true;
  const errno = lastErrno();
  if (errno === wouldBlock) return false;
  throw new Error(
    `the kernel does not lock files there (errno ${errno}); keep the state directory on a local file system`,
  );
}

/** Nobody removed the file, or put another in its place, while it was opened. */
function isStill(path: string, file: number): boolean {
  const [there, ours] = [statSync(path, { throwIfNoEntry: false }), fstatSync(file)];
  return there?.ino === ours.ino && there.dev === ours.dev;
}

function heldText(owner: number): string {
  return owner === 0 ? 'another agent is running on it' : `process ${owner} is running on it`;
}

function ownerIn(path: string): number {
  const pid = Number(readFileSync(path, 'latin1').slice(0, 20).trim().split(' ')[0]);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : 0;
}

function openIfThere(path: string, flags: string): number | undefined {
  try {
    return openSync(path, flags);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
