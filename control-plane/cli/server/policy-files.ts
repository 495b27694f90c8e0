// A policy directory as the API takes it, read as `policy check` reads it.

import type { PolicyFile } from '#control-plane/store/policies.ts';
import { readPolicyDirectory } from '../policy/read-directory.ts';
import { CommandFailure } from './failure.ts';
import { printJson, printLine } from './printing.ts';
import { problemLine } from './review-output.ts';

/** Undefined where something in it cannot be read, which has then been printed, with exit code 1. */
export async function readPolicyFiles(
  directory: string | undefined,
  options: { readonly json?: true },
): Promise<readonly PolicyFile[] | undefined> {
  if (directory === undefined)
    throw new CommandFailure(2, 'no-directory', 'say which policy directory, as in: segwall apply policy/');
  const { files, problems } = await readPolicyDirectory(directory);
  if (!problems.some(({ severity }) => severity === 'error')) return files;
  process.exitCode = 1;
  if (options.json) printJson({ error: { code: 'policy-invalid', message: 'the directory cannot be read', problems } });
  else for (const problem of problems) printLine(problemLine(problem));
  return undefined;
}
