// Heeds the panic flag of a host whose agent runs: the command that raised it has opened the kernel itself, so a second later is
// soon enough to know of it, and a file is looked at rather than watched because that cannot fail.

import type { PanicFlag } from './panic-flag.ts';

const lookEveryMs = 1000;

export interface PanicWatchOptions {
  readonly flag: Pick<PanicFlag, 'read'>;
  readonly isOpened: () => boolean;
  /** The flag is up and the host is not open yet. */
  readonly raised: () => Promise<void>;
  /** The flag is gone and the host is still open; called again each second while that is so. */
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
  const looking = setInterval(() => void look().catch(options.failed), lookEveryMs).unref();
  return () => clearInterval(looking);
}
