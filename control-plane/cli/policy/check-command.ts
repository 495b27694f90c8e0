// `segwall policy check DIR`: every error and warning in one run, as text, JSON or SARIF. Exits 1 if there is an error.

import { counted } from '#cli/output/counted.ts';
import { printJson } from '#cli/output/printing.ts';
import type { Problem } from '#policy/source/problem.ts';
import packageFile from '../../../package.json' with { type: 'json' };
import { checkDirectory, countOf, type PolicyOptions } from './load-policy.ts';
import { renderSarif } from './sarif.ts';

export interface CheckOptions extends PolicyOptions {
  readonly format: 'text' | 'json' | 'sarif';
  readonly json?: true;
  readonly strict?: true;
}

export async function runCheck(directory: string, options: CheckOptions): Promise<void> {
  const { problems, files } = await checkDirectory(directory, options);
  const errors = countOf(problems, 'error');
  const warnings = countOf(problems, 'warning');
  const format = options.json === true ? 'json' : options.format;
  if (format === 'json') printJson({ ok: errors === 0, files, errors, warnings, problems });
  else if (format === 'sarif')
    process.stdout.write(`${renderSarif({ problems, directory, version: packageFile.version })}\n`);
  else process.stdout.write(renderText({ problems, directory, files }));
  if (errors > 0 || (options.strict === true && warnings > 0)) process.exitCode = 1;
}

interface TextInput {
  readonly problems: readonly Problem[];
  readonly directory: string;
  readonly files: number;
}

function renderText({ problems, directory, files }: TextInput): string {
  const summary = `${counted(countOf(problems, 'error'), 'error')}, ${counted(countOf(problems, 'warning'), 'warning')} in ${counted(files, 'file')}`;
  return `${problems.map((problem) => `${problemBlock(problem)}\n`).join('')}${summary}: ${directory}\n`;
}

/** The problem, the line it stands in, and a mark under the column. */
function problemBlock(problem: Problem): string {
  const lines = [
    `${problem.file}:${problem.line}:${problem.column}: ${problem.severity}: ${problem.message} [${problem.code}]`,
  ];
  if (problem.excerpt !== undefined && problem.excerpt.trim() !== '') {
    lines.push(`  | ${problem.excerpt.replaceAll('\t', ' ')}`);
    const isWhole = !problem.excerpt.startsWith('…');
    if (isWhole && problem.column <= problem.excerpt.length + 1) lines.push(`  | ${' '.repeat(problem.column - 1)}^`);
  }
  if (problem.suggestion !== undefined) lines.push(`  = ${problem.suggestion}`);
  return lines.join('\n');
}
