// A connectivity matrix for people: from whom (rows) to whom (columns), and which ports are open, over both families.

import type { ProbedCell } from '#test/support/probe.ts';

/** "all", "-", "8080", or "8080/v6" where only one family is open. */
export function matrixView(cells: readonly ProbedCell[], machines: readonly string[]): string {
  const rows = [
    ['from \\ to', ...machines],
    ...machines.map((from) => [
      from,
      ...machines.map((to) =>
        from === to ? '' : fieldText(cells.filter((cell) => cell.from === from && cell.to === to)),
      ),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((field, column) => field.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function fieldText(cells: readonly ProbedCell[]): string {
  const open = cells.filter(({ outcome }) => outcome.kind === 'allowed');
  if (open.length === cells.length) return 'all';
  if (cells.some(({ outcome }) => outcome.kind === 'broken')) return 'broken';
  const families = new Set(cells.map(({ family }) => family)).size;
  const byPort = Map.groupBy(open, ({ port }) => port);
  const ports = [...byPort].map(([port, ofPort]) =>
    ofPort.length === families ? `${port}` : `${port}/${ofPort.map(({ family }) => family.replace('ip', '')).join('')}`,
  );
  return ports.length === 0 ? '-' : ports.join(',');
}
