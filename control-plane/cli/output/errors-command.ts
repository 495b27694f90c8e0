// `segwall errors [CODE]`: what an error code means and what to do, of all three programs and of the API, without a control plane.

import type { Command } from 'commander';
import { apiErrors } from '#control-plane/answers/api-error.ts';
import { agentErrors } from '#model/agent-errors.ts';
import { closestName } from '#model/closest-name.ts';
import { commandErrors } from '#model/command-errors.ts';
import { controlPlaneErrors } from '#model/control-plane-errors.ts';
import type { ErrorCatalogue, ErrorExit } from '#model/error-entry.ts';
import { apiExit } from './api-exit.ts';
import { CommandFailure, guarded } from './failure.ts';
import { printJson, printLine } from './printing.ts';

export interface ExplainedError {
  readonly code: string;
  /** Who says it. `api`: the control plane, to whoever calls it, `segwall` too. */
  readonly by: 'segwall' | 'segwall-agent' | 'segwall-control-plane' | 'api';
  readonly happened: string;
  readonly remedy: string;
  readonly exit: readonly ErrorExit[];
  /** Of HTTP, for those of the API. */
  readonly status?: number;
}

/** In the order of programs, then of codes; a code may be there once for each program. */
export function explainedErrors(): readonly ExplainedError[] {
  const ofProgram: readonly (readonly [ExplainedError['by'], ErrorCatalogue])[] = [
    ['segwall', commandErrors],
    ['segwall-agent', agentErrors],
    ['segwall-control-plane', controlPlaneErrors],
  ];
  const own = ofProgram.flatMap(([by, catalogue]) =>
    inOrder(catalogue).map(([code, { happened, remedy, exit }]) => ({
      code,
      by,
      happened,
      remedy,
      exit: [exit].flat(),
    })),
  );
  const api = inOrder(apiErrors).map(([code, { status, happened, remedy }]) => ({
    code,
    by: 'api' as const,
    happened,
    remedy,
    exit: [apiExit(status, code)],
    status,
  }));
  return [...own, ...api];
}

function inOrder<Entry>(catalogue: Readonly<Record<string, Entry>>): readonly (readonly [string, Entry])[] {
  return Object.entries(catalogue).sort(([a], [b]) => (a < b ? -1 : 1));
}

export function registerErrors(program: Command): void {
  program
    .command('errors [CODE]')
    .description(
      'what an error code of segwall, its agents and its API means, and what to do; without CODE all of them',
    )
    .option('--json', 'one JSON document')
    .action(guarded(explain));
}

async function explain(code: string | undefined, { json }: { readonly json?: true }): Promise<void> {
  const all = explainedErrors();
  const found = code === undefined ? all : all.filter((each) => each.code === code);
  if (found.length === 0) {
    const nearest = closestName(
      code ?? '',
      all.map((each) => each.code),
    );
    const suggestion = nearest === undefined ? '; segwall errors lists all' : `; did you mean ${nearest}?`;
    throw new CommandFailure(2, 'unknown-code', `there is no error code "${code}"${suggestion}`);
  }
  if (json) printJson(found);
  else for (const each of found) printLine(textOf(each));
}

function textOf({ code, by, happened, remedy, exit, status }: ExplainedError): string {
  const told =
    status === undefined ? `exit ${exit.join(' or ')}` : `HTTP ${status}, exit ${exit.join(' or ')} of segwall`;
  return `${code} (${by}; ${told})\n  ${happened}\n  ${remedy.replaceAll('`', '')}`;
}
