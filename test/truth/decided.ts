// The first level of a truth table: at every cell of every step, what the compiled rule sets say, read plainly, is what the
// oracle says from the documents. No kernel, no text; milliseconds.

import { evaluateEnd } from '#model/evaluate.ts';
import { protocolNumbers } from '#model/service.ts';
import type { Direction, End } from '#model/verdict.ts';
import type { Cell } from '#test/support/probe.ts';
import { addressOf, cellsOf, managedHosts, type Scenario, stateOf } from './scenario.ts';
import type { Mismatch, TableReport } from './table.ts';
import { createWorld } from './world.ts';

export function runDecided(scenario: Scenario): TableReport {
  const startedAt = performance.now();
  const mismatches: Mismatch[] = [];
  const cells = cellsOf(scenario);
  for (const [at, name] of scenario.steps.entries()) {
    const state = stateOf(scenario, name);
    const world = createWorld(scenario, state);
    const ruleSetOf = world.compile(at + 1);
    const managed = new Set(managedHosts(scenario, state));
    const endOf = (cell: Cell, direction: Direction): End | undefined => {
      const [local, peer] = direction === 'outbound' ? [cell.from, cell.to] : [cell.to, cell.from];
      const ruleSet = managed.has(local) ? ruleSetOf(local) : undefined;
      if (ruleSet === undefined) return undefined;
      return evaluateEnd({
        ruleSet,
        workload: local,
        direction,
        localAddress: addressOf(scenario, local, cell),
        peerAddress: addressOf(scenario, peer, cell),
        service: { protocol: protocolNumbers[cell.transport], port: cell.port },
      });
    };
    for (const cell of cells) {
      const verdict = world.verdictOf(cell);
      for (const direction of ['outbound', 'inbound'] as const) {
        const seen = endText(endOf(cell, direction));
        if (seen === endText(verdict[direction])) continue;
        const { outcome: expected, because } = world.expectationOf(cell);
        mismatches.push({ step: `${at + 1}. ${name}`, cell, expected, because, seen: `${direction}: ${seen}` });
      }
    }
  }
  const durationMs = performance.now() - startedAt;
  return {
    scenario: scenario.name,
    steps: scenario.steps.length,
    cells: cells.length * scenario.steps.length,
    mismatches,
    misreported: [],
    durationMs,
  };
}

/** Everything an end says, in one order; an end without an agent says nothing more than that. */
export function endText(end: End | undefined): string {
  if (end === undefined || end.verdict === 'unmanaged') return 'unmanaged';
  const { verdict, reason, workload, segment, combination, rule, guardrail, quarantine } = end;
  const parts = { workload, segment, combination, rule, guardrail, quarantine };
  const named = Object.entries(parts).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
  return [verdict, reason, ...named].join(' ');
}
