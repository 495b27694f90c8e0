// What quarantined peers put into a host's table: nothing where there are none, one decision for all of them, and no further look-up.

import { expect, test } from 'vitest';
import { renderFromNothing } from '#agent-core/change/render-table.ts';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet, PeerSet } from '#model/rule-set.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';

const address = (text: string) => assertOk(parseAddress(text));
const peers = Array.from({ length: 20 }, (_, at) => `10.1.0.${at}`);
const plain = hostRuleSet({
  addresses: ['10.0.0.1'],
  inbound: 'enforce',
  outbound: 'enforce',
  peers: { peers },
  allowIn: ['peers: tcp/80'],
  allowOut: ['peers: tcp/443'],
});

function withCutOff(ruleSet: HostRuleSet, count: number): HostRuleSet {
  const sets = Array.from({ length: count }, (_, at): readonly [string, PeerSet] => {
    const id = `quarantine/q${at}`;
    return [id, { id, quarantine: `q${at}`, addresses: [address(`10.9.0.${at}`)], ranges: [] }];
  });
  return { ...ruleSet, peerSets: new Map([...ruleSet.peerSets, ...sets]) };
}

/** What packets meet: the script without elements and sizes of its sets and maps, and without what names this very rule set. */
function rulesOf(ruleSet: HostRuleSet): readonly string[] {
  const script = renderFromNothing(ruleSet, { essentials: [] });
  return script
    .split('\n')
    .filter((line) => !/^\s*(add|create) element|elements = |10\.\d+\.\d+\.\d+|digest|size /.test(line))
    .map((line) => line.trim().replaceAll(/(_[46])_\d+/g, '$1'));
}

test('where nobody is quarantined nothing in the table speaks of it', () => {
  expect(renderFromNothing(withCutOff(plain, 0), { essentials: [] })).toBe(
    renderFromNothing(plain, { essentials: [] }),
  );
  expect(rulesOf(plain).join('\n')).not.toMatch(/cut_off/);
});

test('a hundred quarantined peers are the rules of one', () => {
  const [one, hundred] = [rulesOf(withCutOff(plain, 1)), rulesOf(withCutOff(plain, 100))];
  expect(hundred).toEqual(one);
});

test('no packet is looked up once more: the same rules look into the same maps', () => {
  const lookUps = (ruleSet: HostRuleSet) => rulesOf(ruleSet).filter((line) => /vmap @|map @/.test(line)).length;
  expect(lookUps(withCutOff(plain, 100))).toBe(lookUps(plain));
});
