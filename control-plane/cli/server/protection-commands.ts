// What hosts are known to enforce, apart from whether their agents are connected: in words for tables, and `agents wait`, which waits until
// it is what they are to enforce.

import type { Command } from 'commander';
import { counted } from '#cli/output/counted.ts';
import { durationMs } from '#cli/output/durations.ts';
import { guarded } from '#cli/output/failure.ts';
import { printJson, printLine, printProgress, someText, timeText } from '#cli/output/printing.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { Agent, ProtectionAnswer, Status } from '#control-plane/answers/schemas.ts';
import { type ApiClient, openApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { createTeller, longestAskMs, namesText } from './waiting.ts';

interface WaitOptions extends ConnectionOptions {
  readonly json?: true;
  readonly timeout: string;
}

export function registerAgentsWait(agents: Command): void {
  agents
    .command('wait')
    .description('return once the newest policy is in force at these hosts (without NAME: at every enrolled host)')
    .argument('[NAME...]', 'hosts; also waits for one that is not enrolled yet')
    .option('--timeout <DURATION>', 'how long to wait', '30s')
    .option('--json', 'one JSON document: names by the state of their hosts')
    .action(
      guarded(async (names: string[], _options: unknown, command: Command) =>
        waitForProtection(names, command.optsWithGlobals()),
      ),
    );
}

async function waitForProtection(names: readonly string[], options: WaitOptions): Promise<void> {
  const timeoutMs = durationMs(options.timeout, '--timeout');
  const client = await openApiClient(options);
  const answer = await untilInForce(client, { names, timeoutMs });
  const missing = missingOf(answer);
  // Nobody is protected where nobody is enrolled.
  const isInForce = missing.length === 0 && answer['in-force'].length > 0;
  if (options.json) printJson(answer);
  else {
    printLine(`${counted(answer['in-force'].length, 'host')} with the newest policy in force`);
    for (const [what, hosts] of missing) printProgress(`${what}: ${namesText(hosts)}`);
  }
  if (!isInForce) process.exitCode = 1;
}

async function untilInForce(
  client: ApiClient,
  { names, timeoutMs }: { readonly names: readonly string[]; readonly timeoutMs: number },
): Promise<ProtectionAnswer> {
  const deadline = systemClock.elapsedMs() + timeoutMs;
  const tell = createTeller();
  const hosts = names.map((name) => `&host=${encodeURIComponent(name)}`).join('');
  for (;;) {
    const waitMs = Math.max(0, Math.min(longestAskMs, Math.floor(deadline - systemClock.elapsedMs())));
    const answer = await client.call<ProtectionAnswer>('GET', `/protection?waitMs=${waitMs}${hosts}`);
    const missing = missingOf(answer);
    tell(
      [`${answer['in-force'].length} in force`, ...missing.map(([what, some]) => `${some.length} ${what}`)].join(', '),
      missing.flatMap(([, some]) => some),
    );
    if (missing.length === 0 || systemClock.elapsedMs() >= deadline) return answer;
  }
}

const missingTexts: readonly (readonly [Exclude<keyof ProtectionAnswer, 'in-force'>, string])[] = [
  ['behind', 'behind, with an older revision in force'],
  ['none', 'open, without any policy'],
  ['open', 'opened at the console'],
  ['unknown', 'offline, or not heard of yet'],
  ['unenrolled', 'not enrolled'],
];

function missingOf(answer: ProtectionAnswer): readonly (readonly [what: string, hosts: readonly string[]])[] {
  return missingTexts.flatMap(([key, what]) => (answer[key].length === 0 ? [] : [[what, answer[key]] as const]));
}

/** "enforce", or "enforce/observe" where inbound and outbound differ. */
export function modesText({ modes }: Agent): string {
  if (modes === undefined) return '-';
  return modes.inbound === modes.outbound ? modes.inbound : `${modes.inbound}/${modes.outbound}`;
}

/** Why the newest policy is not known to be in force at a host, apart from a refusal or a panic; empty where it is. */
export function protectionTrouble({ protection, state, sent, nack, lastConnectedAt, goneSince }: Agent): string {
  switch (protection) {
    case 'in-force':
    case 'open':
      return '';
    case 'none':
      return 'OPEN: no policy is in force yet';
    case 'behind':
      return nack === undefined
        ? `revision ${sent} is on its way; an older one is in force`
        : 'an older revision is in force';
    case 'unknown':
      if (state === 'connected') return 'its agent has not said yet what is in force';
      return state === 'offline'
        ? `${goneSince === undefined ? `agent away since it connected at ${timeText(lastConnectedAt)}` : `agent away since ${timeText(goneSince)}`}; what is in force there is not known`
        : 'enrolled, and never connected';
  }
}

/** What `status` says of hosts that are not known to enforce the newest. */
export function unprotectedText({ agents: { protection, unprotected } }: Status): string {
  const { 'in-force': inForce, ...others } = protection;
  const rest = Object.entries(others).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
  return (
    [`${inForce} in force`, ...rest].join(', ') +
    (unprotected.count > 0 ? `; not in force: ${someText(unprotected)}` : '')
  );
}
