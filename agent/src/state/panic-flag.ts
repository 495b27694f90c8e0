// Whether someone at the console opened this host: a file, so that it holds whatever the agent does, dies or is
// upgraded to, until `segwall-agent resume` takes it away. Its being there is what counts; a full disk may leave it
// empty. Read before every change of the kernel, so all of it is synchronous and small.

import { closeSync, fsyncSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { latestInstant } from '#model/counts.ts';
import type { Panic } from '#model/host-event.ts';
import { millis } from '#model/time.ts';
import { fallbackDirectory, isDiskError, makeFallbackDirectory, trustedFallbackDirectory } from './run-directory.ts';

export interface PanicFlag {
  /** The folder in which it is raised, unless its disk cannot be written. */
  readonly folder: string;
  /** Undefined where the host is not to be open. */
  read(): Panic | undefined;
  /** `until-reboot`: the state directory cannot be written, and the flag is under /run. Throws where neither can. */
  raise(panic: Panic): 'kept' | 'until-reboot';
  /** Throws where a flag that is there cannot be taken away. */
  clear(): void;
}

const reasonCharactersMost = 500;

/** The flag's name in either folder. */
export const flagName = 'panic';

export function openPanicFlag(statePath: string): PanicFlag {
  const kept = join(statePath, flagName);
  const untilReboot = join(fallbackDirectory(statePath), flagName);
  return {
    folder: statePath,
    read() {
      const flag = readFlag(kept);
      if (flag !== undefined) return flag;
      const other = readFlag(untilReboot);
      return other === undefined || trustedFallbackDirectory(statePath) === undefined ? undefined : other;
    },
    raise(panic) {
      try {
        writeFlag(kept, panic);
        return 'kept';
      } catch (error) {
        if (!isDiskError(error)) throw error;
        makeFallbackDirectory(statePath);
        writeFlag(untilReboot, panic);
        return 'until-reboot';
      }
    },
    clear() {
      for (const path of [kept, untilReboot]) {
        if (readFlag(path) !== undefined) unlinkSync(path);
      }
      syncFolder(dirname(kept));
    },
  };
}

/** A flag that cannot be read as one is a flag: an empty file was left by a full disk. */
function readFlag(path: string): Panic | undefined {
  let text: string;
  // Asked for each few seconds, and hardly ever there: an exception costs a tenth of a millisecond.
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
  try {
    const { since, reason } = JSON.parse(text) as { since: unknown; reason: unknown };
    // Beyond 9999 it is no time that could be shown.
    if (isInstant(since) && typeof reason === 'string')
      return { since: millis(since), reason: reason.slice(0, reasonCharactersMost) };
  } catch {
    // Told by its time alone, below.
  }
  return { since: millis(statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0), reason: '' };
}

function isInstant(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= latestInstant;
}

function writeFlag(path: string, panic: Panic): void {
  const file = openSync(path, 'w', 0o600);
  try {
    writeSync(file, JSON.stringify(panic));
    fsyncSync(file);
  } catch (error) {
    if (!isDiskError(error)) throw error;
  } finally {
    closeSync(file);
  }
  syncFolder(dirname(path));
}

/**
 * Best effort: the flag is there for every process already; only a power cut in this second could still take it back.
 */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (error) {
    if (!isDiskError(error)) throw error;
  }
}
