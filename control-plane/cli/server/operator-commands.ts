// The commands about operators and their tokens.

import type { Command } from 'commander';
import { durationSeconds } from '#cli/output/durations.ts';
import { guarded } from '#cli/output/failure.ts';
import { printJson, printLine, printProgress, printTable, timeText } from '#cli/output/printing.ts';
import type { OperatorAnswer, OperatorRevocation, OperatorTokenView } from '#control-plane/answers/operator-schemas.ts';
import { Secret } from '#model/secret.ts';
import { openApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { openSecretFile } from './secret-file.ts';

interface OperatorOptions extends ConnectionOptions {
  readonly ttl?: string;
  readonly overlap?: string;
  readonly out?: string;
  readonly json?: true;
}

/** As the API has them. */
const longestTtlDays = 3650;
const longestOverlapDays = 30;

export function registerOperatorCommands(program: Command): void {
  const operators = program
    .command('operators')
    .description('who may use these commands: operators and their tokens')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => list(command.optsWithGlobals())));
  const making = (name: string, description: string) =>
    operators
      .command(name)
      .description(description)
      .argument('<NAME>')
      .option('--out <FILE>', 'write the token to a file that only you can read, instead of printing it')
      .option('--json', 'one JSON document');
  making('create', 'create an operator with a token, which is printed once')
    .option('--ttl <DURATION>', 'how long the token is valid; default: until it is revoked')
    .action(
      guarded(async (name: string, _options: unknown, command: Command) => {
        const options = command.optsWithGlobals<OperatorOptions>();
        await make(options, '/operators', { name, ...ttlOf(options) });
      }),
    );
  operators
    .command('list')
    .description('list operators’ tokens, without their secrets')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => list(command.optsWithGlobals())));
  operators
    .command('revoke')
    .description('revoke all tokens of an operator, or one by its id')
    .argument('<NAME-OR-ID>')
    .option('--json', 'one JSON document')
    .action(
      guarded(async (which: string, _options: unknown, command: Command) => {
        const options = command.optsWithGlobals<OperatorOptions>();
        const client = await openApiClient(options);
        const done = await client.call<OperatorRevocation>('DELETE', `/operators/${encodeURIComponent(which)}`);
        if (options.json) printJson(done);
        else printLine(`operator ${done.name}: revoked ${done.ids.join(', ')}`);
      }),
    );
  making('rotate', "replace an operator's token by a new one, printed once")
    .option('--ttl <DURATION>', 'how long the new one is valid; default: as long as the old one was when it was made')
    .option('--overlap <DURATION>', 'how long the old one stays valid', '0s')
    .action(
      guarded(async (name: string, _options: unknown, command: Command) => {
        const options = command.optsWithGlobals<OperatorOptions>();
        const bounds = { option: '--overlap', least: 0, greatestDays: longestOverlapDays };
        const overlapSeconds = durationSeconds(options.overlap ?? '0s', bounds);
        await make(options, `/operators/${encodeURIComponent(name)}/rotate`, { ...ttlOf(options), overlapSeconds });
      }),
    );
}

function ttlOf({ ttl }: OperatorOptions): { readonly ttlSeconds?: number } {
  if (ttl === undefined) return {};
  return { ttlSeconds: durationSeconds(ttl, { option: '--ttl', least: 1, greatestDays: longestTtlDays }) };
}

/** The file is made first: a token that cannot be kept is not to be made. */
async function make(options: OperatorOptions, path: string, body: unknown): Promise<void> {
  const client = await openApiClient(options);
  const file = options.out === undefined ? undefined : await openSecretFile(options.out);
  let answer: OperatorAnswer;
  try {
    answer = await client.call<OperatorAnswer>('POST', path, body);
  } catch (cause) {
    await file?.discard();
    throw cause;
  }
  const { token, ...rest } = answer;
  await file?.keep(new Secret(token));
  if (options.json) printJson(file === undefined ? answer : { ...rest, file: options.out });
  else printLine(file === undefined ? token : `${options.out} holds the token of operator ${rest.name} (${rest.id})`);
  if (options.json) return;
  for (const { id, endsAt } of rest.replaced) printProgress(`token ${id} of ${rest.name} ends at ${timeText(endsAt)}`);
}

async function list(options: OperatorOptions): Promise<void> {
  const client = await openApiClient(options);
  const tokens = await client.call<readonly OperatorTokenView[]>('GET', '/operators');
  if (options.json) {
    printJson(tokens);
    return;
  }
  await printTable(
    ['ID', 'OPERATOR', 'STATE', 'EXPIRES', 'LAST USED', 'CREATED BY'],
    tokens.map((token) => [
      token.id,
      token.name,
      token.state,
      token.expiresAt === undefined ? 'never' : timeText(token.expiresAt),
      token.lastUsedAt === undefined ? 'never' : timeText(token.lastUsedAt),
      token.createdBy,
    ]),
    'no tokens',
  );
}
