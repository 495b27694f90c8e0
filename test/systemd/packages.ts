// The packages as `npm run package` makes them, once for all suites of a run that install them.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '#test/support/run-command.ts';
import { waitFor } from '#test/support/wait.ts';

/** Names the folder of a run's packages, which whoever started the run removes. Without it each suite makes its own. */
export const packagesVariable = 'SEGWALL_TEST_PACKAGES';

const builder = join(import.meta.dirname, '../../packaging/build.ts');

/** Name of the package → its .deb. `directory` takes them where the run has no folder for them. */
export async function providePackages(directory: string): Promise<(name: string) => string> {
  const shared = process.env[packagesVariable];
  const folder = join(shared ?? directory, 'dist');
  const marker = join(shared ?? directory, 'packages-made');
  const isMaker = await mkdir(folder).then(
    () => true,
    () => false,
  );
  if (isMaker) {
    const built = await run([process.execPath, builder, folder], { timeoutMs: 180_000 });
    await writeFile(marker, built.exitCode === 0 ? '' : `${built.stdout}\n${built.stderr}`);
  }
  await waitFor(async () => (await readdir(shared ?? directory)).includes('packages-made'), {
    what: 'the packages are made',
    timeoutMs: 200_000,
    intervalMs: 200,
  });
  const problem = await readFile(marker, 'utf8');
  if (problem !== '') throw new Error(`npm run package failed:\n${problem}`);
  const files = await readdir(folder);
  return (name) => {
    const file = files.find((each) => each.startsWith(`${name}_`) && each.endsWith('.deb'));
    if (file === undefined) throw new Error(`no package ${name} was made, but ${files.join(', ')}`);
    return join(folder, file);
  };
}

/** The same package under another version, as an earlier or a later release would be. Its path. */
export async function withVersion(deb: string, version: string, directory: string): Promise<string> {
  const tree = join(directory, `version-${version}`);
  const target = `${tree}.deb`;
  for (const argv of [
    ['dpkg-deb', '--raw-extract', deb, tree],
    ['sed', '-i', `s/^Version: .*/Version: ${version}/`, join(tree, 'DEBIAN/control')],
    ['dpkg-deb', '--root-owner-group', '-Znone', '--build', tree, target],
  ]) {
    const done = await run(argv);
    if (done.exitCode !== 0) throw new Error(`${argv.join(' ')} ended with ${done.exitCode}: ${done.stderr}`);
  }
  return target;
}
