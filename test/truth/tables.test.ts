// Every truth table, loaded from nothing and by way of the enforcer's own transactions; and mutants that must be noticed.

import { describe, expect, test } from 'vitest';
import type { DirectionRules, HostRuleSet } from '#model/rule-set.ts';
import { enforcerStage } from './enforcer-stage.ts';
import { renderedStage } from './rendered-stage.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { mismatchText, runTable } from './table.ts';
import { createWorld, oracleJudge } from './world.ts';

const timeoutMs = 120_000;

function tagged(tag: string): Scenario {
  const found = scenarios.find(({ tags }) => tags.includes(tag));
  if (found === undefined) throw new Error(`no scenario is tagged ${tag}`);
  return found;
}

describe.concurrent('rules loaded from nothing decide every cell as the oracle does', () => {
  test.each(scenarios)('$name', { timeout: timeoutMs }, async (scenario) => {
    const report = await runTable({ scenario, stage: renderedStage() });
    expect(mismatchText(report.mismatches)).toBe('');
    expect(report.cells).toBeGreaterThan(100);
  });
});

describe.concurrent('rules changed in place by the enforcer decide every cell as the oracle does', () => {
  test.each(scenarios)('$name', { timeout: timeoutMs }, async (scenario) => {
    const report = await runTable({ scenario, stage: enforcerStage() });
    expect(mismatchText(report.mismatches)).toBe('');
    expect(report.cells).toBeGreaterThan(100);
  });

  test('whichever way a fleet comes to a state', { timeout: timeoutMs }, async () => {
    const states = scenarios.filter(({ hosts }) => hosts === tagged('rules').hosts).flatMap(shortened);
    const all: Scenario = {
      name: 'one state of every table, from last to first',
      tags: [],
      hosts: tagged('rules').hosts,
      services: tagged('rules').services,
      states: Object.fromEntries(states),
      steps: states.map(([name]) => name).reverse(),
    };
    const report = await runTable({ scenario: all, stage: enforcerStage() });
    expect(mismatchText(report.mismatches)).toBe('');
  });
});

function shortened({ name, states, steps }: Scenario) {
  const last = steps.at(-1) ?? '';
  const middle = steps[Math.floor(steps.length / 2)] ?? '';
  return [middle, last].flatMap((step) => {
    const state = states[step];
    return state === undefined ? [] : [[`${name}: ${step}`, state] as const];
  });
}

describe.concurrent('the harness can fail', () => {
  test('the canary sees that nothing is blocked before there is a policy, and everything under an empty segment', {
    timeout: timeoutMs,
  }, async () => {
    const scenario = tagged('canary');
    const { hosts } = scenario;
    const managed = new Set(Object.keys(hosts).filter((name) => hosts[name]?.labels !== undefined));
    for (const [step, expected] of [
      ['no policy', 'allowed'],
      ['closed', 'dropped'],
    ] as const) {
      const world = createWorld(scenario, scenario.states[step] ?? { policy: '' });
      for (const from of Object.keys(hosts)) {
        for (const to of Object.keys(hosts)) {
          if (from === to || !(managed.has(from) || managed.has(to))) continue;
          const cell = { from, to, family: 'ipv6', transport: 'udp', port: 8080 } as const;
          expect(`${from} > ${to} ${world.expectationOf(cell).outcome}`).toBe(`${from} > ${to} ${expected}`);
        }
      }
    }
  });

  test('a renderer that leaves out a grant is noticed', { timeout: timeoutMs }, async () => {
    const withoutFirstGrant = (rules: DirectionRules): DirectionRules => ({ ...rules, grants: rules.grants.slice(1) });
    const tamper = (ruleSet: HostRuleSet): HostRuleSet => ({
      ...ruleSet,
      workloads: ruleSet.workloads.map((workload) => ({ ...workload, inbound: withoutFirstGrant(workload.inbound) })),
    });
    const report = await runTable({ scenario: tagged('rules'), stage: renderedStage({ tamper }) });
    expect(report.mismatches.length).toBeGreaterThan(0);
    expect(new Set(report.mismatches.map(({ expected, seen }) => `${expected}, saw ${seen}`))).toEqual(
      new Set(['allowed, saw dropped']),
    );
  });

  test('an oracle that takes the directions for one another is noticed', { timeout: timeoutMs }, async () => {
    const report = await runTable({
      scenario: tagged('rules'),
      stage: renderedStage(),
      createWorld: (scenario, state) =>
        createWorld(scenario, state, (request) => {
          const judge = oracleJudge(request);
          return (query) => judge({ ...query, src: query.dst, dst: query.src });
        }),
    });
    expect(report.mismatches.length).toBeGreaterThan(0);
  });
});
