// The compiler and the oracle at fleet size: from nothing, after one change, and queries answered. Each size runs in a process of its
// own, so that its memory is its own.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { BenchReport, BenchResult } from './bench-report.ts';

export const measures = ['large-fleet', 'all-to-all', 'verdicts', 'eval-command'] as const;

export async function run(): Promise<BenchReport> {
  const results: BenchResult[] = [];
  for (const measure of measures) {
    const script = new URL('./compile/measure.ts', import.meta.url).pathname;
    const options = { maxBuffer: 1 << 24 };
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, measure], options);
    results.push(...(JSON.parse(stdout) as BenchResult[]));
  }
  return {
    method:
      'Each fleet is compiled once from nothing, with the rule set of every host; then 1,000 random single changes are taken one at a time (99th percentile); memory is the peak resident set of the process.',
    results,
  };
}
