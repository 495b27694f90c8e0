// Pages that people write and that have one table from a catalogue: audit actions, and what is wrong with a host. The rows are made, the rest stays.

import { hostProblemCatalogue } from '#agent-core/host/host-problem-catalogue.ts';
import { auditActions } from '#policy/audit/audit-actions.ts';
import { readText } from '#test/arch/sources.ts';

export function auditPage(): string {
  return withRows('docs/reference/audit.md', ({ by, tells }) => [by, tells], auditActions);
}

export function hostProblemsPage(): string {
  const cells = ({ told, meaning, remedy }: (typeof hostProblemCatalogue)[keyof typeof hostProblemCatalogue]) => [
    told,
    meaning,
    remedy,
  ];
  return withRows('docs/reference/host-problems.md', cells, hostProblemCatalogue);
}

/** The page as it is, with the rows of its only table from the catalogue, in order of names. */
function withRows<Entry>(
  path: string,
  cells: (entry: Entry) => readonly string[],
  catalogue: Readonly<Record<string, Entry>>,
): string {
  const lines = readText(path).split('\n');
  const rule = lines.findIndex((line) => line.startsWith('| --- '));
  const end = lines.findIndex((line, at) => at > rule && !line.startsWith('|'));
  const rows = Object.entries(catalogue)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, entry]) => `| \`${name}\` | ${cells(entry).join(' | ')} |`);
  return [...lines.slice(0, rule + 1), ...rows, ...lines.slice(end)].join('\n');
}
