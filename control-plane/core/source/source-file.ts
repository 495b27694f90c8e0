// A file as it was given: where an offset stands, and the line around it. Everything that reports a problem in a file does
// so through its reporter here.

import type { Position } from './position.ts';
import type { Problem } from './problem.ts';
import { type ProblemCode, severityOf } from './problem-catalogue.ts';

/** `path` is relative to the policy directory, or as the operator wrote it for an inventory file. */
export interface InputFile {
  readonly path: string;
  readonly text: string;
}

export interface Finding {
  readonly code: ProblemCode;
  /** Offset in the file's text. */
  readonly at: number;
  readonly message: string;
  readonly suggestion?: string | undefined;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  position(at: number): Position;
  problem(finding: Finding): Problem;
}

const longestExcerpt = 160;

export function createSourceFile(input: InputFile): SourceFile {
  const { path, text } = input;
  const lineStarts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lineStarts.push(at + 1);

  function lineIndex(at: number): number {
    let low = 0;
    let high = lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((lineStarts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function position(at: number): Position {
    const index = lineIndex(at);
    return { file: path, line: index + 1, column: at - (lineStarts[index] ?? 0) + 1 };
  }

  function excerpt(at: number): string {
    const index = lineIndex(at);
    const start = lineStarts[index] ?? 0;
    const end = (lineStarts[index + 1] ?? text.length + 1) - 1;
    if (end - start <= longestExcerpt) return text.slice(start, end);
    const from = Math.max(start, Math.min(at - longestExcerpt / 2, end - longestExcerpt));
    const to = Math.min(end, from + longestExcerpt);
    return `${from > start ? '…' : ''}${text.slice(from, to)}${to < end ? '…' : ''}`;
  }

  function problem(finding: Finding): Problem {
    const { line, column } = position(finding.at);
    return {
      severity: severityOf(finding.code),
      code: finding.code,
      file: path,
      line,
      column,
      message: finding.message,
      ...(finding.suggestion === undefined ? {} : { suggestion: finding.suggestion }),
      excerpt: excerpt(finding.at),
    };
  }

  return { path, text, position, problem };
}
