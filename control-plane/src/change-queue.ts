// One change at a time, in the order asked. Changes that wait together run one after the other and are settled together: what
// follows from them (compiling, sending) is done once for all of them, before any of their callers hears that it is done.

export interface ChangeQueueOptions {
  /** Called after each run of changes, whether they succeeded or not. */
  readonly settle: () => void;
}

/** More than this in one run would keep the first waiting for long. */
const mostTogether = 32;

interface Waiting {
  /** Runs the change; gives what tells its caller how it ended. Never rejects. */
  readonly run: () => Promise<() => void>;
  readonly fail: (cause: unknown) => void;
}

export class ChangeQueue {
  readonly #settle: () => void;
  readonly #waiting: Waiting[] = [];
  #loop: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: ChangeQueueOptions) {
    this.#settle = options.settle;
  }

  run<T>(change: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isStopped) return reject(new Error('the control plane is stopping'));
      const run = async () => {
        try {
          const value = await change();
          return () => resolve(value);
        } catch (cause) {
          return () => reject(cause);
        }
      };
      this.#waiting.push({ run, fail: reject });
      this.#loop ??= this.#drain();
    });
  }

  /** Resolves when every change asked for before is settled. */
  async quiet(): Promise<void> {
    await this.#loop;
  }

  /** Refuses what comes from now on; resolves when what waits is settled. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop;
  }

  async #drain(): Promise<void> {
    // What is asked for in one tick runs together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const together: Waiting[] = [];
      const tellings: (() => void)[] = [];
      while (this.#waiting.length > 0 && together.length < mostTogether) {
        const next = this.#waiting.shift();
        if (next === undefined) break;
        together.push(next);
        tellings.push(await next.run());
      }
      try {
        this.#settle();
      } catch (cause) {
        for (const { fail } of together) fail(cause);
      }
      for (const tell of tellings) tell();
    }
    this.#loop = undefined;
  }
}
