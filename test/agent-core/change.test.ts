// However a host came to its rule set, by changes or from nothing, its kernel holds the same table: random fleets one after the
// other on a real kernel, each change one transaction that nft must take.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { revokesAnything } from '#agent-core/change/revocation.ts';
import { bootstrapScript, changeScript, removalScript } from '#agent-core/change/transaction.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { mostWalksDefault } from '#agent-core/table/map-values.ts';
import type { Table } from '#agent-core/table/table.ts';
import { nothingStanding, parseStanding } from '#agent-core/table/table-listing.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { arbitraryWorld } from '#test/property/arbitraries.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';

let lab: Lab;
let changed: LabHost;
let fresh: LabHost;

beforeAll(async () => {
  lab = await createLab({ name: 'change' });
  changed = await lab.addHost({ name: 'changed' });
  fresh = await lab.addHost({ name: 'fresh' });
});

afterAll(() => lab.remove());

async function load(host: LabHost, script: string): Promise<void> {
  const { exitCode, stderr } = await host.exec(['nft', '-f', '-'], { input: script });
  expect(exitCode, `${stderr}\n${script}`).toBe(0);
}

/** The table as text in which neither the order of objects nor of elements shows. */
async function held(host: LabHost): Promise<string> {
  const { stdout } = await host.exec(['nft', '-s', 'list', 'table', 'inet', 'segwall']);
  return stdout
    .replaceAll(/elements = \{([^}]*)\}/g, (_, list: string) =>
      list
        .split(',')
        .map((part) => part.trim())
        .sort()
        .join(', '),
    )
    .split('\n\n')
    .map((block) =>
      block
        .replace(/^table inet segwall \{\n/, '')
        .replace(/\n\}\n?$/, '')
        .trim(),
    )
    .sort()
    .join('\n\n');
}

/** One host's rule sets of a series of worlds, as successive revisions. */
function revisions(seed: number, count: number): readonly HostRuleSet[] {
  const worlds = fc.sample(arbitraryWorld(), { seed, numRuns: count });
  return worlds.flatMap((world, index) => {
    const fleet = compileFleet(world);
    const [host = ''] = [...fleet.hosts].sort();
    return fleet.ruleSetOf(host, index + 1) ?? [];
  });
}

/** What peer maps answer with: chains, tags, and both in turn. */
const mostWalks: Readonly<Record<number, (revision: number) => number>> = {
  1: () => mostWalksDefault,
  2: () => 0,
  3: (revision) => (revision % 3 === 0 ? 0 : mostWalksDefault),
};

test.each([1, 2, 3])('changes one by one and a load from nothing leave the same table (series %i)', async (seed) => {
  let previous: Table | undefined;
  let epoch = 1;
  await load(fresh, 'add table inet segwall\ndelete table inet segwall\n');
  await load(changed, 'add table inet segwall\ndelete table inet segwall\n');
  for (const [index, ruleSet] of revisions(seed, 14).entries()) {
    const next: Table | undefined = buildTable({
      ruleSet,
      essentials: [],
      numbering: previous?.numbering ?? emptyNumbering,
      ...(previous === undefined ? {} : { previous }),
      mostWalks: mostWalks[seed]?.(index) ?? mostWalksDefault,
    });
    if (next === undefined) throw new Error('out of decision numbers');
    const isNewEpoch = previous === undefined || revokesAnything(previous, next);
    if (isNewEpoch && previous !== undefined) epoch += 1;
    const state = { revision: ruleSet.revision, epoch, digest: 'ab' };
    await load(
      changed,
      previous === undefined
        ? bootstrapScript(next, state, nothingStanding)
        : changeScript({ previous, next, isNewEpoch, state, goneMaps: 'kept' }),
    );
    const removal = previous === undefined ? undefined : removalScript(previous, next, state);
    if (removal !== undefined) await load(changed, removal);
    if (index % 4 === 3) {
      await load(
        fresh,
        `add table inet segwall\ndelete table inet segwall\n${bootstrapScript(next, state, nothingStanding)}`,
      );
      expect(await held(changed)).toBe(await held(fresh));
    }
    previous = next;
  }
});

test('a load over another table removes everything that is not of the new one', async () => {
  const [first, second] = revisions(11, 2);
  if (first === undefined || second === undefined) throw new Error('two rule sets were expected');
  const tables = [first, second].map((ruleSet) => buildTable({ ruleSet, essentials: [], numbering: emptyNumbering }));
  const [before, after] = tables;
  if (before === undefined || after === undefined) throw new Error('out of decision numbers');
  const state = { revision: 1, epoch: 3, digest: 'cd' };
  await load(changed, `delete table inet segwall\n${bootstrapScript(before, state, nothingStanding)}`);
  const { stdout } = await changed.exec(['nft', '-t', 'list', 'table', 'inet', 'segwall']);
  await load(changed, bootstrapScript(after, state, parseStanding(stdout)));
  await load(
    fresh,
    `add table inet segwall\ndelete table inet segwall\n${bootstrapScript(after, state, nothingStanding)}`,
  );
  expect(await held(changed)).toBe(await held(fresh));
});
