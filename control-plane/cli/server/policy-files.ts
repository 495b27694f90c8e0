// A policy directory as the API takes it, read as `policy check` reads it.

import { readPolicyDirectory } from '#cli/input/read-directory.ts';
import { CommandFailure } from '#cli/output/failure.ts';
import { printJson, printLine } from '#cli/output/printing.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { PolicyFile } from '#control-plane/store/policies.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { problemLine } from './review-output.ts';

/** Undefined where something in it cannot be read, which has then been printed, with exit code 1. */
export async function readPolicyFiles(
  directory: string | undefined,
  options: { readonly json?: true },
): Promise<readonly PolicyFile[] | undefined> {
  if (directory === undefined)
    throw new CommandFailure(2, 'no-directory', 'say which policy directory, as in: segwall apply policy/');
  const { files, problems: unread } = await readPolicyDirectory(directory);
  if (!unread.some(({ severity }) => severity === 'error')) return files;
  process.exitCode = 1;
  // What could not be read cannot be sent; the rest is checked here, so that all errors come in one run all the same.
  const { problems } = checkPolicy({ files, now: systemClock.wall(), mode: 'server', readingProblems: unread });
  if (options.json) printJson({ error: { code: 'policy-invalid', message: 'the directory cannot be read', problems } });
  else for (const problem of problems) printLine(problemLine(problem));
  return undefined;
}
