// What only one owner may do: which lines tell the owner's connections, and what a change takes from whom.

import { expect, test } from 'vitest';
import { revokesAnything } from '#agent-core/change/revocation.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { trustOf } from '#agent-core/table/rule.ts';
import type { Table } from '#agent-core/table/table.ts';
import type { Address } from '#model/address.ts';
import { rangeOf } from '#model/address-range.ts';
import type { EssentialEntry } from '#model/rule-set.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { ruleLines } from '#test/support/rule-lines.ts';

const toAll: EssentialEntry = {
  name: 'control-plane',
  direction: 'outbound',
  peers: { kind: 'ranges', ranges: [rangeOf('10.0.0.2' as Address)] },
  services: [{ kind: 'ports', protocol: 'tcp', low: 8443, high: 8443 }],
};
const toRoot = { ...toAll, owner: { uid: 0 } };
const toUser = { ...toAll, owner: { uid: 77 } };

const closed = { addresses: ['10.0.0.1'], outbound: 'enforce', peers: { cp: ['10.0.0.2'] } } as const;
const granted = { ...closed, allowOut: ['any: tcp/8443'] } as const;
const observed = { ...closed, outbound: 'observe' } as const;

type Made = readonly [policy: HostPolicy, essentials: readonly EssentialEntry[]];

function tableOf([policy, essentials]: Made, previous?: Table): Table {
  const table = buildTable({
    ruleSet: hostRuleSet(policy),
    essentials,
    numbering: previous?.numbering ?? emptyNumbering,
    ...(previous !== undefined && { previous }),
  });
  if (table === undefined) throw new Error('the numbers do not fit');
  return table;
}

test('the chain of an owner leads by user, then by what the mark says, then to what everybody meets', () => {
  const { chains } = tableOf([closed, [toUser]]);
  const [[name, { rules }] = ['', { rules: [] }], ...more] = [...chains].filter(([chain]) => chain.startsWith('own_'));
  const [, own, others] = name.split('_');
  expect(more).toEqual([]);
  expect(ruleLines(rules)).toEqual([
    `meta skuid 77 goto r_${own}`,
    `ct mark and 0x0ffff000 == 0x${(Number(own) << 12).toString(16)} goto r_${own}`,
    `goto r_${others}`,
  ]);
  expect(chains.get(`r_${own}`)?.rules.at(-1)?.verdict).toEqual({ kind: 'accept' });
  expect(chains.get(`r_${others}`)?.rules.at(-1)?.verdict).toEqual({ kind: 'drop' });
  // Marks that may be another's are not believed.
  expect(rules.map(trustOf)).toEqual(['none', 'mark', 'none']);
});

test.each<[string, Made, Made, boolean]>([
  ['it becomes one owner’s that was everybody’s', [closed, [toAll]], [closed, [toRoot]], true],
  ['it becomes one owner’s, and policy grants it to everybody', [granted, [toAll]], [granted, [toRoot]], false],
  ['it becomes everybody’s', [closed, [toRoot]], [closed, [toAll]], false],
  ['it goes to another owner', [closed, [toRoot]], [closed, [toUser]], true],
  ['the owner loses it', [closed, [toRoot]], [closed, []], true],
  ['the owner loses it to a grant', [closed, [toRoot]], [granted, []], false],
  ['everybody loses a grant, the owner nothing', [granted, [toRoot]], [closed, [toRoot]], true],
  ['everybody is granted it', [closed, [toRoot]], [granted, [toRoot]], false],
  ['what was observed is denied', [observed, [toRoot]], [closed, [toRoot]], true],
  ['nothing changes', [closed, [toRoot]], [closed, [toRoot]], false],
])('a change in which %s revokes something: %#', (_name, before, after, expected) => {
  const previous = tableOf(before);
  expect(revokesAnything(previous, tableOf(after, previous))).toBe(expected);
});
