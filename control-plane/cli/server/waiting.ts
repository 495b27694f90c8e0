// Following a revision to the agents: --wait asks until none is pending or the time is up, and tells of it on standard error.

import type { Progress } from '#control-plane/api/schemas.ts';
import type { ApiClient } from './api-client.ts';
import { printProgress } from './printing.ts';

/** One request holds at most this long, so that progress shows. */
const longestAskMs = 1000;

export async function progressOf(client: ApiClient, revision: number): Promise<Progress> {
  return client.call<Progress>('GET', `/revisions/${revision}`);
}

export async function waitForAgents(
  client: ApiClient,
  given: { readonly revision: number; readonly timeoutMs: number },
): Promise<Progress> {
  const deadline = performance.now() + given.timeoutMs;
  let shown = '';
  for (;;) {
    const waitMs = Math.max(0, Math.min(longestAskMs, Math.floor(deadline - performance.now())));
    const progress = await client.call<Progress>('GET', `/revisions/${given.revision}?waitMs=${waitMs}`);
    const text = progressText(progress);
    if (text !== shown) printProgress(text);
    shown = text;
    if (progress.pending.length === 0 || performance.now() >= deadline) return progress;
  }
}

export function progressText({ revision, acked, nacked, pending }: Progress): string {
  const parts = [`${acked.length} acknowledged`];
  if (nacked.length > 0) parts.push(`${nacked.length} refused`);
  if (pending.length > 0) parts.push(`${pending.length} pending`);
  return `revision ${revision}: ${parts.join(', ')}`;
}

/** Prints what did not go well, for people. */
export function printTroubles({ nacked, pending }: Progress): void {
  for (const { host, reason } of nacked)
    printProgress(`${host} refused it and keeps its last good revision: ${reason}`);
  if (pending.length > 0) printProgress(`no answer yet from: ${pending.join(', ')}`);
}
