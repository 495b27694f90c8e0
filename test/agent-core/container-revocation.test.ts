// A container that comes or goes has connections judged again only where it takes something from somebody.

import { expect, test } from 'vitest';
import { revokesAnything } from '#agent-core/change/revocation.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import type { Table } from '#agent-core/table/table.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';

type Containers = NonNullable<HostPolicy['containers']>;

const host: HostPolicy = {
  addresses: ['10.84.0.1'],
  inbound: 'observe',
  peers: { web: ['10.84.0.2'] },
  units: { 'h1-x': { unit: 'x.service', inbound: 'enforce', allowIn: ['web: tcp/80'] } },
};
const open = (...addresses: readonly string[]) => ({ addresses, inbound: 'observe', outbound: 'observe' }) as const;
const strict = (...addresses: readonly string[]) =>
  ({ addresses, inbound: 'enforce', outbound: 'observe', allowIn: ['web: tcp/80'] }) as const;

function build(containers: Containers, previous?: Table): Table {
  const ruleSet = hostRuleSet({ ...host, containers });
  const numbering = previous?.numbering ?? emptyNumbering;
  const table = buildTable({ ruleSet, essentials: [], numbering, ...(previous === undefined ? {} : { previous }) });
  if (table === undefined) throw new Error('no table');
  return table;
}

const rows: readonly (readonly [string, Containers, Containers, 'judged again' | 'left alone'])[] = [
  ['the first comes, and denies nothing', {}, { a: open('172.17.0.2') }, 'left alone'],
  ['the first comes, and denies something', {}, { a: strict('172.17.0.2') }, 'judged again'],
  [
    'one more comes, and denies nothing',
    { a: strict('172.17.0.2') },
    { a: strict('172.17.0.2'), b: open('172.17.0.3') },
    'left alone',
  ],
  [
    'one that comes before it by name',
    { b: strict('172.17.0.2') },
    { a: open('172.17.0.3'), b: strict('172.17.0.2') },
    'left alone',
  ],
  ['one goes', { a: strict('172.17.0.2'), b: strict('172.17.0.3') }, { b: strict('172.17.0.3') }, 'left alone'],
  ['the last goes', { a: strict('172.17.0.2') }, {}, 'left alone'],
  [
    'another takes its address, and denies what it did',
    { a: strict('172.17.0.2') },
    { b: strict('172.17.0.2') },
    'left alone',
  ],
  [
    'another takes its address, and denies more',
    { a: open('172.17.0.2') },
    { b: strict('172.17.0.2') },
    'judged again',
  ],
  ['it comes back under another address', { a: strict('172.17.0.2') }, { a: strict('172.17.0.9') }, 'judged again'],
  [
    'it loses one of its addresses',
    { a: strict('172.17.0.2', 'fd84:17::2') },
    { a: strict('172.17.0.2') },
    'left alone',
  ],
  ['its rules widen', { a: strict('172.17.0.2') }, { a: open('172.17.0.2') }, 'left alone'],
  ['its rules narrow', { a: open('172.17.0.2') }, { a: strict('172.17.0.2') }, 'judged again'],
  [
    'what was one is two, which no longer reach themselves by their published ports',
    { a: open('172.17.0.2', '172.17.0.3') },
    { a: open('172.17.0.2'), b: open('172.17.0.3') },
    'judged again',
  ],
];

test.each(rows)('%s', (_, before, after, outcome) => {
  const previous = build(before);
  const next = build(after, previous);
  expect(revokesAnything(previous, next) ? 'judged again' : 'left alone').toBe(outcome);
  // Whatever the containers do, the host's own rules count as ever.
  const closed = buildTable({
    ruleSet: hostRuleSet({ ...host, inbound: 'enforce', containers: after }),
    essentials: [],
    numbering: previous.numbering,
  });
  expect(closed !== undefined && revokesAnything(previous, closed)).toBe(true);
});
