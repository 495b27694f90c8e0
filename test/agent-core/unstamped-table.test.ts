// The table of a host whose connection marks others use too, while nothing is denied: it writes no mark on what passes and believes none.

import { describe, expect, test } from 'vitest';
import { bootstrapScript } from '#agent-core/change/transaction.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { defaultMarks, markLayoutOf } from '#agent-core/marks/mark-layout.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { statedMarks } from '#agent-core/table/table-state.ts';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';

const everything: HostPolicy = {
  addresses: ['10.0.0.1', 'fd00::1'],
  inbound: 'observe',
  outbound: 'observe',
  peers: { peers: ['10.1.0.1', '10.2.0.0/16'] },
  allowIn: ['peers: tcp/80, udp/53, icmp'],
  allowOut: ['peers: tcp/443'],
  units: { 'h1-web': { unit: 'web.service', allowIn: ['peers: tcp/8080'] } },
  containers: { box: { addresses: ['172.17.0.2'], allowIn: ['peers: tcp/9000'] } },
};
const guests = { interfaces: ['br0'], own: [] };

function tableOf(given: {
  readonly policy: HostPolicy;
  readonly mask?: number;
  readonly cutOff?: readonly string[];
  readonly whileObserving?: 'stamp' | 'withhold';
}) {
  const { policy, mask, cutOff = [], whileObserving = 'withhold' } = given;
  const ruleSet = hostRuleSet(policy);
  const peerSets = new Map(ruleSet.peerSets);
  if (cutOff.length > 0) {
    const addresses = cutOff.map((text) => assertOk(parseAddress(text)));
    peerSets.set('quarantine/q', { id: 'quarantine/q', quarantine: 'q', addresses, ranges: [] });
  }
  const marks = mask === undefined ? defaultMarks : assertOk(markLayoutOf(mask));
  const request = { ruleSet: { ...ruleSet, peerSets }, essentials: [], numbering: emptyNumbering, marks, guests };
  const table = buildTable({ ...request, whileObserving });
  if (table === undefined) throw new Error('no room');
  return table;
}

/** Lines of rules, as they are loaded. */
function rulesOf(table: ReturnType<typeof tableOf>): readonly string[] {
  const state = { revision: 1, epoch: 7, digest: '-', ...statedMarks(table) };
  return bootstrapScript(table, state, nothingStanding)
    .split('\n')
    .filter((line) => line.startsWith('add rule'));
}

describe.each([
  ['the default bits', undefined],
  ['bits here and there', 0xff00_ffff],
])('with %s', (_, mask) => {
  const layout = mask === undefined ? {} : { mask };

  test('nothing that passes is marked, no mark is believed, and what is established passes at once', () => {
    const table = tableOf({ policy: everything, ...layout });
    const rules = rulesOf(table);
    expect(rules.filter((line) => line.includes('ct mark set'))).toEqual([]);
    // But for the keys under which denials would be kept, which nothing leads to.
    const reading = rules.filter((line) => /ct mark/.test(line) && !/ (?:count|unshared)_(?:in|out)/.test(line));
    expect(reading.filter((line) => !/ct state related ct mark and 0x[0-9a-f]{8} == 0 /.test(line))).toEqual([]);
    for (const hook of ['input', 'output', 'forward'])
      expect(rules.find((line) => line.startsWith(`add rule inet segwall ${hook} `))).toBe(
        `add rule inet segwall ${hook} ct state established accept`,
      );
  });

  test('each judgement and count of the stamping table is there', () => {
    const counted = (rules: readonly string[]) =>
      new Set(rules.flatMap((line) => [...line.matchAll(/counter name (n_\d+)/g)].map(([, name]) => name)));
    expect(counted(rulesOf(tableOf({ policy: everything, ...layout })))).toEqual(
      counted(rulesOf(tableOf({ policy: everything, ...layout, whileObserving: 'stamp' }))),
    );
  });

  test('where another’s quarantine cuts a peer off, every packet is judged, and only what is denied is marked', () => {
    const rules = rulesOf(tableOf({ policy: everything, ...layout, cutOff: ['10.1.0.1'] }));
    expect(rules.filter((line) => /ct state established .*accept/.test(line))).toEqual([]);
    const marking = rules.filter((line) => line.includes('ct mark set'));
    expect(marking.length).toBeGreaterThan(0);
    for (const line of marking) {
      const [, chain] = /^add rule inet segwall (r_\d+) ct mark set /.exec(line) ?? [];
      expect(
        rules.some(
          (other) => other.startsWith(`add rule inet segwall ${chain} counter name`) && /drop|reject/.test(other),
        ),
      ).toBe(true);
    }
  });

  test('its state says that marks must be swept before any is believed', () => {
    const table = tableOf({ policy: everything, ...layout });
    expect(statedMarks(table).unswept).toBe(table.marks.mask);
  });
});

test('what enforces is stamped as ever', () => {
  const policy: HostPolicy = { ...everything, inbound: 'enforce' };
  expect(rulesOf(tableOf({ policy }))).toEqual(rulesOf(tableOf({ policy, whileObserving: 'stamp' })));
});
