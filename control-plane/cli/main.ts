#!/usr/bin/env node
// `segwall`, the operator's command: offline work on policy directories, and everything that asks a control plane. Exit
// codes: 0 done or holds, 1 does not hold, 2 wrong use, 3 could not reach or not allowed.

import { CommanderError } from 'commander';
import { printFailure } from '#cli/output/failure.ts';
import { guardOutput } from '#model/safe-text.ts';
import { createProgram } from './program.ts';

async function main(): Promise<void> {
  enterCallersDirectory();
  guardOutput(process.stdout);
  guardOutput(process.stderr);
  process.stdout.on('error', cannotWrite);
  // Whoever closed it hears no more; the exit code says it all the same.
  process.stderr.on('error', () => undefined);
  try {
    await createProgram().parseAsync();
  } catch (cause) {
    if (!(cause instanceof CommanderError)) throw cause;
    process.exitCode = cause.exitCode === 0 ? 0 : 2;
    if (cause.exitCode !== 0 && process.argv.includes('--json')) printFailure('wrong-use', wrongUse(cause));
  }
}

/** A reader that goes away early (`| head -1`) ends the command without an error; a full disk is an error. */
function cannotWrite(cause: NodeJS.ErrnoException): void {
  if (cause.code !== 'EPIPE') {
    process.stderr.write(`error: cannot-write: cannot write to standard output: ${cause.message}\n`);
    process.exitCode = 2;
  }
  process.exit();
}

/** commander has told the reader by now; where it printed its help instead of a message, no command was named. */
function wrongUse({ code, message }: CommanderError): string {
  return code === 'commander.help'
    ? 'no command is named; see segwall --help'
    : message.replace(/^error: /, '').replaceAll('\n', ' ');
}

/** `npm run` changes to the package's folder; paths mean the folder the operator typed them in. */
function enterCallersDirectory(): void {
  const from = process.env['INIT_CWD'];
  if (process.env['npm_lifecycle_event'] === 'segwall' && from !== undefined) process.chdir(from);
}

await main();
