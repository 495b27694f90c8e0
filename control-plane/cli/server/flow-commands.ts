// The commands about what was observed: flows and coverage.

import type { Command } from 'commander';
import { sinceMs } from '#cli/output/durations.ts';
import { guarded } from '#cli/output/failure.ts';
import { assertNumber } from '#cli/output/numbers.ts';
import {
  printJson,
  printLine,
  printProgress,
  printSkipped,
  printTable,
  streamLine,
  timeText,
} from '#cli/output/printing.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { Coverage, FlowView } from '#control-plane/answers/schemas.ts';
import { addCounts, countText } from '#model/counts.ts';
import { oneLine } from '#model/safe-text.ts';
import { remoteEndText } from '#policy/learn/flow-evidence.ts';
import { openApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { connectionCountLine } from './connection-count.ts';

interface FlowOptions extends ConnectionOptions {
  readonly since?: string;
  readonly from?: string;
  readonly to?: string;
  readonly verdict?: string;
  readonly segment?: string;
  readonly unit?: string;
  readonly limit: string;
  readonly json?: true;
}

const mostListed = 1_000_000;
/** As the API has it. */
const mostOnPage = 1000;

export function registerFlowCommands(program: Command): void {
  program
    .command('flows')
    .description('list list observed flows, newest first; one line an hour for each end, peer, service and verdict')
    .option('--since <WHEN>', 'a duration back from now (1h, 7d) or an ISO 8601 instant')
    .option('--from <NAME>', "the client's workload or address")
    .option('--to <NAME>', "the server's workload or address")
    .option('--verdict <VERDICT>', 'allow, deny or would-deny')
    .option('--segment <NAME>', 'only flows that this segment’s rules or default decided')
    .option('--unit <UNIT>', 'the systemd unit of the end that reported it')
    .option('--limit <NUMBER>', 'the most lines', '1000')
    .option('--json', 'NDJSON: one JSON document a flow')
    .action(guarded(async (_options: unknown, command: Command) => flows(command.optsWithGlobals())));

  program
    .command('coverage')
    .description('show show which rules are used and which are not, and what enforcement denies or would deny')
    .option('--since <WHEN>', 'a duration back from now (1h, 7d) or an ISO 8601 instant')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => coverage(command.optsWithGlobals())));
}

async function flows(options: FlowOptions): Promise<void> {
  const limit = assertNumber(options.limit, '--limit', { least: 1, greatest: mostListed });
  const query = new URLSearchParams({ limit: String(Math.min(limit, mostOnPage)) });
  if (options.since !== undefined) query.set('since', String(sinceMs(options.since, systemClock.wall())));
  for (const key of ['from', 'to', 'verdict', 'segment', 'unit'] as const) {
    const value = options[key];
    if (value !== undefined) query.set(key, value);
  }
  const client = await openApiClient(options);
  const list: FlowView[] = [];
  let count = 0;
  let skippedFlows = 0;
  for await (const page of client.pages<FlowView>(`/flows?${query}`)) {
    skippedFlows = page.skipped;
    for (const text of page.unknown) printProgress(oneLine(text));
    const taken = page.entries.slice(0, limit - count);
    count += taken.length;
    if (options.json) for (const flow of taken) await streamLine(JSON.stringify(flow));
    else list.push(...taken);
    if (count === limit) break;
  }
  if (count === limit) printProgress(`these are the newest ${limit}; there may be more: --limit, --since`);
  printSkipped(skippedFlows);
  if (options.json) return;
  await printTable(
    ['LAST SEEN', 'FROM', 'TO', 'SERVICE', 'VERDICT', 'BECAUSE', 'SEEN BY', 'CONNECTIONS', 'BYTES'],
    list.map((flow) => [
      timeText(flow.lastSeenAt),
      endText(flow.from),
      endText(flow.to),
      flow.service,
      flow.verdict,
      reasonText(flow),
      seenByText(flow),
      countText(flow.connections),
      countText(addCounts(flow.bytesOriginal, flow.bytesReply)),
    ]),
    'no flows match',
  );
  if (list.length > 0) printLine(connectionCountLine);
}

/** What one end alone says is marked: it rests on that host's word. */
function seenByText({ host, direction, unit, oneEnd }: FlowView): string {
  const local = `${host} ${direction}${unit === undefined ? '' : `, ${unit}`}`;
  return oneEnd === undefined ? local : `${local} ONLY: ${remoteEndText(oneEnd)}`;
}

function endText(end: FlowView['from']): string {
  return end.workload === undefined ? end.address : `${end.workload} ${end.address}`;
}

function reasonText(flow: FlowView): string {
  const combination = flow.combination === undefined ? '' : `(${flow.combination})`;
  const guardrail = flow.guardrail === undefined ? '' : `, guardrail/${flow.guardrail}`;
  switch (flow.reason) {
    case 'rule':
      return `${flow.segment ?? ''}${combination}/${flow.rule ?? ''}${guardrail}`;
    case 'default':
      return flow.segment === undefined
        ? `no segment${guardrail}`
        : `default/${flow.segment}${combination}${guardrail}`;
    case 'guardrail':
      return `guardrail/${flow.guardrail ?? ''}`;
    case 'essential':
      return `essential/${flow.essential ?? ''}`;
    case 'quarantine':
      return `quarantine/${flow.quarantine ?? ''}`;
    default:
      return flow.reason;
  }
}

async function coverage(options: ConnectionOptions & { readonly since?: string; readonly json?: true }): Promise<void> {
  const query = options.since === undefined ? '' : `?since=${sinceMs(options.since, systemClock.wall())}`;
  const client = await openApiClient(options);
  const view = await client.call<Coverage>('GET', `/coverage${query}`);
  printSkipped(view.skippedFlows);
  if (options.json) {
    printJson(view);
    return;
  }
  await printTable(
    ['RULE', 'CONNECTIONS', 'LAST USED'],
    view.rules.map((rule) => [
      `${rule.segment}/${rule.rule}`,
      countText(rule.connections),
      timeText(rule.lastSeenAt) || 'never',
    ]),
    'the active policy has no rules',
  );
  printLine('');
  await printTable(
    ['WOULD BE DENIED BY', 'DIRECTION', 'CONNECTIONS'],
    view.wouldDeny.map((one) => [
      one.segment === '' ? 'no segment' : `default/${one.segment}`,
      one.direction,
      countText(one.connections),
    ]),
    'nothing would be denied',
  );
  printLine('');
  await printTable(
    ['DENIED BY', 'DIRECTION', 'CONNECTIONS'],
    view.denied.map((one) => [
      one.name === '' ? one.reason : `${one.reason}/${one.name}`,
      one.direction,
      countText(one.connections),
    ]),
    'nothing was denied',
  );
  const { rules, wouldDeny, denied } = view;
  if ([...rules, ...wouldDeny, ...denied].some(({ connections }) => connections > 0)) printLine(connectionCountLine);
}
