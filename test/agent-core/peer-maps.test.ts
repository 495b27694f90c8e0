// Which maps stand behind a gate: hash maps of a stated size, of whole and of masked addresses, and an interval map for the rest.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootstrapScript, changeScript, removalScript } from '#agent-core/change/transaction.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { Capacities } from '#agent-core/table/peer-maps.ts';
import type { Table } from '#agent-core/table/table.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';

function tableOf(peers: readonly string[], previous?: Table): Table {
  const ruleSet = hostRuleSet({
    addresses: ['10.77.0.1', 'fd77::1'],
    inbound: 'enforce',
    outbound: 'off',
    peers: { web: [...peers] },
    allowIn: ['web: tcp/80'],
  });
  const table = buildTable({
    ruleSet,
    essentials: [],
    numbering: previous?.numbering ?? emptyNumbering,
    ...(previous === undefined ? {} : { previous }),
  });
  if (table === undefined) throw new Error('out of decision numbers');
  return table;
}

const namesOf = (table: Table) => [...table.maps.keys()].filter((name) => name.startsWith('in0_')).sort();
const lookUps = (table: Table) =>
  (table.chains.get('new_in')?.rules ?? []).flatMap(({ verdict }) =>
    verdict.kind === 'look-up' && verdict.map.startsWith('in0_') ? [verdict.key] : [],
  );

describe('ranges', () => {
  test.each<[string, readonly string[], readonly string[], readonly string[]]>([
    ['nobody: no map at all', [], [], []],
    ['addresses alone', ['10.1.0.1', 'fd01::1'], ['in0_4_96', 'in0_6_96'], ['ip saddr', 'ip6 saddr']],
    [
      'prefixes of a few lengths are hash maps of masked addresses, the longest first',
      ['10.1.0.1', '10.2.0.0/16', '10.3.1.0/24', '10.3.3.0/24', 'fd03::/64'],
      ['in0_4_96', 'in0_4p16_96', 'in0_4p24_96', 'in0_6p64_96'],
      ['ip saddr', 'ip saddr and 255.255.255.0', 'ip saddr and 255.255.0.0', 'ip6 saddr and ffff:ffff:ffff:ffff::'],
    ],
  ])('%s', (_, peers, maps, words) => {
    const table = tableOf(peers);
    expect(namesOf(table)).toEqual(maps);
    expect(lookUps(table)).toEqual(words);
  });

  test.each<[string, readonly string[]]>([
    [
      'of more lengths than it pays to look up',
      ['10.1.0.0/16', '10.2.0.0/17', '10.3.0.0/18', '10.4.0.0/19', '10.5.0.0/20'],
    ],
    ['of every address', ['0.0.0.0/0']],
  ])('%s are one interval map', (_, peers) => {
    const table = tableOf(peers);
    expect(namesOf(table)).toEqual([expect.stringMatching(/^in0_4n_/)]);
    expect(lookUps(table)).toEqual(['ip saddr']);
  });

  test('that come and go change elements, not the map', () => {
    const before = tableOf(['10.3.1.0/24', '10.3.3.0/24']);
    const after = tableOf(['10.3.1.0/24', '10.3.5.0/24'], before);
    const script = changeScript({
      previous: before,
      next: after,
      isNewEpoch: false,
      state: { revision: 2, epoch: 1, digest: '-' },
    });
    expect(script.split('\n').filter((line) => line.includes('in0_'))).toEqual([
      'delete element inet segwall in0_4p24_96 { 10.3.3.0 }',
      expect.stringMatching(/^add element inet segwall in0_4p24_96 \{ 10\.3\.5\.0 : goto \w+ \}$/),
    ]);
  });
});

test('a map that is outgrown stands until the transaction after the one that leaves it, for packets on their way', () => {
  const addresses = Array.from({ length: 97 }, (_, at) => `10.1.0.${at}`);
  const before = tableOf(addresses.slice(1));
  const after = tableOf(addresses, before);
  const state = { revision: 2, epoch: 1, digest: '-' };
  const script = changeScript({ previous: before, next: after, isNewEpoch: false, state, goneMaps: 'kept' });
  expect(script).toContain('vmap @in0_4_192');
  expect(script).not.toContain('in0_4_96');
  expect(
    removalScript(before, after, state)
      ?.split('\n')
      .filter((line) => line.includes('in0_4')),
  ).toEqual(['flush map inet segwall in0_4_96', 'delete map inet segwall in0_4_96']);
  expect(removalScript(after, tableOf(addresses.slice(1), after), state)).toBeUndefined();
});

describe('the size of a map', () => {
  test.each<[string, number | undefined, number, number]>([
    ['is three quarters of a power of two that holds what is in it', undefined, 97, 192],
    ['is exact where the content is', undefined, 192, 192],
    ['stays while content grows within it', 192, 192, 192],
    ['doubles where it is outgrown', 192, 193, 384],
    ['stays while content shrinks', 192, 12, 192],
    ['falls where content is a sixteenth', 3072, 191, 192],
  ])('%s', (_, before, elements, expected) => {
    const capacities = new Capacities(new Map(before === undefined ? [] : [['in0_4', before]]));
    expect(capacities.of('in0_4', elements)).toBe(expected);
    expect([...capacities.chosen]).toEqual([['in0_4', expected]]);
  });
});

describe('in the kernel', () => {
  let lab: Lab;
  let host: LabHost;

  beforeAll(async () => {
    lab = await createLab({ name: 'maps' });
    host = await lab.addHost({ name: 'host' });
  });

  afterAll(() => lab.remove());

  const peersFrom = (first: number, count: number) =>
    Array.from({ length: count }, (_, at) => `10.1.${(first + at) >> 8}.${(first + at) & 255}`);

  test('a full map changes all its elements at once, and moves where it is outgrown', async () => {
    let previous: Table | undefined;
    for (const [revision, peers, map] of [
      [1, peersFrom(0, 96), 'in0_4_96'],
      [2, peersFrom(1000, 96), 'in0_4_96'],
      [3, peersFrom(1000, 97), 'in0_4_192'],
      [4, [...peersFrom(1000, 97), '10.2.0.0/16', 'fd02::/32'], 'in0_4_192'],
      [5, peersFrom(0, 3), 'in0_4_96'],
    ] as const) {
      const next: Table = tableOf(peers, previous);
      const state = { revision, epoch: revision, digest: '-' };
      const script: string =
        previous === undefined
          ? bootstrapScript(next, state, nothingStanding)
          : changeScript({ previous, next, isNewEpoch: true, state });
      const loaded = await host.exec(['nft', '-f', '-'], { input: script });
      expect(loaded.exitCode, `${revision}: ${loaded.stderr.slice(0, 500)}`).toBe(0);
      const { stdout } = await host.exec(['nft', 'list', 'table', 'inet', 'segwall']);
      expect([...stdout.matchAll(/\tmap (in0_4_\d+) \{/g)].map(([, name]) => name)).toEqual([map]);
      const held = await host.exec(['nft', 'list', 'map', 'inet', 'segwall', map]);
      const exact = peers.filter((peer) => !peer.includes('/'));
      for (const peer of exact) expect(held.stdout).toContain(`${peer} : goto`);
      expect(held.stdout.match(/ : goto/g)).toHaveLength(exact.length);
      previous = next;
    }
  });
});
