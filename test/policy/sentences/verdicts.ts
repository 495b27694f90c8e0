// Verdicts layer by layer, and whose an address is.

import { createOracle } from '#policy/judge/oracle.ts';
import { createWorld, document, segment, type World, workloads } from '../world.ts';
import {
  api,
  denied,
  elsewhere,
  fleet,
  granted,
  judged,
  judgedAmong,
  rule,
  type Sentence,
  shop,
  tested,
  web,
} from './case.ts';

export const verdicts: readonly Sentence[] = [
  // Verdicts
  [
    'verdicts',
    'one rule inside a segment opens both ends',
    judged(
      shop(rule(web, api, 'tcp/1')),
      ['10.0.0.1 10.0.0.2 tcp/1', ...granted],
      ['10.0.0.2 10.0.0.1 tcp/1', ...denied],
    ),
  ],
  [
    'verdicts',
    'between two segments each side opens its own end',
    judged(
      segment(
        'a',
        'selector: app == "lab"\noutbound: enforce\nrules:\n  - { name: out, from: [{ workloads: all() }], to: [{ tenant: role == "api" }], services: [tcp/1] }',
      ) +
        segment(
          'b',
          'selector: role == "api"\ninbound: enforce\nrules:\n  - { name: in, from: [{ tenant: app == "lab" }], to: [{ workloads: all() }], services: [tcp/1-2] }',
        ),
      ['10.0.0.4 10.0.0.2 tcp/1', 'allow rule a/out', 'allow rule b/in'],
      ['10.0.0.4 10.0.0.2 tcp/2', 'deny default a', 'allow rule b/in'],
    ),
  ],
  [
    'verdicts 1',
    'loopback is essential, before anything else',
    judged(
      shop() + document('Guardrail', 'g', 'mode: enforce\ndeny:\n  - { from: [any], to: [any], services: [any] }'),
      ['10.0.0.1 10.0.0.1 tcp/1', 'allow essential loopback', 'allow essential loopback'],
    ),
  ],
  [
    'verdicts 1',
    'the rest of the essential layer is the host’s own',
    elsewhere('test/protocols/links.test.ts', 'essential on the link'),
  ],
  [
    'verdicts 2',
    'quarantine denies but for its peers, before guardrails',
    {
      kind: 'judged',
      world: quarantinedWorld,
      rows: [
        ['10.0.0.3 10.0.0.1 tcp/1', 'deny quarantine incident', 'deny quarantine incident'],
        ['10.0.0.3 10.0.0.2 tcp/1', 'deny guardrail !g', 'deny guardrail !g'],
        ['10.0.0.1 203.0.113.1 tcp/1', 'deny quarantine incident', 'unmanaged'],
        ['192.0.2.9 10.0.0.1 tcp/1', 'unmanaged', 'allow rule s/r'],
      ],
    },
  ],
  [
    'verdicts 2',
    'every other managed host cuts off who is quarantined, so that it holds where the quarantined host is lost',
    {
      kind: 'judged',
      world: quarantinedWorld,
      rows: [
        ['10.0.0.1 10.0.0.2 tcp/1', 'deny quarantine incident', 'deny quarantine incident'],
        ['10.0.0.5 10.0.0.1 tcp/1', 'deny quarantine incident', 'deny quarantine incident'],
      ],
    },
    elsewhere('test/policy/cut-off.test.ts', 'who is cut off from a quarantined workload'),
  ],
  [
    'verdicts 3',
    'a guardrail that enforces denies, one that observes is remembered',
    judged(
      document('Guardrail', 'g', 'mode: observe\ndeny:\n  - { from: [any], to: [any], services: [tcp/1] }') +
        document('Guardrail', 'h', 'mode: enforce\ndeny:\n  - { from: [any], to: [any], services: [tcp/2] }') +
        shop(rule('any', 'any', 'tcp/1-3')),
      ['10.0.0.1 10.0.0.2 tcp/1', 'would-deny rule s/r !g', 'would-deny rule s/r !g'],
      ['10.0.0.1 10.0.0.2 tcp/2', 'deny guardrail !h', 'deny guardrail !h'],
      ['10.0.0.1 10.0.0.2 tcp/3', ...granted],
    ),
  ],
  [
    'verdicts 4',
    'the strictest mode of a workload’s segments: enforce, selective, observe, off',
    judged(
      segment('a', 'selector: all()\ninbound: off') +
        segment('b', 'selector: role == "web"\ninbound: observe') +
        segment('c', 'selector: app == "shop"\ninbound: selective\nselective: [tcp/22]') +
        segment('d', 'selector: env == "dev"\ninbound: enforce'),
      ['203.0.113.1 10.0.0.5 tcp/22', 'unmanaged', 'allow off'],
      ['203.0.113.1 10.0.0.4 tcp/22', 'unmanaged', 'would-deny default b'],
      ['203.0.113.1 10.0.0.1 tcp/22', 'unmanaged', 'deny default c'],
      ['203.0.113.1 10.0.0.1 tcp/23', 'unmanaged', 'would-deny default c'],
      ['203.0.113.1 10.0.0.3 tcp/23', 'unmanaged', 'deny default d'],
    ),
  ],
  [
    'verdicts 4',
    'without a segment it is observe',
    judged(segment('s', 'selector: app == "lab"'), [
      '10.0.0.5 10.0.0.1 tcp/1',
      'would-deny default',
      'would-deny default',
    ]),
  ],
  [
    'verdicts 4',
    'off allows, and nothing is remembered',
    judged(
      segment('s', 'selector: all()\ninbound: off\noutbound: off') +
        document('Guardrail', 'g', 'mode: observe\ndeny:\n  - { from: [any], to: [any], services: [any] }'),
      ['10.0.0.1 10.0.0.2 tcp/1', 'allow off', 'allow off'],
    ),
  ],
  [
    'verdicts 4',
    'but a guardrail that enforces comes before off',
    judged(
      segment('s', 'selector: all()\ninbound: off\noutbound: off') +
        document('Guardrail', 'g', 'mode: enforce\ndeny:\n  - { from: [any], to: [any], services: [any] }'),
      ['10.0.0.1 10.0.0.2 tcp/1', 'deny guardrail !g', 'deny guardrail !g'],
    ),
  ],
  [
    'verdicts 5',
    'a rule grants in observe too',
    judged(segment('s', 'selector: all()\nrules:\n  - { name: r, from: [any], to: [any], services: [tcp/1] }'), [
      '10.0.0.1 10.0.0.2 tcp/1',
      ...granted,
    ]),
  ],
  [
    'verdicts 6',
    'enforce denies by default, observe would',
    judged(shop(), ['10.0.0.1 10.0.0.2 tcp/1', ...denied]),
    judged(segment('s', 'selector: app == "shop"'), [
      '10.0.0.1 10.0.0.2 tcp/1',
      'would-deny default s',
      'would-deny default s',
    ]),
  ],
  [
    'verdicts 6',
    'selective services count of segments that are selective in this direction',
    judged(
      segment('a', 'selector: app == "shop"\ninbound: selective\noutbound: observe\nselective: [tcp/22]') +
        segment('b', 'selector: app == "shop"\ninbound: observe\noutbound: selective\nselective: [tcp/23]'),
      ['203.0.113.1 10.0.0.1 tcp/22', 'unmanaged', 'deny default a'],
      ['203.0.113.1 10.0.0.1 tcp/23', 'unmanaged', 'would-deny default a'],
      ['10.0.0.1 203.0.113.1 tcp/23', 'deny default b', 'unmanaged'],
    ),
  ],
  [
    'verdicts',
    'an unknown address and an external workload are unmanaged, and let pass',
    judged(
      shop(rule('any', 'any', 'tcp/1')),
      ['203.0.113.1 203.0.113.2 tcp/1', 'unmanaged', 'unmanaged'],
      ['10.9.0.1 10.0.0.1 tcp/1', 'unmanaged', 'allow rule s/r'],
    ),
  ],
  [
    'verdicts',
    'the connection is denied if either end denies',
    tested(
      segment('s', 'selector: role == "api"\ninbound: enforce'),
      'from: web, to: api, service: tcp/1, expect: deny',
      'holds',
    ),
    tested(
      segment('s', 'selector: role == "web"\noutbound: enforce'),
      'from: web, to: api, service: tcp/1, expect: deny',
      'holds',
    ),
  ],
  [
    'verdicts',
    'order never matters',
    elsewhere(
      'test/property/compile.property.test.ts',
      'the order of files, documents and lists never shows in a rule set',
    ),
  ],
  [
    'verdicts',
    'a change reaches open connections within a second',
    elsewhere('test/dataplane/revocation.test.ts', 'a peer that is %s is silent after each time it is revoked'),
  ],
  [
    'verdicts',
    'offline, loopback is source and destination of the same workload, at any of its addresses',
    judgedAmong(workloads('two h1 10.0.0.1,10.0.0.2 app=shop'), shop(), [
      '10.0.0.1 10.0.0.2 tcp/1',
      'allow essential loopback',
      'allow essential loopback',
    ]),
  ],
];

function quarantinedWorld(): World {
  const { policy, inventory } = createWorld(
    shop(rule('any', 'any', 'any')) +
      document(
        'Guardrail',
        'g',
        'mode: enforce\ndeny:\n  - { from: [{ workloads: env == "dev" }], to: [any], services: [any] }',
      ) +
      segment(
        'peers',
        'selector: all()\nrules:\n  - { name: only, from: [{ cidr: 192.0.2.9 }], to: [any], services: [any] }',
      ),
    fleet,
  );
  const peers = policy.segments.get('peers')?.rules[0]?.from ?? [];
  const { peers: _peers, ...segments } = Object.fromEntries(policy.segments);
  const own = inventory.workloads.get('web');
  if (own === undefined) throw new Error('there is no workload web');
  const quarantined = { ...own, quarantine: { name: 'incident', peers } };
  const next = {
    policy: { ...policy, segments: new Map(Object.entries(segments)) },
    inventory: { ...inventory, workloads: new Map([...inventory.workloads, ['web', quarantined]]) },
  };
  return { ...next, oracle: createOracle(next) };
}
