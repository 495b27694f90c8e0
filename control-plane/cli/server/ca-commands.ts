// `segwall ca`: which CA hosts trust, and its replacement by another, in steps that may be done again.

import type { Command } from 'commander';
import { guarded } from '#cli/output/failure.ts';
import { printJson, printLine, someText, timeText } from '#cli/output/printing.ts';
import type { CaRetirementAnswer, CaRotationAnswer, CaStandingAnswer } from '#control-plane/answers/ca-schemas.ts';
import { openApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';

interface Options extends ConnectionOptions {
  readonly yes?: true;
  readonly json?: true;
}

export function registerCaCommands(program: Command): void {
  const ca = program
    .command('ca')
    .description('show the CA that hosts trust, and during a replacement how many have the next one')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => show(command.optsWithGlobals())));
  ca.command('rotate')
    .description(
      'replace the CA: make the next one; hosts move to it by themselves. Run again, it shows how far they are',
    )
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => rotate(command.optsWithGlobals())));
  ca.command('retire')
    .description('end the replacement: certificates of the old CA become invalid, and its key is deleted')
    .option('--yes', 'even if hosts or operators’ tokens are lost by it')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => retire(command.optsWithGlobals())));
}

async function show(options: Options): Promise<void> {
  const answer = await (await openApiClient(options)).call<CaStandingAnswer>('GET', '/ca');
  if (options.json) printJson(answer);
  else printStanding(answer);
}

async function rotate(options: Options): Promise<void> {
  const answer = await (await openApiClient(options)).call<CaRotationAnswer>('POST', '/ca/rotate');
  if (options.json) {
    printJson(answer);
    return;
  }
  if (answer.began === 'before') printLine('the CA is being replaced already; nothing was changed');
  printStanding(answer);
  printLine(
    'next: take a backup (one of before knows nothing of the next CA), and once all have moved: segwall ca retire',
  );
}

async function retire(options: Options): Promise<void> {
  const body = { losing: options.yes ? 'accept' : 'refuse' };
  const answer = await (await openApiClient(options)).call<CaRetirementAnswer>('POST', '/ca/retire', body);
  if (options.json) {
    printJson(answer);
    return;
  }
  printLine('the old CA is retired: its certificates hold no more, and its key is deleted');
  printStanding(answer);
  if (answer.lost.count > 0) printLine(`lost       ${someText(answer.lost)}: enrol them anew with --renew-identity`);
  if (answer.operators.length > 0)
    printLine(
      `operators  ${answer.operators.join(', ')}: their tokens find no control plane over https; make new ones`,
    );
  printLine('next: take a backup; those of before are of a control plane that no host trusts any more');
}

function printStanding({ present, next }: CaStandingAnswer): void {
  printLine(`CA         ${present.fingerprint}, until ${timeText(present.endsAt)}`);
  if (next === undefined) return;
  printLine(`next       ${next.fingerprint}, until ${timeText(next.endsAt)}`);
  printLine(
    `moved      ${next.moved} of ${next.hosts} hosts use a certificate of the next CA; ${next.trusting} trust it`,
  );
  if (next.left.count > 0) printLine(`left       ${someText(next.left)}`);
  if (next.operators.length > 0)
    printLine(`operators  ${next.operators.join(', ')}: their tokens name the old CA; segwall operators rotate NAME`);
}
