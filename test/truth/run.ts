// `npm run truth`: the truth tables without a test runner, for whoever works on what they hold. `--list` names them, `--tag TAG`
// (repeatable) and words of a name choose, `--stage rendered|enforcer` says how rules reach the kernel. Exit 1 if a cell is
// not as the oracle says. Needs root.

import { parseArgs } from 'node:util';
import { enforcerStage } from './enforcer-stage.ts';
import { renderedStage } from './rendered-stage.ts';
import { scenarios } from './scenarios.ts';
import { mismatchText, runTable } from './table.ts';

const stages = { rendered: renderedStage, enforcer: enforcerStage } as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    tag: { type: 'string', multiple: true, default: [] },
    stage: { type: 'string', multiple: true, default: ['rendered', 'enforcer'] },
  },
});
const chosen = scenarios.filter(
  ({ name, tags }) =>
    (values.tag.length === 0 || values.tag.some((tag) => tags.includes(tag))) &&
    positionals.every((word) => name.includes(word)),
);

if (values.list) {
  for (const { name, tags, steps } of chosen)
    console.log(`${tags.join(',').padEnd(12)} ${name} (${steps.length} steps)`);
} else {
  let failed = 0;
  let cells = 0;
  for (const stage of values.stage) {
    if (stage !== 'rendered' && stage !== 'enforcer')
      throw new Error(`--stage ${stage}: allowed are rendered, enforcer`);
    for (const scenario of chosen) {
      const report = await runTable({ scenario, stage: stages[stage]() });
      cells += report.cells;
      failed += report.mismatches.length;
      const seconds = (report.durationMs / 1000).toFixed(1);
      const result = report.mismatches.length === 0 ? 'ok' : `${report.mismatches.length} WRONG`;
      console.log(`${stage}: ${scenario.name}: ${report.steps} steps, ${report.cells} cells, ${result} (${seconds} s)`);
      if (report.mismatches.length > 0) console.log(mismatchText(report.mismatches));
    }
  }
  console.log(`${cells} cells, ${failed} not as the oracle says`);
  process.exitCode = failed === 0 && cells > 0 ? 0 : 1;
}
