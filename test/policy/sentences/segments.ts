// Segments, also by combination, guardrails and tests.

import { document, segment } from '../world.ts';
import { api, denied, granted, judged, judgedAt, refused, rule, type Sentence, shop, tested, web } from './case.ts';

export const segments: readonly Sentence[] = [
  // Segment
  [
    'segment',
    'it grants nothing to anyone who is not a member',
    judged(
      segment('s', 'selector: app == "lab"\nrules:\n  - { name: r, from: [any], to: [any], services: [any] }') +
        segment('t', 'selector: app == "shop"\ninbound: enforce'),
      ['10.0.0.4 10.0.0.1 tcp/1', 'allow rule s/r', 'deny default t'],
    ),
  ],
  [
    'segment',
    'a direction is observed where nothing is said',
    judged(segment('s', 'selector: all()'), [
      '10.0.0.1 10.0.0.2 tcp/1',
      'would-deny default s',
      'would-deny default s',
    ]),
  ],
  ['segment', 'a mode is one of four', refused(segment('s', 'selector: all()\ninbound: block'), 'bad-value')],
  [
    'segment',
    'a denied packet is dropped inbound and rejected outbound, if nothing else is said',
    { kind: 'onDeny', policy: shop(), inbound: 'drop', outbound: 'reject' },
  ],
  [
    'segment',
    'rule names are unique in the segment, and made as names are',
    refused(shop(rule(web, api, 'tcp/1'), rule(web, api, 'tcp/2')), 'duplicate-name'),
    refused(shop('name: A, from: [any], to: [any], services: [any]'), 'bad-name'),
  ],
  [
    'segment',
    'after expires a rule grants nothing',
    judged(shop(rule(web, api, 'tcp/1', ', expires: 2026-01-07T12:00:01Z')), ['10.0.0.1 10.0.0.2 tcp/1', ...granted]),
    judged(shop(rule(web, api, 'tcp/1', ', expires: 2026-01-07T12:00:00Z')), ['10.0.0.1 10.0.0.2 tcp/1', ...denied]),
  ],
  [
    'segment',
    'outside its when a rule grants nothing, by the wall clock of its zone',
    ...(
      [
        ['2026-01-07T07:00:00Z', true],
        ['2026-01-07T06:59:59Z', false],
        ['2026-01-07T16:59:59Z', true],
        ['2026-01-07T17:00:00Z', false],
        ['2026-01-10T09:00:00Z', false],
        ['2026-07-07T06:00:00Z', true],
      ] as const
    ).map(([at, isOpen]) =>
      judgedAt(
        at,
        shop(
          rule(
            web,
            api,
            'tcp/1',
            ', when: { days: [mon, tue, wed, thu, fri], from: "08:00", to: "18:00", zone: Europe/Berlin }',
          ),
        ),
        ['10.0.0.1 10.0.0.2 tcp/1', ...(isOpen ? granted : denied)],
      ),
    ),
  ],

  // each
  [
    'each',
    'a segment for each combination: members of the same one',
    judged(
      segment(
        's',
        'selector: has(app)\neach: [app, env]\ninbound: enforce\noutbound: enforce\nrules:\n  - { name: r, from: [{ workloads: all() }], to: [{ workloads: all() }], services: [tcp/1] }',
      ),
      ['10.0.0.1 10.0.0.2 tcp/1', 'allow rule s/r [app=shop,env=prod]', 'allow rule s/r [app=shop,env=prod]'],
      ['10.0.0.1 10.0.0.3 tcp/1', 'deny default s [app=shop,env=prod]', 'deny default s [app=shop,env=dev]'],
      ['10.0.0.1 10.0.0.4 tcp/1', 'deny default s [app=shop,env=prod]', 'deny default s [app=lab,env=prod]'],
    ),
  ],
  [
    'each',
    'with three keys too',
    judged(
      segment(
        's',
        'selector: has(app)\neach: [app, env, role]\ninbound: enforce\nrules:\n  - { name: r, from: [{ workloads: all() }], to: [{ workloads: all() }], services: [any] }',
      ),
      [
        '10.0.0.2 10.0.0.1 tcp/1',
        'would-deny default s [app=shop,env=prod,role=api]',
        'deny default s [app=shop,env=prod,role=web]',
      ],
    ),
  ],
  [
    'each',
    'a member that lacks one of the keys belongs to none',
    judged(segment('s', 'selector: all()\neach: [app, env]\ninbound: enforce'), [
      '10.0.0.1 10.0.0.6 tcp/1',
      'would-deny default s [app=shop,env=prod]',
      'would-deny default',
    ]),
  ],
  [
    'each',
    '{ segment: NAME } elsewhere means the members of all combinations',
    judged(
      segment('many', 'selector: has(app)\neach: [app]') +
        segment(
          's',
          "selector: '!has(app)'\ninbound: enforce\nrules:\n  - { name: r, from: [{ segment: many }], to: [{ workloads: all() }], services: [tcp/1] }",
        ),
      ['10.0.0.1 10.0.0.5 tcp/1', 'would-deny default many [app=shop]', 'allow rule s/r'],
      ['10.0.0.4 10.0.0.5 tcp/1', 'would-deny default many [app=lab]', 'allow rule s/r'],
    ),
  ],

  // Guardrail
  [
    'guardrail',
    'no segment overrides its denials',
    judged(
      document(
        'Guardrail',
        'g',
        'mode: enforce\ndeny:\n  - { from: [{ workloads: env == "dev" }], to: [{ workloads: env == "prod" }], services: [any] }',
      ) + shop(rule('any', 'any', 'any')),
      ['10.0.0.3 10.0.0.1 tcp/1', 'deny guardrail !g', 'deny guardrail !g'],
      ['10.0.0.1 10.0.0.3 tcp/1', ...granted],
    ),
  ],
  [
    'guardrail',
    'its workloads are of the whole tenant',
    judged(
      document(
        'Guardrail',
        'g',
        'mode: enforce\ndeny:\n  - { from: [{ workloads: role == "web" }], to: [{ workloads: role == "sql" }], services: [tcp/1] }',
      ),
      ['10.0.0.4 10.9.0.1 tcp/1', 'deny guardrail !g', 'unmanaged'],
    ),
  ],
  [
    'guardrail',
    'it observes or enforces',
    refused(
      document('Guardrail', 'g', 'mode: off\ndeny:\n  - { from: [any], to: [any], services: [any] }'),
      'bad-value',
    ),
  ],

  // PolicyTest
  [
    'policy test',
    'judge: as-enforced judges as if every segment enforced both directions; as-written is the default',
    ...(['as-written', 'as-enforced'] as const).map((judge) =>
      tested(
        segment('s', 'selector: app == "shop"'),
        'from: web, to: api, service: tcp/1, expect: deny',
        judge === 'as-enforced' ? 'holds' : 'fails',
        judge,
      ),
    ),
    tested(
      segment('s', 'selector: app == "shop"\nrules: [{ name: r, from: [any], to: [any], services: [tcp/1] }]'),
      'from: web, to: api, service: tcp/1, expect: allow, via: s/r',
      'holds',
      'as-enforced',
    ),
    refused(
      document(
        'PolicyTest',
        't',
        'judge: enforced\ntests: [{ from: { ip: 10.0.0.1 }, to: { ip: 10.0.0.2 }, service: any, expect: deny }]',
      ),
      'bad-value',
    ),
  ],
  [
    'policy test',
    'ends are workloads, addresses, or all with those labels',
    tested(shop(rule(web, api, 'tcp/1')), 'from: web, to: api, service: tcp/1, expect: allow', 'holds'),
    tested(shop(), 'from: { ip: 203.0.113.9 }, to: api, service: tcp/22, expect: deny', 'holds'),
    tested(
      shop(rule(web, api, 'tcp/1')),
      'from: { labels: { role: web } }, to: { labels: { role: api } }, service: tcp/1, expect: allow',
      'fails',
    ),
  ],
  [
    'policy test',
    'one over many holds only if every pair holds',
    tested(
      shop(rule(web, api, 'tcp/1')),
      'from: { labels: { role: web, app: shop } }, to: { labels: { role: api } }, service: tcp/1, expect: allow',
      'holds',
    ),
  ],
  [
    'policy test',
    'deny with any: no service at all, between any pair',
    tested(
      shop(rule('{ workloads: env == "dev" }', api, 'sctp/7')),
      'from: { labels: { role: web } }, to: { labels: { role: api } }, service: any, expect: deny',
      'fails',
    ),
    tested(
      shop(),
      'from: { labels: { app: shop } }, to: { labels: { role: api } }, service: any, expect: deny',
      'holds',
    ),
  ],
  [
    'policy test',
    'via names a rule that grants',
    tested(shop(rule(web, api, 'tcp/1')), 'from: web, to: api, service: tcp/1, expect: allow, via: s/r', 'holds'),
    tested(
      shop(rule(web, api, 'tcp/1')) +
        segment(
          't',
          'selector: all()\nrules:\n  - { name: r, from: [{ cidr: 192.0.2.0/24 }], to: [any], services: [any] }',
        ),
      'from: web, to: api, service: tcp/1, expect: allow, via: t/r',
      'fails',
    ),
  ],
];
