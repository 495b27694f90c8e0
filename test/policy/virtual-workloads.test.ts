// Virtual workloads where people meet them: what the hosts are told, the rendered table, `policy eval`, explanations, suggestions,
// policy tests and plans. What the language says of them is in sentences/addresses.ts; random worlds have them in test/property.

import { expect, test } from 'vitest';
import { renderFromNothing } from '#agent-core/change/render-table.ts';
import { renderExplanation } from '#cli/policy/explain-text.ts';
import { parseQueryLine } from '#cli/policy/query-line.ts';
import { rangeText } from '#model/address-range.ts';
import { createVacuityCheck } from '#policy/check/vacuous-tests.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { runPolicyTests } from '#policy/judge/policy-tests.ts';
import { impactOf } from '#policy/learn/impact.ts';
import type { ObservedFlow } from '#policy/learn/observed-flow.ts';
import { renderSuggestion } from '#policy/learn/render-suggestion.ts';
import { suggestRules } from '#policy/learn/suggest.ts';
import { address, createWorld, document, noon, query, segment, workloads } from './world.ts';

const inventory = (holders = "role=='lb'") =>
  workloads(
    'lb-1 h1 10.0.0.1,fd00::1 app=shop,role=lb',
    'lb-2 h2 10.0.0.2,fd00::2 app=shop,role=lb',
    'web h3 10.0.0.3,fd00::3 app=shop,role=web',
    `vip virtual/${holders} 10.0.0.100,fd00::100 app=shop,role=vip`,
  );
const shop = (...rules: readonly string[]) =>
  segment(
    'shop',
    `selector: app == "shop"\ninbound: enforce\noutbound: enforce\n${rules.length === 0 ? '' : `rules:\n${rules.map((rule) => `  - { ${rule} }\n`).join('')}`}`,
  );
const toVip =
  'name: to-vip, from: [{ workloads: role == "web" }], to: [{ workloads: role == "vip" }], services: [tcp/80]';
const world = createWorld(shop(toVip), inventory());

test('a holder is told the rule at the virtual addresses only, its peers know them by the virtual workload’s set', () => {
  const fleet = compileFleet({ ...world, now: noon });
  const [lb] = fleet.ruleSetOf('h1', 1)?.workloads ?? [];
  expect(lb?.addresses).toEqual(['10.0.0.1', 'fd00::1']);
  expect(lb?.outbound.grants).toEqual([]);
  expect(
    lb?.inbound.grants.map(({ rule, local }) => [rule, local.kind === 'any' ? [] : local.ranges.map(rangeText)]),
  ).toEqual([['to-vip', ['10.0.0.100', 'fd00::100']]]);
  const web = fleet.ruleSetOf('h3', 1);
  expect([...(web?.peerSets.values() ?? [])].map(({ addresses }) => addresses)).toEqual([['10.0.0.100', 'fd00::100']]);
});

test('the rendered table of a holder asks for the virtual address before it lets the peer in, and of no other host', () => {
  const fleet = compileFleet({ ...world, now: noon });
  const script = (host: string) => {
    const ruleSet = fleet.ruleSetOf(host, 1);
    if (ruleSet === undefined) throw new Error(`nothing is compiled for ${host}`);
    return renderFromNothing(ruleSet, { essentials: [] });
  };
  expect(script('h1')).toMatch(/10\.0\.0\.100/);
  expect(script('h2')).toMatch(/10\.0\.0\.100/);
  const without = compileFleet({ ...createWorld(shop(toVip), inventory("role=='none'")), now: noon }).ruleSetOf(
    'h1',
    1,
  );
  expect(without === undefined ? '' : renderFromNothing(without, { essentials: [] })).not.toMatch(/10\.0\.0\.100/);
});

test.each([
  ['lb-1', 'asks about that holder'],
  ['vip', 'asks about all of them'],
])('policy eval: a query that names %s %s', (dstWorkload) => {
  const line = JSON.stringify({ src: '10.0.0.3', dst: '10.0.0.100', proto: 'tcp', port: 80, dstWorkload });
  expect(parseQueryLine(line, { inventory: world.inventory, at: noon })).toMatchObject({
    ok: true,
    value: { dstWorkload },
  });
});

test('policy eval: a query that names a host which may not hold the address is refused', () => {
  const line = JSON.stringify({ src: '10.0.0.1', dst: '10.0.0.100', proto: 'tcp', port: 80, dstWorkload: 'web' });
  const found = parseQueryLine(line, { inventory: world.inventory, at: noon });
  expect(found).toMatchObject({ ok: false });
  expect(JSON.stringify(found)).toContain('\\"web\\" does not hold 10.0.0.100');
});

test('an explanation names the virtual workload, who may hold it and who decides', () => {
  const mixed = createWorld(
    shop(toVip) +
      document(
        'Guardrail',
        'g',
        'mode: enforce\ndeny: [{ from: [any], to: [{ workloads: spare == "yes" }], services: [any] }]',
      ),
    inventory().replace('name: lb-2, labels: {', 'name: lb-2, labels: { spare: "yes",'),
  );
  const asked = query('10.0.0.3 10.0.0.100 tcp/80');
  const text = renderExplanation(asked, mixed.oracle.explain(asked));
  expect(text).toContain('web (10.0.0.3) → vip at lb-2 (10.0.0.100) tcp/80');
  expect(text).toContain('virtual vip: judged as each that may hold it (lb-1, lb-2); lb-2 decides');
  expect(text).toContain('deny by guardrail/g');
  const nobody = createWorld(shop(toVip), inventory("role=='none'"));
  expect(renderExplanation(asked, nobody.oracle.explain(asked))).toContain(
    'no host is selected by "holders" of the virtual workload vip: it lets pass',
  );
});

const hostOf: Readonly<Record<string, string>> = { 'lb-1': 'h1', 'lb-2': 'h2', web: 'h3' };
const flow = (
  seen: Pick<ObservedFlow, 'workload' | 'direction'> & { readonly local: string; readonly peer: string },
): ObservedFlow => ({
  ...seen,
  host: hostOf[seen.workload] ?? seen.workload,
  local: address(seen.local),
  peer: address(seen.peer),
  protocol: 6,
  port: 80,
  verdict: 'would-deny',
  reason: 'default',
  connections: 1,
  firstSeenAt: noon,
  lastSeenAt: noon,
});

test('what is seen at a virtual address is suggested as the virtual workload’s, by either end alone', () => {
  const { policy, inventory: known } = createWorld(shop(), inventory());
  for (const seen of [
    flow({ workload: 'web', direction: 'outbound', local: '10.0.0.3', peer: '10.0.0.100' }),
    flow({ workload: 'lb-2', direction: 'inbound', local: '10.0.0.100', peer: '10.0.0.3' }),
  ]) {
    const suggestion = suggestRules({ policy, inventory: known, segment: 'shop', flows: [seen], now: noon });
    const text = renderSuggestion({ suggestion });
    expect(suggestion.rules).toHaveLength(1);
    expect(text).toMatch(/to:.*role == "vip"/);
    expect(text).not.toMatch(/role == "lb"/);
  }
});

test('a plan judges flows at the virtual address by the rules that hold there', () => {
  const before = createWorld(shop(), inventory());
  const { flows } = impactOf({
    current: before,
    draft: world,
    flows: [
      flow({ workload: 'lb-1', direction: 'inbound', local: '10.0.0.100', peer: '10.0.0.3' }),
      flow({ workload: 'lb-1', direction: 'inbound', local: '10.0.0.1', peer: '10.0.0.3' }),
    ],
    now: noon,
  });
  expect(flows.newlyAllowed.map((one) => one.flow.local)).toEqual(['10.0.0.100']);
  expect(flows.unchanged).toBe(1);
});

test.each([
  ['{ from: web, to: vip, service: tcp/80, expect: allow, via: shop/to-vip }', 'holds', undefined],
  ['{ from: web, to: { labels: { role: vip } }, service: tcp/81, expect: deny }', 'holds', undefined],
  ['{ from: { ip: 10.0.0.3 }, to: { ip: 10.0.0.100 }, service: tcp/80, expect: allow }', 'holds', undefined],
  ['{ from: vip, to: vip, service: tcp/80, expect: allow }', 'holds', 'loopback'],
  ['{ from: { ip: 203.0.113.1 }, to: vip, service: tcp/80, expect: allow }', 'fails', undefined],
])('the policy test %s %s', (assertion, outcome, vacuity) => {
  const tested = createWorld(shop(toVip) + document('PolicyTest', 't', `tests: [${assertion}]`), inventory());
  expect(runPolicyTests({ ...tested, now: noon }).map((result) => result.outcome)).toEqual([outcome]);
  const [one] = tested.policy.tests.get('t')?.tests ?? [];
  if (one === undefined) throw new Error('there is no assertion');
  expect(createVacuityCheck(tested.inventory)(one)).toBe(vacuity);
});
