// What packets leave behind in our table is nobody's doing: an agent that comes back must find the table as it was left.

import { expect, test } from 'vitest';
import { steadyListing } from '#agent-core/table/table-listing.ts';
import { namedPolicies, namedTable } from '../named-tables.ts';

const listed = (name: string, flags: string, elements: string) =>
  `\tset ${name} {\n\t\ttype ipv4_addr\n\t\tsize 16384\n${flags}${elements}\t}\n`;
const element = '\t\telements = { 10.0.0.1 limit rate over 100/minute burst 512 packets }\n';
const dynamic = '\t\tflags dynamic,timeout\n\t\ttimeout 5m\n';

test.each(['den_in4', 'seen_in4', 'share_in4', 'answers_heard'])('what packets put into %s is left out', (name) => {
  expect(steadyListing(listed(name, dynamic, element))).toBe(listed(name, dynamic, ''));
});

test('what is ours to fill is not', () => {
  const table = listed('names', '\t\tflags interval\n', element) + listed('den_in4', dynamic, element);
  expect(steadyListing(table)).toBe(listed('names', '\t\tflags interval\n', element) + listed('den_in4', dynamic, ''));
});

test('every set that packets fill is declared so that it is known by its listing', () => {
  const declarations = Object.values(namedPolicies).flatMap((policy) => [...namedTable(policy).table.deniedSets]);
  expect(declarations.length).toBeGreaterThan(20);
  for (const [name, declaration] of declarations) expect(declaration, name).toMatch(/\bflags [^;]*\bdynamic\b/);
});
