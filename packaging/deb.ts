// Makes one .deb of a staged tree: fixed owners, modes and times, so that the same commit gives the same bytes.

import { createHash } from 'node:crypto';
import { chmod, lutimes, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { execa } from 'execa';

export interface DebDescription {
  readonly name: string;
  readonly version: string;
  readonly architecture: 'amd64' | 'arm64';
  readonly depends: string;
  readonly suggests?: string;
  /** A package that holds some of the same files and gives way to this one. */
  readonly replaces?: string;
  readonly provides?: string;
  readonly summary: string;
  /** Lines of the long description, without the leading space. */
  readonly description: readonly string[];
  /** Absolute paths of files that an upgrade must not overwrite. */
  readonly configurationFiles: readonly string[];
  /** Maintainer scripts: name → text. */
  readonly scripts: ReadonlyMap<string, string>;
}

async function listTree(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.map((entry) => join(entry.parentPath, entry.name)).sort();
}

async function sumFiles(tree: string): Promise<{ readonly md5sums: string; readonly kibibytes: number }> {
  const lines: string[] = [];
  let bytes = 0;
  const entries = await readdir(tree, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) {
    const content = await readFile(file);
    bytes += content.length;
    lines.push(`${createHash('md5').update(content).digest('hex')}  ${relative(tree, file)}\n`);
  }
  return { md5sums: lines.join(''), kibibytes: Math.ceil(bytes / 1024) };
}

function renderControl(deb: DebDescription, kibibytes: number): string {
  const fields = [
    ['Package', deb.name],
    ['Version', deb.version],
    ['Architecture', deb.architecture],
    ['Maintainer', 'The Segwall developers <segwall@localhost>'],
    ['Installed-Size', String(kibibytes)],
    ['Depends', deb.depends],
    ...(deb.suggests === undefined ? [] : [['Suggests', deb.suggests]]),
    ...(deb.provides === undefined ? [] : [['Provides', deb.provides]]),
    ...(deb.replaces === undefined
      ? []
      : [
          ['Conflicts', deb.replaces],
          ['Replaces', deb.replaces],
        ]),
    ['Section', 'net'],
    ['Priority', 'optional'],
    ['Description', [deb.summary, ...deb.description.map((line) => ` ${line}`)].join('\n')],
  ];
  return `${fields.map(([name, value]) => `${name}: ${value}`).join('\n')}\n`;
}

/** Adds DEBIAN/ to `tree` and writes the package to `target`. `epochSeconds` is every file's time. */
export async function buildDeb(options: {
  readonly tree: string;
  readonly target: string;
  readonly deb: DebDescription;
  readonly epochSeconds: number;
}): Promise<void> {
  const { tree, target, deb, epochSeconds } = options;
  const { md5sums, kibibytes } = await sumFiles(tree);
  const control = join(tree, 'DEBIAN');
  await mkdir(control);
  await writeFile(join(control, 'md5sums'), md5sums);
  await writeFile(join(control, 'control'), renderControl(deb, kibibytes));
  if (deb.configurationFiles.length > 0) {
    await writeFile(join(control, 'conffiles'), `${deb.configurationFiles.join('\n')}\n`);
  }
  for (const [name, text] of deb.scripts) {
    await writeFile(join(control, name), text);
    await chmod(join(control, name), 0o755);
  }
  for (const path of [tree, ...(await listTree(tree))]) await lutimes(path, epochSeconds, epochSeconds);
  // One thread: the compressor's output depends on how the work was split.
  await execa('dpkg-deb', ['--root-owner-group', '-Zzstd', '-z9', '--threads-max=1', '--build', tree, target], {
    env: { SOURCE_DATE_EPOCH: String(epochSeconds) },
  });
}
