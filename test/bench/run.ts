// `npm run bench -- NAME [--write]`: runs test/bench/NAME.ts, prints its table for people and one JSON line for programs, and exits 1 if a
// limit is not held. Without a name it lists the benchmarks. `--write` records the run in docs/benchmarks.md, in that benchmark's section.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, release, totalmem } from 'node:os';
import Table from 'cli-table3';
import { type Bench, type BenchReport, type BenchResult, holds } from './bench-report.ts';
import { replaceSection } from './benchmarks-page.ts';

const folder = import.meta.dirname;
/** As much of a text, up to a space, as a line of the page holds: 120 columns (test/docs/decisions.test.ts). */
const lineOfPage = /\S.{0,118}\S(?= |$)|\S+/g;
const page = new URL('../../docs/benchmarks.md', import.meta.url);
const notBenchmarks = new Set(['run.ts', 'bench-report.ts', 'benchmarks-page.ts']);

async function listBenchmarks(): Promise<readonly string[]> {
  const files = await readdir(folder);
  return files
    .filter((file) => file.endsWith('.ts') && !notBenchmarks.has(file))
    .map((file) => file.slice(0, -'.ts'.length))
    .sort();
}

function describeMachine(): string {
  const model = cpus()[0]?.model.trim() || 'unknown processor';
  const memoryGib = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} cores of ${model}, ${memoryGib} GiB, Linux ${release()} ${arch()}, Node ${process.versions.node}`;
}

function describeLimit(result: BenchResult): string {
  if (result.limit === undefined) return '';
  return `${result.limit.kind === 'at-most' ? '≤' : '≥'} ${result.limit.value}`;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function rowsOf(report: BenchReport): string[][] {
  return report.results.map((result) => [
    result.name,
    figure(result.value),
    result.spread === undefined ? '' : `${figure(result.spread.low)} to ${figure(result.spread.high)}`,
    result.unit,
    describeLimit(result),
    result.limit === undefined ? '' : holds(result) ? 'holds' : 'NOT HELD',
    result.reference === undefined ? '' : `${result.reference.ratio.toFixed(2)} × ${result.reference.name}`,
  ]);
}

const head = ['figure', 'value', 'quarters', 'unit', 'limit', '', 'against'];

function printTable(report: BenchReport): void {
  const table = new Table({ head, style: { head: [], border: [] } });
  table.push(...rowsOf(report));
  console.log(report.method);
  console.log(table.toString());
}

async function record(name: string, report: BenchReport, machine: string): Promise<void> {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const lines = [
    ...(report.method.match(lineOfPage) ?? []),
    '',
    `Measured ${new Date().toISOString().slice(0, 10)} on ${machine}.`,
    '',
    row(head),
    row(head.map(() => '---')),
    ...rowsOf(report).map(row),
  ];
  await writeFile(page, replaceSection(await readFile(page, 'utf8'), name, lines.join('\n')));
  console.log('recorded in docs/benchmarks.md');
}

async function runBench(name: string, write: boolean): Promise<boolean> {
  const { run } = (await import(`./${name}.ts`)) as { readonly run: Bench };
  const report = await run();
  const machine = describeMachine();
  printTable(report);
  if (write) await record(name, report, machine);
  const results = report.results.map((result) => ({
    name: result.name,
    value: result.value,
    unit: result.unit,
    limit: result.limit?.value ?? null,
    ok: holds(result),
    spread: result.spread === undefined ? null : [result.spread.low, result.spread.high],
    reference: result.reference ?? null,
  }));
  console.log(JSON.stringify({ bench: name, machine, results }));
  return report.results.every(holds);
}

const args = process.argv.slice(2);
const names = args.filter((argument) => argument !== '--write');
const [name] = names;
const known = await listBenchmarks();
if (name === undefined || names.length > 1 || !known.includes(name)) {
  if (name !== undefined)
    console.error(names.length > 1 ? 'one benchmark at a time' : `there is no benchmark "${name}"`);
  console.log(`npm run bench -- NAME [--write], where NAME is one of:\n${known.map((each) => `  ${each}`).join('\n')}`);
  process.exit(name === undefined ? 0 : 2);
}
process.exit((await runBench(name, args.includes('--write'))) ? 0 : 1);
