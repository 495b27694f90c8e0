// What a Vitest run came to, for the last line of `npm test`. Nothing gets lost between the states: a file that does not load, a
// set-up that throws, an error outside any test and a skip without a reason are failures with a name.

import type { Reporter, SerializedError, TestCase, TestModule, TestSuite } from 'vitest/node';

export interface Tally {
  readonly passed: number;
  /** What failed, by name, in the order seen. */
  readonly failed: readonly string[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
}

export function addTallies(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, tally) => sum + tally.passed, 0),
    failed: tallies.flatMap((tally) => tally.failed),
    skipped: tallies.flatMap((tally) => tally.skipped),
  };
}

function nameOf(task: TestCase | TestSuite): string {
  return `${task.module.relativeModuleId} > ${task.fullName}`;
}

function whySkipped(test: TestCase): string {
  const around = [test.module, ...(test.parent.type === 'suite' ? [test.parent] : [])];
  if (around.some((task) => task.errors().length > 0)) return 'not run: its set-up failed';
  return "skipped without a reason; give one with context.skip('reason')";
}

function tallyCase(test: TestCase, narrowed: boolean): Tally {
  const result = test.result();
  const name = nameOf(test);
  switch (result.state) {
    case 'passed':
      return { passed: 1, failed: [], skipped: [] };
    case 'skipped':
      if (result.note !== undefined) return { passed: 0, failed: [], skipped: [{ name, reason: result.note }] };
      if (narrowed) return { passed: 0, failed: [], skipped: [] };
      return {
        passed: 0,
        failed: [`${name} (${whySkipped(test)})`],
        skipped: [],
      };
    case 'failed':
      return { passed: 0, failed: [name], skipped: [] };
    case 'pending':
      return { passed: 0, failed: [`${name} (never finished)`], skipped: [] };
  }
}

function tallyModule(module: TestModule, narrowed: boolean): Tally {
  const broken: string[] = module.errors().map((error) => `${module.relativeModuleId} (${error.message})`);
  for (const suite of module.children.allSuites()) {
    broken.push(...suite.errors().map((error) => `${nameOf(suite)} (${error.message})`));
  }
  const cases = [...module.children.allTests()];
  if (cases.length === 0 && broken.length === 0) broken.push(`${module.relativeModuleId} (no test in it)`);
  return addTallies([{ passed: 0, failed: broken, skipped: [] }, ...cases.map((test) => tallyCase(test, narrowed))]);
}

/** Tallies a finished run. `narrowed`: tests were chosen by name, so those that were not are nobody's concern. */
export function tallyRun(options: {
  readonly modules: readonly TestModule[];
  readonly unhandled: readonly SerializedError[];
  readonly narrowed: boolean;
}): Tally {
  return addTallies([
    ...options.modules.map((module) => tallyModule(module, options.narrowed)),
    { passed: 0, failed: options.unhandled.map((error) => `outside any test: ${error.message}`), skipped: [] },
  ]);
}

/** A reporter that prints nothing and keeps the tally of the run it saw; `undefined` until the run has ended. */
export function createTallyReporter(options: {
  readonly narrowed: boolean;
}): Reporter & { tally(): Tally | undefined } {
  let tally: Tally | undefined;
  return {
    onTestRunEnd(modules, unhandled) {
      tally = tallyRun({ modules, unhandled, narrowed: options.narrowed });
    },
    tally: () => tally,
  };
}
