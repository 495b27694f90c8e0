// The commands that look before they leap: plan and suggest. Both change nothing.

import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { counted } from '#cli/output/counted.ts';
import { sinceMs } from '#cli/output/durations.ts';
import { CommandFailure, guarded } from '#cli/output/failure.ts';
import { printJson, printLine, printProgress, printSkipped, printTable, timeText } from '#cli/output/printing.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { PlanAnswer, PlannedFlow, SuggestAnswer } from '#control-plane/answers/schemas.ts';
import { countText } from '#model/counts.ts';
import { oneLine } from '#model/safe-text.ts';
import { remoteEndText } from '#policy/learn/flow-evidence.ts';
import { openApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { connectionCountLine } from './connection-count.ts';
import { rememberPlanned } from './planned-against.ts';
import { readPolicyFiles } from './policy-files.ts';
import { callReviewed, failureLine, problemLine } from './review-output.ts';

interface PlanOptions extends ConnectionOptions {
  readonly since?: string;
  readonly json?: true;
}

interface SuggestOptions extends PlanOptions {
  readonly segment: string;
  readonly exclude?: string;
  readonly outside?: true;
  readonly denied?: true;
  readonly out?: string;
}

/** Flows of each kind shown to people. */
const mostShown = 50;

export function registerPlanCommands(program: Command): void {
  program
    .command('plan')
    .description(
      'show what applying a directory would change, and which observed flows would be judged differently; changes nothing',
    )
    .argument('<DIR>', 'the policy directory')
    .option('--since <WHEN>', 'only flows last seen since: a duration back from now (7d) or an ISO 8601 instant')
    .option('--json', 'one JSON document')
    .action(
      guarded(async (directory: string, _options: unknown, command: Command) =>
        plan(directory, command.optsWithGlobals()),
      ),
    );

  program
    .command('suggest')
    .description('propose rules for a segment from observed flows, as the YAML of the whole segment')
    .requiredOption('--segment <NAME>', 'a segment of the active policy')
    .option('--since <WHEN>', 'only flows last seen since: a duration back from now (7d) or an ISO 8601 instant')
    .option('--exclude <SELECTOR>', 'workloads that no rule is proposed for, at either end')
    .option(
      '--outside',
      'propose CIDR rules for peers that are not known workloads; otherwise they are listed in comments',
    )
    .option('--denied', 'propose rules for flows that were denied; otherwise they are listed in comments')
    .option('--out <FILE>', 'write the YAML there instead of standard output')
    .option('--json', 'one JSON document, the YAML in it')
    .action(guarded(async (_options: unknown, command: Command) => suggest(command.optsWithGlobals())));
}

async function plan(directory: string, options: PlanOptions): Promise<void> {
  const files = await readPolicyFiles(directory, options);
  if (files === undefined) return;
  const client = await openApiClient(options);
  const since = options.since === undefined ? 0 : sinceMs(options.since, systemClock.wall());
  const answer = await callReviewed<PlanAnswer>(client, '/policy/plan', { body: { files, since }, json: options.json });
  if (answer === undefined) return;
  await rememberPlanned({ controlPlane: client.controlPlane, directory }, answer.active);
  if (answer.testFailures.length > 0) process.exitCode = 1;
  printSkipped(answer.skippedFlows);
  if (options.json) {
    printJson(answer);
    return;
  }
  for (const warning of answer.warnings) printProgress(problemLine(warning));
  await printPlan(answer);
}

export async function printPlan(answer: PlanAnswer): Promise<void> {
  printLine(`against revision ${answer.revision}:`);
  await printTable(
    ['WORKLOAD', 'DIRECTION', 'MODE', 'RULES', 'GUARDRAILS', 'DEFAULTS'],
    answer.workloads.flatMap((one) =>
      (['inbound', 'outbound'] as const).flatMap((direction) => {
        const { mode, rules, guardrails, defaults } = one[direction];
        const cells = [
          mode === undefined ? '' : `${mode.before} → ${mode.after}`,
          changesText(rules),
          changesText(guardrails),
          defaults === 'same' ? '' : 'changed',
        ];
        return cells.every((cell) => cell === '') ? [] : [[one.workload, direction, ...cells]];
      }),
    ),
    'no workload changes',
  );
  const same = answer.unchangedWorkloads;
  printLine(`${counted(same, 'workload')} ${same === 1 ? 'does' : 'do'} not change`);
  await printCovered(answer.newlyCovered);
  await printFlows('observed flows that would be denied', answer.newlyDenied);
  await printFlows('observed flows that would be allowed again', answer.newlyAllowed);
  await printFlows('observed flows that would pass, recorded as would-deny', answer.newlyWouldDeny);
  const { newlyDenied, newlyAllowed, newlyWouldDeny } = answer;
  if ([newlyDenied, newlyAllowed, newlyWouldDeny].some(({ count }) => count > 0)) printLine(connectionCountLine);
  printLine(
    `\n${counted(answer.unchangedFlows, 'observed flow')} ${answer.unchangedFlows === 1 ? 'fares' : 'fare'} as before${answer.unjudgedFlows > 0 ? `; ${answer.unjudgedFlows} could not be judged` : ''}`,
  );
  for (const failure of answer.testFailures) printLine(failureLine(failure));
  const failing = answer.testFailures.length;
  if (failing > 0)
    printLine(`${counted(failing, 'test')} ${failing === 1 ? 'fails' : 'fail'}: apply would refuse this`);
  else if (answer.testsPassed > 0)
    printLine(`${counted(answer.testsPassed, 'test')} ${answer.testsPassed === 1 ? 'holds' : 'hold'}`);
}

/** Seen or not: what a rule opens beyond what was asked for is told here alone. */
async function printCovered({ count, rules }: PlanAnswer['newlyCovered']): Promise<void> {
  if (count === 0) return;
  printLine(
    `\nwhat rules cover that none covered before, seen or not: ${counted(count, 'rule')}${count > mostShown ? `, the first ${mostShown}` : ''}`,
  );
  await printTable(
    ['RULE', 'DIRECTION', 'WORKLOADS', 'PAIRS', 'SERVICES', 'FOR EXAMPLE'],
    rules.slice(0, mostShown).map((one) => [
      one.rule,
      one.direction,
      String(one.workloads),
      countText(one.pairs),
      one.services.join(', '),
      // An example for each family has the same names.
      [
        ...new Set(
          one.examples.map(({ workload, peer }) => `${workload} ${one.direction === 'inbound' ? '←' : '→'} ${peer}`),
        ),
      ].join(', '),
    ]),
    '',
  );
}

function changesText(changes: {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
  readonly unlisted?: number | undefined;
}): string {
  return [
    ...changes.added.map((name) => `+ ${name}`),
    ...changes.removed.map((name) => `- ${name}`),
    ...changes.changed.map((name) => `~ ${name}`),
    ...(changes.unlisted === undefined ? [] : [`… ${changes.unlisted} more`]),
  ].join(', ');
}

async function printFlows(title: string, { count, oneEnded, flows }: PlanAnswer['newlyDenied']): Promise<void> {
  if (count === 0) {
    printLine(`\n${title}: none`);
    return;
  }
  const alone = oneEnded === 0 ? '' : `; ONE END ONLY saw ${oneEnded}`;
  printLine(`\n${title}: ${count}${count > mostShown ? `, the first ${mostShown}` : ''}${alone}`);
  await printTable(
    ['FROM', 'TO', 'SERVICE', 'AT', 'BEFORE', 'AFTER', 'CONNECTIONS', 'LAST SEEN', 'SEEN BY'],
    flows
      .slice(0, mostShown)
      .map((flow) => [
        endText(flow.from),
        endText(flow.to),
        flow.service,
        flow.direction,
        verdictText(flow.before),
        verdictText(flow.after),
        countText(flow.connections),
        timeText(flow.lastSeenAt),
        seenByText(flow),
      ]),
    '',
  );
}

/** What one end alone says is marked: it rests on that host's word. */
function seenByText({ reporters, ends, oneEnd }: PlannedFlow): string {
  if (oneEnd !== undefined) return `ONE END ONLY, the ${oneEnd.seenBy}; ${remoteEndText(oneEnd)}`;
  return ends === 'both' ? 'both ends' : reporters.join(', ');
}

function endText(end: PlannedFlow['from']): string {
  return end.workload === undefined ? end.address : `${end.workload} ${end.address}`;
}

function verdictText({ verdict, reason, segment, rule, guardrail }: PlannedFlow['before']): string {
  if (reason === 'rule') return `${verdict} ${segment ?? ''}/${rule ?? ''}`;
  if (reason === 'guardrail') return `${verdict} guardrail/${guardrail ?? ''}`;
  return segment === undefined ? `${verdict} ${reason}` : `${verdict} ${reason}/${segment}`;
}

async function suggest(options: SuggestOptions): Promise<void> {
  const client = await openApiClient(options);
  const answer = await client.call<SuggestAnswer>('POST', '/suggestions', {
    segment: options.segment,
    since: options.since === undefined ? 0 : sinceMs(options.since, systemClock.wall()),
    outside: options.outside ? 'include' : 'comment',
    denied: options.denied ? 'include' : 'comment',
    ...(options.exclude === undefined ? {} : { exclude: options.exclude }),
  });
  if (options.out !== undefined) await writeSuggestion(options.out, answer.yaml);
  if (options.json) printJson(answer);
  else if (options.out === undefined) process.stdout.write(answer.yaml);
  const { rules, left, coveredFlows } = answer;
  printSkipped(answer.skippedFlows);
  for (const text of answer.unknown) printProgress(`--exclude: ${oneLine(text)}`);
  const alone = rules.filter(({ ends }) => ends === 'one').length;
  printProgress(
    `${counted(rules.length, 'rule')} suggested${alone === 0 ? '' : ` (${alone} on what ONE END ONLY saw: read its comment first)`}; ${counted(coveredFlows, 'flow')} ${coveredFlows === 1 ? 'is' : 'are'} allowed already, ${left} ${left === 1 ? 'is' : 'are'} left out`,
  );
  if (rules.length > 0) printProgress(connectionCountLine);
}

async function writeSuggestion(path: string, yaml: string): Promise<void> {
  try {
    await writeFile(path, yaml);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(
      2,
      'cannot-write',
      `cannot write the suggestion to ${path}: ${reason}; name a file that can be written`,
    );
  }
}
