// A policy directory as the API takes it: every *.yaml, *.yml and *.json below it, by its path inside.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandFailure } from './failure.ts';

export interface PolicyText {
  readonly path: string;
  readonly text: string;
}

export async function readPolicyFiles(directory: string | undefined): Promise<readonly PolicyText[]> {
  if (directory === undefined)
    throw new CommandFailure(2, 'no-directory', 'say which policy directory, as in: segwall apply policy/');
  let names: readonly string[];
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    names = entries
      .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (cause) {
    throw new CommandFailure(
      2,
      'directory-unreadable',
      `cannot read ${directory}: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  const prefix = join(directory, '/');
  return Promise.all(
    names.map(async (name) => ({
      path: name.startsWith(prefix) ? name.slice(prefix.length) : name,
      text: await readFile(name, 'utf8'),
    })),
  );
}
