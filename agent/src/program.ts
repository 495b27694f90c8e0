// What `segwall-agent` takes: every command with its arguments and options. The manual page and the completions are made from this too. Each
// command is imported only when it is called.

import { Command, Option } from 'commander';
import { logLevels } from '#agent/process/log-levels.ts';
import { agentVersion } from '#agent/process/version.ts';
import { declaredSettings } from '#agent/settings/declared-settings.ts';
import { packageStateDirectory } from '#agent/state/package-paths.ts';
import { settingsHelp } from '#model/setting-rows.ts';

/** `finish` hears the exit code of a command that ends as it should. */
export function createProgram(finish: (exitCode: number) => void): Command {
  const program = new Command('segwall-agent')
    .description('Enforces the control plane’s policy on this host, and reports the connections it sees.')
    .version(agentVersion)
    .exitOverride()
    .showHelpAfterError();
  const state = () => new Option('--state <dir>', 'the agent’s state directory').default(packageStateDirectory);

  program
    .command('enroll')
    .description('enrol this host: get its certificate for a join token')
    .requiredOption(
      '--control-plane <host:port>',
      'where the control plane listens for agents; several, separated by commas, are tried in order',
    )
    .requiredOption('--ca-fingerprint <hex>', 'SHA-256 of the control plane’s CA certificate')
    .option(
      '--token-file <file>',
      'file with the join token, - for standard input; default: the systemd credential segwall-join-token',
    )
    .option('--token <token>', 'the join token itself; every user of the host can read it in the process list')
    .addOption(state())
    .option('--proxy <host:port>', 'an HTTP proxy (CONNECT) on the way to the control plane')
    .option('--name <name>', 'the workload’s name; default: the host name')
    .option(
      '--timeout <duration>',
      'how long to keep trying; default: 5m while the control plane is busy, one try if nobody answers',
    )
    .option('--renew-identity', 'get a new identity for a host that is already enrolled; name and labels stay', false)
    .action(async (options) => (await import('./commands/enroll.ts')).enrollCommand(options));
  program
    .command('move')
    .description('use another address of the control plane from the next start on')
    .requiredOption(
      '--control-plane <host:port>',
      'where it listens for agents now; several, separated by commas, are tried in order',
    )
    .addOption(state())
    .option('--unchecked', 'do not ask it whether it is the control plane that this host enrolled with', false)
    .action(async (options) => (await import('./commands/move.ts')).moveCommand(options));
  program
    .command('run')
    .description('run the agent until SIGTERM; the rules stay in the kernel')
    .addOption(state())
    .option(
      '--config <file>',
      'settings file instead of /etc/segwall/agent.yaml; its drop-ins are in FILE.d (of agent.yaml: agent.d)',
    )
    .addOption(new Option('--log-level <level>', 'what is logged').choices([...logLevels]).default('info'))
    .action(async (options) => (await import('./commands/run.ts')).runCommand(options));
  program
    .command('status')
    .description('show the state of the running agent')
    .addOption(state())
    .option('--json', 'one JSON document', false)
    .action(async (options) => finish(await (await import('./commands/status.ts')).statusCommand(options)));
  program
    .command('settings')
    .description(
      'show the settings that an agent started now would use, with the file of each, and every error in them',
    )
    .addOption(state())
    .option('--config <file>', 'as run has it')
    .option('--json', 'one JSON document', false)
    .addHelpText('after', () => settingsHelp(declaredSettings))
    .action(async (options) => finish(await (await import('./commands/settings.ts')).settingsCommand(options)));
  program
    .command('doctor')
    .description('check what keeps this host from being protected or connected, and say what to do')
    .addOption(state())
    .option('--json', 'one JSON document', false)
    .action(async (options) => finish(await (await import('./commands/doctor.ts')).doctorCommand(options)));
  program
    .command('render')
    .description('print the nftables script that this agent would load for a rule set')
    .requiredOption('--rule-set <file>', 'an encoded rule set, or - for standard input')
    .option('--config <file>', 'settings file: its essential entries and connections.markMask are used')
    .option('--control-plane <address:port>', 'where the agent connects; this is essential too')
    .action(async (options) => (await import('./commands/render.ts')).renderCommand(options));
  program
    .command('inventory')
    .description('show this machine’s hardware and system, and its cloud as the firmware names it')
    .option('--json', 'one JSON document', false)
    .action(async (options) => finish(await (await import('./commands/inventory.ts')).inventoryCommand(options)));
  program
    .command('restore')
    .description('load the last good revision into the kernel, before the network is up')
    .addOption(state())
    .action(async (options) => (await import('./commands/restore.ts')).restoreCommand(options));
  program
    .command('keep')
    .description('save the rules in force so that boots load them without an agent, as removing the package does')
    .addOption(state())
    .action(async (options) => (await import('./commands/keep.ts')).keepCommand(options));
  program
    .command('panic')
    .description('open this host at once, until resume; works while agent and control plane are dead')
    .addOption(state())
    .option('--reason <text>', 'why, for the audit log')
    .action(async (options) => (await import('./commands/panic.ts')).panicCommand(options));
  program
    .command('resume')
    .description('end a panic: enforce the policy again')
    .addOption(state())
    .action(async (options) => (await import('./commands/resume.ts')).resumeCommand(options));
  program
    .command('open')
    .description('remove all of Segwall’s rules from this host: all its traffic passes')
    .addOption(state())
    .option('--yes', 'really', false)
    .action(async (options) => (await import('./commands/open.ts')).openCommand(options));
  return program;
}
