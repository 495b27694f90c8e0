// The package as the arch tests see it: its source files, its package.json and the files that git tracks.

import { readFileSync } from 'node:fs';
import { glob } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Sources } from './imports.ts';

export const root = join(import.meta.dirname, '../..');

export interface PackageJson {
  readonly imports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

export function readPackageJson(): PackageJson {
  return JSON.parse(readText('package.json')) as PackageJson;
}

/** `#model/` → `proto/model/`, and so on. */
export function readAliases(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(readPackageJson().imports).map(([alias, target]) => [
      alias.replace(/\*$/, ''),
      target.replace(/^\.\//, '').replace(/\*$/, ''),
    ]),
  );
}

export async function readSources(): Promise<Sources> {
  const sources = new Map<string, string>();
  const folders = '{agent,control-plane,proto,packaging,test}';
  for await (const path of glob([`${folders}/**/*.{ts,js}`, '*.ts'], { cwd: root })) sources.set(path, readText(path));
  return sources;
}

export async function listTrackedFiles(): Promise<readonly string[]> {
  const { stdout } = await execa('git', ['-c', `safe.directory=${root}`, 'ls-files', '-z'], { cwd: root });
  return stdout.split('\0').filter((path) => path !== '');
}
