// One state of a scenario as the policy engine sees it: checked policy and inventory, the oracle's word on every cell, and the
// compiled rule sets. The oracle and the compiler share nothing but the checked policy.

import { parseAddress } from '#model/address.ts';
import { rangeOf } from '#model/address-range.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { protocolNumbers } from '#model/service.ts';
import { type Millis, millis } from '#model/time.ts';
import { type Direction, type End, joinEnds, type Verdict } from '#model/verdict.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { createOracle } from '#policy/judge/oracle.ts';
import type { Inventory, Policy, Query, Workload } from '#policy/policy/policy.ts';
import { hasErrors, problemText } from '#policy/source/problem.ts';
import type { Cell, Expected } from '#test/support/probe.ts';
import { addressOf, inventoryText, type Scenario, type State } from './scenario.ts';

export interface Expectation {
  readonly outcome: Expected;
  /** Both ends' verdicts, for a reader. */
  readonly because: string;
}

export interface World {
  readonly policy: Policy;
  readonly inventory: Inventory;
  expectationOf(cell: Cell): Expectation;
  verdictOf(cell: Cell): Verdict;
  compile(revision: number): (host: string) => HostRuleSet | undefined;
}

/** The oracle, or a mutant of it. */
export type Judge = (query: Query) => Verdict;
export type MakeJudge = (request: { readonly policy: Policy; readonly inventory: Inventory }) => Judge;

/** Some instant after the rules that the scenarios let expire. */
const at: Millis = millis(Date.UTC(2026, 5, 15, 12));

export function createWorld(scenario: Scenario, state: State, makeJudge: MakeJudge = oracleJudge): World {
  const { policy, inventory } = readState(scenario, state);
  const judge = makeJudge({ policy, inventory });
  const lost = new Set(state.lost);
  const nobody: End = { verdict: 'unmanaged', reason: 'unmanaged' };
  const verdictOf = (cell: Cell) => {
    const verdict = judge({
      src: addressOf(scenario, cell.from, cell),
      dst: addressOf(scenario, cell.to, cell),
      service: { protocol: protocolNumbers[cell.transport], port: cell.port },
      at,
    });
    if (!lost.has(cell.from) && !lost.has(cell.to)) return verdict;
    return joinEnds(lost.has(cell.from) ? nobody : verdict.outbound, lost.has(cell.to) ? nobody : verdict.inbound);
  };
  return {
    policy,
    inventory,
    verdictOf,
    expectationOf: (cell) => {
      const verdict = verdictOf(cell);
      return {
        outcome: outcomeOf(policy, verdict),
        because: `out ${endText(verdict.outbound)}, in ${endText(verdict.inbound)}`,
      };
    },
    compile: (revision) => {
      const compiled = compileFleet({ policy, inventory, now: at });
      return (host) => compiled.ruleSetOf(host, revision);
    },
  };
}

function readState(scenario: Scenario, state: State): { readonly policy: Policy; readonly inventory: Inventory } {
  const checked = checkPolicy({
    files: state.policy === '' ? [] : [{ path: 'policy.yaml', text: state.policy }],
    inventoryFiles: [{ path: 'inventory.yaml', text: inventoryText(scenario, state) }],
    now: at,
    mode: 'offline',
  });
  const { policy, inventory } = checked;
  if (policy === undefined || inventory === undefined || hasErrors(checked.problems)) {
    throw new Error(`"${scenario.name}" holds a wrong policy:\n${checked.problems.map(problemText).join('\n')}`);
  }
  return { policy, inventory: { ...inventory, workloads: quarantined(inventory.workloads, state) } };
}

/** Quarantine is an operator's word, not a document's; it carries the name of what it holds. */
function quarantined(workloads: ReadonlyMap<string, Workload>, state: State): ReadonlyMap<string, Workload> {
  return new Map(
    [...workloads].map(([name, workload]) => {
      const addresses = state.quarantine?.[name];
      if (addresses === undefined) return [name, workload];
      const peers = addresses.map((text) => ({
        kind: 'ranges' as const,
        ranges: [rangeOf(assertOk(parseAddress(text)))],
        source: text,
      }));
      return [name, { ...workload, quarantine: { name, peers } }];
    }),
  );
}

/** What a client sees. The packet meets the outbound end first. */
function outcomeOf(policy: Policy, verdict: Verdict): Expected {
  if (verdict.outbound.verdict === 'deny') return deniedBy(policy, verdict.outbound, 'outbound');
  if (verdict.inbound.verdict === 'deny') return deniedBy(policy, verdict.inbound, 'inbound');
  return 'allowed';
}

/** A segment says how it denies by default; guardrails and quarantine drop what comes in and reject what goes out. */
function deniedBy(policy: Policy, end: End, direction: Direction): Expected {
  const usual = direction === 'inbound' ? 'drop' : 'reject';
  const segment = end.reason === 'default' && end.segment !== undefined ? policy.segments.get(end.segment) : undefined;
  return (segment?.onDeny[direction] ?? usual) === 'drop' ? 'dropped' : 'rejected';
}

function endText(end: End): string {
  const name = [end.segment, end.rule, end.guardrail, end.quarantine].filter((part) => part !== undefined).join('/');
  return name === '' ? `${end.verdict} by ${end.reason}` : `${end.verdict} by ${end.reason} ${name}`;
}

export function oracleJudge(request: { readonly policy: Policy; readonly inventory: Inventory }): Judge {
  const oracle = createOracle(request);
  return (query) => oracle.judge(query);
}
