// What must hold of every compiled fleet, whatever the policy: it does not depend on order, and a delta leads from any rule set
// of a host to any other.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { HostRuleSet } from '#model/rule-set.ts';
import { applyRuleSetDelta, diffRuleSets, isEmptyDelta, peerSetIdsOf } from '#model/rule-set-delta.ts';
import { compileFleet } from '#policy/compile.ts';
import { arbitraryReordering, arbitraryWorld, type World } from './arbitraries.ts';

function ruleSets(world: World, revision: number): readonly HostRuleSet[] {
  const fleet = compileFleet(world);
  return [...fleet.hosts].flatMap((host) => fleet.ruleSetOf(host, revision) ?? []);
}

test('the order of files, documents and lists never shows in a rule set', () => {
  const worlds = arbitraryWorld().chain((world) => fc.tuple(fc.constant(world), arbitraryReordering(world)));
  fc.assert(
    fc.property(worlds, ([world, reordered]) => {
      const [before, after] = [ruleSets(world, 1), ruleSets(reordered, 1)];
      expect(after).toEqual(before);
      // toEqual does not compare the order of maps, and a canonical encoding is written in it.
      expect(after.map(({ peerSets }) => [...peerSets.keys()])).toEqual(
        before.map(({ peerSets }) => [...peerSets.keys()]),
      );
    }),
    { numRuns: 150 },
  );
});

test('a rule set holds exactly the peer sets that its rules name', () => {
  fc.assert(
    fc.property(arbitraryWorld(), (world) => {
      for (const { workloads, peerSets } of ruleSets(world, 1)) {
        const named = new Set(workloads.flatMap((rules) => [...peerSetIdsOf(rules)]));
        expect([...peerSets.keys()]).toEqual([...named].sort());
      }
    }),
    { numRuns: 100 },
  );
});

test('applying the delta from a to b gives b', () => {
  fc.assert(
    fc.property(arbitraryWorld(), arbitraryWorld(), (first, second) => {
      const after = new Map(ruleSets(second, 8).map((ruleSet) => [ruleSet.host, ruleSet]));
      for (const a of ruleSets(first, 7)) {
        const b = after.get(a.host) ?? { revision: 8, host: a.host, workloads: [], peerSets: new Map() };
        const applied = applyRuleSetDelta(a, diffRuleSets(a, b));
        expect(applied).toEqual({ ok: true, value: b });
        if (applied.ok) expect([...applied.value.peerSets.keys()]).toEqual([...b.peerSets.keys()]);
      }
    }),
    { numRuns: 150 },
  );
});

test('the delta between equal rule sets is empty', () => {
  fc.assert(
    fc.property(arbitraryWorld(), (world) => {
      const [before, after] = [ruleSets(world, 1), ruleSets(world, 2)];
      for (const [at, a] of before.entries()) {
        const b = after[at];
        expect(b !== undefined && isEmptyDelta(diffRuleSets(a, b))).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});
