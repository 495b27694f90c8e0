// Slips in labels: what no policy speaks of and no other workload has.

import { expect, test } from 'vitest';
import { millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { labelVocabulary, unknownLabels, unknownLabelText } from '#policy/select/label-vocabulary.ts';

const text = `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app in { "shop", "mail" } && has(owner)
  each: [team]
  rules:
    - { name: in, from: [{ tenant: 'role == "web"' }], to: [{ workloads: '!(tier != "db")' }], services: [tcp/80] }
---
apiVersion: segwall/v1
kind: Guardrail
metadata: { name: apart }
spec: { mode: enforce, deny: [{ from: [{ workloads: 'env == "dev"' }], to: [any], services: [any] }] }
---
apiVersion: segwall/v1
kind: PolicyTest
metadata: { name: t }
spec: { tests: [{ from: { labels: { zone: dmz } }, to: { ip: 10.0.0.1 }, service: any, expect: deny }] }
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: web-1, labels: { app: shop, rack: r1 } }
spec: { host: h1, kind: host, addresses: [10.0.0.2], facts: { os: debian } }
`;
const { policy, inventory } = checkPolicy({ files: [{ path: 'p.yaml', text }], now: millis(0), mode: 'offline' });

test.each([
  ['a key in a selector, with a value it is compared with', { app: 'mail', role: 'web', tier: 'db', env: 'dev' }, []],
  ['a key that is asked for whatever its value', { owner: 'anybody', team: 'new' }, []],
  ['a label of a test, or of a workload', { zone: 'dmz', rack: 'r1' }, []],
  ['a slip in a key', { ap: 'shop' }, ['no policy selects by "ap", and no other workload has it; did you mean app?']],
  [
    'a slip in a value',
    { app: 'shp' },
    ['no policy asks for app=shp, and no other workload has it; did you mean shop?'],
  ],
  ['what is like nothing', { colour: 'red' }, ['no policy selects by "colour", and no other workload has it']],
  [
    'what only the workload itself has',
    { rack: 'r1' },
    ['no policy selects by "rack", and no other workload has it'],
    'web-1',
  ],
] as const)('%s', (_, labels, told, except?: string) => {
  if (policy === undefined || inventory === undefined) throw new Error('the policy is not good');
  const known = labelVocabulary({ policy, inventory }, except);
  expect(unknownLabels(Object.entries(labels), known).map(unknownLabelText)).toEqual(told);
});
