// The commands that contain a host or workload, and end it: quarantine, release, agents revoke, agents remove. With --wait they say who has cut it
// off. What counts is what the others say: the word of a host that may be lost is shown and decides nothing.

import type { Command } from 'commander';
import { durationMs } from '#cli/output/durations.ts';
import { CommandFailure, guarded } from '#cli/output/failure.ts';
import { printJson, printLine } from '#cli/output/printing.ts';
import type { QuarantineAnswer, RemoveAnswer, RevokeAnswer } from '#control-plane/answers/schemas.ts';
import { openApiClient, type PagingClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { containedOutcome, quarantineLines, removeLines, revokeLines, type Told } from './containment-text.ts';
import { type RemoveOfflineOptions, removeOffline } from './remove-offline.ts';
import { answersOf, exitCodeOf, printTroubles, type WaitingOptions, waitForAgents, withWaiting } from './waiting.ts';

interface Options extends ConnectionOptions, WaitingOptions {
  readonly json?: true;
  readonly allow?: readonly string[];
}

export function registerContainmentCommands(program: Command, agents: Command): void {
  withWaiting(
    program
      .command('quarantine')
      .description('cut a workload off from everything but the peers of --allow, at its own host and at all others')
      .argument('<WORKLOAD>')
      .option('--allow <PEER...>', 'addresses, CIDRs, names of workloads, or selectors that stay allowed'),
  )
    .option('--json', 'one JSON document')
    .action(
      guarded(async (workload: string, _options: unknown, command: Command) => {
        const options = command.optsWithGlobals<Options>();
        const body = { allow: options.allow ?? [] };
        await changeQuarantine(workload, options, (client, path) => client.call('PUT', path, body));
      }),
    );
  withWaiting(program.command('release').description('end the quarantine of a workload').argument('<WORKLOAD>'))
    .option('--json', 'one JSON document')
    .action(
      guarded(async (workload: string, _options: unknown, command: Command) =>
        changeQuarantine(workload, command.optsWithGlobals(), (client, path) => client.ensure('DELETE', path)),
      ),
    );
  withWaiting(
    agents
      .command('revoke')
      .description("revoke a host's certificates at once and have all other hosts cut it off; its workload stays")
      .argument('<NAME>'),
  )
    .option('--json', 'one JSON document')
    .action(
      guarded(async (name: string, _options: unknown, command: Command) => revoke(name, command.optsWithGlobals())),
    );
  agents
    .command('remove')
    .description(
      'revoke and forget a host, or all that were offline for long; it is not cut off any more, and its name may enrol again',
    )
    .argument('[NAME]')
    .option('--offline-for <DURATION>', 'without NAME: all hosts that were offline for so long; lists them and asks')
    .option('--selector <SELECTOR>', 'with --offline-for: only hosts with these labels')
    .option(
      '--plan',
      'with --offline-for: change nothing; show which hosts would be removed, and which policy names them',
    )
    .option('--yes', 'with --offline-for: do not ask')
    .option('--json', 'one JSON document')
    .action(
      guarded(async (name: string | undefined, _options: unknown, command: Command) => {
        const options = command.optsWithGlobals<RemoveOfflineOptions>();
        const { offlineFor } = options;
        if (name !== undefined && offlineFor === undefined) return remove(name, command.optsWithGlobals());
        if (name === undefined && offlineFor !== undefined) return removeOffline(offlineFor, options);
        throw new CommandFailure(
          2,
          'bad-option',
          'give the NAME of a host, or --offline-for DURATION for all that are gone for so long',
        );
      }),
    );
}

async function changeQuarantine(
  workload: string,
  options: Options,
  change: (client: PagingClient, path: string) => Promise<QuarantineAnswer>,
): Promise<void> {
  const timeoutMs = durationMs(options.timeout, '--timeout');
  const client = await openApiClient(options);
  const answer = await change(client, `/workloads/${encodeURIComponent(workload)}/quarantine`);
  const { host, state } = answer;
  const lines = quarantineLines(answer);
  const isCutOff = state === 'quarantined' && answer.cutOff.count > 0;
  const told = !isCutOff ? 'troubles' : host === workload ? 'done-and-own-word' : 'done';
  await finish(answer, { lines, options, timeoutMs, client, told, host });
}

async function revoke(name: string, options: Options): Promise<void> {
  const timeoutMs = durationMs(options.timeout, '--timeout');
  const client = await openApiClient(options);
  const answer = await client.ensure<RevokeAnswer>('POST', `/agents/${encodeURIComponent(name)}/revoke`);
  const lines = revokeLines(answer);
  await finish(answer, { lines, options, timeoutMs, client, told: 'done', host: name });
}

async function remove(name: string, options: Options): Promise<void> {
  const client = await openApiClient(options);
  const answer = await client.call<RemoveAnswer>('DELETE', `/agents/${encodeURIComponent(name)}`);
  if (options.json) {
    printJson(answer);
    return;
  }
  for (const line of removeLines(answer)) printLine(line);
}

/** Prints the lines, and waits where it is told to. */
async function finish(
  answer: { readonly revision: number },
  given: {
    readonly lines: readonly string[];
    readonly options: Options;
    readonly timeoutMs: number;
    readonly client: PagingClient;
    readonly told: Told;
    readonly host: string;
  },
): Promise<void> {
  const { options, timeoutMs, client, told, host } = given;
  if (options.wait !== true) {
    if (options.json) printJson(answer);
    else for (const line of given.lines) printLine(line);
    return;
  }
  const progress = await waitForAgents(client, { revision: answer.revision, timeoutMs });
  const { judged, lines } = containedOutcome(progress, { told, host });
  if (options.json) {
    printJson({ ...answer, ...answersOf(progress) });
  } else {
    for (const line of [...given.lines, ...lines]) printLine(line);
    printTroubles(judged);
  }
  process.exitCode = exitCodeOf(judged, options);
}
