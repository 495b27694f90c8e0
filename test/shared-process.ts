// Which test files run in a process that other files ran in before: what they import is read once for all of them, which is half of what
// such a file costs (29 s of a core for fifteen of them alone, 12 s together). What such a file changes in its process it puts back.

import { globSync } from 'node:fs';

/** Tests of values. Whoever starts programs or makes hosts gains little by it. */
const sharing: readonly string[] = [
  'test/agent-core/**/*.test.ts',
  'test/arch/*.test.ts',
  'test/compile/*.test.ts',
  'test/contract/*.test.ts',
  'test/model/*.test.ts',
  'test/policy/*.test.ts',
  'test/property/*.test.ts',
];

/** Of those, the ones that need a process of their own, and why. */
const alone: Readonly<Record<string, string>> = {
  'test/policy/hostile-files.test.ts': 'measures what a reading costs beside a reference in the same process',
  'test/policy/many-rules.test.ts': 'measures likewise',
};

/** Paths from `root`. */
export function filesThatShare(root: string): readonly string[] {
  return globSync([...sharing], { cwd: root }).filter((path) => alone[path] === undefined);
}
