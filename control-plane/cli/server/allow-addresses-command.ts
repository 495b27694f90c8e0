// `segwall agents allow-addresses`: which addresses a host may claim.

import type { Command } from 'commander';
import { CommandFailure, guarded } from '#cli/output/failure.ts';
import { printJson, printLine } from '#cli/output/printing.ts';
import type { AllowAddressesAnswer } from '#control-plane/answers/schemas.ts';
import { openApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';

interface AllowOptions extends ConnectionOptions {
  readonly add?: true;
  readonly replace?: true;
  readonly clear?: true;
  readonly json?: true;
}

export function registerAllowAddresses(agents: Command): void {
  agents
    .command('allow-addresses')
    .description('set which addresses a host may claim: those in the ranges, and no others')
    .argument('<HOST>')
    .argument('[CIDRS]', 'addresses and CIDRs, separated by commas')
    .option('--add', 'to the ranges that it has (the default)')
    .option('--replace', 'in place of the ranges that it has')
    .option('--clear', 'no ranges: it may claim a few free addresses')
    .option('--json', 'one JSON document')
    .action(
      guarded(async (host: string, cidrs: string | undefined, _options: unknown, command: Command) =>
        allow(host, cidrs, command.optsWithGlobals()),
      ),
    );
}

async function allow(host: string, cidrs: string | undefined, options: AllowOptions): Promise<void> {
  const body = requestOf(cidrs, options);
  const client = await openApiClient(options);
  const answer = await client.call<AllowAddressesAnswer>('PUT', `/agents/${encodeURIComponent(host)}/addresses`, body);
  if (options.json) printJson(answer);
  else if (answer.addresses.length === 0)
    printLine(`${host} has no ranges and may claim what is free, as of revision ${answer.revision}`);
  else printLine(`${host} may claim ${answer.addresses.join(', ')}, as of revision ${answer.revision}`);
}

function requestOf(cidrs: string | undefined, { add, replace, clear }: AllowOptions): unknown {
  if ([add, replace, clear].filter((flag) => flag === true).length > 1)
    throw new CommandFailure(2, 'bad-option', 'allowed is one of --add, --replace and --clear');
  if (clear === true) {
    if (cidrs !== undefined) throw new CommandFailure(2, 'bad-option', '--clear takes no addresses');
    return { change: 'clear' };
  }
  return { change: replace === true ? 'replace' : 'add', addresses: parseCidrList(cidrs, 'CIDRS') };
}

/** Texts with commas; what they are, the control plane says. */
export function parseCidrList(text: string | undefined, option: string): readonly string[] {
  const texts = (text ?? '').split(',').map((part) => part.trim());
  if (texts.every((part) => part !== '')) return texts;
  throw new CommandFailure(
    2,
    'bad-option',
    `${option} is "${text ?? ''}"; allowed are addresses and CIDRs with commas, as in 10.0.0.0/24,fd00::5`,
  );
}
