#!/usr/bin/env node
// The segwall-agent command: reads arguments, calls one command, and turns its outcome into an exit code. Each command
// is imported only when it is called, so that the running agent carries nothing it does not use.

import { parseArgs } from 'node:util';
import { CommandError, deniedBySystem, renderCommandError } from '#agent/process/command-error.ts';
import { logLevels } from '#agent/process/log-levels.ts';
import { packageStateDirectory } from '#agent/state/package-paths.ts';
import { guardOutput } from '#model/safe-text.ts';
import type { RunOptions } from './commands/run.ts';

/**
 * `run` as a service manager calls it, read without commander: 6 MB less for as long as the agent runs. Whatever is not
 * plainly right is left to commander, which says what is wrong with it.
 */
function readPlainRun(args: readonly string[]): RunOptions | undefined {
  if (args[0] !== 'run') return undefined;
  try {
    const { values } = parseArgs({
      args: args.slice(1),
      options: { state: { type: 'string' }, config: { type: 'string' }, 'log-level': { type: 'string' } },
    });
    const { state = packageStateDirectory, config, 'log-level': level = 'info' } = values;
    const logLevel = logLevels.find((known) => known === level);
    if (logLevel === undefined) return undefined;
    return { state, logLevel, ...(config !== undefined && { config }) };
  } catch {
    return undefined;
  }
}

/** The exit code of docs/reference/cli.md: 0 done, 1 does not hold, 2 wrong use, 3 could not reach or not allowed. */
async function main(): Promise<number> {
  let exitCode = 0;
  const plainRun = readPlainRun(process.argv.slice(2));
  try {
    if (plainRun !== undefined) await (await import('./commands/run.ts')).runCommand(plainRun);
    else {
      const { createProgram } = await import('./program.ts');
      await createProgram((code) => {
        exitCode = code;
      }).parseAsync();
    }
    return exitCode;
  } catch (error) {
    if (error instanceof CommandError) {
      process.stderr.write(renderCommandError(error));
      return error.exitCode;
    }
    if (isCommanderError(error)) return error.exitCode === 0 ? 0 : 2;
    const denied = deniedBySystem(error);
    if (denied === undefined) throw error;
    process.stderr.write(renderCommandError(denied));
    return denied.exitCode;
  }
}

/** Commander has printed it already: help, the version, or what is wrong with the arguments. */
function isCommanderError(error: unknown): error is { readonly exitCode: number } {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('commander.');
}

/** A reader that goes away early (`| head -1`) is no error; a full disk under the output is one. */
function outlastReaders(): void {
  guardOutput(process.stdout);
  guardOutput(process.stderr);
  process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EPIPE') return;
    process.stderr.write(`error: cannot-write: cannot write to standard output: ${cause.message}\n`);
    process.exit(2);
  });
  process.stderr.on('error', () => undefined);
}

// npm runs scripts in the package's root; the operator's paths are relative to where the operator is.
const { npm_lifecycle_event: script, INIT_CWD: invokedIn } = process.env;
if (script === 'segwall-agent' && invokedIn !== undefined) process.chdir(invokedIn);
outlastReaders();
process.exitCode = await main();
