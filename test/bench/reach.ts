// A fleet that comes at once: 500 machines that one template makes, enrolling behind one address and each from its own, and 1,000 agents that
// lose their control plane to a restart. All of it in a network namespace of its own, which ends with the process that measures.

import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { bundleProgram } from '../../packaging/bundle.ts';
import type { BenchReport } from './bench-report.ts';

const repository = join(import.meta.dirname, '../..');

export async function run(): Promise<BenchReport> {
  const directory = await mkdtemp(join(tmpdir(), 'segwall-bench-reach-'));
  try {
    const program = await bundleControlPlane(directory);
    const script = join(import.meta.dirname, 'reach/measure.ts');
    const { stdout } = await execa('unshare', ['--net', process.execPath, script, directory, program], {
      stderr: 'inherit',
    });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as BenchReport;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** As it is shipped, beside the packages that are not bundled. */
async function bundleControlPlane(directory: string): Promise<string> {
  const outFolder = join(directory, 'bundle');
  await mkdir(outFolder);
  await symlink(join(repository, 'node_modules'), join(outFolder, 'node_modules'));
  const name = 'segwall-control-plane';
  await bundleProgram({ root: repository, entry: 'control-plane/src/main.ts', name, outFolder });
  return join(outFolder, `${name}.js`);
}
