// The oracle reads docs/reference/policy.md from the documents; evaluateEnd reads what the compiler made of them. For
// every connection both must give the same verdict at both ends, with the same reason and the same names.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HostRuleSet } from '#model/rule-set.ts';
import { equalStructures } from '#model/structure.ts';
import { joinEnds } from '#model/verdict.ts';
import { type CompiledFleet, compileFleet } from '#policy/compile/compile.ts';
import { createHolders } from '#policy/judge/address-holders.ts';
import { createOracle } from '#policy/judge/oracle.ts';
import type { Query } from '#policy/policy/policy.ts';
import { type CompiledQuestion, compiledEnd, judgedOf } from '../policy/compiled-ends.ts';
import { arbitraryQuery, arbitraryWorld, multiplied, type World } from './arbitraries.ts';

const queriesPerWorld = 40;

/**
 * A unit that talks to its own host is on the loopback interface, and one end sees no more than that: essential. The
 * oracle goes by docs/reference/policy.md's offline reading (the same workload), so these few are left out.
 */
function isWithinOneHost(question: CompiledQuestion): boolean {
  const { query } = question;
  const [sources, destinations] = [judgedOf(question, 'outbound'), judgedOf(question, 'inbound')];
  const isOne = sources.length === 1 && destinations.length === 1 && sources[0] === destinations[0];
  return (
    !isOne &&
    (sources.some(({ addresses }) => addresses.includes(query.dst)) ||
      destinations.some(({ addresses }) => addresses.includes(query.src)))
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
        const holders = createHolders(world.inventory.workloads);
        for (const query of queries) {
          const question = { fleet, holders, query };
          if (isWithinOneHost(question)) continue;
          const ends = joinEnds(compiledEnd(question, 'outbound'), compiledEnd(question, 'inbound'));
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
    'lets a rule land whatever the local address': (ruleSet) => ({
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
    'names a peer of a quarantine whatever the local address': (ruleSet) => ({
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
        const holders = createHolders(world.inventory.workloads);
        const mutant: Pick<CompiledFleet, 'ruleSetOf'> = {
          ruleSetOf(host, revision) {
            const ruleSet = fleet.ruleSetOf(host, revision);
            return ruleSet === undefined ? undefined : mutate(ruleSet);
          },
        };
        return queries.every((query) => {
          const question = { fleet: mutant, holders, query };
          if (isWithinOneHost(question)) return true;
          const verdict = oracle.judge(query);
          return (['outbound', 'inbound'] as const).every((direction) =>
            equalStructures(compiledEnd(question, direction), verdict[direction]),
          );
        });
      }),
      { numRuns: 1000, endOnFailure: true },
    );
    expect(result.failed).toBe(true);
  });
});
