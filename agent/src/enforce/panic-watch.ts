// Follows the panic flag while the agent runs: at once by inotify, and by looking every few seconds besides: a watch
// may not be granted, and the flag may be under /run. The command that raised it has opened the kernel itself, and
// nothing goes into the kernel without a look at the flag, so that is soon enough.

import { type FSWatcher, watch } from 'node:fs';
import { flagName, type PanicFlag } from '#agent/state/panic-flag.ts';
import { systemClock } from '#clock/system-clock.ts';

const lookEveryMs = 5000;
const lookUnwatchedEveryMs = 1000;

export interface PanicWatchOptions {
  readonly flag: Pick<PanicFlag, 'read' | 'folder'>;
  readonly isOpened: () => boolean;
  /** The flag is up and the host is not open yet. */
  readonly raised: () => Promise<void>;
  /** The flag is gone and the host is still open; called again every few seconds while that is so. */
  readonly lowered: () => Promise<void>;
  /** Either threw. */
  readonly failed: (error: unknown) => void;
}

/** Returns the way to stop. */
export function watchPanic(options: PanicWatchOptions): () => void {
  let isBusy = false;
  const look = async (): Promise<void> => {
    const isUp = options.flag.read() !== undefined;
    if (isBusy || isUp === options.isOpened()) return;
    isBusy = true;
    try {
      await (isUp ? options.raised() : options.lowered());
    } finally {
      isBusy = false;
    }
  };
  const lookNow = () => void look().catch(options.failed);
  const watcher = watchFolder(options.flag.folder, lookNow);
  const looking = systemClock.every(watcher === undefined ? lookUnwatchedEveryMs : lookEveryMs, lookNow).unref();
  return () => {
    looking.cancel();
    watcher?.close();
  };
}

/** Undefined where the kernel grants no watch. One that fails later leaves the looking. */
function watchFolder(path: string, changed: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(path, { persistent: false }, (_, name) => {
      if (name === flagName) changed();
    });
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
