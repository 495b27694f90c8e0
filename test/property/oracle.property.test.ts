// The oracle reads POLICY.md from the documents; evaluateEnd reads what the compiler made of them. For every connection both must
// give the same verdict at both ends, with the same reason and the same names.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { evaluateEnd } from '#model/evaluate.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { equalStructures } from '#model/structure.ts';
import { type Direction, type End, joinEnds } from '#model/verdict.ts';
import { type CompiledFleet, compileFleet } from '#policy/compile.ts';
import { createOracle, type Oracle } from '#policy/oracle.ts';
import type { Query, Workload } from '#policy/policy.ts';
import { arbitraryQuery, arbitraryWorld, multiplied, type World } from './arbitraries.ts';

const queriesPerWorld = 40;

/** What the compiled rule set of the end's host says, for the workload that the oracle says the query means. */
function compiledEnd(
  fleet: CompiledFleet,
  {
    query,
    direction,
    workload,
  }: {
    readonly query: Query;
    readonly direction: Direction;
    readonly workload: Workload | undefined;
  },
): End {
  if (workload === undefined) return { verdict: 'unmanaged', reason: 'unmanaged' };
  const ruleSet = workload.host === undefined ? undefined : fleet.ruleSetOf(workload.host, 1);
  if (workload.kind === 'external' || ruleSet === undefined) {
    return { verdict: 'unmanaged', reason: 'unmanaged', workload: workload.name };
  }
  const [localAddress, peerAddress] = direction === 'outbound' ? [query.src, query.dst] : [query.dst, query.src];
  return evaluateEnd({
    ruleSet,
    workload: workload.name,
    direction,
    localAddress,
    peerAddress,
    service: query.service,
  });
}

function workloadsOf(oracle: Oracle, query: Query) {
  return {
    outbound: oracle.workloadAt(query.src, query.srcWorkload),
    inbound: oracle.workloadAt(query.dst, query.dstWorkload),
  };
}

/**
 * A unit that talks to its own host is on the loopback interface, and one end sees no more than that: essential. The oracle goes by
 * POLICY.md's offline reading (the same workload), so these few are left out.
 */
function isWithinOneHost({ outbound, inbound }: ReturnType<typeof workloadsOf>, query: Query): boolean {
  return (
    outbound !== inbound &&
    ((outbound?.addresses.includes(query.dst) ?? false) || (inbound?.addresses.includes(query.src) ?? false))
  );
}

function arbitraryCase(options = {}): fc.Arbitrary<{ readonly world: World; readonly queries: readonly Query[] }> {
  return arbitraryWorld(options).chain((world) =>
    fc.record({
      world: fc.constant(world),
      queries: fc.array(arbitraryQuery(world), { minLength: queriesPerWorld, maxLength: queriesPerWorld }),
    }),
  );
}

describe('the compiled rule sets say what the oracle says', () => {
  const seen = new Map<string, number>();

  test.each([
    ['as segments are', 1, 1200],
    ['where every segment is there seventy times over', 70, 60],
  ])('verdict, reason, segment, combination, rule and guardrail at both ends, %s', (_, copies, numRuns) => {
    fc.assert(
      fc.property(arbitraryCase(), ({ world: single, queries }) => {
        const world = copies === 1 ? single : multiplied(single, copies);
        const oracle = createOracle(world);
        const fleet = compileFleet(world);
        for (const query of queries) {
          const workloads = workloadsOf(oracle, query);
          if (isWithinOneHost(workloads, query)) continue;
          const ends = joinEnds(
            compiledEnd(fleet, { query, direction: 'outbound', workload: workloads.outbound }),
            compiledEnd(fleet, { query, direction: 'inbound', workload: workloads.inbound }),
          );
          expect(ends).toEqual(oracle.judge(query));
          for (const { verdict, reason } of [ends.outbound, ends.inbound]) {
            seen.set(`${verdict} ${reason}`, (seen.get(`${verdict} ${reason}`) ?? 0) + 1);
          }
        }
      }),
      { numRuns },
    );
  });

  test('the random connections reached every kind of verdict', () => {
    const kinds = [
      'allow essential',
      'deny quarantine',
      'deny guardrail',
      'allow off',
      'allow rule',
      'would-deny rule',
      'deny default',
      'would-deny default',
      'unmanaged unmanaged',
    ];
    for (const kind of kinds) expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(0);
  });
});

describe('the property can fail', () => {
  /** Mutants of a host's rule set: each is a mistake a compiler could make. */
  const mutants: Readonly<Record<string, (ruleSet: HostRuleSet) => HostRuleSet>> = {
    'forgets the outbound guardrails': (ruleSet) => ({
      ...ruleSet,
      workloads: ruleSet.workloads.map((rules) => ({ ...rules, outbound: { ...rules.outbound, guardrails: [] } })),
    }),
    'lets a rule land whatever the near address': (ruleSet) => ({
      ...ruleSet,
      workloads: ruleSet.workloads.map((rules) => ({
        ...rules,
        inbound: {
          ...rules.inbound,
          grants: rules.inbound.grants.map((grant) => ({ ...grant, local: { kind: 'any' } as const })),
        },
      })),
    }),
    'cuts nobody off from who is quarantined': (ruleSet) => ({
      ...ruleSet,
      peerSets: new Map([...ruleSet.peerSets].filter(([, { quarantine }]) => quarantine === undefined)),
    }),
    'forgets whom a quarantine names': (ruleSet) => ({
      ...ruleSet,
      workloads: ruleSet.workloads.map(({ exemptFrom: _named, ...rules }) => rules),
    }),
    'names a peer of a quarantine whatever the near address': (ruleSet) => ({
      ...ruleSet,
      workloads: ruleSet.workloads.map((rules) => ({
        ...rules,
        ...(rules.exemptFrom === undefined
          ? {}
          : { exemptFrom: rules.exemptFrom.map(({ set }) => ({ set, local: { kind: 'any' } as const })) }),
      })),
    }),
    'swaps the directions': (ruleSet) => ({
      ...ruleSet,
      workloads: ruleSet.workloads.map((rules) => ({ ...rules, inbound: rules.outbound, outbound: rules.inbound })),
    }),
  };

  test.each(Object.entries(mutants))('a compiler that %s is found out', (_, mutate) => {
    const result = fc.check(
      fc.property(arbitraryCase(), ({ world, queries }) => {
        const oracle = createOracle(world);
        const fleet = compileFleet(world);
        const mutant: CompiledFleet = {
          ...fleet,
          ruleSetOf(host, revision) {
            const ruleSet = fleet.ruleSetOf(host, revision);
            return ruleSet === undefined ? undefined : mutate(ruleSet);
          },
        };
        return queries.every((query) => {
          const workloads = workloadsOf(oracle, query);
          if (isWithinOneHost(workloads, query)) return true;
          const verdict = oracle.judge(query);
          return (['outbound', 'inbound'] as const).every((direction) =>
            equalStructures(
              compiledEnd(mutant, { query, direction, workload: workloads[direction] }),
              verdict[direction],
            ),
          );
        });
      }),
      { numRuns: 1000, endOnFailure: true },
    );
    expect(result.failed).toBe(true);
  });
});
