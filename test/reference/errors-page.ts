// The page of docs/reference with every error code of the three programs and of the operator API, made from their catalogues.

import { type ExplainedError, explainedErrors } from '#cli/output/errors-command.ts';

const head = `# Errors

Whatever a program cannot do it says as \`error: CODE: what and where\`, on standard error; \`segwall … --json\` says the
same as \`{"error":{"code","message",…}}\` on standard output, the shape in which the operator API refuses. Codes stay,
sentences may change: match on codes. \`segwall errors CODE\` looks one up, without a control plane. This page is made
from the catalogues that the programs take their codes from (proto/model/agent-errors.ts, command-errors.ts,
control-plane-errors.ts; control-plane/src/answers/api-error.ts).

Exit codes: 0 done or holds, 1 does not hold, 2 wrong use, 3 could not be reached or is not allowed. What is wrong with
a policy has codes of its own ([policy errors](policy-errors.md)), and so has what is wrong with a host ([host
problems](host-problems.md)).
`;

export function errorsPage(): string {
  const all = explainedErrors();
  const of = (by: ExplainedError['by']) => all.filter((each) => each.by === by);
  return [
    head,
    section('segwall', of('segwall')),
    section('segwall-agent', of('segwall-agent')),
    section('segwall-control-plane', of('segwall-control-plane')),
    apiSection(of('api')),
  ].join('\n');
}

function section(name: string, errors: readonly ExplainedError[]): string {
  const rows = errors.map(
    ({ code, exit, happened, remedy }) => `| \`${code}\` | ${exit.join(', ')} | ${happened} | ${remedy} |\n`,
  );
  return `## ${name}\n\n| code | exit | what happened | what to do |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

function apiSection(errors: readonly ExplainedError[]): string {
  const rows = errors.map(
    ({ code, status, exit, happened, remedy }) =>
      `| \`${code}\` | ${status} | ${exit.join(', ')} | ${happened} | ${remedy} |\n`,
  );
  return `## Operator API

A refused request has changed nothing. \`segwall\` ends with the exit code that stands here.

| code | status | exit | what happened | what to do |
| --- | --- | --- | --- | --- |
${rows.join('')}`;
}
