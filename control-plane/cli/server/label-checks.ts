// Before labels are given: what they would change, slips in them, and the question whether that is meant.

import { CommandFailure } from '#cli/output/failure.ts';
import { printJson } from '#cli/output/printing.ts';
import type { LabelCheckAnswer, PlanAnswer } from '#control-plane/answers/schemas.ts';
import type { ApiClient } from './api-client.ts';
import { ask } from './asking.ts';
import type { LabelEdit } from './labels.ts';
import { printPlan } from './plan-commands.ts';

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

/** A program cannot answer, and meant it. */
export async function assertMeant(what: string, { yes }: { readonly yes?: true }): Promise<void> {
  if (yes === true) return;
  const answer = await ask(`${what}. See what would change with --plan. Go on?`);
  if (answer !== 'declined') return;
  throw new CommandFailure(1, 'not-meant', 'nothing was changed');
}
