// `segwall control-planes`: where hosts are told that their control plane is from now on, and who has gone there.

import type { Command } from 'commander';
import { guarded } from '#cli/output/failure.ts';
import { printJson, printLine, printTable, timeText } from '#cli/output/printing.ts';
import type { ControlPlanesAnswer, WithdrawalAnswer } from '#control-plane/answers/announcement-schemas.ts';
import { openApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';

interface Options extends ConnectionOptions {
  readonly json?: true;
}

export function registerControlPlaneCommands(program: Command): void {
  const group = program
    .command('control-planes')
    .description('announce new addresses of the control plane to hosts, and see who has moved there');
  group
    .command('announce')
    .description('announce addresses; each host moves once a control plane with the CA that it trusts serves it there')
    .argument('<ADDRESSES>', 'HOST:PORT, up to seven, separated by commas, in the order in which hosts try them')
    .option('--json', 'one JSON document')
    .action(
      guarded(async (addresses: string, _options: unknown, command: Command) =>
        announce(addresses, command.optsWithGlobals()),
      ),
    );
  group
    .command('list')
    .description('show what is announced, which hosts have moved, and why others have not')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => list(command.optsWithGlobals())));
  group
    .command('withdraw')
    .description('withdraw the announcement; hosts that have moved stay there')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => withdraw(command.optsWithGlobals())));
}

async function announce(addresses: string, options: Options): Promise<void> {
  const client = await openApiClient(options);
  const answer = await client.call<ControlPlanesAnswer>('PUT', '/control-planes', { addresses });
  if (options.json) {
    printJson(answer);
    return;
  }
  printAnnounced(answer);
  printLine(
    'next: segwall control-planes list, until each host has moved or left; keep this control plane running until then',
  );
}

async function list(options: Options): Promise<void> {
  const answer = await (await openApiClient(options)).call<ControlPlanesAnswer>('GET', '/control-planes');
  if (options.json) {
    printJson(answer);
    return;
  }
  printAnnounced(answer);
  if (answer.announced === undefined) return;
  const rows = answer.hosts.map(({ host, state, problem }) => [host, state, problem]);
  await printTable(['HOST', 'STATE', 'WHY NOT YET'], rows, 'no host is enrolled');
}

async function withdraw(options: Options): Promise<void> {
  const answer = await (await openApiClient(options)).call<WithdrawalAnswer>('DELETE', '/control-planes');
  if (options.json) {
    printJson(answer);
    return;
  }
  printLine(`withdrawn  ${answer.withdrawn.addresses.join(', ')}; hosts that went there stay there`);
  printCounts(answer.counts);
}

function printAnnounced({ announced, counts }: ControlPlanesAnswer): void {
  if (announced === undefined) {
    printLine('nothing is announced: hosts find their control plane where they did');
    return;
  }
  printLine(`announced  ${announced.addresses.join(', ')}, by ${announced.by} at ${timeText(announced.at)}`);
  printCounts(counts);
}

function printCounts(counts: ControlPlanesAnswer['counts']): void {
  const { moved, left, away } = counts;
  printLine(
    `hosts      ${moved} moved, ${left} left for it, ${counts['not-yet']} not yet, ${away} away, ${counts['too-old']} too old to be told`,
  );
}
