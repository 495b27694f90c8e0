// What a class of peers may do, service by service.

import { describe, expect, test } from 'vitest';
import { createInterner, decideServices, type Layers } from '#agent-core/judge/decision.ts';
import type { SelectiveServices } from '#model/rule-set.ts';
import { leastReferencesOf } from '#test/support/thread-time.ts';

const tcp = (low: number, high = low) => ({ kind: 'ports', protocol: 'tcp', low, high }) as const;

function layers(rest: Partial<Layers>): Layers {
  return {
    workload: 'w',
    direction: 'inbound',
    essentials: [],
    cutOff: 'none',
    guardrails: [],
    mode: 'selective',
    grants: [],
    selective: [],
    onDeny: 'drop',
    ...rest,
  };
}

/** "22-22 reject", in order of the ports. */
function tcpDecisions(selective: readonly SelectiveServices[]): readonly string[] {
  const map = decideServices(layers({ selective }), createInterner());
  return map.tcp.map(({ low, high, value }) => `${low}-${high} ${value.action} ${value.end.segment ?? ''}`.trim());
}

describe('a service that selective denies', () => {
  test.each<[string, readonly SelectiveServices[], readonly string[]]>([
    [
      "is denied as its own segment says, else as the direction's does",
      [
        { segment: 'a', services: [tcp(22)] },
        { segment: 'b', services: [tcp(80)], onDeny: 'reject' },
      ],
      ['1-21 accept', '22-22 drop a', '23-79 accept', '80-80 reject b', '81-65535 accept'],
    ],
    [
      'of two segments is denied as the first says',
      [
        { segment: 'a', services: [tcp(20, 30)], onDeny: 'reject' },
        { segment: 'b', services: [tcp(25, 40)] },
      ],
      ['1-19 accept', '20-30 reject a', '31-40 drop b', '41-65535 accept'],
    ],
  ])('%s', (_, selective, expected) => {
    expect(tcpDecisions(selective).map((line) => line.replace(/^0-/, '1-'))).toEqual(expected);
  });
});

test('ten thousand grants to one class are decided within a second', () => {
  const grants = Array.from(
    { length: 10_000 },
    (_, at) =>
      ({
        segment: 's',
        rule: `r${at}`,
        peers: { kind: 'any' },
        local: { kind: 'any' },
        // Every other port, out of order: nothing joins.

        services: [tcp(1 + ((at * 7) % 10_000) * 2)],
      }) as const,
  );
  const decide = () => decideServices(layers({ mode: 'enforce', grants }), createInterner());
  const map = decide();
  expect(map.tcp.filter(({ value }) => value.action === 'accept')).toHaveLength(10_000);
  expect(leastReferencesOf(decide, 100)).toBeLessThan(100);
});
