// The commands that need no server, added to the operator's program: `segwall policy check|test|eval|explain|render|schema`.

import { type Command, Option } from 'commander';
import { guarded } from '#cli/output/failure.ts';

const exitCodes = 'Exit codes: 0 done or holds, 1 does not hold (errors found, a test fails), 2 wrong use.';

/** Each command's code is loaded when it runs, so that `--help` and the others stay quick. */
export function registerOfflinePolicyCommands(program: Command): void {
  const policy = program
    .command('policy')
    .description('check, test and explain a policy directory without a server')
    .addHelpText(
      'after',
      `\n${exitCodes}\nThe policy language: docs/reference/policy.md. Error codes: docs/reference/policy-errors.md.`,
    );

  directoryCommand(policy, 'check', 'find every error and warning in a policy directory')
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json', 'sarif']).default('text'))
    .option('--json', 'the same as --format json')
    .option('--strict', 'exit 1 for warnings too')
    .action(
      guarded(async (directory: string, _options: unknown, command: Command) =>
        (await import('./check-command.ts')).runCheck(directory, command.optsWithGlobals()),
      ),
    );

  directoryCommand(policy, 'test', 'run the PolicyTests of a policy directory')
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json', 'junit']).default('text'))
    .option('--json', 'the same as --format json')
    .action(
      guarded(async (directory: string, _options: unknown, command: Command) =>
        (await import('./test-command.ts')).runTest(directory, command.optsWithGlobals()),
      ),
    );

  directoryCommand(policy, 'eval', 'answer queries: one JSON object a line in, one a line out, in order')
    .option('--queries <file>', 'file with the queries, - for standard input', '-')
    .option('--json', 'accepted, and changes nothing: the output always is JSON, one object a line')
    .addHelpText('after', evalHelp)
    .action(
      guarded(async (directory: string, _options: unknown, command: Command) =>
        (await import('./eval-command.ts')).runEval(directory, command.optsWithGlobals()),
      ),
    );

  directoryCommand(policy, 'explain', 'say why a connection is allowed or denied, layer by layer')
    .argument('<src>', 'an address, or the name of a workload')
    .argument('<dst>', 'an address, or the name of a workload')
    .argument('<service>', 'PROTO/PORT as tcp/443, icmp/TYPE, icmpv6/TYPE or proto/NUMBER')
    .option('--why-not <segment/rule>', 'explain only why this rule does not grant; exit 1 if it does')
    .option('--json', 'print one JSON document')
    .action(
      guarded(
        async (directory: string, src: string, dst: string, service: string, _options: unknown, command: Command) =>
          (await import('./explain-command.ts')).runExplain(
            directory,
            { src, dst, service },
            command.optsWithGlobals(),
          ),
      ),
    );

  directoryCommand(policy, 'render', 'print the nftables script that a host would load from nothing')
    .requiredOption('--host <host>', 'the host, as the inventory names it')
    .option('--settings <file>', "the host's agent.yaml, for its essential entries and mark mask (default: none)")
    .option('--control-plane <address:port>', 'where its agent connects, which its rules always let through')
    .action(
      guarded(async (directory: string, _options: unknown, command: Command) =>
        (await import('./render-command.ts')).runRender(directory, command.optsWithGlobals()),
      ),
    );

  policy
    .command('schema')
    .description('print a JSON Schema of the documents, for editors')
    .action(guarded(async () => (await import('./schema-command.ts')).runSchema()));
}

function directoryCommand(policy: Command, name: string, description: string): Command {
  return policy
    .command(name)
    .description(description)
    .argument('<dir>', 'the policy directory; *.yaml, *.yml and *.json in it are read, at any depth')
    .option(
      '--inventory <file>',
      'Workload (and Resolution) documents; may be repeated. --server URL takes the live fleet in its place',
      collect,
    )
    .option('--at <time>', 'judge as of this instant, RFC 3339 or milliseconds since 1970 (default: now)')
    .addHelpText('after', `\n${exitCodes}`);
}

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}

const evalHelp = `
A query:  {"src":"10.0.1.5","dst":"10.0.1.6","proto":"tcp","port":8080}
          proto is tcp, udp, sctp, icmp, icmpv6 or a number; icmp takes "type"; optional srcWorkload, dstWorkload, at
An answer: {"verdict":"allow","outbound":{"verdict":"allow","reason":"rule","workload":"web-1","segment":"shop","rule":"web-to-api"},"inbound":{…}}
A line that is no query is answered {"error":{"code":…,"message":…,"line":N}}, and the command exits 2 at the end.`;
