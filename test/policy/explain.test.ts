// Explanations say what the verdict says, of every end, and show what decided it.

import { describe, expect, test } from 'vitest';
import { renderExplanation, renderWhyNot, ruleOutcomes } from '#cli/policy/explain-text.ts';
import { createWorld, document, query, segment, workloads } from './world.ts';

const world = createWorld(
  segment(
    'fence',
    'selector: has(app)\neach: [app]\ninbound: enforce\noutbound: selective\nselective: [tcp/22]\nrules:\n  - { name: inside, from: [{ workloads: all() }], to: [{ workloads: role == "api" && env in {"prod"} }], services: [tcp/80], reason: WHY-1 }\n  - { name: night, from: [any], to: [{ segment: fence }], services: [icmp], when: { from: "22:00", to: "06:00" } }'.replace(
      'role == "api" && env in {"prod"}',
      '\'role == "api" && env in {"prod"}\'',
    ),
  ) +
    segment('off', 'selector: role == "idle"\ninbound: off\noutbound: off') +
    document(
      'Guardrail',
      'watch',
      'mode: observe\ndeny:\n  - { from: [{ workloads: env == "dev" }], to: [any], services: [any] }',
    ) +
    document(
      'Guardrail',
      'stop',
      'mode: enforce\ndeny:\n  - { from: [{ cidr: 203.0.113.0/24 }], to: [any], services: [tcp/23] }',
    ),
  workloads(
    'web h1 10.0.0.1,fd00::1 app=a,role=web,env=prod',
    'api h2 10.0.0.2,fd00::2 app=a,role=api,env=prod',
    'dev h3 10.0.0.3 app=a,role=web,env=dev',
    'other h4 10.0.0.4 app=b,role=api,env=prod',
    'idle h5 10.0.0.5 role=idle',
    'nothing h6 10.0.0.6',
    'unit h2/x.service - app=a,role=unit',
    'partner external 10.9.0.1 app=a',
  ),
);

const ends = [
  '10.0.0.1',
  '10.0.0.2',
  'unit@10.0.0.2',
  '10.0.0.3',
  '10.0.0.4',
  '10.0.0.5',
  '10.0.0.6',
  '10.9.0.1',
  '203.0.113.7',
];
const services = ['tcp/80', 'tcp/22', 'tcp/23', 'icmp/8', 'proto/47'];
const connections = ends.flatMap((from) => ends.flatMap((to) => services.map((term) => `${from} ${to} ${term}`)));

test('of every connection the explanation’s verdict is the judge’s, and one layer decides at each managed end', () => {
  for (const text of connections) {
    const asked = query(text);
    const explanation = world.oracle.explain(asked);
    expect(explanation.verdict, text).toEqual(world.oracle.judge(asked));
    for (const direction of ['outbound', 'inbound'] as const) {
      const end = explanation[direction];
      const deciding = end.layers.filter(({ outcome }) => outcome === 'decides');
      expect(deciding.length, text).toBe(end.end.reason === 'unmanaged' ? 0 : 1);
      expect(end.granting.length > 0 || end.end.reason !== 'rule', text).toBe(true);
      if (end.end.reason === 'default') expect(end.granting, text).toEqual([]);
      if (end.end.reason === 'guardrail')
        expect(
          end.guardrails.some(({ hits, mode }) => hits && mode === 'enforce'),
          text,
        ).toBe(true);
    }
  }
});

test('it reads so', () => {
  const asked = query('10.0.0.3 10.0.0.2 tcp/80');
  expect(renderExplanation(asked, world.oracle.explain(asked))).toMatchInlineSnapshot(`
    "dev (10.0.0.3) → api (10.0.0.2) tcp/80 at 2026-01-07T12:00:00.000Z
    verdict: allow

    outbound end: dev (10.0.0.3): would-deny by rule fence/inside (app=a), guardrail watch
      labels: app=a, env=dev, role=web
      · essential  not loopback; the host’s own essential settings are not known offline
      · quarantine not quarantined
      · guardrail  "watch" hits, and its mode is observe
      · mode       the strictest mode of its segments is selective
      ■ rule       granted by fence/inside (app=a), against the observing guardrail "watch"
      guardrail stop (enforce): does not hit
        entry 1: does not hit
          ✗ from 203.0.113.0/24: 10.0.0.3 is not in it
          ✓ to any: any address
          ✗ services tcp/23
      guardrail watch (observe): hits
        entry 1: hits
          ✓ from workloads: env == "dev": dev: matches env == "dev" (env is "dev")
          ✓ to any: any address
          ✓ services any
      segment fence (app=a): member, selective; selected: has(app) (app is "a")
        rule fence/inside (app=a): grants (WHY-1)
          ✓ from workloads: all(): dev: matches all()
          ✓ to workloads: role == "api" && env in {"prod"}: api: matches role == "api" (role is "api"), env == "prod" (env is "prod"); unit: fails role == "api" (role is "unit"), env == "prod" (env is not set)
          ✓ services tcp/80
        rule fence/night (app=a): does not grant
          ✓ from any: any address
          ✓ to segment fence: api: a member of fence; unit: a member of fence
          ✗ services icmp
          ✗ time: mon,tue,wed,thu,fri,sat,sun 22:00-06:00 UTC: outside its window at 2026-01-07T12:00:00.000Z
      segment off: no member; not selected: role == "idle" (role is "web")

    inbound end: api (10.0.0.2): would-deny by rule fence/inside (app=a), guardrail watch
      labels: app=a, env=prod, role=api
      · essential  not loopback; the host’s own essential settings are not known offline
      · quarantine not quarantined
      · guardrail  "watch" hits, and its mode is observe
      · mode       the strictest mode of its segments is enforce
      ■ rule       granted by fence/inside (app=a), against the observing guardrail "watch"
      guardrail stop (enforce): does not hit
        entry 1: does not hit
          ✗ from 203.0.113.0/24: 10.0.0.3 is not in it
          ✓ to any: any address
          ✗ services tcp/23
      guardrail watch (observe): hits
        entry 1: hits
          ✓ from workloads: env == "dev": dev: matches env == "dev" (env is "dev")
          ✓ to any: any address
          ✓ services any
      segment fence (app=a): member, enforce; selected: has(app) (app is "a")
        rule fence/inside (app=a): grants (WHY-1)
          ✓ from workloads: all(): dev: matches all()
          ✓ to workloads: role == "api" && env in {"prod"}: api: matches role == "api" (role is "api"), env == "prod" (env is "prod")
          ✓ services tcp/80
        rule fence/night (app=a): does not grant
          ✓ from any: any address
          ✓ to segment fence: api: a member of fence
          ✗ services icmp
          ✗ time: mon,tue,wed,thu,fri,sat,sun 22:00-06:00 UTC: outside its window at 2026-01-07T12:00:00.000Z
      segment off: no member; not selected: role == "idle" (role is "api")

    verdict: allow; outbound would-deny by rule fence/inside (app=a), guardrail watch; inbound would-deny by rule fence/inside (app=a), guardrail watch
    "
  `);
});

describe('why not', () => {
  const rows: readonly (readonly [connection: string, outbound: RegExp, inbound: RegExp])[] = [
    ['10.0.0.1 10.0.0.2 tcp/80', /the rule grants here/, /the rule grants here/],
    ['10.0.0.1 10.0.0.4 tcp/80', /the rule does not hit/, /the rule does not hit/],
    ['10.0.0.6 10.0.0.2 tcp/80', /no member of fence.*app is not set|has\(app\)/, /the rule does not hit/],
    ['203.0.113.7 10.0.0.2 tcp/80', /no workload holds 203\.0\.113\.7/, /the rule does not hit/],
    ['10.9.0.1 10.0.0.2 tcp/80', /partner is external/, /the rule grants here/],
    ['10.0.0.1 10.0.0.1 tcp/80', /earlier layer|does not hit/, /earlier layer|does not hit/],
  ];
  test.each(rows)('%s', (text, outbound, inbound) => {
    const [out, into] = ruleOutcomes(world.oracle.explain(query(text)), { segment: 'fence', rule: 'inside' });
    expect(out?.why).toMatch(outbound);
    expect(into?.why).toMatch(inbound);
  });

  test('the failed term is shown', () => {
    const address = { segment: 'fence', rule: 'inside' };
    const text = renderWhyNot(address, ruleOutcomes(world.oracle.explain(query('10.0.0.1 10.0.0.3 tcp/81')), address));
    expect(text).toContain(
      '✗ to workloads: role == "api" && env in {"prod"}: dev: fails role == "api" (role is "web"), env == "prod" (env is "dev")',
    );
    expect(text).toContain('✗ services tcp/80');
  });
});
