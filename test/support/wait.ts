// Waits for a condition instead of for time: asks again and again until the answer is there or the deadline has passed.

export interface WaitOptions {
  /** What is waited for, for the message: "the agents are connected". */
  readonly what: string;
  /** Default 30 s: what comes late on a busy machine comes. */
  readonly timeoutMs?: number;
  /** Default 20 ms. */
  readonly intervalMs?: number;
  /** Adds what is known to the message of a wait in vain. */
  readonly explain?: () => string | Promise<string>;
}

/** The first answer that is not undefined and not false. */
export async function waitFor<T>(
  ask: () => T | Promise<T>,
  options: WaitOptions,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + (options.timeoutMs ?? 30_000);
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== null && answer !== false) return answer as NonNullable<Exclude<T, false>>;
    if (performance.now() > deadline) {
      const known = options.explain === undefined ? '' : `: ${await options.explain()}`;
      throw new Error(`waited ${options.timeoutMs ?? 30_000} ms in vain until ${options.what}${known}`);
    }
    await new Promise((resolve) => setTimeout(resolve, options.intervalMs ?? 20));
  }
}
