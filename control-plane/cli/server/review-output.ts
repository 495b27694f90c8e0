// Prints why the server refused a policy, as `policy check` and `policy test` print it; exit code 1.

import { printJson, printLine } from '#cli/output/printing.ts';
import type { ApiProblem, ApiTestFailure } from '#control-plane/answers/schemas.ts';
import { type ApiClient, ApiRefusal } from './api-client.ts';

/** Undefined where the policy was refused, which has then been printed. */
export async function callReviewed<Answer>(
  client: ApiClient,
  path: string,
  given: { readonly body: unknown; readonly json: true | undefined },
): Promise<Answer | undefined> {
  try {
    return await client.call<Answer>('POST', path, given.body);
  } catch (cause) {
    if (!(cause instanceof ApiRefusal) || cause.status !== 422) throw cause;
    process.exitCode = 1;
    if (given.json) {
      printJson({ error: cause.details });
      return undefined;
    }
    const { problems, failures } = cause.details as {
      readonly problems?: readonly ApiProblem[];
      readonly failures?: readonly ApiTestFailure[];
    };
    for (const problem of problems ?? []) printLine(problemLine(problem));
    for (const failure of failures ?? []) printLine(failureLine(failure));
    process.stderr.write(`error: ${cause.code}: ${cause.message}\n`);
    return undefined;
  }
}

/** The problem, the line it stands in, and a mark under the column. */
export function problemLine(problem: ApiProblem): string {
  const lines = [
    `${problem.file}:${problem.line}:${problem.column}: ${problem.severity}: ${problem.message} [${problem.code}]`,
  ];
  const { excerpt } = problem;
  if (excerpt !== undefined && excerpt.trim() !== '') {
    lines.push(`  | ${excerpt.replaceAll('\t', ' ')}`);
    if (!excerpt.startsWith('…') && problem.column <= excerpt.length + 1)
      lines.push(`  | ${' '.repeat(problem.column - 1)}^`);
  }
  if (problem.suggestion !== undefined) lines.push(`  = ${problem.suggestion}`);
  return lines.join('\n');
}

export function failureLine({ file, line, column, policyTest, title, why }: ApiTestFailure): string {
  return `${file}:${line}:${column}: test ${policyTest} fails: ${title}: ${why}`;
}
