// Following a revision to the agents: --wait asks until no connected one has yet to answer or the time is up, and tells of it on standard
// error. What it was asked about holds where every host it concerns enforces it: one that is offline is no success, and not waited for.

import type { Command } from 'commander';
import { printProgress, someText } from '#cli/output/printing.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { Progress } from '#control-plane/answers/schemas.ts';
import { oneLine } from '#model/safe-text.ts';
import type { ApiClient } from './api-client.ts';

/** One request holds at most this long, so that progress shows. */
export const longestAskMs = 1000;
/** After so long without news it is said who is waited for. */
const newsAtLeastMs = 10_000;
/** In words. */
const mostNamed = 10;

export interface WaitingOptions {
  readonly wait?: true;
  readonly timeout: string;
  readonly ignoreOffline?: true;
}

/** Of every command that changes what hosts enforce, alike. */
export function withWaiting(command: Command): Command {
  return command
    .option('--wait', 'return once every connected agent it concerns has acknowledged or refused it')
    .option('--timeout <DURATION>', 'how long --wait waits', '30s')
    .option('--ignore-offline', 'with --wait: hosts whose agents are offline do not make it fail');
}

export async function progressOf(client: ApiClient, revision: number): Promise<Progress> {
  return client.call<Progress>('GET', `/revisions/${revision}`);
}

export async function waitForAgents(
  client: ApiClient,
  given: { readonly revision: number; readonly timeoutMs: number },
): Promise<Progress> {
  const deadline = systemClock.elapsedMs() + given.timeoutMs;
  const tell = createTeller();
  for (;;) {
    const waitMs = Math.max(0, Math.min(longestAskMs, Math.floor(deadline - systemClock.elapsedMs())));
    const progress = await client.call<Progress>('GET', `/revisions/${given.revision}?waitMs=${waitMs}`);
    const awaited = awaitedOf(progress);
    tell(progressText(progress), awaited);
    if (awaited.length === 0 || progress.held !== undefined || systemClock.elapsedMs() >= deadline) return progress;
  }
}

/** Tells what is new, and now and then, where nothing is, who is waited for. */
export function createTeller(): (text: string, awaited: readonly string[]) => void {
  let shown = '';
  let shownAt = systemClock.elapsedMs();
  return (text, awaited) => {
    const isNews = text !== shown;
    if (!isNews && (awaited.length === 0 || systemClock.elapsedMs() - shownAt < newsAtLeastMs)) return;
    printProgress(isNews ? text : `${text}; waiting for ${namesText(awaited)}`);
    shown = text;
    shownAt = systemClock.elapsedMs();
  };
}

function awaitedOf({ pending, offline }: Progress): readonly string[] {
  const away = new Set(offline);
  return pending.filter((host) => !away.has(host));
}

export function progressText({ revision, acked, nacked, pending, offline }: Progress): string {
  const parts = [`${acked.length} acknowledged`];
  if (nacked.length > 0) parts.push(`${nacked.length} refused`);
  if (pending.length > offline.length) parts.push(`${pending.length - offline.length} pending`);
  if (offline.length > 0) parts.push(`${offline.length} offline`);
  return `revision ${revision}: ${parts.join(', ')}`;
}

/** Prints, for people, where it does not hold. */
export function printTroubles(progress: Progress): void {
  const { nacked, offline, open, held } = progress;
  if (held !== undefined) printProgress(`nothing is sent to agents now: ${oneLine(held)}`);
  const awaited = awaitedOf(progress);
  for (const { host, reason } of nacked)
    printProgress(`${host} refused it and keeps its last good revision: ${oneLine(reason)}`);
  if (awaited.length > 0) printProgress(`no answer yet from: ${awaited.join(', ')}`);
  if (open.length > 0)
    printProgress(`opened at the console, and enforcing nothing until segwall-agent resume there: ${namesText(open)}`);
  if (offline.length > 0) printProgress(`offline, and sent the newest when they come back: ${namesText(offline)}`);
}

/** 1 where a host that it concerns is not known to enforce it, or nothing is sent to any. */
export function exitCodeOf(
  { nacked, pending, offline, open, held }: Progress,
  { ignoreOffline }: WaitingOptions,
): 0 | 1 {
  const missing = ignoreOffline === true ? pending.length - offline.length : pending.length;
  return held !== undefined || nacked.length + missing + open.length > 0 ? 1 : 0;
}

/** What every such command prints with --json beside its own answer. */
export function answersOf({ acked, nacked, pending, offline, open, held }: Progress): Omit<Progress, 'revision'> {
  return { acked, nacked, pending, offline, open, ...(held === undefined ? {} : { held }) };
}

export function namesText(names: readonly string[]): string {
  return someText({ count: names.length, names: names.slice(0, mostNamed) });
}
