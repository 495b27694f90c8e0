// The hold of a restored store: its lines in `status`, and `resume`, which ends it.

import type { Command } from 'commander';
import { durationMs } from '#cli/output/durations.ts';
import { guarded } from '#cli/output/failure.ts';
import { printJson, printLine, someText, timeText } from '#cli/output/printing.ts';
import type { ResumeAnswer, Status } from '#control-plane/answers/schemas.ts';
import { oneLine } from '#model/safe-text.ts';
import { openApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { exitCodeOf, printTroubles, type WaitingOptions, waitForAgents, withWaiting } from './waiting.ts';

interface ResumeOptions extends ConnectionOptions, WaitingOptions {
  readonly yes?: true;
  readonly json?: true;
}

export function registerResume(program: Command): void {
  withWaiting(
    program
      .command('resume')
      .description('end a hold after a restore: send agents the policy of this store')
      .option('--yes', 'even if hosts cut off peers that this store does not know of, which are then let in again'),
  )
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => resume(command.optsWithGlobals())));
}

export function printHold(hold: NonNullable<Status['hold']>): void {
  printLine(
    `HOLD       since ${timeText(hold.since)}: ${oneLine(hold.why)}; agents keep what they have, and nothing is sent until segwall resume, or an apply`,
  );
  if (hold.ahead.count > 0) printLine(`  ahead    ${someText(hold.ahead)}: told more than the store knows`);
  if (hold.unknown.count > 0)
    printLine(
      `  unknown  ${someText(hold.unknown)}${hold.unknown.isCut ? ' and more' : ''}: enrolled after the store was copied; enrol them anew`,
    );
  if (hold.cutOffSince.count > 0)
    printLine(
      `  cut off  ${shownText(hold.cutOffSince)}: quarantined or revoked after the store was copied; do so again before you resume`,
    );
  if (hold.cutOffSaid.count > 0)
    printLine(
      `  said     ${shownText(hold.cutOffSaid)}: cut off by one host’s word alone, or not known here; look, nothing waits for it`,
    );
}

/** "bad-1 (proven), db-2 (2 hosts)". */
function shownText({ count, evidence }: NonNullable<Status['hold']>['cutOffSince']): string {
  const how = (standing: string, hosts: number) =>
    standing === 'proven' ? 'proven' : hosts === 1 ? '1 host' : `${hosts} hosts`;
  const names = evidence.slice(0, 10).map(({ name, standing, hosts }) => `${name} (${how(standing, hosts)})`);
  return someText({ count, names });
}

async function resume(options: ResumeOptions): Promise<void> {
  const timeoutMs = durationMs(options.timeout, '--timeout');
  const client = await openApiClient(options);
  const body = { cutOffSince: options.yes ? 'accept' : 'refuse' };
  const answer = await client.call<ResumeAnswer>('POST', '/resume', body);
  const { revision } = answer;
  const progress = options.wait ? await waitForAgents(client, { revision, timeoutMs }) : undefined;
  if (options.json) printJson({ ...progress, ...answer });
  else {
    printLine(`agents are sent what the store has, as of revision ${revision}`);
    if (progress !== undefined) printTroubles(progress);
  }
  if (progress !== undefined) process.exitCode = exitCodeOf(progress, options);
}
