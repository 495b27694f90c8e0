import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { SlowestFirst } from './test/slowest-first.ts';

// Two files at a time, each in a process of its own: the machine has two cores, and suites that use the kernel work in
// network namespaces of their own, so files do not meet.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A stuck test must end; a slow machine must not end one. Nothing here judges speed by the clock.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    restoreMocks: true,
    // Programs that the tests start find their compiled code here, also where Vitest is run by itself.
    env: { NODE_COMPILE_CACHE: resolve(import.meta.dirname, 'node_modules/.cache/segwall-compiled') },
    maxWorkers: 2,
    sequence: { sequencer: SlowestFirst },
  },
});
