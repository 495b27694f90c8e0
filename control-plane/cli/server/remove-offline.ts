// agents remove --offline-for: shows which hosts are gone for so long and what names them, asks, and removes those that were shown and have not
// come back meanwhile.

import { counted } from '#cli/output/counted.ts';
import { durationMs } from '#cli/output/durations.ts';
import { CommandFailure } from '#cli/output/failure.ts';
import { printJson, printLine, printProgress, printTable, someText, timeText } from '#cli/output/printing.ts';
import type { RemoveOfflineAnswer } from '#control-plane/answers/schemas.ts';
import { openApiClient } from './api-client.ts';
import { ask } from './asking.ts';
import type { ConnectionOptions } from './connection.ts';

export interface RemoveOfflineOptions extends ConnectionOptions {
  readonly json?: true;
  readonly offlineFor?: string;
  readonly selector?: string;
  readonly plan?: true;
  readonly yes?: true;
}

export async function removeOffline(offlineFor: string, options: RemoveOfflineOptions): Promise<void> {
  const { selector } = options;
  const asked = {
    offlineForMs: durationMs(offlineFor, '--offline-for'),
    ...(selector === undefined ? {} : { selector }),
  };
  const client = await openApiClient(options);
  const call = (more: object) =>
    client.call<RemoveOfflineAnswer>('POST', '/agents/remove-offline', { ...asked, ...more });
  const preview = await call({ mode: 'preview' });
  if (options.json && (options.plan || preview.count === 0)) return printJson(preview);
  if (!options.json) await printPreview(preview);
  if (options.plan || preview.count === 0) return;
  await assertAgreed(preview, options);
  const removed = await call({ mode: 'remove', hosts: preview.hosts.map(({ host }) => host) });
  if (options.json) return printJson(removed);
  for (const line of removedLines(preview, removed)) printLine(line);
}

async function assertAgreed({ hosts }: RemoveOfflineAnswer, { yes }: RemoveOfflineOptions): Promise<void> {
  const answer = yes === true ? 'agreed' : await ask(`Revoke and forget ${counted(hosts.length, 'host')}?`);
  if (answer === 'agreed') return;
  const how = answer === 'nobody-there' ? ': --yes removes without asking, --plan only shows' : '';
  throw new CommandFailure(1, 'not-meant', `nothing was removed${how}`);
}

async function printPreview(preview: RemoveOfflineAnswer): Promise<void> {
  const { hosts, count, kept, connected } = preview;
  await printTable(
    ['HOST', 'OFFLINE FOR', 'LAST CONNECTED', 'WORKLOADS', 'NAMED BY'],
    hosts.map((one) => [
      one.host,
      silenceText(one.offlineMs),
      one.lastConnectedAt === undefined ? 'never' : timeText(one.lastConnectedAt),
      String(one.workloads),
      namedByText(one),
    ]),
    'no host is offline for so long',
  );
  if (count > hosts.length) printLine(`and ${counted(count - hosts.length, 'more host')}, for another run`);
  if (kept.count > 0)
    printProgress(
      `${someText(kept)} ${kept.count === 1 ? 'stays' : 'stay'}, quarantined or revoked, or with a unit or container that is: others would let the address in again; segwall agents remove NAME removes one all the same`,
    );
  if (connected === 0 && count > 0) printProgress('no host at all is connected: is the control plane cut off?');
}

function namedByText({ tests, rules, quarantines }: RemoveOfflineAnswer['hosts'][number]): string {
  const parts = [
    ['tests', tests],
    ['rules', rules],
    ['quarantine of', quarantines],
  ] as const;
  return parts.flatMap(([what, some]) => (some.count === 0 ? [] : `${what} ${someText(some)}`)).join('; ');
}

function removedLines(shown: RemoveOfflineAnswer, { hosts, count }: RemoveOfflineAnswer): readonly string[] {
  const gone = new Set(hosts.map(({ host }) => host));
  const stayed = shown.hosts.flatMap(({ host }) => (gone.has(host) ? [] : host));
  const first = `${counted(count, 'host')} revoked and forgotten; their addresses belong to no workload any more`;
  if (stayed.length === 0) return [first];
  return [
    first,
    `${someText({ count: stayed.length, names: stayed.slice(0, 10) })} came back or was contained meanwhile, and stays`,
  ];
}

/** In its two greatest units. */
function silenceText(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  return days > 0 ? `${days} d ${hours} h` : `${hours} h ${minutes % 60} min`;
}
