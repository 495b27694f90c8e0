// The warnings that would be dear if they were simple, against the simple way: covered rules by comparing every rule with every
// other, and tests that cannot fail by running them under a policy that denies everything it can.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assertOk } from '#model/result.ts';
import { parseServiceTerm } from '#model/service.ts';
import { isRuleCovered } from '#policy/check/covered-rule.ts';
import { findCoverings } from '#policy/check/covering-rules.ts';
import { createVacuityCheck } from '#policy/check/vacuous-tests.ts';
import { runPolicyTests } from '#policy/judge/policy-tests.ts';
import type { Assertion, Peer, Policy, PolicyTest, Rule, TestEnd } from '#policy/policy/policy.ts';
import {
  arbitraryLabels,
  arbitraryServices,
  arbitraryWorld,
  baseTime,
  interestingAddresses,
  policyOf,
  position,
  ranges,
  type World,
} from './arbitraries.ts';

const cidrs = ['10.0.0.0/8', '10.1.0.0/16', '10.1.1.0/24', '10.1.1.1', '192.0.2.0/24', 'fd00::/16', 'fd00::1'];
const peer = fc.oneof(
  fc.constantFrom<Peer>(
    { kind: 'any' },
    { kind: 'fqdn', name: 'example.com' },
    { kind: 'workloads', selector: { kind: 'all' }, text: 'all()' },
    { kind: 'tenant', selector: { kind: 'all' }, text: 'all()' },
    { kind: 'segment', segment: 'a', text: '' },
  ),
  fc
    .record({
      cidrs: fc.subarray(cidrs, { minLength: 1, maxLength: 2 }),
      except: fc.subarray(cidrs.slice(1), { maxLength: 1 }),
    })
    .map(({ cidrs: of, except }): Peer => ({ kind: 'ranges', ranges: ranges(of, except), source: of.join() })),
);
const term = fc.constantFrom(
  ...[
    'any',
    'tcp/80',
    'tcp/80',
    'tcp/80-90',
    'tcp/1-100',
    'udp/80',
    'proto/6',
    'icmp',
    'icmp/8',
    'icmpv6',
    'proto/1',
  ].map((text) => assertOk(parseServiceTerm(text))),
);
const rule = fc.record({
  from: fc.array(peer, { minLength: 1, maxLength: 2 }),
  to: fc.array(peer, { minLength: 1, maxLength: 2 }),
  services: fc.array(term, { minLength: 1, maxLength: 2 }),
});

test('the covered rules are those that comparing every rule with every other finds', () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(rule, { minLength: 2, maxLength: 12 }), fc.nat({ max: 3 }), (written, kept) => {
      const rules = written.map((one, at): Rule => ({ ...one, name: `r-${at}`, position }));
      const mayCover = ({ name }: Rule) => Number(name.slice(2)) % 4 !== kept;
      const { covered, skipped } = findCoverings(rules, { mayCover, mostComparisons: 1_000_000 });
      const simple = rules.flatMap((one, at) => {
        const covering = rules.find(
          (other, otherAt) =>
            otherAt !== at &&
            mayCover(other) &&
            isRuleCovered(one, other) &&
            (otherAt < at || !isRuleCovered(other, one)),
        );
        return covering === undefined ? [] : [`${one.name} ${covering.name}`];
      });
      expect([...covered].map(([one, other]) => `${one.name} ${other.name}`)).toEqual(simple);
      expect(skipped).toBe(0);
      found += covered.size;
    }),
    { numRuns: 4000 },
  );
  expect(found).toBeGreaterThan(500);
});

const denyAll: Policy = policyOf({
  segments: [],
  guardrails: [
    {
      name: 'everything',
      mode: 'enforce',
      deny: [{ from: [{ kind: 'any' }], to: [{ kind: 'any' }], services: [{ kind: 'any' }], position }],
      position,
    },
  ],
});

function arbitraryEnd({ inventory, ...world }: World): fc.Arbitrary<TestEnd> {
  return fc.oneof(
    fc.constantFrom(...inventory.workloads.keys()).map((workload): TestEnd => ({ kind: 'workload', workload })),
    fc
      .constantFrom(...interestingAddresses({ inventory, ...world }))
      .map((address): TestEnd => ({ kind: 'address', address })),
    arbitraryLabels().map((labels): TestEnd => ({ kind: 'labels', labels })),
  );
}

function arbitraryAssertion(world: World): fc.Arbitrary<Assertion> {
  return fc.record({
    from: arbitraryEnd(world),
    to: arbitraryEnd(world),
    services: arbitraryServices(),
    serviceText: fc.constant('…'),
    expect: fc.constant('allow' as const),
    position: fc.constant(position),
  });
}

test('a test that cannot fail holds under a policy that denies everything, and no other does', () => {
  const seen = { vacuous: 0, sound: 0 };
  fc.assert(
    fc.property(
      arbitraryWorld({ quarantines: 'none', maxSegments: 1 }).chain((world) =>
        fc.record({ world: fc.constant(world), assertion: arbitraryAssertion(world) }),
      ),
      ({ world: { inventory }, assertion }) => {
        const vacuity = createVacuityCheck(inventory)(assertion);
        const one: PolicyTest = { judge: 'as-written', name: 't', tests: [assertion], position };
        const [result] = runPolicyTests({
          policy: { ...denyAll, tests: new Map([['t', one]]) },
          inventory,
          now: baseTime,
        });
        expect(vacuity === undefined ? 'fails' : 'holds', result?.text).toBe(result?.outcome);
        seen[vacuity === undefined ? 'sound' : 'vacuous'] += 1;
      },
    ),
    { numRuns: 2000 },
  );
  expect(seen.vacuous).toBeGreaterThan(100);
  expect(seen.sound).toBeGreaterThan(100);
});
