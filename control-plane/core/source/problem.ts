// What a check finds: errors that keep a policy from being applied, and warnings worth a look. Codes are those of
// problem-catalogue.ts; positions are of the file as it was given.

import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { ProblemCode, Severity } from './problem-catalogue.ts';

/** `line` and `column` from 1, `column` in UTF-16 code units. `excerpt` is the line, cut where it is long. */
export interface Problem {
  readonly severity: Severity;
  readonly code: ProblemCode;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** What was found and what is allowed. */
  readonly message: string;
  /** What to write instead. */
  readonly suggestion?: string;
  readonly excerpt?: string;
}

/** At most this many problems are listed in one run; one more then says how many there were. */
export const maxProblems = 10_000;

/** A reader that has found so many notes no more: from then on only that there are more is known. */
export const mostProblemsNoted = 4 * maxProblems;

export function compareProblems(a: Problem, b: Problem): number {
  return (
    compareCodeUnits(a.file, b.file) ||
    a.line - b.line ||
    a.column - b.column ||
    compareCodeUnits(a.code, b.code) ||
    compareCodeUnits(a.message, b.message)
  );
}

export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

/** "FILE:LINE:COLUMN: error: MESSAGE [CODE]", then what to write instead. */
export function problemText(problem: Problem): string {
  const head = `${problem.file}:${problem.line}:${problem.column}: ${problem.severity}: ${problem.message} [${problem.code}]`;
  return problem.suggestion === undefined ? head : `${head}\n    ${problem.suggestion}`;
}
