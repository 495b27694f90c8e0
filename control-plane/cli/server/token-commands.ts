// The commands about join tokens.

import type { Command } from 'commander';
import { durationSeconds } from '#cli/output/durations.ts';
import { guarded } from '#cli/output/failure.ts';
import { assertNumber } from '#cli/output/numbers.ts';
import { labelsText, printJson, printLine, printProgress, printTable, timeText } from '#cli/output/printing.ts';
import type { JoinTokenView, TokenAnswer } from '#control-plane/answers/schemas.ts';
import { oneLine } from '#model/safe-text.ts';
import { parseCidrList } from './allow-addresses-command.ts';
import { openApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { checkLabels } from './label-checks.ts';
import { parseLabelList } from './labels.ts';

interface CreateOptions extends ConnectionOptions {
  readonly labels: string;
  readonly uses: string;
  readonly ttl: string;
  readonly addresses?: string;
  readonly ephemeral?: string;
  readonly plan?: true;
  readonly renews?: string;
  readonly json?: true;
}

/** As the API has them. */
const mostUses = 1_000_000;
const longestTtlDays = 365;

export function registerTokenCommands(program: Command): void {
  const tokens = program
    .command('tokens')
    .description('manage join tokens')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => list(command.optsWithGlobals())));
  tokens
    .command('create')
    .description('create a token; hosts that join with it get its labels')
    .option('--labels <LABELS>', 'KEY=VALUE, separated by commas', '')
    .option('--uses <NUMBER>', 'how many hosts may join with it', '1')
    .option('--ttl <DURATION>', 'how long it may be used', '1h')
    .option('--addresses <CIDRS>', 'addresses that such hosts may claim, separated by commas')
    .option(
      '--ephemeral <DURATION>',
      'remove a host that joined with it once it is silent for so long: for autoscaling',
    )
    .option('--plan', 'create none: show which segments a host with these labels is in, and what they enforce')
    .option('--renews <HOST>', 'a token for this enrolled host alone: for a new identity with the same name and labels')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => create(command.optsWithGlobals())));
  tokens
    .command('list')
    .description('list join tokens and their remaining uses, without their secrets')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => list(command.optsWithGlobals())));
  tokens
    .command('revoke')
    .description('revoke a token; hosts that joined with it stay')
    .argument('<ID>')
    .option('--json', 'one JSON document')
    .action(
      guarded(async (id: string, _options: unknown, command: Command) => {
        const options = command.optsWithGlobals<CreateOptions>();
        const client = await openApiClient(options);
        const answer = await client.call('DELETE', `/tokens/${encodeURIComponent(id)}`);
        if (options.json) printJson(answer);
        else printLine(`token ${id} is revoked`);
      }),
    );
}

async function create(options: CreateOptions): Promise<void> {
  const body = {
    labels: parseLabelList(options.labels),
    uses: assertNumber(options.uses, '--uses', { least: 1, greatest: mostUses }),
    ttlSeconds: durationSeconds(options.ttl, { option: '--ttl', least: 1, greatestDays: longestTtlDays }),
    ...(options.ephemeral === undefined
      ? {}
      : {
          ephemeralMinutes: Math.ceil(
            durationSeconds(options.ephemeral, { option: '--ephemeral', least: 300, greatestDays: 30 }) / 60,
          ),
        }),
    ...(options.addresses === undefined ? {} : { addresses: parseCidrList(options.addresses, '--addresses') }),
    ...(options.renews === undefined ? {} : { renews: options.renews }),
  };
  const client = await openApiClient(options);
  const check = await checkLabels(client, { labels: body.labels });
  if (options.plan) {
    if (options.json) printJson(check);
    else {
      for (const { segment, inbound, outbound } of check.segments)
        printLine(`in segment ${segment}: inbound ${inbound}, outbound ${outbound}`);
      if (check.segments.length === 0) printLine('in no segment of the active policy: observed, and nothing is denied');
    }
    for (const warning of check.warnings) printProgress(`warning: ${oneLine(warning)}`);
    return;
  }
  for (const warning of check.warnings) printProgress(`warning: ${oneLine(warning)}`);
  const answer = await client.call<TokenAnswer>('POST', '/tokens', body);
  if (options.json) printJson(answer);
  else {
    printLine(answer.token);
    for (const line of enrolLines(
      answer,
      options.renews === undefined ? '' : ` --renew-identity --name ${options.renews}`,
    ))
      printProgress(line);
  }
}

/** On standard error: standard output is the token alone, for a file. A control plane of an earlier version does not say where it is. */
function enrolLines({ enrol }: Partial<Pick<TokenAnswer, 'enrol'>>, more: string): readonly string[] {
  if (enrol === undefined) return [];
  const { controlPlane, caFingerprint } = enrol;
  return [
    'On each host, as root, with the token in a file join.token for root alone:',
    `  segwall-agent enroll --control-plane ${controlPlane} --ca-fingerprint ${caFingerprint} --token-file join.token${more}`,
    '  systemctl start segwall-agent',
    'Where hosts reach the control plane by another name or address, name that one.',
  ];
}

async function list(options: CreateOptions): Promise<void> {
  const client = await openApiClient(options);
  const tokens = await client.call<readonly JoinTokenView[]>('GET', '/tokens');
  if (options.json) {
    printJson(tokens);
    return;
  }
  await printTable(
    ['ID', 'STATE', 'USED', 'LABELS', 'ADDRESSES', 'EXPIRES', 'CREATED BY'],
    tokens.map((token) => [
      token.id,
      token.state,
      `${token.spent} of ${token.uses}`,
      token.renews === undefined ? labelsText(token.labels) : `renews ${token.renews}`,
      token.addresses?.join(' ') ?? '',
      timeText(token.expiresAt),
      token.createdBy,
    ]),
    'no tokens',
  );
}
