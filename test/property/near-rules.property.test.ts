// What judging leaves out of account cannot matter: the rules that the oracle finds to grant are those that explaining, which asks
// every rule of every segment, finds to hit; in segments of few rules and of many, and whoever is asked first.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { protocolNumbers } from '#model/service.ts';
import { createOracle } from '#policy/judge/oracle.ts';
import { RulesByService } from '#policy/judge/rules-by-service.ts';
import type { Rule, Segment } from '#policy/policy/policy.ts';
import { arbitraryQuery, arbitraryWorld, multiplied, type World } from './arbitraries.ts';

/** Every segment with its rules so many times over that it counts as large; the copies are in the way of each other, not equal. */
function enlarged(world: World): World {
  const grow = (segment: Segment): Segment => ({
    ...segment,
    rules: Array.from({ length: 40 }, (_, copy) =>
      segment.rules.map((rule): Rule => {
        const services =
          copy % 3 === 0
            ? rule.services
            : [{ kind: 'ports' as const, protocol: 'tcp' as const, low: 1 + copy, high: 1 + copy }];
        return { ...rule, name: `${rule.name}-${(copy * 7) % 40}`, services };
      }),
    ).flat(),
  });
  return {
    ...world,
    policy: {
      ...world.policy,
      segments: new Map([...world.policy.segments].map(([name, segment]) => [name, grow(segment)])),
    },
  };
}

describe.each([
  ['as they are', (world: World) => world, 1500, 100],
  ['with many rules each', enlarged, 400, 20],
  ['many times over', (world: World) => multiplied(world, 70), 120, 0],
] as const)('segments %s', (_, change, numRuns, fewestGrants) => {
  let grantsSeen = 0;

  test('the rules that grant are those that explaining finds to hit', () => {
    fc.assert(
      fc.property(
        arbitraryWorld().chain((world) =>
          fc.record({
            world: fc.constant(change(world)),
            queries: fc.array(arbitraryQuery(world), { minLength: 15, maxLength: 15 }),
          }),
        ),
        ({ world, queries }) => {
          const oracle = createOracle(world);
          for (const query of queries) {
            const explained = oracle.explain(query);
            for (const direction of ['outbound', 'inbound'] as const) {
              const { end, granting } = explained[direction];
              const found = oracle.grantingRules(query, direction);
              expect(found).toEqual(end.reason === 'rule' ? granting : []);
              if (end.reason === 'default') expect(granting).toEqual([]);
              if (end.reason !== 'rule') continue;
              expect(end).toMatchObject({ ...granting[0] });
              grantsSeen += 1;
            }
            // a fresh oracle, which has met nobody yet, says the same
            expect(createOracle(world).judge(query)).toEqual(explained.verdict);
          }
        },
      ),
      { numRuns },
    );
  });

  test('there were grants to compare', () => {
    expect(grantsSeen).toBeGreaterThan(fewestGrants);
  });
});

describe('rules by service', () => {
  const rule = (name: string, ...ports: readonly (readonly [low: number, high: number])[]): Rule => ({
    name,
    from: [],
    to: [],
    services: ports.map(([low, high]) => ({ kind: 'ports', protocol: 'tcp', low, high })),
    position: { file: 'p', line: 1, column: 1 },
  });
  const anything: Rule = { ...rule('d'), services: [{ kind: 'any' }] };
  const rules = [
    rule('a', [80, 80]),
    rule('b', [443, 443], [80, 80], [80, 80]),
    rule('c', [1, 100]),
    anything,
    rule('e', [80, 80]),
    rule('f', [81, 81]),
  ];
  test.each([
    ['tcp/80', { protocol: protocolNumbers.tcp, port: 80 }, 'abcde'],
    ['tcp/443', { protocol: protocolNumbers.tcp, port: 443 }, 'bcd'],
    ['udp/80', { protocol: protocolNumbers.udp, port: 80 }, 'cd'],
    ['icmp', { protocol: protocolNumbers.icmp, icmpType: 8 }, 'cd'],
  ] as const)('%s asks %s: %s', (_, service, names) => {
    expect([...new RulesByService(rules).at(service)].map(({ name }) => name).join('')).toBe(names);
  });
});
