#!/usr/bin/env node
// The segwall-agent command: reads arguments, calls one command, and turns its outcome into an exit code. Each command is
// imported only when it is called, so that the running agent carries nothing it does not use.

import { parseArgs } from 'node:util';
import { guardOutput } from '#model/safe-text.ts';
import { CommandError, deniedBySystem, renderCommandError } from './command-error.ts';
import type { RunOptions } from './commands/run.ts';
import { packageStateDirectory } from './package-paths.ts';
import { agentVersion } from './version.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/**
 * `run` as a service manager calls it, read without commander: 6 MB less for as long as the agent runs. Whatever is not plainly
 * right is left to commander, which says what is wrong with it.
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

async function runProgram(finish: (exitCode: number) => void): Promise<void> {
  const { Command, Option } = await import('commander');
  const program = new Command('segwall-agent')
    .description('Enforces on this host what the control plane says, and reports what it sees.')
    .version(agentVersion)
    .exitOverride()
    .showHelpAfterError();
  const state = () => new Option('--state <dir>', 'the agent’s state directory').default(packageStateDirectory);

  program
    .command('enroll')
    .description('buy this host its certificate with a join token')
    .requiredOption('--control-plane <host:port>', 'where the control plane listens for agents')
    .requiredOption('--ca-fingerprint <hex>', 'SHA-256 of the control plane’s CA certificate')
    .option(
      '--token-file <file>',
      'a join token in a file; - for standard input; else the credential segwall-join-token',
    )
    .option('--token <token>', 'a join token in the process list, for all users of the host to read')
    .addOption(state())
    .option('--proxy <host:port>', 'an HTTP proxy (CONNECT) on the way to the control plane')
    .option('--name <name>', 'the workload’s name; default: the host name')
    .action(async (options) => (await import('./commands/enroll.ts')).enrollCommand(options));
  program
    .command('run')
    .description('run the agent until SIGTERM; the rules stay in the kernel')
    .addOption(state())
    .option('--config <file>', 'settings; default: agent.yaml in the state directory, if it is there')
    .addOption(new Option('--log-level <level>', 'what is logged').choices([...logLevels]).default('info'))
    .action(async (options) => (await import('./commands/run.ts')).runCommand(options));
  program
    .command('status')
    .description('what the running agent says of itself')
    .addOption(state())
    .option('--json', 'one JSON document', false)
    .action(async (options) => finish(await (await import('./commands/status.ts')).statusCommand(options)));
  program
    .command('doctor')
    .description('what keeps this host from being protected or connected, and what to do')
    .addOption(state())
    .option('--json', 'one JSON document', false)
    .action(async (options) => finish(await (await import('./commands/doctor.ts')).doctorCommand(options)));
  program
    .command('render')
    .description('print the nftables script this agent would load from nothing for a rule set')
    .requiredOption('--rule-set <file>', 'an encoded rule set, or - for standard input')
    .option('--config <file>', 'settings, for their essential entries and connections.markMask')
    .option('--control-plane <address:port>', 'where the agent connects, which is essential too')
    .action(async (options) => (await import('./commands/render.ts')).renderCommand(options));
  program
    .command('inventory')
    .description('what this machine is made of, and which cloud its firmware names')
    .option('--json', 'one JSON document', false)
    .action(async (options) => finish(await (await import('./commands/inventory.ts')).inventoryCommand(options)));
  program
    .command('restore')
    .description('put the last good revision into the kernel, before the network is up')
    .addOption(state())
    .action(async (options) => (await import('./commands/restore.ts')).restoreCommand(options));
  program
    .command('keep')
    .description('write the rules in force so that boots load them without an agent: what removing the package does')
    .addOption(state())
    .action(async (options) => (await import('./commands/keep.ts')).keepCommand(options));
  program
    .command('panic')
    .description(
      'open this host at once, until resume: from its console, also while the agent or the control plane is dead',
    )
    .addOption(state())
    .option('--reason <text>', 'why, for the audit log')
    .action(async (options) => (await import('./commands/panic.ts')).panicCommand(options));
  program
    .command('resume')
    .description('end a panic: what policy says is enforced again')
    .addOption(state())
    .action(async (options) => (await import('./commands/resume.ts')).resumeCommand(options));
  program
    .command('open')
    .description('remove every rule of segwall from this host: all its traffic passes')
    .addOption(state())
    .option('--yes', 'really', false)
    .action(async (options) => (await import('./commands/open.ts')).openCommand(options));
  await program.parseAsync();
}

/** The exit code of DESIGN.md §8: 0 done, 1 does not hold, 2 wrong use, 3 could not reach or not allowed. */
async function main(): Promise<number> {
  let exitCode = 0;
  const plainRun = readPlainRun(process.argv.slice(2));
  try {
    if (plainRun !== undefined) await (await import('./commands/run.ts')).runCommand(plainRun);
    else {
      await runProgram((code) => {
        exitCode = code;
      });
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

/** A reader that has heard enough (`| head -1`) changes nothing; a full disk under what was asked for is told of. */
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
