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
  readonly takeKeys: (options: { readonly data: string }) => Promise<void>;
  readonly restore: (options: { readonly from: string; readonly data: string }) => Promise<void>;
}

export function createProgram({ run, settings, backup, restore, newCa, takeKeys }: Actions): Command {
  const program = new Command('segwall-control-plane')
    .description('Checks and compiles policy, sends it to agents, and stores their flows.')
    .version(packageFile.version)
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? 0 : 2);
    });

  const runCommand = program
    .command('run')
    .description('Run until SIGTERM or SIGINT')
    .option(
      '--config <FILE>',
      'settings file in YAML, with the same names; drop-ins in FILE.d (control-plane.d); flags win',
    )
    .addHelpText('after', () => settingsHelp(declaredSettings))
    .action(run);
  for (const { flag, means } of Object.values<Setting>(declaredSettings.keys))
    if (flag !== undefined) runCommand.option(flag, means.replaceAll('`', ''));

  program
    .command('settings')
    .description('Show the settings that run would use, with the file of each, or every error in them')
    .option('--config <FILE>', 'as run has it', '/etc/segwall/control-plane.yaml')
    .addHelpText('after', () => settingsHelp(declaredSettings))
    .option('--json', 'one JSON document', false)
    .action(settings);

  program
    .command('backup')
    .description('Back up the store and the keys into a folder, also while the control plane runs')
    .requiredOption('--data <DIR>', 'the data directory of the control plane')
    .requiredOption('--to <DIR>', 'an empty or new folder')
    .action(backup);

  program
    .command('restore')
    .description('Restore a backup into an empty data directory; agents keep their policy until segwall resume')
    .requiredOption('--from <DIR>', 'a folder that backup made')
    .requiredOption('--data <DIR>', 'the data directory: empty or new')
    .action(restore);

  program
    .command('new-ca')
    .description('Make a new CA if the one that hosts trust is lost; every host must then enrol with --renew-identity')
    .requiredOption('--data <DIR>', 'the data directory of a control plane that is stopped')
    .action(newCa);

  program
    .command('take-keys')
    .description(
      'Say that the CA and the keys which lie in a data directory are of its store, where a start refuses them as those of another',
    )
    .requiredOption('--data <DIR>', 'the data directory of a control plane that is stopped')
    .action(takeKeys);
  return program;
}
