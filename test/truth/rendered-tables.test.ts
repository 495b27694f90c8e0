// Every truth table with the rules of each state loaded from nothing. One lab at a time: the other files run beside this one.

import { expect, test } from 'vitest';
import { renderedStage } from './rendered-stage.ts';
import { scenarios } from './scenarios.ts';
import { mismatchText, runTable } from './table.ts';

test.each(scenarios)(
  'rules loaded from nothing decide as the oracle does: $name',
  { timeout: 600_000 },
  async (scenario) => {
    // From nothing, what was before is nothing: each state once.
    const steps = [...new Set(scenario.steps)];
    const report = await runTable({ scenario: { ...scenario, steps }, stage: renderedStage() });
    expect(mismatchText(report.mismatches)).toBe('');
    expect(report.cells).toBeGreaterThan(100);
  },
);
