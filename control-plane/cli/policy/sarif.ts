// Problems as SARIF 2.1.0, for code scanning services and editors. Paths are as the operator would write them from where the
// command ran.

import { relative, resolve, sep } from 'node:path';
import type { Problem } from '#policy/problem.ts';
import { type ProblemCode, problemCatalogue } from '#policy/problem-catalogue.ts';

export interface SarifInput {
  readonly problems: readonly Problem[];
  readonly directory: string;
  readonly version: string;
}

export function renderSarif({ problems, directory, version }: SarifInput): string {
  const codes = [...new Set(problems.map((problem) => problem.code))].sort();
  return JSON.stringify(
    {
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { name: 'segwall', version, rules: codes.map(ruleOf) } },
          columnKind: 'utf16CodeUnits',
          results: problems.map((problem) => resultOf(problem, { directory, codes })),
        },
      ],
    },
    undefined,
    2,
  );
}

function ruleOf(code: ProblemCode) {
  const { severity, title } = problemCatalogue[code];
  return { id: code, shortDescription: { text: title }, defaultConfiguration: { level: severity } };
}

function resultOf(
  problem: Problem,
  { directory, codes }: { readonly directory: string; readonly codes: readonly ProblemCode[] },
) {
  const text = problem.suggestion === undefined ? problem.message : `${problem.message} (${problem.suggestion})`;
  return {
    ruleId: problem.code,
    ruleIndex: codes.indexOf(problem.code),
    level: problem.severity,
    message: { text },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(problem.file, directory) },
          region: { startLine: problem.line, startColumn: problem.column },
        },
      },
    ],
  };
}

function uriOf(file: string, directory: string): string {
  const path = relative(process.cwd(), resolve(directory, file)).split(sep).join('/');
  return encodeURI(path === '' ? '.' : path)
    .replaceAll('#', '%23')
    .replaceAll('?', '%3F');
}
