// Before labels are given: what they would change, slips in them, and the question whether that is meant.

import { createInterface } from 'node:readline/promises';
import type { LabelCheckAnswer, PlanAnswer } from '#control-plane/api/schemas.ts';
import type { ApiClient } from './api-client.ts';
import { CommandFailure } from './failure.ts';
import type { LabelEdit } from './labels.ts';
import { printPlan } from './plan-commands.ts';
import { printJson } from './printing.ts';

export async function checkLabels(
  client: ApiClient,
  given: { readonly labels: Readonly<Record<string, string>>; readonly workload?: string },
): Promise<LabelCheckAnswer> {
  return client.call<LabelCheckAnswer>('POST', '/labels/check', given);
}

export async function planLabels(
  client: ApiClient,
  labels: LabelEdit & { readonly workload: string },
  options: { readonly json?: true },
): Promise<void> {
  const answer = await client.call<PlanAnswer>('POST', '/policy/plan', { labels });
  if (options.json) printJson(answer);
  else await printPlan(answer);
}

/** Asks whoever sits at a terminal. A program cannot answer, and meant it. */
export async function assertMeant(what: string, { yes }: { readonly yes?: true }): Promise<void> {
  if (yes === true || process.stdin.isTTY !== true || process.stderr.isTTY !== true) return;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${what}. See what would change with --plan. Go on? [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return;
  } finally {
    terminal.close();
  }
  throw new CommandFailure(1, 'not-meant', 'nothing was changed');
}
