// Problems as SARIF 2.1.0, for code scanning services and editors. Paths are relative to where the command ran, as these services
// expect it of a checkout's root; files outside of it have a file: URI. Each result carries a fingerprint that stays the same when
// lines move.

import { createHash } from 'node:crypto';
import { relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Problem } from '#policy/source/problem.ts';
import { type ProblemCode, problemCatalogue } from '#policy/source/problem-catalogue.ts';

export interface SarifInput {
  readonly problems: readonly Problem[];
  readonly directory: string;
  readonly version: string;
}

const root = '%SRCROOT%';

export function renderSarif({ problems, directory, version }: SarifInput): string {
  const codes = [...new Set(problems.map((problem) => problem.code))].sort();
  const fingerprint = createFingerprints();
  return JSON.stringify(
    {
      $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
      version: '2.1.0',
      runs: [
        {
          tool: { driver: { name: 'segwall', version, rules: codes.map(ruleOf) } },
          originalUriBaseIds: { [root]: { description: { text: 'The directory that the command ran in.' } } },
          columnKind: 'utf16CodeUnits',
          results: problems.map((problem) => resultOf(problem, { directory, codes, fingerprint })),
        },
      ],
    },
    undefined,
    2,
  );
}

function ruleOf(code: ProblemCode) {
  const { severity, title } = problemCatalogue[code];
  return {
    id: code,
    shortDescription: { text: title },
    help: { text: `${title} The reference has an example and what to do: docs/reference/policy-errors.md, "${code}".` },
    defaultConfiguration: { level: severity },
  };
}

interface ResultInput {
  readonly directory: string;
  readonly codes: readonly ProblemCode[];
  readonly fingerprint: (problem: Problem) => string;
}

function resultOf(problem: Problem, { directory, codes, fingerprint }: ResultInput) {
  const text = problem.suggestion === undefined ? problem.message : `${problem.message} (${problem.suggestion})`;
  return {
    ruleId: problem.code,
    ruleIndex: codes.indexOf(problem.code),
    kind: 'fail',
    level: problem.severity,
    message: { text },
    locations: [
      {
        physicalLocation: {
          artifactLocation: artifactOf(problem.file, directory),
          region: { startLine: problem.line, startColumn: problem.column },
        },
      },
    ],
    partialFingerprints: { 'problemLine/v1': fingerprint(problem) },
  };
}

/** Of what was found, in which file and in what line's text; equal ones are numbered in order. */
function createFingerprints(): (problem: Problem) => string {
  const counts = new Map<string, number>();
  return ({ code, file, excerpt }) => {
    const key = [code, file, excerpt?.trim() ?? ''].join('\n');
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return createHash('sha256').update(`${key}\n${count}`).digest('hex').slice(0, 32);
  };
}

function artifactOf(file: string, directory: string) {
  const place = resolve(directory, file);
  const path = relative(process.cwd(), place).split(sep).join('/');
  if (path === '..' || path.startsWith('../')) return { uri: pathToFileURL(place).href };
  return { uri: relativeUri(file === '.' ? `${path === '' ? '.' : path}/` : path), uriBaseId: root };
}

/** A colon in the first part would make a scheme of it. */
function relativeUri(path: string): string {
  return encodeURI(path).replaceAll('#', '%23').replaceAll('?', '%3F').replaceAll(':', '%3A');
}
