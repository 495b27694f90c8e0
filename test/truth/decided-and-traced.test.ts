// The two levels without a kernel, for every truth table and for every order in which a fleet may come to a state.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runDecided } from './decided.ts';
import { cellsOf, type Scenario, stateOf } from './scenario.ts';
import { scenarios, scenarioTagged } from './scenarios.ts';
import { mismatchText } from './table.ts';
import { runTraced } from './traced.ts';
import { createWorld } from './world.ts';

test.each(scenarios)('the compiled rule sets say what the oracle says: $name', (scenario) => {
  const report = runDecided(scenario);
  expect(mismatchText(report.mismatches)).toBe('');
  expect(report.cells).toBeGreaterThan(100);
});

test('the tables meet every way an end can decide, in both directions, families and transports', () => {
  const ways = [
    'allow off',
    'allow rule',
    'would-deny rule',
    'deny quarantine',
    'deny guardrail',
    'deny default',
    'would-deny default',
    'unmanaged unmanaged',
  ];
  const axes = ['outbound', 'inbound'].flatMap((direction) =>
    ['ipv4', 'ipv6'].flatMap((family) => ['tcp', 'udp'].map((transport) => `${direction} ${family} ${transport}`)),
  );
  const met = new Set<string>();
  for (const scenario of scenarios) {
    for (const step of scenario.steps) {
      const world = createWorld(scenario, stateOf(scenario, step));
      for (const cell of cellsOf(scenario)) {
        const verdict = world.verdictOf(cell);
        for (const direction of ['outbound', 'inbound'] as const) {
          const { verdict: said, reason } = verdict[direction];
          met.add(`${direction} ${cell.family} ${cell.transport}: ${said} ${reason}`);
        }
      }
    }
  }
  expect(axes.flatMap((axis) => ways.map((way) => `${axis}: ${way}`)).filter((way) => !met.has(way))).toEqual([]);
});

/** A scenario taken another way: each comes to states that are known, by transitions that are not. */
const expanders: Readonly<Record<string, (scenario: Scenario) => readonly string[]>> = {
  'in its order': ({ steps }) => steps,
  backwards: ({ steps }) => [...steps].reverse(),
  'each state twice': ({ steps }) => steps.flatMap((step) => [step, step]),
  'through nothing between': ({ steps }) => steps.flatMap((step) => [step, 'nothing']),
  'from the first to the last at once': ({ steps }) => [steps[0] ?? '', steps.at(-1) ?? ''],
};

describe.each(Object.entries(expanders))('tables that stand in memory decide as the oracle does, %s', (_, stepsOf) => {
  test.each(scenarios)('$name', async (scenario) => {
    const states = { nothing: { policy: '' }, ...scenario.states };
    const report = await runTraced({ ...scenario, states, steps: stepsOf(scenario) });
    expect(mismatchText(report.mismatches)).toBe('');
  });
});

test('tables that stand in memory decide as the oracle does, whatever state follows on whatever other', async () => {
  const { hosts, services } = scenarioTagged('rules');
  const states = Object.fromEntries(
    scenarios
      .filter((scenario) => scenario.hosts === hosts)
      .flatMap(({ name, states }) => Object.entries(states).map(([state, content]) => [`${name}: ${state}`, content])),
  );
  const names = Object.keys(states);
  let cells = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...names), { minLength: 2, maxLength: 12 }), async (steps) => {
      const report = await runTraced({ name: 'any order', tags: [], hosts, services, states, steps });
      cells += report.cells;
      expect(mismatchText(report.mismatches)).toBe('');
    }),
    { numRuns: 25 },
  );
  expect(cells).toBeGreaterThan(10_000);
});

test('a table in memory that lost an element is noticed', async () => {
  const report = await runTraced(scenarioTagged('rules'), {
    tamper: ({ chains, maps }) => ({
      chains,
      maps: new Map([...maps].map(([name, elements]) => [name, elements.slice(1)])),
    }),
  });
  expect(report.mismatches.length).toBeGreaterThan(0);
});

test('an epoch that did not move when something was revoked is noticed', async () => {
  const report = await runTraced(scenarioTagged('rules'), {
    tamper: ({ chains, maps }) => {
      const everythingOpen = (lines: readonly string[]) =>
        lines.map((line) =>
          line.replace(/^ct state established ct mark and \S+ == \S+ accept$/, 'ct state established accept'),
        );
      return { maps, chains: new Map([...chains].map(([name, lines]) => [name, everythingOpen(lines)])) };
    },
  });
  expect(report.mismatches.map(({ seen }) => seen.split(':')[0])).toContain('inbound original established');
});
