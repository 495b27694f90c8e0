// The fleet's state has one writer: changes. Whoever wrote to it elsewhere would make a fleet that no list of changes makes again.

import { expect, test } from 'vitest';
import { readSources } from './sources.ts';

const writers = [
  // Of the inventory and its claims.
  /\binventory\.(?:setHost|rememberHost|removeHost|setDeclared|connected|disconnected|passTime)\(/,
  /\boperated\([^)]*\)\??\.set\(/,
  /\bclaims\.(?:remember|remembered|enrolled|connected|disconnected|heard|share|reported|allowed|contained|removed|setExternals|setVirtual|relabelled|advance)\(/,
  // Of who is enrolled.
  /\benrolments\.(?:begin|revoke|remove|issued|used|take)\(/,
  // Of the state itself.
  /\bstate\.(?:revision|active|canary|lineage|hold|announcement|tamperings) (?:\?\?|\+)?= /,
  /\bstate\.(?:policies|history|silenceMs)\.(?:set|delete|clear)\(/,
];

/** The state's own parts, which changes call. */
const isOfChanges = (path: string) =>
  path.startsWith('control-plane/src/changes/') || path === 'control-plane/src/inventory/fleet-inventory.ts';

function writesIn(sources: Iterable<readonly [string, string]>): readonly string[] {
  return [...sources].flatMap(([path, text]) =>
    !path.startsWith('control-plane/src/') || isOfChanges(path)
      ? []
      : text
          .split('\n')
          .flatMap((line, at) => (writers.some((writes) => writes.test(line)) ? [`${path}:${at + 1}`] : [])),
  );
}

const sources = await readSources();

test('nobody but changes writes to the state of the fleet', () => {
  expect(writesIn(sources)).toEqual([]);
  const ofChanges = [...sources].filter(([path]) => path.startsWith('control-plane/src/changes/'));
  const found = ofChanges.filter(([, text]) => writers.some((writes) => writes.test(text)));
  expect(found.length, 'changes are seen to write').toBeGreaterThan(5);
});

test.each([
  'parts.state.inventory.setHost(entry);',
  'this.#parts.state.enrolments.revoke(host, { at, serials });',
  'state.revision = revision;',
  'state.hold ??= hold;',
  'state.history.delete(host);',
  'inventory.operated(workload)?.set({ labels });',
])('it is seen in %s', (line) => {
  expect(writesIn([['control-plane/src/fleet/mutant.ts', line]])).toEqual(['control-plane/src/fleet/mutant.ts:1']);
});
