// Rules that a host keeps without an agent: a script that every boot can load, and what it says does not hold by itself.

import { describe, expect, test } from 'vitest';
import { keptListing, keptScript, leftBehind } from '#agent-core/change/kept-rules.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { defaultMarks, markLayoutOf } from '#agent-core/marks/mark-layout.ts';
import type { NamedUnits } from '#agent-core/table/systemd-unit-sets.ts';
import { assertOk } from '#model/result.ts';
import { FleetCompiler } from '#policy/compile/fleet-compiler.ts';
import { fleetOf, noon, ruleSetOf } from '#test/compile/fleet.ts';

const inventory = `
apiVersion: segwall/v1
kind: Workload
metadata: { name: h1, labels: { app: shop } }
spec: { host: h1, kind: host, addresses: [10.0.1.1] }
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: h1-b, labels: { app: shop } }
spec: { host: h1, kind: unit, unit: b.service, addresses: [10.0.1.1] }
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: h1-a, labels: { app: shop } }
spec: { host: h1, kind: unit, unit: a.service, addresses: [10.0.1.1] }
`;
const policy = (peer: string) => `kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: enforce
  outbound: enforce
  rules:
    - { name: out, from: [{ workloads: all() }], to: [${peer}], services: [tcp/443] }
`;
const ruleSet = (peer = 'any') => ruleSetOf(fleetOf(policy(peer), inventory), 'h1');
const named: NamedUnits = new Map([['a.service', [2]]]);
const request = {
  ruleSet: ruleSet(),
  essentials: [],
  numbering: emptyNumbering,
  epoch: 7,
  marks: defaultMarks,
  namedUnits: new Map(),
  digestOf: () => 'd1',
};

describe('the script', () => {
  test('takes the place of whatever stands, in one transaction', () => {
    const first = ['add table inet segwall', 'delete table inet segwall', 'add table inet segwall'];
    expect(keptScript(request)?.split('\n').slice(0, 3)).toEqual(first);
    expect(keptListing('table inet segwall {\n}\n')).toBe(`${first.slice(0, 2).join('\n')}\ntable inet segwall {\n}\n`);
  });
  test('puts no cgroup anywhere: at a boot there are none, and one that is missing has nft refuse all of it', () => {
    const script = keptScript({ ...request, namedUnits: named }) ?? '';
    expect(script).toContain('type cgroupsv2');
    expect(script).not.toMatch(/\.slice|"[^"]*\.service"/);
  });
  test('keeps the epoch, so that open connections are judged by what their marks say', () => {
    expect(keptScript(request)).toContain('epoch=7 digest=d1');
  });
  test('is none where the marks have no room', () => {
    const numbering = { ...emptyNumbering, nextDecision: 100_000 };
    expect(keptScript({ ...request, numbering, marks: assertOk(markLayoutOf(0xffff)) })).toBeUndefined();
  });
});

const timedFleet = fleetOf(
  `${policy('any')}    - { name: until, from: [any], to: [{ workloads: all() }], services: [tcp/22], expires: 2027-03-01T00:00:00Z }
    - { name: hours, from: [any], to: [{ workloads: all() }], services: [tcp/23], when: { days: [mon], from: "08:00", to: "18:00", zone: UTC } }
`,
  inventory,
);
const timed = new FleetCompiler({ ...timedFleet, now: noon, schedules: 'carried' }).ruleSetOf('h1', 1);

if (timed === undefined) throw new Error('h1 has a rule set');

test('what ends, or has hours, grants nothing: a script knows no time', () => {
  const [whole, script] = [ruleSet(), timed].map((each) => keptScript({ ...request, ruleSet: each }));
  expect(script).toBe(whole);
});

describe('without an agent', () => {
  test.each([
    [
      'units come under their host’s rules',
      ruleSet(),
      new Map(),
      { units: ['a.service', 'b.service'], names: [], timed: [] },
    ],
    [
      'units that systemd tells the kernel of keep theirs',
      ruleSet(),
      named,
      { units: ['b.service'], names: [], timed: [] },
    ],
    [
      'domain names stand for nothing',
      ruleSet('{ fqdn: "*.example.org" }, { fqdn: repo.example.org }'),
      new Map([...named, ['b.service', [2]]]),
      { units: [], names: ['*.example.org', 'repo.example.org'], timed: [] },
    ],
    [
      'rules that end or have hours are named',
      timed,
      new Map([...named, ['b.service', [2]]]),
      { units: [], names: [], timed: ['shop/hours', 'shop/until'] },
    ],
  ] as const)('%s', (_, rules, namedUnits, expected) => {
    expect(leftBehind(rules, namedUnits)).toEqual(expected);
  });
});
