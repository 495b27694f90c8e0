// What `npm test -- ARGUMENT…` hands to Vitest: the arguments as Vitest reads them, with our reporter always among those named.

import { parseCLI } from 'vitest/node';
import type { createTallyReporter } from './tally.ts';

type VitestArguments = ReturnType<typeof parseCLI>;

export interface RunnerOptions {
  readonly filter: string[];
  readonly options: VitestArguments['options'];
}

/** Vitest takes `reporter` (the flag) before `reporters` (the setting), so the flag's names must move there, or ours is not asked. */
export function runnerOptions(
  args: readonly string[],
  reporterOf: (run: { readonly narrowed: boolean }) => ReturnType<typeof createTallyReporter>,
): RunnerOptions & { readonly tally: ReturnType<typeof createTallyReporter> } {
  const { filter, options } = parseCLI(['vitest', 'run', ...args]);
  const { reporter, reporters = reporter ?? 'default', ...others } = options;
  const tally = reporterOf({ narrowed: options.testNamePattern !== undefined });
  const named = Array.isArray(reporters) ? reporters : [reporters];
  return { filter, options: { ...others, run: true, watch: false, reporters: [...named, tally] }, tally };
}
