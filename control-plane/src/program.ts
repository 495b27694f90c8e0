// What `segwall-control-plane` takes: every command with its options. The manual page and the completions are made from this too.

import { Command } from 'commander';
import { declaredSettings } from '#control-plane/settings/declared-settings.ts';
import { settingsHelp } from '#model/setting-rows.ts';
import type { Setting } from '#model/setting-shape.ts';
import packageFile from '../../package.json' with { type: 'json' };

export interface RunFlags {
  readonly config?: string;
  readonly data?: string;
  readonly agents?: string;
  readonly api?: string;
  readonly apiNames?: string;
  readonly proxies?: string;
  readonly logLevel?: string;
}

/** What each command does. */
export interface Actions {
  readonly run: (flags: RunFlags) => Promise<void>;
  readonly settings: (flags: RunFlags & { readonly json: boolean }) => Promise<void>;
  readonly backup: (options: { readonly data: string; readonly to: string }) => Promise<void>;
  readonly newCa: (options: { readonly data: string }) => Promise<void>;
  readonly restore: (options: { readonly from: string; readonly data: string }) => Promise<void>;
}

export function createProgram({ run, settings, backup, restore, newCa }: Actions): Command {
  const program = new Command('segwall-control-plane')
    .description('Checks and compiles policy, serves it to agents, and takes their flows.')
    .version(packageFile.version)
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? 0 : 2);
    });

  const runCommand = program
    .command('run')
    .description('Run until SIGTERM or SIGINT')
    .option(
      '--config <FILE>',
      'settings in YAML, by the same names, and its drop-ins in FILE.d (control-plane.d); flags win',
    )
    .addHelpText('after', () => settingsHelp(declaredSettings))
    .action(run);
  for (const { flag, means } of Object.values<Setting>(declaredSettings.keys))
    if (flag !== undefined) runCommand.option(flag, means.replaceAll('`', ''));

  program
    .command('settings')
    .description('The settings that run would have, and which file says so; or all that is wrong in them')
    .option('--config <FILE>', 'as run has it', '/etc/segwall/control-plane.yaml')
    .addHelpText('after', () => settingsHelp(declaredSettings))
    .option('--json', 'one JSON document', false)
    .action(settings);

  program
    .command('backup')
    .description(
      'Copy all that must not be lost into a folder: the store as of one moment, and the keys; while it runs, too',
    )
    .requiredOption('--data <DIR>', 'the data directory of the control plane')
    .requiredOption('--to <DIR>', 'a folder that is empty or is made')
    .action(backup);

  program
    .command('restore')
    .description(
      'Put a backup into an empty data directory; agents keep what they have until an operator says: segwall resume',
    )
    .requiredOption('--from <DIR>', 'a folder that backup made')
    .requiredOption('--data <DIR>', 'the data directory: empty, or made')
    .action(restore);

  program
    .command('new-ca')
    .description(
      'Make another CA where the one that hosts trust is lost; every host is then to be enrolled anew with --renew-identity',
    )
    .requiredOption('--data <DIR>', 'the data directory of a control plane that is stopped')
    .action(newCa);
  return program;
}
