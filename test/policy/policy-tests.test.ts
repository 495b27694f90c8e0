// PolicyTests: which hold, which fail and what they say.

import { describe, expect, test } from 'vitest';
import { runPolicyTests } from '#policy/judge/policy-tests.ts';
import { createWorld, document, noon, segment, workloads } from './world.ts';

const fleet = workloads(
  'web-1 h1 10.0.0.1,fd00::1 role=web,env=prod',
  'web-2 h2 10.0.0.2,fd00::2 role=web,env=prod',
  'api h3 10.0.0.3,fd00::3 role=api,env=prod',
  'dev h4 10.0.0.4 role=web,env=dev',
  'v6 h5 fd00::5 role=v6',
  'partner external 10.9.0.1 role=partner',
);
const policy =
  segment(
    'prod',
    'selector: env == "prod"\ninbound: enforce\noutbound: enforce\nrules:\n  - { name: web-api, from: [{ workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/8000-8010, ping] }\n  - { name: v4-only, from: [{ cidr: 10.0.0.0/30 }], to: [{ workloads: role == "api" }], services: [udp/53] }\n  - { name: also, from: [{ workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/8000] }\n  - { name: hole, from: [{ tenant: env == "dev" }], to: [{ workloads: role == "api" }], services: [sctp/7] }',
  ) + document('Service', 'ping', 'ports: [icmp/8, icmpv6/128]');

const rows: readonly (readonly [assertion: string, outcome: RegExp | 'holds'])[] = [
  ['from: web-1, to: api, service: tcp/8000, expect: allow', 'holds'],
  ['from: web-1, to: api, service: tcp/8011, expect: allow', /expected allow, found deny/],
  ['from: web-1, to: api, service: tcp/8011, expect: deny', 'holds'],
  // ranges are exact: every run between the ends of terms
  ['from: web-1, to: api, service: tcp/8000-8010, expect: allow', 'holds'],
  ['from: web-1, to: api, service: tcp/8000-8011, expect: allow', /tcp\/8011: expected allow/],
  ['from: web-1, to: api, service: tcp/7999-8010, expect: allow', /tcp\/7999: expected allow/],
  ['from: web-1, to: api, service: tcp/8005-9000, expect: deny', /tcp\/8005: expected deny/],
  ['from: web-1, to: api, service: ping, expect: allow', 'holds'],
  ['from: web-1, to: api, service: icmp, expect: allow', /icmp\/0: expected allow/],
  ['from: web-1, to: api, service: icmp/8, expect: allow', 'holds'],
  // every pair of addresses of one family
  ['from: web-1, to: api, service: udp/53, expect: allow', /fd00::1|web-1 → api udp\/53/],
  ['from: { ip: 10.0.0.1 }, to: { ip: 10.0.0.3 }, service: udp/53, expect: allow', 'holds'],
  // every pair of workloads
  ['from: { labels: { role: web, env: prod } }, to: api, service: tcp/8000, expect: allow', 'holds'],
  ['from: { labels: { role: web } }, to: api, service: tcp/8000, expect: allow', /dev → api tcp\/8000/],
  ['from: { labels: { env: prod } }, to: { labels: { env: prod } }, service: tcp/22, expect: deny', 'holds'],
  [
    'from: { labels: { env: dev } }, to: { labels: { env: prod } }, service: any, expect: deny',
    /sctp\/7: expected deny, found allow/,
  ],
  ['from: { ip: 203.0.113.9 }, to: { labels: { env: prod } }, service: any, expect: deny', 'holds'],
  ['from: { ip: 203.0.113.9 }, to: partner, service: any, expect: allow', 'holds'],
  // one that selects nothing does not hold
  ['from: { labels: { role: none } }, to: api, service: any, expect: deny', /from selects nothing/],
  ['from: api, to: { labels: { role: none } }, service: any, expect: deny', /to selects nothing/],
  [
    'from: { labels: { role: api } }, to: { labels: { role: api } }, service: any, expect: deny',
    /selects nothing: no two different/,
  ],
  ['from: v6, to: dev, service: any, expect: deny', /selects nothing: no two/],
  ['from: dev, to: api, service: icmpv6, expect: deny', /selects nothing/],
  // a workload named twice is loopback
  ['from: api, to: api, service: any, expect: allow', 'holds'],
  // via is any rule that grants, at either end
  ['from: web-1, to: api, service: tcp/8000, expect: allow, via: prod/web-api', 'holds'],
  ['from: web-1, to: api, service: tcp/8000, expect: allow, via: prod/also', 'holds'],
  [
    'from: web-1, to: api, service: tcp/8001, expect: allow, via: prod/also',
    /expected a grant by prod\/also, found prod\/web-api/,
  ],
  ['from: dev, to: api, service: sctp/7, expect: allow, via: prod/hole', 'holds'],
  ['from: dev, to: partner, service: sctp/7, expect: allow, via: prod/hole', /found a grant by no rule/],
];

describe('assertions', () => {
  test.each(rows)('{ %s }: %s', (assertion, outcome) => {
    const world = createWorld(policy + document('PolicyTest', 't', `tests:\n  - { ${assertion} }`), fleet);
    const [result] = runPolicyTests({ ...world, now: noon });
    expect(result?.outcome).toBe(outcome === 'holds' ? 'holds' : 'fails');
    if (outcome !== 'holds') expect(result?.why).toMatch(outcome);
    else expect(result?.why).toBe('');
  });
});

test('results are in order of the tests’ names, then as written', () => {
  const one = (name: string) =>
    document(
      'PolicyTest',
      name,
      'tests:\n  - { from: web-1, to: api, service: tcp/8000, expect: allow }\n  - { from: web-1, to: api, service: tcp/1, expect: deny }',
    );
  const results = runPolicyTests({ ...createWorld(policy + one('b') + one('a'), fleet), now: noon });
  expect(results.map(({ text }) => text)).toEqual([
    'a: web-1 → api tcp/8000: allow: holds',
    'a: web-1 → api tcp/1: deny: holds',
    'b: web-1 → api tcp/8000: allow: holds',
    'b: web-1 → api tcp/1: deny: holds',
  ]);
});

describe('of a segment for each combination of three labels', () => {
  const many = workloads(
    'a h1 10.1.0.1 app=a,env=prod,tier=1,role=web',
    'a-api h2 10.1.0.2 app=a,env=prod,tier=1,role=api',
    'a-tier2 h3 10.1.0.3 app=a,env=prod,tier=2,role=api',
    'a-dev h4 10.1.0.4 app=a,env=dev,tier=1,role=api',
    'b h5 10.1.0.5 app=b,env=prod,tier=1,role=api',
    'no-tier h6 10.1.0.6 app=a,env=prod,role=api',
    'empty h7 10.1.0.7 app=a,env=prod,tier=,role=web',
    'empty-api h8 10.1.0.8 app=a,env=prod,tier=,role=api',
  );
  const fences = segment(
    'fence',
    'selector: has(app)\neach: [tier, app, env]\ninbound: enforce\noutbound: enforce\nrules:\n  - { name: in, from: [{ workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/80] }',
  );
  const inThree: readonly (readonly [assertion: string, outcome: 'holds' | 'fails'])[] = [
    ['from: a, to: a-api, service: tcp/80, expect: allow, via: fence/in', 'holds'],
    ['from: empty, to: empty-api, service: tcp/80, expect: allow, via: fence/in', 'holds'],
    // each of the three keys keeps them apart
    ['from: a, to: a-tier2, service: any, expect: deny', 'holds'],
    ['from: a, to: a-dev, service: any, expect: deny', 'holds'],
    ['from: a, to: b, service: any, expect: deny', 'holds'],
    ['from: a, to: empty-api, service: any, expect: deny', 'holds'],
    ['from: a, to: a-tier2, service: tcp/80, expect: allow', 'fails'],
    // who lacks one of the keys is in none, and nobody’s peer
    ['from: a, to: no-tier, service: any, expect: deny', 'holds'],
    ['from: no-tier, to: a-api, service: any, expect: deny', 'holds'],
    ['from: { labels: { app: a, role: web } }, to: { labels: { role: api } }, service: tcp/81, expect: deny', 'holds'],
  ];
  test.each(inThree)('{ %s } %s', (assertion, outcome) => {
    const world = createWorld(fences + document('PolicyTest', 't', `tests:\n  - { ${assertion} }`), many);
    expect(runPolicyTests({ ...world, now: noon }).map((result) => result.outcome)).toEqual([outcome]);
  });
});

test('tests over more connections than are judged say so, and what to do, instead of holding', () => {
  const wide = 'from: { labels: { env: prod } }, to: { labels: { env: prod } }, service: any, expect: deny';
  const world = createWorld(policy + document('PolicyTest', 't', `tests:\n  - { ${wide} }`), fleet);
  const [result] = runPolicyTests({ ...world, now: noon, mostJudged: 3 });
  expect(result).toMatchObject({ outcome: 'fails', problem: { code: 'tests-too-wide', severity: 'error' } });
  expect(result?.why).toContain('more than 3 connections');
});

test('of thousands of workloads that are alike one pair is judged', () => {
  const many = workloads(
    ...Array.from({ length: 2000 }, (_, at) => `w${at} h${at} 10.${at >> 8}.${at & 255}.1 role=web,env=prod`),
  );
  const all = 'from: { labels: { role: web } }, to: { labels: { role: web } }, service: tcp/22, expect: deny';
  const world = createWorld(policy + document('PolicyTest', 't', `tests:\n  - { ${all} }`), many);
  const [result] = runPolicyTests({ ...world, now: noon, mostJudged: 50 });
  expect(result).toMatchObject({ outcome: 'holds', tried: 2000 * 1999 });
});
