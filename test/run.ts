// `npm test`: types, lint and every Vitest suite, summed up in one last line, `N passed, N failed, N skipped`; exit 1 if anything failed.
// A step (types, lint) counts as one test. A skipped test is listed with its reason. Exit 3: the machine lacks what the suites need.
// `npm test -- FILTER…` hands its arguments to Vitest and leaves the steps out.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { startVitest } from 'vitest/node';
import { bundleProgram } from '../packaging/bundle.ts';
import { readMachine, statement, whatIsMissing } from './machine-needs.ts';
import { runnerOptions } from './runner-options.ts';
import { bundlesVariable, programSources } from './support/programs.ts';
import { packagesVariable } from './systemd/packages.ts';
import { addTallies, createTallyReporter, type Tally } from './tally.ts';

interface Step {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

const steps: readonly Step[] = [
  { name: 'types', program: 'tsc', args: ['--noEmit'] },
  { name: 'types of the pure folders, without Node', program: 'tsc', args: ['--noEmit', '-p', 'tsconfig.pure.json'] },
  { name: 'lint', program: 'biome', args: ['check', '--max-diagnostics=50', '.'] },
];

async function runStep(step: Step): Promise<Tally> {
  const started = performance.now();
  const outcome = await execa(step.program, step.args, { preferLocal: true, reject: false, all: true });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${outcome.failed ? 'FAILED' : 'ok'}: ${step.name} (${seconds} s)`);
  if (!outcome.failed) return { passed: 1, failed: [], skipped: [] };
  console.log(outcome.all || outcome.shortMessage);
  return { passed: 0, failed: [step.name], skipped: [] };
}

/** The programs that suites start, bundled as they are shipped. */
async function bundlePrograms(): Promise<void> {
  const root = join(import.meta.dirname, '..');
  const outFolder = join(root, 'node_modules/.cache/segwall-programs');
  await rm(outFolder, { recursive: true, force: true });
  for (const [name, entry] of Object.entries(programSources)) await bundleProgram({ root, entry, name, outFolder });
  process.env[bundlesVariable] = outFolder;
}

async function runSuites(args: readonly string[]): Promise<Tally> {
  const { filter, options, tally: reporter } = runnerOptions(args, createTallyReporter);
  const vitest = await startVitest(filter, options);
  await vitest.close();
  return reporter.tally() ?? { passed: 0, failed: ['the Vitest run did not end'], skipped: [] };
}

const args = process.argv.slice(2);
const tallies: Tally[] = [];
if (args.length === 0) {
  console.log(`npm test ${statement()}`);
  const missing = whatIsMissing(await readMachine());
  if (missing !== undefined) {
    console.error(missing);
    process.exit(3);
  }
}
if (args.length === 0) for (const step of steps) tallies.push(await runStep(step));
await bundlePrograms();
const packages = await mkdtemp(join(tmpdir(), 'segwall-packages-'));
process.env[packagesVariable] = packages;
tallies.push(await runSuites(args));
await rm(packages, { recursive: true, force: true });

const sum = addTallies(tallies);
const ran = sum.passed + sum.failed.length > 0;
const total: Tally = ran ? sum : { ...sum, failed: ['no test ran'] };
console.log('');
for (const { name, reason } of total.skipped) console.log(`skipped: ${name}: ${reason}`);
for (const name of total.failed) console.log(`failed: ${name}`);
// Suites that left a handle open must not keep the run from ending, nor make a green run red.
console.log(`${total.passed} passed, ${total.failed.length} failed, ${total.skipped.length} skipped`);
process.exit(total.failed.length === 0 ? 0 : 1);
