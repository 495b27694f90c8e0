// One target in the suite: a number of inputs and not a time, so that a slow machine does the same. A new seed each run; a finding is red
// with its input, and `npm run fuzz -- NAME --seed N` repeats it.

import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';
import type { FuzzTarget } from './target.ts';

export function fuzzInSuite(target: FuzzTarget): void {
  test(`${target.what}: nothing is found`, async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { finding, executions } = await fuzz(target, { seed, most: target.suiteRuns });
    const found =
      finding === undefined
        ? 'nothing'
        : `${finding.reason}\nseed ${finding.seed}, input (base64): ${Buffer.from(finding.input).toString('base64')}`;
    expect(found).toBe('nothing');
    expect(executions).toBeGreaterThanOrEqual(target.suiteRuns);
  });
}
