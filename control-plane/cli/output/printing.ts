// How server commands print: tables for people, JSON for programs, progress on standard error so that it never mixes with either.

import { once } from 'node:events';
import { oneLine } from '#model/safe-text.ts';
import { counted } from './counted.ts';
import { fitTable } from './table-layout.ts';

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** For what may be long: waits for a reader that is slower than this. */
export async function streamLine(text: string): Promise<void> {
  if (!process.stdout.write(`${text}\n`)) await once(process.stdout, 'drain');
}

/** As it is, however long: waits for a reader that is slower. */
export async function streamText(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

export function printProgress(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** What is told was made without them. */
export function printSkipped(flows: number): void {
  if (flows > 0)
    printProgress(
      `${counted(flows, 'stored flow row')} ${flows === 1 ? 'is' : 'are'} left out: ${flows === 1 ? 'its' : 'their'} numbers are beyond all bounds`,
    );
}

/** With `rows` empty, one line that says so. On a terminal it is no wider than that. */
export async function printTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  none: string,
): Promise<void> {
  if (rows.length === 0) {
    printLine(none);
    return;
  }
  const plain = rows.map((row) => row.map(oneLine));
  const { isTTY, columns } = process.stdout;
  const fitted = isTTY && columns > 0 ? fitTable(head, plain, columns) : { kind: 'columns' as const, rows: plain };
  if (fitted.kind === 'blocks') {
    printLine(fitted.rows.map((lines) => lines.join('\n')).join('\n\n'));
    return;
  }
  const { default: Table } = await import('cli-table3');
  const bare = Object.fromEntries(
    ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
      .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'])
      .map((part) => [part, part === 'middle' ? '  ' : '']),
  );
  const table = new Table({
    head: [...head],
    chars: bare,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of fitted.rows) table.push([...row]);
  const lines = table.toString().split('\n');
  printLine(lines.map((line) => line.trimEnd()).join('\n'));
}

export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}

/** "a, b and 3 more": some of `count` names. */
export function someText({ count, names }: { readonly count: number; readonly names: readonly string[] }): string {
  const more = count > names.length ? ` and ${count - names.length} more` : '';
  return `${names.join(', ')}${more}`;
}

/** "2027-03-01 08:00:00Z": in UTC, and says so. */
export function timeText(iso: string | undefined): string {
  return iso === undefined ? '' : `${iso.slice(0, 19).replace('T', ' ')}Z`;
}
