// Runs a target: first the inputs kept in test/fuzz/corpus/NAME, each of which found something once, then new ones until as many as asked
// for or until the time is over. Ends with the first finding, made as small as it gets.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { judgeCost } from './cost.ts';
import type { FuzzTarget, OpenTarget } from './target.ts';

export interface Budget {
  readonly seed: number;
  /** Inputs. */
  readonly most: number;
  /** Of Date.now(). */
  readonly until?: number;
  readonly onProgress?: (executions: number) => void;
}

export interface Finding {
  readonly input: Uint8Array;
  readonly seed: number | undefined;
  readonly reason: string;
}

export interface Outcome {
  readonly executions: number;
  readonly finding?: Finding;
}

const inputsAtOnce = 250;
/** A finding that is slow is slow to make smaller: after this it is told as it is. */
const shrinkMs = 20_000;

export async function fuzz(target: FuzzTarget, budget: Budget): Promise<Outcome> {
  const opened = await target.open();
  let executions = 0;
  const run = async (input: Uint8Array) => {
    executions += 1;
    await checkOne(target, opened, input);
  };
  try {
    for (const input of keptInputs(target.name)) {
      const reason = await reasonOf(() => run(input));
      if (reason !== undefined) return { executions, finding: { input, seed: undefined, reason } };
    }
    const property = fc.asyncProperty(target.inputs, run);
    for (
      let round = 0;
      executions < budget.most && Date.now() < (budget.until ?? Number.POSITIVE_INFINITY);
      round += 1
    ) {
      const seed = (budget.seed + round) | 0;
      const numRuns = Math.min(inputsAtOnce, budget.most - executions);
      const { failed, counterexample, errorInstance } = await fc.check(property, {
        seed,
        numRuns,
        interruptAfterTimeLimit: shrinkMs,
      });
      const [input] = counterexample ?? [];
      if (failed && input !== undefined)
        return { executions, finding: { input, seed, reason: textOfError(errorInstance) } };
      budget.onProgress?.(executions);
    }
    return { executions };
  } finally {
    await opened.close();
  }
}

/** One input again; the reason if it still finds something. */
export async function replay(target: FuzzTarget, input: Uint8Array): Promise<string | undefined> {
  const opened = await target.open();
  try {
    return await reasonOf(() => checkOne(target, opened, input));
  } finally {
    await opened.close();
  }
}

async function checkOne({ cost }: FuzzTarget, opened: OpenTarget, input: Uint8Array): Promise<void> {
  if (cost === undefined) await opened.check(input);
  else judgeCost(() => void opened.check(input), input.length, cost);
}

function keptInputs(name: string): readonly Uint8Array[] {
  const folder = join(import.meta.dirname, 'corpus', name);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((file) => readFileSync(join(folder, file)));
}

async function reasonOf(run: () => Promise<void>): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return textOfError(error);
  }
}

function textOfError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
