// `npm run truth`: the truth tables without a test runner, for whoever works on what they hold. `--list` names them, `--tag TAG`
// (repeatable) and words of a name choose, `--level` (repeatable) says how deep: decided (oracle and compiled rule sets), traced
// (enforcers over a kernel in memory), rendered and enforced (packets between namespaces), whole (agents and a control plane
// over mTLS). Ends with one line a level; exit 1 if a cell, a counter or a reported flow is not as the oracle says. Needs root.

import { parseArgs } from 'node:util';
import { runDecided } from './decided.ts';
import { enforcerStage } from './enforcer-stage.ts';
import { renderedStage } from './rendered-stage.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { mismatchText, runTable, type TableReport } from './table.ts';
import { runTraced } from './traced.ts';
import { wholeStage, withoutLost } from './whole-stage.ts';

const levels: Readonly<Record<string, (scenario: Scenario) => Promise<TableReport>>> = {
  decided: async (scenario) => runDecided(scenario),
  traced: (scenario) => runTraced(scenario),
  rendered: (scenario) => runTable({ scenario, stage: renderedStage() }),
  enforced: (scenario) => runTable({ scenario, stage: enforcerStage() }),
  whole: (scenario) => runTable({ scenario: withoutLost(scenario), stage: wholeStage() }),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    tag: { type: 'string', multiple: true, default: [] },
    level: { type: 'string', multiple: true, default: Object.keys(levels) },
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
  const summary: string[] = [];
  let failed = 0;
  for (const level of values.level) {
    const run = levels[level];
    if (run === undefined) throw new Error(`--level ${level}: allowed are ${Object.keys(levels).join(', ')}`);
    const total = { scenarios: 0, steps: 0, cells: 0, wrong: 0, seconds: 0 };
    for (const scenario of chosen) {
      const report = await run(scenario);
      const wrong = report.mismatches.length + report.misreported.length;
      const seconds = report.durationMs / 1000;
      total.scenarios += 1;
      total.steps += report.steps;
      total.cells += report.cells;
      total.wrong += wrong;
      total.seconds += seconds;
      const result = wrong === 0 ? 'ok' : `${wrong} WRONG`;
      console.log(
        `${level}: ${scenario.name}: ${report.steps} steps, ${report.cells} cells, ${result} (${seconds.toFixed(1)} s)`,
      );
      if (wrong > 0) console.log(mismatchText(report.mismatches, report.misreported));
    }
    failed += total.wrong;
    summary.push(
      `${level.padEnd(9)} ${total.scenarios} scenarios, ${total.steps} steps, ${total.cells} cells, ${total.wrong} not as the oracle says (${total.seconds.toFixed(0)} s)`,
    );
  }
  console.log(summary.join('\n'));
  process.exitCode = failed === 0 && chosen.length > 0 ? 0 : 1;
}
