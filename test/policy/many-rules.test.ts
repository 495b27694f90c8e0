// Warnings about fleets and policies of thousands: found as in small ones, soon enough to wait for, and never left out in silence.

import { describe, expect, test } from 'vitest';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { findCoverings } from '#policy/check/covering-rules.ts';
import type { Rule } from '#policy/policy/policy.ts';
import type { Problem } from '#policy/source/problem.ts';
import { leastReferencesOf } from '#test/support/thread-time.ts';
import { document, noon, segment, workloads } from './world.ts';

/** Of test/support/thread-time.ts. The slowest here come to 230 beside other busy processes; most of it is reading. */
const mostReferences = 700;

/** Processor time of this thread: what it costs, however busy the machine is. */
const count = 5000;
const fleet = workloads(
  ...Array.from({ length: count }, (_, at) => `w-${at} h-${at} 10.0.${at >> 8}.${at & 255} role=r-${at % 50},env=prod`),
);
const guardrail = document(
  'Guardrail',
  'no-telnet',
  'mode: enforce\ndeny:\n  - { from: [any], to: [{ workloads: role == "r-7" }], services: [tcp/23] }\n  - { from: [{ workloads: all() }], to: [{ workloads: role == "r-8" }], services: [tcp/1234] }',
);

const shapes: Readonly<Record<string, (at: number) => string>> = {
  'a port each': (at) => `from: [{ workloads: all() }], to: [{ workloads: all() }], services: [tcp/${at + 1}]`,
  'an address each': (at) =>
    `from: [{ cidr: 192.${at >> 8}.${at & 255}.1 }], to: [{ workloads: all() }], services: [tcp/1234]`,
  'whole networks, from everybody': (at) =>
    `from: [any, { cidr: 192.${at >> 8}.0.0/16 }], to: [{ tenant: role == "r-${at % 50}" }], services: [tcp/${at + 1}]`,
};

describe.each(Object.entries(shapes))('5,000 rules of one segment about 5,000 workloads: %s', (_, shape) => {
  const rules = Array.from({ length: count }, (_rule, at) => `  - { name: r-${at}, ${shape(at)} }`).join('\n');
  // the last rule of all is covered by another, and contradicts the guardrail
  const last =
    '  - { name: wide, from: [{ tenant: env == "prod" }], to: [{ workloads: role == "r-8" }], services: [tcp/1230-1240] }\n  - { name: zz, from: [{ tenant: env == "prod" }], to: [{ workloads: role == "r-8" }], services: [tcp/1234] }';
  const text = segment('all', `selector: env == "prod"\nrules:\n${rules}\n${last}`);

  test('the last rule is compared as the first is, soon', () => {
    let problems: readonly Problem[] = [];
    const check = () => {
      const input = {
        files: [{ path: 'p.yaml', text: text + guardrail }],
        inventoryFiles: [{ path: 'i.yaml', text: fleet }],
      };
      problems = checkPolicy({ ...input, now: noon, mode: 'offline' }).problems;
    };
    const cost = leastReferencesOf(check, mostReferences);
    expect(cost).toBeLessThan(mostReferences);
    const said = problems.filter(({ message }) => message.includes('all/zz')).map(({ code }) => code);
    expect(said).toEqual(['guardrail-contradicts-rule', 'rule-covered']);
    expect(problems.filter(({ code }) => code === 'comparison-stopped')).toEqual([]);
  });
});

describe('where comparing would take too long', () => {
  const range = (low: number) => ({ kind: 'ports', protocol: 'tcp', low, high: low + 100 }) as const;
  const rules = Array.from(
    { length: 300 },
    (_, at): Rule => ({
      name: `r-${at}`,
      from: [{ kind: 'any' }],
      to: [{ kind: 'any' }],
      services: [range(at + 1)],
      position: { file: 'p', line: at, column: 1 },
    }),
  );

  test('it is told how many rules were left out', () => {
    const { covered, skipped } = findCoverings(rules, { mayCover: () => true, mostComparisons: 900 });
    expect(covered.size).toBe(0);
    expect(skipped).toBe(296);
  });

  test('and check says so', () => {
    const many = Array.from(
      { length: 2600 },
      (_, at) =>
        `  - { name: r-${at}, from: [{ workloads: all() }], to: [any], services: [tcp/${at + 1}-${at + 3000}] }`,
    );
    const { problems } = checkPolicy({
      files: [{ path: 'p.yaml', text: segment('alike', `selector: all()\nrules:\n${many.join('\n')}`) }],
      now: noon,
      mode: 'offline',
    });
    expect(problems.map(({ code }) => code)).toEqual(['comparison-stopped']);
    expect(problems[0]?.message).toMatch(/segment "alike" has so many rules alike that \d+ of 2600 were not compared/);
  });
});

describe('ten thousand workloads', () => {
  const inventory = Array.from({ length: 10_000 }, (_, at) =>
    JSON.stringify({
      apiVersion: 'segwall/v1',
      kind: 'Workload',
      metadata: { name: `w-${at}`, labels: { app: `a-${at % 100}`, n: String(at) } },
      spec: { kind: 'host', host: `h-${at}`, addresses: [`10.0.${at >> 8}.${at & 255}`] },
    }),
  ).join('\n');
  const repeated = (count: number, piece: (at: number) => string): string =>
    Array.from({ length: count }, (_, at) => piece(at)).join('');
  const everyone = 'from: [{ workloads: all() }], to: [{ workloads: all() }], services: [tcp/443]';
  const segments = (count: number, selectorOf: (at: number) => string, rule = everyone): string =>
    repeated(count, (at) => segment(`s-${at}`, `selector: '${selectorOf(at)}'\nrules:\n  - { name: r, ${rule} }`));
  const denials = (count: number, sidesOf: (at: number) => string): string =>
    repeated(count, (at) =>
      document('Guardrail', `g-${at}`, `mode: enforce\ndeny:\n  - { ${sidesOf(at)}, services: [any] }`),
    );
  const tenantRules = (count: number, selectorOf: (at: number) => string): string =>
    segment(
      's',
      `selector: has(app)\ninbound: enforce\nrules:\n${repeated(count, (at) => `  - { name: r-${at}, from: [{ tenant: '${selectorOf(at)}' }], to: [any], services: [tcp/${at + 1}] }\n`)}`,
    );
  const terms = (count: number, operator: string, term: (at: number) => string): string =>
    Array.from({ length: count }, (_, at) => term(at)).join(` ${operator} `);

  test.each<readonly [name: string, policy: string, codes: readonly string[]]>([
    [
      '1,000 selectors that name the labels they want are looked up',
      tenantRules(1000, (at) => `n == "${at}" || n == "x${at}"`),
      [],
    ],
    [
      '400 that match nearly everyone are not all compared',
      tenantRules(400, (at) => `n != "${at}"`),
      ['comparison-stopped'],
    ],
    ['1,000 of them are too many to compile', tenantRules(1000, (at) => `n != "${at}"`), ['too-many-memberships']],
    ['18,000 segments that all select all have one set of members', segments(18_000, () => 'all()'), []],
    [
      '3,000 segments of everyone that name each other likewise',
      segments(3000, () => 'all()', 'from: [{ segment: s-7 }], to: [{ workloads: all() }], services: [tcp/443]'),
      [],
    ],
    ['18,000 with a != each are refused', segments(18_000, (at) => `n != "x${at}"`), ['too-many-memberships']],
    ['and 18,000 with a !has each', segments(18_000, (at) => `!has(k${at})`), ['too-many-memberships']],
    [
      'and 5,000 guardrails with negated selectors',
      segments(1000, (at) => `n == "${at}"`) +
        denials(5000, (at) => `from: [{ workloads: 'n != "x${at}"' }], to: [{ workloads: '!has(k${at})' }]`),
      ['too-many-memberships'],
    ],
    [
      '5,000 guardrails and 5,000 rules are not all held against each other',
      segments(5000, (at) => `n in {"${at}", "${at + 1}"}`) +
        denials(5000, (at) => `from: [{ workloads: n == "${at}" }], to: [{ workloads: n == "${at + 2}" }]`),
      ['comparison-stopped'],
    ],
    [
      'one selector of 3,000 alternatives is looked up',
      segments(1, () => terms(3000, '||', (at) => `n == "${at}"`)),
      [],
    ],
    [
      'and 60 of 1,500 that nobody has',
      segments(60, (at) => terms(1500, '||', (term) => `k${term} == "x${at}"`)),
      ['segment-selects-nothing'],
    ],
    [
      'and one of 1,800 with a negation in each',
      segments(1, () => terms(1800, '||', (at) => `(!has(k${at}) && n == "${at}")`)),
      [],
    ],
  ])('%s', (_name, policy, expected) => {
    const documents = policy.split('---\n').slice(1);
    const files = Array.from({ length: Math.ceil(documents.length / 3000) }, (_, at) => ({
      path: `p${at}.yaml`,
      text: documents
        .slice(at * 3000, (at + 1) * 3000)
        .map((one) => `---\n${one}`)
        .join(''),
    }));
    let problems: readonly Problem[] = [];
    const check = () => {
      const inventoryFiles = [{ path: 'i.json', text: inventory }];
      problems = checkPolicy({ files, inventoryFiles, now: noon, mode: 'offline' }).problems;
    };
    const cost = leastReferencesOf(check, mostReferences);
    expect(cost).toBeLessThan(mostReferences);
    expect([...new Set(problems.map(({ code }) => code))].filter((code) => code !== 'rule-broad')).toEqual(expected);
  });
});
