import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { defineConfig } from 'vitest/config';
import { nameBundledWorkers } from './packaging/bundle.ts';
import { filesThatShare } from './test/shared-process.ts';
import { SlowestFirst } from './test/slowest-first.ts';
import { bundlesVariable } from './test/support/programs.ts';

const bundles = process.env[bundlesVariable];
const shared = filesThatShare(import.meta.dirname);

// Files run in processes of their own, or of their kind (test/shared-process.ts), one more at a time than there are cores: suites wait a fifth of their time for silence, systemd or
// a packet. Those that use the kernel work in network namespaces of their own, so files do not meet.
export default defineConfig({
  plugins:
    bundles === undefined ? [] : [{ name: 'bundled-workers', enforce: 'pre', transform: startBundledWorkers(bundles) }],
  test: {
    // A stuck test must end; a slow machine must not end one. Nothing here judges speed by the clock.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    restoreMocks: true,
    // Programs that the tests start find their compiled code here, also where Vitest is run by itself.
    env: { NODE_COMPILE_CACHE: resolve(import.meta.dirname, 'node_modules/.cache/segwall-compiled') },
    maxWorkers: Math.min(availableParallelism() + 1, 8),
    sequence: { sequencer: SlowestFirst },
    projects: [
      { extends: true, test: { name: 'shared', include: [...shared], isolate: false } },
      { extends: true, test: { name: 'alone', include: ['test/**/*.test.ts'], exclude: [...shared] } },
    ],
  },
});

/** Threads of our own that a suite starts inside its process load one bundle each instead of some three hundred files. */
function startBundledWorkers(folder: string): (text: string, path: string) => string | undefined {
  const root = import.meta.dirname;
  return (text, path) => {
    if (!path.startsWith(join(root, 'control-plane/'))) return undefined;
    return nameBundledWorkers({ root, path, text }, (bundle) => `new URL('${pathToFileURL(join(folder, bundle))}')`);
  };
}
