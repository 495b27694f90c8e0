// Warnings about fleets and policies of thousands: found as in small ones, soon enough to wait for, and never left out in silence.

import { describe, expect, test } from 'vitest';
import { checkPolicy } from '#policy/check-policy.ts';
import { findCoverings } from '#policy/covering-rules.ts';
import type { Rule } from '#policy/policy.ts';
import { document, noon, segment, workloads } from './world.ts';

/** Processor time of this thread: what it costs, however busy the machine is. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

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

  test('the last rule is compared as the first is, within five seconds of processor time', () => {
    const startedAt = threadMs();
    const { problems } = checkPolicy({
      files: [{ path: 'p.yaml', text: text + guardrail }],
      inventoryFiles: [{ path: 'i.yaml', text: fleet }],
      now: noon,
      mode: 'offline',
    });
    expect(threadMs() - startedAt).toBeLessThan(5000);
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

describe('a thousand selectors and ten thousand workloads', () => {
  const inventory = Array.from({ length: 10_000 }, (_, at) =>
    JSON.stringify({
      apiVersion: 'segwall/v1',
      kind: 'Workload',
      metadata: { name: `w-${at}`, labels: { app: `a-${at % 100}`, n: String(at) } },
      spec: { kind: 'host', host: `h-${at}`, addresses: [`10.0.${at >> 8}.${at & 255}`] },
    }),
  ).join('\n');

  test.each([
    ['that name the labels they want are looked up', (at: number) => `n == "${at}" || n == "x${at}"`, undefined],
    ['that match nearly everyone are not all compared', (at: number) => `n != "${at}"`, 'comparison-stopped'],
  ] as const)('%s', (_name, selectorOf, expected) => {
    const rules = Array.from(
      { length: 1000 },
      (_, at) => `  - { name: r-${at}, from: [{ tenant: '${selectorOf(at)}' }], to: [any], services: [tcp/${at + 1}] }`,
    );
    const text = segment('s', `selector: has(app)\ninbound: enforce\nrules:\n${rules.join('\n')}`);
    const startedAt = process.threadCpuUsage();
    const { problems } = checkPolicy({
      files: [{ path: 'p.yaml', text }],
      inventoryFiles: [{ path: 'i.json', text: inventory }],
      now: noon,
      mode: 'offline',
    });
    const { user, system } = process.threadCpuUsage(startedAt);
    expect([...new Set(problems.map(({ code }) => code))].filter((code) => code !== 'rule-broad')).toEqual(
      expected === undefined ? [] : [expected],
    );
    expect((user + system) / 1000).toBeLessThan(5000);
  });
});
