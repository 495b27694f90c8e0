// Long work on the thread that serves agents, in slices: whoever does it asks after each small step whether the others are due a turn.

import { nextTurn } from '#clock/next-turn.ts';
import { systemClock } from '#clock/system-clock.ts';

/** Of work at a stretch; a step may take it beyond. */
const sliceMs = 8;

export class WorkSlices {
  #since = systemClock.elapsedMs();

  /** Asked between two steps, where what is half done may be left alone. */
  get isTurnDue(): boolean {
    return systemClock.elapsedMs() - this.#since >= sliceMs;
  }

  /** Everybody else's turn. */
  async yield(): Promise<void> {
    await nextTurn();
    this.#since = systemClock.elapsedMs();
  }
}
