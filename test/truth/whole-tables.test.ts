// Some of the truth tables on the whole system, flows included; `npm run truth` has all of them on it.

import { expect, test } from 'vitest';
import { scenarioTagged } from './scenarios.ts';
import { mismatchText, runTable } from './table.ts';
import { wholeStage, withoutLost } from './whole-stage.ts';

test.each(['guardrail', 'labels', 'quarantine'])(
  'a whole fleet decides and reports as the oracle does: %s',
  {
    timeout: 300_000,
  },
  async (tag) => {
    const report = await runTable({ scenario: withoutLost(scenarioTagged(tag)), stage: wholeStage() });
    expect(mismatchText(report.mismatches, report.misreported)).toBe('');
    expect(report.cells).toBeGreaterThan(100);
  },
);
