// What must hold of every compiled fleet, whatever the policy: it does not depend on order, holds until the instant it names, and a
// delta leads from any rule set of a host to any other.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutOffSets } from '#model/cut-off.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { applyRuleSetDelta, diffRuleSets, isEmptyDelta, peerSetIdsOf } from '#model/rule-set-delta.ts';
import { rulesAt } from '#model/rules-at.ts';
import { selectorMatches } from '#model/selector.ts';
import { type Millis, millis } from '#model/time.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { FleetCompiler } from '#policy/compile/fleet-compiler.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import { ruleTimeAt } from '#policy/policy/time-window.ts';
import { ruleSetDigest } from '#wire/rule-set-digest.ts';
import { arbitraryLabels, arbitraryReordering, arbitrarySelector, arbitraryWorld, type World } from './arbitraries.ts';

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

test('until nextChangeAt, and not one millisecond longer than a rule allows, time changes nothing', () => {
  let changes = 0;
  fc.assert(
    fc.property(arbitraryWorld(), fc.double({ min: 0, max: 1, noNaN: true }), (world, part) => {
      const { nextChangeAt } = compileFleet(world);
      const inForce = (at: Millis) =>
        [...world.policy.segments.values()].map(({ rules }) =>
          rules.map((rule) => ruleTimeAt(rule, at) === 'in-force'),
        );
      const end = nextChangeAt ?? millis(world.now + 400 * 86_400_000);
      expect(end).toBeGreaterThan(world.now);
      for (const at of [world.now + part * (end - world.now - 1), end - 1]) {
        expect(inForce(millis(at))).toEqual(inForce(world.now));
      }
      if (nextChangeAt === undefined) return;
      changes += 1;
      expect(inForce(nextChangeAt)).not.toEqual(inForce(world.now));
    }),
    { numRuns: 400 },
  );
  expect(changes).toBeGreaterThan(50);
});

test('a rule set holds exactly the peer sets that its rules name, and those of whom everybody is cut off from', () => {
  fc.assert(
    fc.property(arbitraryWorld(), (world) => {
      for (const { workloads, peerSets } of ruleSets(world, 1)) {
        const named = new Set(workloads.flatMap((rules) => [...peerSetIdsOf(rules)]));
        for (const { id } of cutOffSets(peerSets)) named.add(id);
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

test("a selector's text reads back to a selector that matches the same labels", () => {
  fc.assert(
    fc.property(arbitrarySelector(), fc.array(arbitraryLabels(), { minLength: 5 }), (selector, labels) => {
      const parsed = assertOk(parseSelector(selectorText(selector)));
      for (const one of labels) expect(selectorMatches(parsed, one)).toBe(selectorMatches(selector, one));
    }),
    { numRuns: 300 },
  );
});

test('a rule set that carries schedules says at each later instant what is compiled then, and holds until it names', () => {
  let turns = 0;
  const later = fc.integer({ min: 0, max: 9 * 1440 }).map((minutes) => minutes * 60_000);
  fc.assert(
    fc.property(arbitraryWorld(), later, (world, laterMs) => {
      const { policy, inventory, now } = world;
      const carried = new FleetCompiler({ policy, inventory, now, schedules: 'carried' });
      const at = millis(now + laterMs);
      const resolved = compileFleet({ policy, inventory, now: at });
      for (const host of resolved.hosts) {
        const whole = carried.ruleSetOf(host, 1);
        if (whole === undefined) throw new Error(`${host} has no rule set`);
        const there = rulesAt(whole, at);
        expect(there.ruleSet).toEqual(resolved.ruleSetOf(host, 1));
        expect(ruleSetDigest(there.ruleSet)).toBe(ruleSetDigest(resolved.ruleSetOf(host, 1) ?? whole));
        if (there.nextTurnAt === undefined) continue;
        turns += 1;
        expect(there.nextTurnAt).toBeGreaterThan(at);
        expect(rulesAt(whole, millis(there.nextTurnAt - 1)).ruleSet).toEqual(there.ruleSet);
        expect(rulesAt(whole, there.nextTurnAt).ruleSet).not.toEqual(there.ruleSet);
      }
    }),
    { numRuns: 200 },
  );
  expect(turns).toBeGreaterThan(50);
});
