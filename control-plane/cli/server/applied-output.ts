// What became of a policy that was handed to the control plane, as a whole or to its canary first: told, waited for where that is
// asked, and the exit code.

import { counted } from '#cli/output/counted.ts';
import { printJson, printLine, printProgress } from '#cli/output/printing.ts';
import type { ApplyAnswer, CanaryView, Progress } from '#control-plane/answers/schemas.ts';
import { oneLine } from '#model/safe-text.ts';
import type { ApiClient } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { problemLine } from './review-output.ts';
import {
  answersOf,
  exitCodeOf,
  longestAskMs,
  printTroubles,
  progressOf,
  progressText,
  type WaitingOptions,
  waitForAgents,
} from './waiting.ts';

export interface WaitOptions extends ConnectionOptions, WaitingOptions {
  readonly json?: true;
}

export interface Applied {
  readonly answer: ApplyAnswer;
  readonly options: WaitOptions;
  readonly timeoutMs: number;
}

export async function finish(client: ApiClient, { answer, options, timeoutMs }: Applied): Promise<void> {
  const { revision } = answer;
  if (!options.json) for (const warning of answer.warnings) printProgress(problemLine(warning));
  const progress = options.wait
    ? await waitForAgents(client, { revision, timeoutMs })
    : await progressOf(client, revision);
  if (options.json) printJson(appliedJson(answer, progress));
  else {
    const state = answer.unchanged ? 'is unchanged, and active again' : 'is active';
    printLine(`policy ${answer.policy} ${state} at revision ${revision}${testsText(answer)}`);
    printProgressOf(progress, options);
  }
  if (options.wait) process.exitCode = exitCodeOf(progress, options);
}

function printProgressOf(progress: Progress, { wait }: WaitOptions): void {
  if (!wait) printLine(progressText(progress));
  // Not waited for, those that are connected have hardly had the time.
  printTroubles(wait ? progress : { ...progress, pending: progress.offline });
}

function appliedJson(answer: ApplyAnswer, progress: Progress) {
  const { revision, policy, testsPassed, warnings } = answer;
  return { revision, ...answersOf(progress), policy, testsPassed, warnings };
}

function testsText({ testsPassed }: ApplyAnswer): string {
  return testsPassed === 0 ? '' : `; ${counted(testsPassed, 'test')} held`;
}

/** With --wait to the end of the canary, and where it held until the others have it too; a canary that failed exits 1. */
export async function finishCanary(client: ApiClient, { answer, options, timeoutMs }: Applied): Promise<void> {
  const { revision, canary: hosts = [] } = answer;
  if (!options.json) for (const warning of answer.warnings) printProgress(problemLine(warning));
  printProgress(`revision ${revision} goes to ${hosts.join(', ')} first`);
  const view = options.wait ? await untilItEnds(client, revision) : await canaryOf(client, 0);
  if (view.state === 'promoted' && view.active !== undefined) {
    const progress = await waitForAgents(client, { revision: view.active, timeoutMs });
    const active = { ...answer, revision: view.active };
    if (options.json) printJson({ ...appliedJson(active, progress), canary: { state: view.state, revision, hosts } });
    else {
      printLine(`its canary held it: policy ${answer.policy} is active at revision ${view.active}${testsText(answer)}`);
      printTroubles(progress);
    }
    process.exitCode = exitCodeOf(progress, options);
    return;
  }
  if (view.state === 'failed') {
    const { reason = '', host } = view;
    // Nobody enforces it any more.
    const nacked = host === undefined ? [] : [{ host, reason }];
    const nobody: Progress = { revision, acked: [], nacked, pending: [], offline: [], open: [] };
    if (options.json)
      printJson({ ...appliedJson(answer, nobody), canary: { state: view.state, revision, hosts, reason } });
    else printLine(`the canary failed: ${oneLine(reason)}; its hosts are under the active policy again`);
    process.exitCode = 1;
    return;
  }
  const progress = await progressOf(client, revision);
  if (options.json) printJson({ ...appliedJson(answer, progress), canary: { state: view.state, revision, hosts } });
  else {
    printLine(
      `policy ${answer.policy} is on trial at revision ${revision}; once it has held, it is active: see segwall status`,
    );
    printLine(progressText(progress));
  }
}

async function untilItEnds(client: ApiClient, revision: number): Promise<CanaryView> {
  let shown = '';
  for (;;) {
    const view = await canaryOf(client, longestAskMs);
    if (view.revision !== revision) return { state: 'failed', reason: 'the control plane was started anew meanwhile' };
    if (view.state !== 'running') return view;
    const text = progressText(await progressOf(client, revision));
    if (text !== shown) printProgress(text);
    shown = text;
  }
}

async function canaryOf(client: ApiClient, waitMs: number): Promise<CanaryView> {
  return client.call<CanaryView>('GET', `/policy/canary?waitMs=${waitMs}`);
}
