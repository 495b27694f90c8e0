// A table that was made from the one before, by what changed, is the table that would be made from nothing; and its change says
// the same to nft whichever way it was found. Sequences of deltas over random fleets, peers that come and go above all.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { preparationScript } from '#agent-core/change/preparation.ts';
import { tableFrame } from '#agent-core/change/render-table.ts';
import { revokesAnything } from '#agent-core/change/revocation.ts';
import { changeScript } from '#agent-core/change/transaction.ts';
import { emptyNumbering, type Numbering } from '#agent-core/judge/numbers.ts';
import { patchedMap } from '#agent-core/judge/patched-map.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { mostWalksDefault } from '#agent-core/table/map-values.ts';
import type { Table } from '#agent-core/table/table.ts';
import type { Address } from '#model/address.ts';
import { sortedByCodeUnits } from '#model/code-unit-order.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet, PeerSet } from '#model/rule-set.ts';
import { applyRuleSetDelta, diffRuleSets } from '#model/rule-set-delta.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { arbitraryWorld, type World } from '#test/property/arbitraries.ts';

const pool = [
  ...Array.from({ length: 9 }, (_, at) => `10.0.1.${at}`),
  ...Array.from({ length: 5 }, (_, at) => `fd00:1::${at + 1}`),
  '192.0.2.1',
] as Address[];
const own = { addresses: ['172.17.0.1', '192.168.9.9'] as Address[], essentials: [] };

type Step =
  | { readonly kind: 'members'; readonly set: number; readonly flipped: readonly Address[] }
  | { readonly kind: 'world'; readonly world: World };

const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('members' as const),
      set: fc.nat(20),
      flipped: fc.uniqueArray(fc.constantFrom(...pool), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: arbitraryWorld().map((world) => ({ kind: 'world' as const, world })) },
);

function ruleSetOf(world: World, revision: number): HostRuleSet | undefined {
  const fleet = compileFleet(world);
  const [host = ''] = [...fleet.hosts].sort();
  const ruleSet = fleet.ruleSetOf(host, revision);
  return ruleSet === undefined ? undefined : { ...ruleSet, host: 'h' };
}

/** Some addresses come to or leave one of the sets. */
function withMembers(ruleSet: HostRuleSet, at: number, flipped: readonly Address[]): HostRuleSet {
  const sets = [...ruleSet.peerSets.values()];
  const chosen = sets[at % Math.max(sets.length, 1)];
  if (chosen === undefined) return ruleSet;
  const members = new Set(chosen.addresses);
  for (const address of flipped) if (!members.delete(address)) members.add(address);
  const changed: PeerSet = { ...chosen, addresses: sortedByCodeUnits(members) };
  return { ...ruleSet, peerSets: new Map(ruleSet.peerSets).set(chosen.id, changed) };
}

function build(ruleSet: HostRuleSet, mostWalks: number, from: { numbering: Numbering; previous?: Table }): Table {
  const table = buildTable({ ruleSet, essentials: own.essentials, ownAddresses: own.addresses, mostWalks, ...from });
  if (table === undefined) throw new Error('out of decision numbers');
  return table;
}

/** Everything that is loaded, with nothing of the order in which it was found. */
function content(table: Table): unknown {
  const maps = [...table.maps].map(([name, { declaration, kind, update, elements }]) => [
    name,
    { declaration, kind, update, elements: [...elements].map(String).sort(), size: elements.size },
  ]);
  return {
    maps: Object.fromEntries(maps),
    chains: Object.fromEntries(table.chains),
    counters: [...table.counters].sort(),
    decisions: [...table.decisions].map(([number, { key }]) => `${number} ${key}`).sort(),
    classes: [...table.numbering.classes].map(String).sort(),
    frame: tableFrame(table),
  };
}

/** Lines sorted, and the elements in each. */
function said(script: string | undefined): readonly string[] | undefined {
  return script
    ?.split('\n')
    .map((line) => line.replace(/\{ (.*) \}$/, (_, list: string) => `{ ${list.split(', ').sort().join(', ')} }`))
    .sort();
}

test('a table made by what changed is the one made from nothing, and changes the kernel in the same words', () => {
  const seen = { short: 0, revoked: 0, steps: 0 };
  fc.assert(
    fc.property(
      arbitraryWorld(),
      fc.array(arbitraryStep, { minLength: 4, maxLength: 12 }),
      fc.constantFrom(0, 12, mostWalksDefault),
      (first, steps, mostWalks) => {
        const start = ruleSetOf(first, 1);
        if (start === undefined) return;
        let held = start;
        let previous = build(held, mostWalks, { numbering: emptyNumbering });
        for (const [at, step] of steps.entries()) {
          const wanted =
            step.kind === 'members'
              ? withMembers(held, step.set, step.flipped)
              : (ruleSetOf(step.world, at + 2) ?? held);
          const delta = diffRuleSets(held, { ...wanted, revision: at + 2 });
          held = assertOk(applyRuleSetDelta(held, delta));
          expect([...held.peerSets]).toEqual([...wanted.peerSets]);
          const next = build(held, mostWalks, { numbering: previous.numbering, previous });
          // Another object of the same content: nothing is known of what changed, and the numbers are there.
          const anew = build(structuredClone(held), mostWalks, { numbering: { ...next.numbering } });
          expect(content(next)).toEqual(content(anew));
          expect(revokesAnything(previous, next)).toBe(revokesAnything(previous, anew));
          const state = { revision: at, epoch: 1, digest: '-' };
          const change = (to: Table) =>
            changeScript({ previous, next: to, isNewEpoch: false, state, goneMaps: 'kept' });
          expect(said(change(next))).toEqual(said(change(anew)));
          const maps = new Set(previous.maps.keys());
          expect(said(preparationScript(next, maps, state, previous))).toEqual(
            said(preparationScript(anew, maps, state, previous)),
          );
          seen.steps += 1;
          seen.short += Number(next.gates.some(({ classes }) => (classes.since?.addresses.length ?? 0) > 0));
          seen.revoked += Number(revokesAnything(previous, next));
          previous = next;
        }
      },
    ),
    { numRuns: 150 },
  );
  expect(seen.short).toBeGreaterThan(150);
  expect(seen.revoked).toBeGreaterThan(50);
});

test('a patched map is the map with its patches', () => {
  const key = fc.integer({ min: 0, max: 30 });
  const changes = fc.array(fc.tuple(key, fc.option(fc.integer(), { nil: undefined })), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.integer())), fc.array(changes, { maxLength: 20 }), (entries, rounds) => {
      const plain = new Map(entries);
      let patched: ReadonlyMap<number, number> = new Map(entries);
      for (const round of rounds) {
        const before = [...patched];
        const again = patched;
        patched = patchedMap(patched, new Map(round));
        for (const [at, value] of new Map(round)) {
          if (value === undefined) plain.delete(at);
          else plain.set(at, value);
        }
        expect([...again]).toEqual(before);
        expect(new Map(patched)).toEqual(plain);
        expect(patched.size).toBe(plain.size);
        expect([...patched.keys()].sort()).toEqual([...plain.keys()].sort());
        expect([...patched.values()].sort()).toEqual([...plain.values()].sort());
        for (let at = 0; at <= 30; at += 1) {
          expect(patched.get(at)).toBe(plain.get(at));
          expect(patched.has(at)).toBe(plain.has(at));
        }
      }
    }),
  );
});
