// Every truth table with the rules changed in place by the enforcer's own transactions, in the table's order and across tables.

import { expect, test } from 'vitest';
import { enforcerStage } from './enforcer-stage.ts';
import type { Scenario, State } from './scenario.ts';
import { scenarios, scenarioTagged } from './scenarios.ts';
import { mismatchText, runTable } from './table.ts';

/** Only to end what is stuck. */
const timeout = 600_000;

test.each(scenarios)('rules changed in place decide as the oracle does: $name', { timeout }, async (scenario) => {
  const report = await runTable({ scenario, stage: enforcerStage() });
  expect(mismatchText(report.mismatches, report.misreported)).toBe('');
  expect(report.cells).toBeGreaterThan(100);
});

test('rules changed in place decide the same whichever way a fleet comes to a state', { timeout }, async () => {
  const { hosts, services } = scenarioTagged('rules');
  const states = scenarios.filter((scenario) => scenario.hosts === hosts).flatMap(middleAndLast);
  const backwards: Scenario = {
    name: 'two states of every table, from last to first',
    tags: [],
    hosts,
    services,
    states: Object.fromEntries(states),
    steps: states.map(([name]) => name).reverse(),
  };
  const report = await runTable({ scenario: backwards, stage: enforcerStage() });
  expect(mismatchText(report.mismatches)).toBe('');
});

function middleAndLast({ name, states, steps }: Scenario): readonly (readonly [string, State])[] {
  return [steps[Math.floor(steps.length / 2)], steps.at(-1)].flatMap((step) => {
    const state = states[step ?? ''];
    return state === undefined ? [] : [[`${name}: ${step}`, state] as const];
  });
}
