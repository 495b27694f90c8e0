// The commands about hosts: status, agents, workloads, label.

import { type Command, Option } from 'commander';
import { counted } from '#cli/output/counted.ts';
import { durationMs } from '#cli/output/durations.ts';
import { guarded } from '#cli/output/failure.ts';
import {
  labelsText,
  printJson,
  printLine,
  printProgress,
  printTable,
  someText,
  streamText,
  timeText,
} from '#cli/output/printing.ts';
import type { Agent, LabelAnswer, Status, WorkloadView } from '#control-plane/answers/schemas.ts';
import { oneLine } from '#model/safe-text.ts';
import { registerAllowAddresses } from './allow-addresses-command.ts';
import { openApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { registerContainmentCommands } from './containment-commands.ts';
import { printHold, registerResume } from './hold-command.ts';
import { inventoryText } from './inventory-text.ts';
import { assertMeant, checkLabels, planLabels } from './label-checks.ts';
import { parseLabelEdits } from './labels.ts';
import { modesText, protectionTrouble, registerAgentsWait, unprotectedText } from './protection-commands.ts';
import {
  answersOf,
  exitCodeOf,
  namesText,
  printTroubles,
  type WaitingOptions,
  waitForAgents,
  withWaiting,
} from './waiting.ts';

const conflictsShown = 10;
const warningsShown = 3;

interface ListOptions extends ConnectionOptions {
  readonly json?: true;
}

interface ChangeOptions extends ListOptions, WaitingOptions {
  readonly plan?: true;
  readonly yes?: true;
}

export function registerFleetCommands(program: Command): void {
  program
    .command('status')
    .description('show the state of the fleet')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => status(command.optsWithGlobals())));

  const agents = program
    .command('agents')
    .description('list enrolled hosts and the state of their agents')
    .option('--json', 'one JSON document')
    .action(guarded(async (_options: unknown, command: Command) => listAgents(command.optsWithGlobals())));
  registerAgentsWait(agents);
  registerAllowAddresses(agents);
  registerContainmentCommands(program, agents);
  registerResume(program);

  program
    .command('workloads')
    .description('list workloads with their labels, addresses, segments and modes')
    .addOption(
      new Option('--format <FORMAT>', 'how to print; yaml is an inventory that segwall policy … --inventory takes')
        .choices(['text', 'json', 'yaml'])
        .default('text'),
    )
    .option('--json', 'the same as --format json')
    .action(guarded(async (_options: unknown, command: Command) => listWorkloads(command.optsWithGlobals())));

  withWaiting(
    program
      .command('label')
      .description('change labels: KEY=VALUE sets, KEY- takes away')
      .argument('<WORKLOAD>')
      .argument('<LABELS...>')
      .option('--plan', 'change nothing: show what would change, and which observed flows would be judged differently')
      .option('--yes', 'do not ask, even if the workload is denied something'),
  )
    .option('--json', 'one JSON document')
    .action(
      guarded(async (workload: string, edits: string[], _options: unknown, command: Command) =>
        label(workload, edits, command.optsWithGlobals()),
      ),
    );
}

async function status(options: ListOptions): Promise<void> {
  const client = await openApiClient(options);
  const view = await client.call<Status>('GET', '/status');
  if (options.json) {
    printJson(view);
    return;
  }
  const { agents, policy, lostFlows } = view;
  const lost = Object.values(lostFlows).reduce((sum, count) => sum + count, 0);
  if (view.store !== undefined)
    printLine(
      `STORE      takes nothing since ${timeText(view.store.since)}: ${oneLine(view.store.reason)}; no change can be kept, hosts keep what they have`,
    );
  if (view.disk?.room === 'low') printLine(`DISK       ${diskText(view.disk)}`);
  printLine(`revision   ${view.revision}`);
  printLine(
    `policy     ${policy.id} since revision ${policy.revision}: ${counted(policy.segments, 'segment')}, ${counted(policy.rules, 'rule')}`,
  );
  if (view.hold !== undefined) printHold(view.hold);
  if (view.canary !== undefined)
    printLine(
      `canary     policy ${view.canary.policy} since revision ${view.canary.revision} on ${someText(view.canary.hosts)}; to end it: segwall rollback`,
    );
  printLine(
    `agents     ${agents.connected} of ${agents.enrolled} connected` +
      (agents.behind > 0 ? `, ${agents.behind} behind` : '') +
      (agents.refusing > 0 ? `, ${agents.refusing} refusing a revision` : ''),
  );
  printLine(`protection ${unprotectedText(view)}`);
  if (agents.open.length > 0)
    printLine(
      `open       ${agents.open.join(', ')}: opened at the console; policy is kept there, not enforced, until segwall-agent resume`,
    );
  if (agents.tampered.length > 0)
    printLine(
      `tampered   ${agents.tampered.join(', ')}: someone else changed the table, and the agent put it back; see segwall audit`,
    );
  if (agents.shared.count > 0)
    printLine(
      `shared     ${someText(agents.shared)}: a second agent with this identity is kept out; was the disk copied? See segwall audit`,
    );
  const { certificates, rotation } = view;
  if (rotation !== undefined)
    printLine(
      `CA         being replaced: ${rotation.moved} of ${rotation.hosts} hosts use the next one, ${rotation.trusting} trust it` +
        (rotation.left.count > 0 ? `; left: ${someText(rotation.left)}` : '; next: segwall ca retire'),
    );
  for (const of of certificates.ending)
    printLine(
      of === 'ca'
        ? 'ENDING     the CA ends within ten days, or has ended: it is made anew by itself; if this stays, see the log of the control plane'
        : 'ENDING     the certificate of the control plane ends within ten days, or has ended: it is made anew by itself; if this stays, see its log',
    );
  if (certificates.hosts.count > 0)
    printLine(
      `ENDING     ${someText(certificates.hosts)}: their certificate ends within ten days, or has ended; see segwall agents, and segwall-agent doctor there`,
    );
  if (view.quarantined.count > 0)
    printLine(`quarantine ${view.quarantined.count} quarantined: ${someText(view.quarantined)}`);
  if (view.revoked.count > 0)
    printLine(`revoked    ${someText(view.revoked)}: cut off by all other hosts until segwall agents remove`);
  printLine(`workloads  ${view.workloads}`);
  if (lost > 0) {
    const { overruns, records, spooled, deniedInbound, deniedOutbound, pruned } = lostFlows;
    printLine(
      `lost flows ${counted(overruns, 'overrun')}, ${counted(records, 'record')}, ${spooled} from full spools, ${pruned} pruned for want of room` +
        (deniedInbound + deniedOutbound > 0
          ? `, ${counted(deniedInbound, 'denied packet')} inbound and ${deniedOutbound} outbound that hosts had no room to tell apart`
          : ''),
    );
  }
  for (const { address, holder, claimants } of view.conflicts.slice(0, conflictsShown)) {
    printLine(
      `conflict   ${address} is held by ${holder}; also claimed by ${someText({ count: claimants.length, names: claimants.slice(0, 10) })}`,
    );
  }
  if (view.conflicts.length > conflictsShown)
    printLine(`conflict   and ${view.conflicts.length - conflictsShown} more addresses; see segwall status --json`);
  if (view.claims.pending > 0)
    printLine(
      `claims     ${counted(view.claims.pending, 'address')} pending of ${someText(view.claims.hosts)}; see segwall agents`,
    );
  if (view.unread.count > 0)
    printLine(`unread     ${counted(view.unread.count, 'stored value')}, left out: ${oneLine(someText(view.unread))}`);
  if (policy.problem !== '') printLine(`problem    ${oneLine(policy.problem)}`);
}

function diskText({ freeBytes, leastBytes }: NonNullable<Status['disk']>): string {
  const free = Math.floor(freeBytes / 2 ** 20);
  const why =
    freeBytes < leastBytes ? `less than ${leastBytes / 2 ** 20} (leastFreeMegabytes)` : 'and no file can be made';
  return `${free} MiB are free where the data directory is, ${why}; once it is full no change can be kept`;
}

async function listAgents(options: ListOptions): Promise<void> {
  const client = await openApiClient(options);
  const agents = (await Array.fromAsync(client.pages<Agent>('/agents'))).flatMap(({ entries }) => entries);
  if (options.json) {
    printJson(agents);
    return;
  }
  await printTable(
    ['HOST', 'STATE', 'PROTECTION', 'MODE', 'REVISION', 'VERSION', 'LOST', 'REPAIRS', 'LAST CONNECTED', 'PROBLEM'],
    agents.map((agent) => [
      agent.host,
      agent.state,
      agent.protection,
      modesText(agent),
      whileConnected(agent, agent.acked === agent.sent ? String(agent.acked) : `${agent.acked} of ${agent.sent}`),
      agent.agentVersion,
      whileConnected(agent, String(agent.lost)),
      whileConnected(agent, String(agent.repairs)),
      timeText(agent.lastConnectedAt),
      troubleOf(agent),
    ]),
    'no host is enrolled yet; make a token with: segwall tokens create --labels app=shop',
  );
}

/** What only the agent itself can say: of one that is away nothing is known but that its rules are in force. */
function whileConnected({ state }: Agent, text: string): string {
  return state === 'connected' ? text : '-';
}

function troubleOf(agent: Agent): string {
  const { panic, nack, problem } = agent;
  const troubles = [protectionTrouble(agent)];
  if (panic !== undefined)
    troubles.push(
      `OPEN since ${timeText(panic.since)} by panic at its console${panic.reason === '' ? '' : `: ${panic.reason}`}`,
    );
  if (nack !== undefined) troubles.push(`refused revision ${nack.revision}: ${nack.reason}`);
  // The agent lists a refusal among its problems too.
  const same = nack === undefined ? '' : `revision ${nack.revision} refused: ${nack.reason}`;
  troubles.push(same === '' ? problem : problem.replace(same, '').replace(/^; /, ''));
  const { warnings } = agent;
  const more = warnings.length - warningsShown;
  troubles.push(...warnings.slice(0, warningsShown), more > 0 ? `and ${more} more; see segwall agents --json` : '');
  return troubles.filter((text) => text !== '').join('; ');
}

async function listWorkloads(options: ListOptions & { readonly format?: string }): Promise<void> {
  const client = await openApiClient(options);
  const workloads = (await Array.fromAsync(client.pages<WorkloadView>('/workloads'))).flatMap(({ entries }) => entries);
  if (options.json || options.format === 'json') {
    printJson(workloads);
    return;
  }
  if (options.format === 'yaml') {
    await streamText(inventoryText(workloads, client.controlPlane));
    return;
  }
  await printTable(
    ['WORKLOAD', 'KIND', 'LABELS', 'ADDRESSES', 'SEGMENTS', 'IN', 'OUT', 'PROTECTION', ''],
    workloads.map((one) => [
      one.name,
      one.kind,
      labelsText(one.labels),
      one.addresses.join(' '),
      one.segments.join(' '),
      one.notJudged === undefined ? (one.inbound ?? '') : '-',
      one.notJudged === undefined ? (one.outbound ?? '') : '-',
      one.notJudged === undefined ? (one.protection ?? '') : 'not judged',
      [
        containmentText(one),
        one.notJudged ?? '',
        one.heldBy === undefined ? '' : `held by ${namesText(one.heldBy) || 'nobody now'}`,
        one.conflicting.length === 0 ? '' : `pending: ${one.conflicting.join(' ')}`,
      ]
        .filter((text) => text !== '')
        .join('; '),
    ]),
    'no workload is known yet',
  );
}

function containmentText({ name, quarantine, quarantinedBy }: WorkloadView): string {
  if (quarantine !== undefined) return 'quarantined';
  if (quarantinedBy === undefined) return '';
  return quarantinedBy === name ? 'revoked' : `quarantined with ${quarantinedBy}`;
}

async function label(workload: string, edits: readonly string[], options: ChangeOptions): Promise<void> {
  const timeoutMs = durationMs(options.timeout, '--timeout');
  const body = parseLabelEdits(edits);
  const client = await openApiClient(options);
  const check = await checkLabels(client, { labels: body.set, workload });
  for (const warning of check.warnings) printProgress(`warning: ${oneLine(warning)}`);
  if (options.plan) return planLabels(client, { ...body, workload }, options);
  if (check.enforced) await assertMeant(`${workload} enforces policy, and its labels decide which`, options);
  const answer = await client.call<LabelAnswer>('PATCH', `/workloads/${encodeURIComponent(workload)}/labels`, body);
  await finishChange(answer, `${workload} has ${labelsText(answer.labels) || 'no labels'}`, {
    options,
    timeoutMs,
    client,
  });
}

async function finishChange(
  answer: { readonly revision: number },
  text: string,
  given: {
    readonly options: ChangeOptions;
    readonly timeoutMs: number;
    readonly client: Awaited<ReturnType<typeof openApiClient>>;
  },
): Promise<void> {
  const { options, timeoutMs, client } = given;
  const { revision } = answer;
  const progress = options.wait ? await waitForAgents(client, { revision, timeoutMs }) : undefined;
  if (options.json) {
    printJson(progress === undefined ? answer : { ...answer, ...answersOf(progress) });
  } else {
    printLine(`${text}, as of revision ${revision}`);
    if (progress !== undefined) printTroubles(progress);
  }
  if (progress !== undefined) process.exitCode = exitCodeOf(progress, options);
}
