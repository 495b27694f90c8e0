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
    .description('Enforces on this host what the control plane says, and reports what it sees.')
    .version(agentVersion)
    .exitOverride()
    .showHelpAfterError();
  const state = () => new Option('--state <dir>', 'the agent’s state directory').default(packageStateDirectory);

  program
    .command('enroll')
    .description('buy this host its certificate with a join token')
    .requiredOption(
      '--control-plane <host:port>',
      'where the control plane listens for agents; several, with commas between, are tried in order',
    )
    .requiredOption('--ca-fingerprint <hex>', 'SHA-256 of the control plane’s CA certificate')
    .option(
      '--token-file <file>',
      'a join token in a file; - for standard input; else the credential segwall-join-token',
    )
    .option('--token <token>', 'a join token in the process list, for all users of the host to read')
    .addOption(state())
    .option('--proxy <host:port>', 'an HTTP proxy (CONNECT) on the way to the control plane')
    .option('--name <name>', 'the workload’s name; default: the host name')
    .option(
      '--timeout <duration>',
      'how long to try, also where nobody answers; default: 5m where the control plane has no room now, once where nobody answers',
    )
    .option('--renew-identity', 'a new identity for a host that is enrolled: it keeps its name and labels', false)
    .action(async (options) => (await import('./commands/enroll.ts')).enrollCommand(options));
  program
    .command('move')
    .description('the control plane has another address: look for it there from the next start on')
    .requiredOption(
      '--control-plane <host:port>',
      'where it listens for agents now; several, with commas between, are tried in order',
    )
    .addOption(state())
    .option('--unchecked', 'without asking it whether it is the one this host was enrolled with', false)
    .action(async (options) => (await import('./commands/move.ts')).moveCommand(options));
  program
    .command('run')
    .description('run the agent until SIGTERM; the rules stay in the kernel')
    .addOption(state())
    .option(
      '--config <file>',
      'settings in place of /etc/segwall/agent.yaml; its drop-ins are in FILE.d, for agent.yaml in agent.d',
    )
    .addOption(new Option('--log-level <level>', 'what is logged').choices([...logLevels]).default('info'))
    .action(async (options) => (await import('./commands/run.ts')).runCommand(options));
  program
    .command('status')
    .description('what the running agent says of itself')
    .addOption(state())
    .option('--json', 'one JSON document', false)
    .action(async (options) => finish(await (await import('./commands/status.ts')).statusCommand(options)));
  program
    .command('settings')
    .description('the settings that an agent started now would have, and which file says so; all that is wrong in them')
    .addOption(state())
    .option('--config <file>', 'as run has it')
    .option('--json', 'one JSON document', false)
    .addHelpText('after', () => settingsHelp(declaredSettings))
    .action(async (options) => finish(await (await import('./commands/settings.ts')).settingsCommand(options)));
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
  return program;
}
