// What can be fuzzed: something that reads bytes of others. A target makes inputs that are almost right and says what must hold for any
// bytes at all; fuzz.ts runs it, `npm run fuzz` and the suite call that.

import type fc from 'fast-check';
import type { Cost } from './cost.ts';

export interface FuzzTarget {
  readonly name: string;
  /** What is read, in a few words. */
  readonly what: string;
  /** Right ones, almost right ones and noise. */
  readonly inputs: fc.Arbitrary<Uint8Array>;
  /** What is asked of the target before the first input; the test of it ends with `close`. */
  open(): Promise<OpenTarget>;
  /** Inputs in `npm test`; the budget of all targets together is a minute on two cores. */
  readonly suiteRuns: number;
  /** What an input may cost; absent where the reading is not done on this thread. */
  readonly cost?: Cost;
}

export interface OpenTarget {
  /** Throws where something does not hold. */
  check(input: Uint8Array): void | Promise<void>;
  close(): Promise<void>;
}

/** A target that needs nothing before its first input. */
export function pureTarget(
  target: Omit<FuzzTarget, 'open'> & { readonly check: (input: Uint8Array) => void },
): FuzzTarget {
  const { check, ...rest } = target;
  return { ...rest, open: () => Promise.resolve({ check, close: () => Promise.resolve() }) };
}
