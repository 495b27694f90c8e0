// Two agents on one state directory would fight over the table and the flow sequence: a lock file names the one that runs, by
// boot, process id and that process's start time, so that a lock left by a dead agent, or a process id used again, is seen
// to be stale. Where the state directory cannot be written, the lock is under /run.

import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { err, ok, type Result } from '#model/result.ts';
import { fallbackDirectory, isDiskError, makeFallbackDirectory, removeIfPossible } from './fallback-directory.ts';

export interface StateLock {
  release(): void;
}

/** Of one state directory. The error names the process that holds the lock. */
export function acquireStateLock(path: string): Result<StateLock> {
  try {
    return acquireAt(path);
  } catch (error) {
    if (!isDiskError(error)) throw error;
    // An agent that took its lock before the disk failed still runs on it.
    const owner = lockOwner(path);
    if (owner !== undefined) return err(`process ${owner} is running on it`);
    makeFallbackDirectory(dirname(path));
    return acquireAt(fallbackOf(path));
  }
}

function fallbackOf(path: string): string {
  return join(fallbackDirectory(dirname(path)), basename(path));
}

function acquireAt(path: string): Result<StateLock> {
  const mine = ownerText(process.pid);
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, mine, { mode: 0o600 });
    for (let attempt = 0; attempt < 5; attempt += 1) {
      if (tryLink(temporary, path)) return ok({ release: () => releaseIfMine(path, mine) });
      const held = readText(path);
      if (held === undefined) continue;
      if (isAlive(held)) return err(`process ${pidOf(held)} is running on it`);
      removeStale(path, held);
    }
    return err('another agent is starting on it at this moment');
  } finally {
    removeIfPossible(temporary);
  }
}

/** The process that holds the lock and lives, or undefined. */
export function lockOwner(path: string): number | undefined {
  for (const place of [path, fallbackOf(path)]) {
    const held = readText(place);
    if (held !== undefined && isAlive(held)) return pidOf(held);
  }
  return undefined;
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Two starters can see the same stale lock, and the slower one would remove the faster one's fresh lock: rename is atomic, so
 * whoever finds that it took something else than the stale file puts it back.
 */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readText(aside) !== stale) tryLink(aside, path);
  unlinkSync(aside);
}

function releaseIfMine(path: string, mine: string): void {
  if (readText(path) !== mine) return;
  try {
    unlinkSync(path);
  } catch (error) {
    // A lock of a process that is gone holds nobody up.
    if (!isDiskError(error)) throw error;
  }
}

function ownerText(pid: number): string {
  return `${pid} ${startTimeOf(pid) ?? ''} ${bootId()}\n`;
}

function isAlive(text: string): boolean {
  const pid = pidOf(text);
  return pid !== undefined && text === ownerText(pid) && startTimeOf(pid) !== undefined;
}

function pidOf(text: string): number | undefined {
  const pid = Number(text.split(' ')[0]);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
}

/** Field 22 of /proc/PID/stat, in ticks since boot; the command in field 2 may hold spaces and brackets. */
function startTimeOf(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  return stat
    ?.slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .at(19);
}

function bootId(): string {
  return readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
