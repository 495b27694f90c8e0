// Anchors and aliases, which programs that write YAML use for what they hold twice: an alias is what its anchor is, and positions are
// the anchor's, where the text stands.

import { expect, test } from 'vitest';
import { millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';

function read(text: string) {
  const { policy, problems } = checkPolicy({
    files: [{ path: 'policy.yaml', text }],
    inventoryFiles: [],
    now: millis(0),
    mode: 'offline',
  });
  return { policy, problems: problems.filter(({ severity }) => severity === 'error') };
}

const withAliases = `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  rules:
    - name: a
      from: &ends
        - workloads: role == "web"
      to: *ends
      services: &services [tcp/80, &https tcp/443]
    - name: b
      from: *ends
      to: [any]
      services: [*https]
    - { name: c, from: [any], to: *ends, services: *services }
`;

const writtenOut = `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  rules:
    - { name: a, from: [{ workloads: role == "web" }], to: [{ workloads: role == "web" }], services: [tcp/80, tcp/443] }
    - { name: b, from: [{ workloads: role == "web" }], to: [any], services: [tcp/443] }
    - { name: c, from: [any], to: [{ workloads: role == "web" }], services: [tcp/80, tcp/443] }
`;

test('aliases say what is said when it is written out', () => {
  const [aliased, plain] = [read(withAliases), read(writtenOut)];
  expect(aliased.problems).toEqual([]);
  const rulesOf = ({ policy }: ReturnType<typeof read>) =>
    policy?.segments.get('shop')?.rules.map(({ position: _, ...rule }) => rule);
  expect(rulesOf(aliased)).toEqual(rulesOf(plain));
});

test('the newest anchor of a name counts, and each document has its own', () => {
  const { problems } = read(`apiVersion: segwall/v1
kind: Service
metadata: { name: &n one }
spec: { ports: [&p tcp/80, &p tcp/443, *p] }
---
apiVersion: segwall/v1
kind: Service
metadata: { name: two }
spec: { ports: [*p] }
`);
  expect(problems.map(({ code, line }) => [code, line])).toEqual([['yaml-alias', 9]]);
});

test.each([
  [
    'ten times ten times …',
    Array.from(
      { length: 9 },
      (_, at) =>
        `k${at}: &a${at} [${
          at === 0
            ? 'x'
            : Array(10)
                .fill(`*a${at - 1}`)
                .join(', ')
        }]`,
    ),
  ],
  [
    'one inside the other',
    Array.from({ length: 5000 }, (_, at) => `k${at}: &a${at} [${at === 0 ? 'x' : `*a${at - 1}`}]`),
  ],
  ['itself', ['k: &a [*a]']],
])('aliases that stand for too much are refused at once: %s', (_, lines) => {
  const { problems } = read(`${lines.join('\n')}\n`);
  expect(problems.map(({ code }) => code)).toContain('yaml-alias');
});
