// The nft in memory and the real one take the same scripts, refuse the same scripts, and then hold the same things.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNft } from '#agent/nft/nft.ts';
import { parseStanding } from '#agent-core/table/table-listing.ts';
import { createFakeNft } from '#test/support/fake-nft.ts';
import { createLab, insideNamespace, type Lab, type LabHost } from '#test/support/lab.ts';
import { labNft } from '#test/truth/enforcer-stage.ts';

let lab: Lab;
let host: LabHost;

beforeAll(async () => {
  lab = await createLab({ name: 'fake' });
  host = await lab.addHost({ name: 'one', ipv4: '10.76.0.1' });
});
afterAll(() => lab.remove());

const table = ['add table inet segwall'];
const chain = (name: string) => `add chain inet segwall ${name}`;
const rule = (name: string, words: string) => `add rule inet segwall ${name} ${words}`;
const verdictMap = 'add map inet segwall m { type ipv4_addr : verdict; }';
const element = (words: string) => `add element inet segwall m { ${words} }`;
const state = rule('a', 'counter comment "revision=1 epoch=1 digest=ab"');

/** Scripts one after the other, each a transaction. What each comes to is the real nft's to say. */
const cases: readonly (readonly [string, ...(readonly string[])[]])[] = [
  ['a table that is added twice', table, table],
  ['a table that is not there and is taken away', ['delete table inet segwall']],
  ['a table that is added and taken away in one', [...table, 'delete table inet segwall'], table],
  ['something in a table that is not there', [chain('a')]],
  [
    'a base chain that is added again',
    [...table, 'add chain inet segwall input { type filter hook input priority 0; policy accept; }'],
    [...table, chain('a'), 'flush chain inet segwall input'],
  ],
  ['a chain that is not there and is flushed', table, ['flush chain inet segwall a']],
  ['a chain that is not there and is deleted', table, ['delete chain inet segwall a']],
  ['a chain with rules that nothing names is deleted', [...table, chain('a'), state], ['delete chain inet segwall a']],
  [
    'a chain that a rule names is deleted',
    [...table, chain('a'), chain('b'), rule('b', 'goto a')],
    ['delete chain inet segwall a'],
  ],
  [
    'a chain is deleted after the rule that named it is flushed',
    [...table, chain('a'), chain('b'), rule('b', 'jump a')],
    ['flush chain inet segwall b', 'delete chain inet segwall a'],
  ],
  [
    'a chain that an element names is deleted',
    [...table, chain('a'), verdictMap, element('10.0.0.1 : goto a')],
    ['delete chain inet segwall a'],
  ],
  ['a rule that goes to a chain which is not there', [...table, chain('a'), rule('a', 'goto b')]],
  ['a rule that looks in a map which is not there', [...table, chain('a'), rule('a', 'ip saddr vmap @m')]],
  [
    'a rule that counts with a counter which is not there',
    [...table, chain('a'), rule('a', 'counter name n_1 accept')],
  ],
  ['a failure at the end undoes the beginning', [...table, chain('a')], [chain('b'), verdictMap, rule('a', 'goto c')]],
  [
    'a counter in use is deleted',
    [...table, 'add counter inet segwall n_1', chain('a'), rule('a', 'counter name n_1 accept')],
    ['delete counter inet segwall n_1'],
  ],
  ['a counter that is not there is deleted', table, ['delete counter inet segwall n_1']],
  [
    'a counter is deleted once nothing counts with it',
    [...table, 'add counter inet segwall n_1', chain('a'), rule('a', 'counter name n_1 accept')],
    ['flush chain inet segwall a', 'delete counter inet segwall n_1'],
  ],
  [
    'a map in use is deleted',
    [...table, chain('a'), verdictMap, rule('a', 'ip saddr vmap @m')],
    ['delete map inet segwall m'],
  ],
  [
    'a map with elements that nothing looks in is deleted',
    [...table, chain('a'), verdictMap, element('10.0.0.1 : goto a')],
    ['delete map inet segwall m', 'delete chain inet segwall a'],
  ],
  ['an element that names a chain which is not there', [...table, verdictMap, element('10.0.0.1 : goto a')]],
  [
    'an element that is added again',
    [...table, chain('a'), verdictMap, element('10.0.0.1 : goto a')],
    [element('10.0.0.1 : goto a')],
  ],
  [
    'an element that is added again with another verdict',
    [...table, chain('a'), chain('b'), verdictMap, element('10.0.0.1 : goto a')],
    [element('10.0.0.1 : goto b')],
  ],
  [
    'an element is deleted and added with another verdict in one',
    [...table, chain('a'), chain('b'), verdictMap, element('10.0.0.1 : goto a')],
    ['delete element inet segwall m { 10.0.0.1 }', element('10.0.0.1 : goto b')],
  ],
  ['an element that is not there is deleted', [...table, verdictMap], ['delete element inet segwall m { 10.0.0.1 }']],
  [
    'a map is flushed',
    [...table, chain('a'), verdictMap, element('10.0.0.1 : goto a, 10.0.0.2 : goto a')],
    ['flush map inet segwall m', 'delete chain inet segwall a'],
  ],
  ['a map under the name of a set', [...table, 'add set inet segwall m { type ipv4_addr; }'], [verdictMap]],
  [
    'a set with an element',
    [...table, 'add set inet segwall m { type ipv4_addr; }', element('10.0.0.1')],
    [element('10.0.0.1, 10.0.0.2')],
  ],
  [
    'intervals that do not overlap',
    [
      ...table,
      chain('a'),
      'add map inet segwall m { type ipv4_addr : verdict; flags interval; }',
      element('10.0.0.0-10.0.0.9 : goto a, 10.0.0.10-10.0.0.20 : goto a'),
    ],
  ],
  [
    'intervals that overlap',
    [
      ...table,
      chain('a'),
      chain('b'),
      'add map inet segwall m { type ipv4_addr : verdict; flags interval; }',
      element('10.0.0.0-10.0.0.9 : goto a'),
      element('10.0.0.5-10.0.0.20 : goto b'),
    ],
  ],
  [
    'the state is read back',
    [...table, chain('a'), state],
    ['flush chain inet segwall a', rule('a', 'counter comment "revision=2 epoch=3 digest=cd"')],
  ],
];

test.each(cases.map(([what, ...scripts]) => ({ what, scripts })))('$what', async ({ scripts }) => {
  const real = labNft(host);
  await real.apply('add table inet segwall\ndelete table inet segwall\n');
  const fake = createFakeNft();
  for (const [at, lines] of scripts.entries()) {
    const script = `${lines.join('\n')}\n`;
    const [byReal, byFake] = [await real.apply(script), await fake.apply(script)];
    expect(byFake.ok, `script ${at + 1}: nft says ${byReal.ok ? 'nothing' : byReal.error}`).toBe(byReal.ok);
    const listed = ['-t', 'list', 'table', 'inet', 'segwall'];
    const [ofReal, ofFake] = [await real.list(listed), await fake.list(listed)];
    expect(ofFake.ok).toBe(ofReal.ok);
    if (!ofReal.ok || !ofFake.ok) continue;
    expect(parseStanding(ofFake.value)).toEqual(parseStanding(ofReal.value));
    expect(await comments(fake.list)).toEqual(await comments(real.list));
  }
});

test('a host that is gone is a failure told, never an exception', async () => {
  const gone = await lab.addHost({ name: 'gone', ipv4: '10.76.0.2' });
  await gone.remove();
  const [program, ...leading] = insideNamespace(gone.namespace, ['nft']);
  for (const nft of [labNft(gone), createNft([program ?? '', ...leading])]) {
    expect(await nft.list(['tables'])).toMatchObject({ ok: false });
    expect(await nft.check('add table inet segwall\n')).toMatchObject({ ok: false });
    expect(await nft.apply('add table inet segwall\n')).toMatchObject({ ok: false });
  }
});

async function comments(list: ReturnType<typeof createFakeNft>['list']): Promise<readonly string[]> {
  const listed = await list(['list', 'chain', 'inet', 'segwall', 'a']);
  return listed.ok ? [...listed.value.matchAll(/comment "([^"]*)"/g)].map(([, text = '']) => text) : ['no chain'];
}
