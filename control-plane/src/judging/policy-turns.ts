// Changes of policy come into force one after the other: each is judged, compiled and published before the next one's judging begins, so that
// whoever changes policy without a pause overtakes nobody. Operators take turns, each in his own order. A turn is given back by whoever took it,
// however the change ended; all it holds is bounded in time, its judging and its place among the changes.

import { ApiError } from '#control-plane/answers/api-error.ts';
import { goneError } from './gone.ts';
import type { AskedBy } from './judging.ts';
import { TurnQueue } from './judging-queue.ts';

/** Beside the one that has its turn. */
const defaultWaiting = { all: 16, each: 4 } as const;
const retryAfterSeconds = 5;

export class PolicyTurns {
  readonly #queue: TurnQueue<() => void>;
  #isTaken = false;

  constructor(waiting: { readonly all: number; readonly each: number } = defaultWaiting) {
    this.#queue = new TurnQueue(waiting);
  }

  /** Rejects with an ApiError where there is no room to wait, or whoever asked is gone before it came to his turn. */
  async run<T>({ operator, gone }: AskedBy, change: () => Promise<T>): Promise<T> {
    await this.#turn({ operator, gone });
    try {
      return await change();
    } finally {
      const next = this.#queue.next();
      if (next === undefined) this.#isTaken = false;
      else next();
    }
  }

  async #turn({ operator, gone }: AskedBy): Promise<void> {
    if (!this.#isTaken) {
      this.#isTaken = true;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const queued = this.#queue.add(operator, resolve);
    if (queued !== 'queued') {
      const whose = queued === 'full' ? 'changes of policy' : `changes of policy of operator ${operator}`;
      throw new ApiError('busy', `too many ${whose} wait; ask again when they are done`, { retryAfterSeconds });
    }
    const leave = () => {
      if (this.#queue.remove(operator, resolve)) reject(goneError(gone));
    };
    gone.addEventListener('abort', leave, { once: true });
    if (gone.aborted) leave();
    await promise.finally(() => gone.removeEventListener('abort', leave));
  }
}
