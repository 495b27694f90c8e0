// The three programs as tests start them, and what tests start a hundred times beside them. `npm test` bundles them once, as the packages do, and names the folder in the variable below:
// a start then costs a third of one from source, and what is tested is what is shipped. Without the variable they run from source.

import { join } from 'node:path';

/** Names the folder of the bundles; vitest.config.ts points the threads that tests start at it too. */
export const bundlesVariable = 'SEGWALL_TEST_PROGRAMS';

export const programSources = {
  segwall: 'control-plane/cli/main.ts',
  'segwall-control-plane': 'control-plane/src/main.ts',
  'segwall-agent': 'agent/src/main.ts',
  'test-driver': 'test/enforcer/driver.ts',
  'test-hostile-child': 'test/policy/hostile-child.ts',
} as const;

/** What Node runs: an absolute path. */
export function programPath(name: keyof typeof programSources): string {
  const bundles = process.env[bundlesVariable];
  if (bundles !== undefined) return join(bundles, `${name}.js`);
  return join(import.meta.dirname, '../..', programSources[name]);
}
