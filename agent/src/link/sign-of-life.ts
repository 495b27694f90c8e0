// That the control plane was heard on the policy stream: for whoever waits to hear it again.

import { nextTurn } from '#clock/next-turn.ts';

export interface SignOfLife {
  /** A message came. */
  heard(): void;
  /**
   * Resolves with the next message, of those that are sent from now on; never after the signal. What came before and lies in the
   * process's or the socket's buffers is read within one turn of the event loop, and does not count.
   */
  next(signal: AbortSignal): Promise<void>;
}

export function createSignOfLife(): SignOfLife {
  const waiting = new Set<() => void>();
  return {
    heard() {
      for (const tell of waiting) tell();
      waiting.clear();
    },
    async next(signal) {
      await nextTurn();
      await nextTurn();
      await new Promise<void>((resolve) => {
        if (signal.aborted) return;
        waiting.add(resolve);
        signal.addEventListener('abort', () => waiting.delete(resolve), { once: true });
      });
    },
  };
}
