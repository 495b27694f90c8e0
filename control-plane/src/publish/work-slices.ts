// Long work on the thread that serves agents, in slices: whoever does it asks after each small step whether the others are due a turn.

import { setImmediate } from 'node:timers/promises';

/** Of work at a stretch; a step may take it beyond. */
const sliceMs = 8;

export class WorkSlices {
  #since = performance.now();

  /** Asked between two steps, where what is half done may be left alone. */
  get isTurnDue(): boolean {
    return performance.now() - this.#since >= sliceMs;
  }

  /** Everybody else's turn. */
  async yield(): Promise<void> {
    await setImmediate();
    this.#since = performance.now();
  }
}
