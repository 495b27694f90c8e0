// What `segwall` takes: every command with its arguments and options. The manual page and the completions are made from this too.

import { Command } from 'commander';
import packageFile from '../../package.json' with { type: 'json' };
import { registerErrors } from './output/errors-command.ts';
import { registerOfflinePolicyCommands } from './policy/register.ts';
import { registerServerCommands } from './server/register.ts';

/** Every command throws instead of exiting, so that wrong use always ends in 2 here. */
export function createProgram(): Command {
  const program = new Command('segwall')
    .description('host-based micro-segmentation for Linux fleets: policy, fleet and flows')
    .version(packageFile.version, '--version', 'print the version')
    .showHelpAfterError('(add --help for what is allowed)')
    .showSuggestionAfterError()
    .configureHelp({ sortSubcommands: false })
    .addHelpText(
      'after',
      '\nExit codes: 0 done or holds, 1 does not hold, 2 wrong use, 3 could not reach the control plane or not allowed.',
    );
  registerOfflinePolicyCommands(program);
  registerServerCommands(program);
  registerErrors(program);
  throwOnExit(program);
  return program;
}

function throwOnExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwOnExit(child);
}
