// The harness can fail: what its canaries expect is known without it, and mutants of the renderer and of the oracle turn it red.

import { expect, test } from 'vitest';
import type { DirectionRules, HostRuleSet } from '#model/rule-set.ts';
import { renderedStage } from './rendered-stage.ts';
import { stateOf } from './scenario.ts';
import { scenarioTagged } from './scenarios.ts';
import { runTable } from './table.ts';
import { createWorld, oracleJudge } from './world.ts';

const timeout = 120_000;
/** A rule comes and is there: what a mutant gets wrong it gets wrong at once, and each cell that it loses is doubted for seconds. */
const rules = { ...scenarioTagged('rules'), steps: ['none', 'two'] };

test.each([
  ['no policy', 'allowed'],
  ['closed', 'dropped'],
] as const)('under "%s" every cell with a managed end is expected to be %s', (step, expected) => {
  const scenario = scenarioTagged('canary');
  const names = Object.keys(scenario.hosts);
  const isManaged = (name: string) => scenario.hosts[name]?.labels !== undefined;
  const world = createWorld(scenario, stateOf(scenario, step));
  const pairs = names.flatMap((from) => names.filter((to) => to !== from).map((to) => ({ from, to })));
  const outcomes = pairs
    .filter(({ from, to }) => isManaged(from) || isManaged(to))
    .map(({ from, to }) => world.expectationOf({ from, to, family: 'ipv6', transport: 'udp', port: 8080 }).outcome);
  expect(outcomes).toEqual(new Array(20).fill(expected));
});

test('a renderer that leaves out a grant is noticed', { timeout }, async () => {
  const withoutFirstGrant = (rules: DirectionRules): DirectionRules => ({ ...rules, grants: rules.grants.slice(1) });
  const tamper = (ruleSet: HostRuleSet): HostRuleSet => ({
    ...ruleSet,
    workloads: ruleSet.workloads.map((workload) => ({ ...workload, inbound: withoutFirstGrant(workload.inbound) })),
  });
  const report = await runTable({ scenario: rules, stage: renderedStage({ tamper }) });
  const seen = new Set(report.mismatches.map((mismatch) => `${mismatch.expected}, saw ${mismatch.seen}`));
  expect(seen).toEqual(new Set(['allowed, saw dropped']));
});

test('an oracle that takes the directions for one another is noticed', { timeout }, async () => {
  const report = await runTable({
    scenario: rules,
    stage: renderedStage(),
    createWorld: (scenario, state) =>
      createWorld(scenario, state, (request) => {
        const judge = oracleJudge(request);
        return (query) => judge({ ...query, src: query.dst, dst: query.src });
      }),
  });
  expect(report.mismatches.length).toBeGreaterThan(0);
});
