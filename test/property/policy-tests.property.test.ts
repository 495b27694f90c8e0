// PolicyTests judged by classes of ends against the same judged pair by pair, as docs/reference/policy.md has it: what
// holds, what fails and by which pairs, and how many connections that was.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { familyOf } from '#model/address.ts';
import { serviceText } from '#model/service.ts';
import type { End } from '#model/verdict.ts';
import { EndClasses } from '#policy/judge/end-classes.ts';
import { createOracle } from '#policy/judge/oracle.ts';
import { endpointsOf, isPair, runPolicyTests } from '#policy/judge/policy-tests.ts';
import { policyTerms, representativeServices, serviceCuts } from '#policy/judge/representative-services.ts';
import type { Assertion, Query, TestEnd, Workload } from '#policy/policy/policy.ts';
import {
  arbitraryLabels,
  arbitraryServices,
  arbitraryWorld,
  interestingAddresses,
  inventoryOf,
  multiplied,
  position,
  type World,
} from './arbitraries.ts';

const mostTold = 5;

interface Told {
  readonly text: string;
  readonly outbound: End;
  readonly inbound: End;
}

/** As docs/reference/policy.md says it: every pair, every address of one family, every service. */
function pairByPair({ policy, inventory, now: at }: World, assertion: Assertion) {
  const oracle = createOracle({ policy, inventory });
  const cuts = serviceCuts([...policyTerms(policy), ...assertion.services]);
  const told: Told[] = [];
  let tried = 0;
  for (const source of endpointsOf(assertion.from, inventory)) {
    for (const destination of endpointsOf(assertion.to, inventory)) {
      if (!isPair(oracle, { assertion, source, destination })) continue;
      for (const service of representativeServices(assertion.services, familyOf(source.address), cuts)) {
        if (told.length === mostTold) continue;
        tried += 1;
        const names = {
          ...(source.workload === undefined ? {} : { srcWorkload: source.workload.name }),
          ...(destination.workload === undefined ? {} : { dstWorkload: destination.workload.name }),
        };
        const query: Query = { src: source.address, dst: destination.address, service, ...names, at };
        const { verdict, outbound, inbound } = oracle.judge(query);
        const { via } = assertion;
        const granting = [...oracle.grantingRules(query, 'outbound'), ...oracle.grantingRules(query, 'inbound')];
        const isBy = via === undefined || granting.some((one) => one.segment === via.segment && one.rule === via.rule);
        if (verdict === assertion.expect && isBy) continue;
        const text = `${query.src} ${query.srcWorkload} → ${query.dst} ${query.dstWorkload} ${serviceText(service)}`;
        told.push({ text, outbound, inbound });
      }
    }
  }
  return { tried, told };
}

function byClasses({ policy, inventory, now }: World, assertion: Assertion) {
  const tests = new Map([['t', { name: 't', judge: 'as-written' as const, tests: [assertion], position }]]);
  const [result] = runPolicyTests({ policy: { ...policy, tests }, inventory, now });
  const told = (result?.counterexamples ?? []).map(
    ({ src, dst, srcWorkload, dstWorkload, service, verdict: { outbound, inbound } }): Told => {
      return { text: `${src} ${srcWorkload} → ${dst} ${dstWorkload} ${service}`, outbound, inbound };
    },
  );
  return { tried: result?.tried, told };
}

/** Each workload several times over, so that there are ends that are alike. */
function crowded(world: World, copies: number): World {
  const all = [...world.inventory.workloads.values()];
  const copied = Array.from({ length: copies }, (_, copy) =>
    all.map((workload): Workload => {
      if (copy === 0 || workload.kind === 'virtual') return workload;
      const host = workload.host === undefined ? {} : { host: `${workload.host}-${copy}` };
      const { name, addresses, labels, quarantine } = workload;
      const alone = copy !== 1 || quarantine === undefined ? {} : { quarantine: { ...quarantine, peers: [] } };
      return {
        ...workload,
        ...host,
        ...alone,
        name: `${name}-${copy}`,
        addresses: moved(addresses, copy),
        labels: elsewhere(labels, copy),
      };
    }),
  );
  return { ...world, inventory: inventoryOf(copied.flat()) };
}

/** Of an application that no selector names. */
function elsewhere(labels: Workload['labels'], copy: number): Workload['labels'] {
  return copy < 2 || !labels.has('app') ? labels : new Map([...labels, ['app', `app-${copy}`]]);
}

/** Other addresses, for the most part of the same ranges. */
function moved(addresses: Workload['addresses'], copy: number): Workload['addresses'] {
  return addresses.map(
    (address) =>
      address.replace(/[0-9a-f]$/, (last) => String((Number.parseInt(last, 16) + copy) % 10)) as typeof address,
  );
}

function arbitraryEnd(world: World): fc.Arbitrary<TestEnd> {
  const { workloads } = world.inventory;
  const some = [...workloads.values()];
  const keysOf = ({ labels }: Workload) => [...labels].slice(0, 1);
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom(...some.map((one): TestEnd => ({ kind: 'labels', labels: new Map(keysOf(one)) }))),
    },
    { weight: 2, arbitrary: arbitraryLabels().map((labels): TestEnd => ({ kind: 'labels', labels })) },
    { weight: 3, arbitrary: fc.constant<TestEnd>({ kind: 'labels', labels: new Map() }) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(...interestingAddresses(world))
        .map((address): TestEnd => ({ kind: 'address', address })),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(...workloads.keys()).map((workload): TestEnd => ({ kind: 'workload', workload })),
    },
  );
}

function arbitraryAssertion(world: World): fc.Arbitrary<Assertion> {
  const rules = [...world.policy.segments.values()].flatMap(({ name, rules: own }) =>
    own.map((rule) => ({ segment: name, rule: rule.name })),
  );
  return fc
    .record({
      from: arbitraryEnd(world),
      to: arbitraryEnd(world),
      services: arbitraryServices(),
      expect: fc.constantFrom('allow' as const, 'deny' as const),
      via: rules.length === 0 ? fc.constant(undefined) : fc.option(fc.constantFrom(...rules), { nil: undefined }),
    })
    .map(({ via, ...rest }) => ({
      ...{ ...rest, serviceText: '…', position },
      ...(via === undefined || rest.expect === 'deny' ? {} : { via }),
    }));
}

const arbitraryCrowd = fc
  .record({ world: arbitraryWorld(), copies: fc.integer({ min: 2, max: 4 }), segments: fc.constantFrom(1, 1, 2) })
  .map(({ world, copies, segments }) => multiplied(crowded(world, copies), segments))
  .filter(({ inventory }) => inventory.workloads.size > 0);

/** Any two workloads, of one family, all services at once. */
const anyPair: Assertion = {
  ...{ from: { kind: 'labels', labels: new Map() }, to: { kind: 'labels', labels: new Map() }, position },
  ...{ services: [{ kind: 'any' }], serviceText: 'any', expect: 'allow' },
};

test('pairs of ends of the same classes are judged alike, and granted by the same rules', () => {
  let alike = 0;
  fc.assert(
    fc.property(arbitraryCrowd, ({ policy, inventory, now: at }) => {
      const oracle = createOracle({ policy, inventory });
      const classes = new EndClasses({ policy, inventory });
      const cuts = serviceCuts(policyTerms(policy));
      const ends = endpointsOf(anyPair.from, inventory);
      const known = new Map<string, string>();
      for (const source of ends) {
        for (const destination of ends) {
          if (!isPair(oracle, { assertion: anyPair, source, destination })) continue;
          const query = {
            ...{ src: source.address, dst: destination.address, at },
            ...{ srcWorkload: source.workload?.name ?? '', dstWorkload: destination.workload?.name ?? '' },
          };
          const judged = representativeServices(anyPair.services, familyOf(source.address), cuts).map((service) => {
            const { verdict } = oracle.judge({ ...query, service });
            const directions = ['outbound', 'inbound'] as const;
            const rules = directions.flatMap((direction) => oracle.grantingRules({ ...query, service }, direction));
            return [verdict, ...rules.map(({ segment, rule }) => `${segment}/${rule}`)].join(' ');
          });
          const [from, to] = [classes.of(source), classes.of(destination)];
          const verdicts = judged.join();
          for (const key of [classes.pairKey(from, to), `by number ${from.number} ${to.number}`]) {
            const before = known.get(key) ?? verdicts;
            if (known.has(key)) alike += 1;
            known.set(key, verdicts);
            if (verdicts !== before) expect(verdicts, JSON.stringify(query)).toBe(before);
          }
        }
      }
    }),
    { numRuns: 60 },
  );
  expect(alike).toBeGreaterThan(500);
});

test('judging by classes of ends says what judging pair by pair says', () => {
  const seen = { holding: 0, failing: 0, connections: 0 };
  fc.assert(
    fc.property(
      arbitraryCrowd.chain((world) => fc.record({ world: fc.constant(world), assertion: arbitraryAssertion(world) })),
      ({ world, assertion }) => {
        const expected = pairByPair(world, assertion);
        expect(byClasses(world, assertion)).toEqual(expected);
        seen.connections += expected.tried;
        if (expected.tried > 0) seen[expected.told.length === 0 ? 'holding' : 'failing'] += 1;
      },
    ),
    { numRuns: 200 },
  );
  expect(seen.holding).toBeGreaterThan(20);
  expect(seen.failing).toBeGreaterThan(20);
});
