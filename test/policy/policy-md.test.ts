// The policy language, sentence by sentence, in the order in which it is laid down: each that says what holds has a small case here,
// judged by the oracle and by the compiled rule sets, and where it speaks of what is refused or warned of, checked. What only a live
// fleet can show names the test that does.

import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type EndQuery, evaluateEnd } from '#model/evaluate.ts';
import { millis } from '#model/time.ts';
import type { Direction, End } from '#model/verdict.ts';
import { checkPolicy } from '#policy/check-policy.ts';
import { compileFleet } from '#policy/compile.ts';
import { createOracle } from '#policy/oracle.ts';
import { runPolicyTests } from '#policy/policy-tests.ts';
import { createWorld, document, endText, noon, query, segment, type World, workloads } from './world.ts';

type Row = readonly [query: string, outbound: string, inbound: string];

type Case =
  | { readonly kind: 'judged'; readonly world: () => World; readonly rows: readonly Row[]; readonly at?: string }
  | { readonly kind: 'refused'; readonly policy: string; readonly code: string; readonly inventory?: string }
  | { readonly kind: 'warned'; readonly policy: string; readonly code: string; readonly inventory?: string }
  | { readonly kind: 'accepted'; readonly policy: string; readonly inventory?: string }
  | {
      readonly kind: 'tested';
      readonly policy: string;
      readonly assertion: string;
      readonly outcome: 'holds' | 'fails';
    }
  | { readonly kind: 'elsewhere'; readonly file: string };

const fleet = workloads(
  'web h1 10.0.0.1,fd00::1 app=shop,env=prod,role=web',
  'api h2 10.0.0.2,fd00::2 app=shop,env=prod,role=api',
  'dev h3 10.0.0.3 app=shop,env=dev,role=web',
  'lab h4 10.0.0.4 app=lab,env=prod,role=web',
  'bare h5 10.0.0.5 -',
  'nginx h1/nginx.service - app=edge,role=nginx',
  'box h2/container 172.17.0.2 app=box,role=box',
  'sql external 10.9.0.1 role=sql',
  'fact h6 10.0.0.6 app=f,fact/os=debian',
).replace('{ - }', '{}');

const judged = (policy: string, ...rows: readonly Row[]): Case => ({
  kind: 'judged',
  world: () => createWorld(policy, fleet),
  rows,
});
const judgedAt = (at: string, policy: string, ...rows: readonly Row[]): Case => ({
  kind: 'judged',
  world: () => createWorld(policy, fleet),
  rows,
  at,
});
const judgedAmong = (inventory: string, policy: string, ...rows: readonly Row[]): Case => ({
  kind: 'judged',
  world: () => createWorld(policy, inventory),
  rows,
});
const refused = (policy: string, code: string, inventory?: string): Case => ({
  kind: 'refused',
  policy,
  code,
  ...(inventory === undefined ? {} : { inventory }),
});
const warned = (policy: string, code: string, inventory = fleet): Case => ({ kind: 'warned', policy, code, inventory });
const accepted = (policy: string, inventory?: string): Case => ({
  kind: 'accepted',
  policy,
  ...(inventory === undefined ? {} : { inventory }),
});
const tested = (policy: string, assertion: string, outcome: 'holds' | 'fails'): Case => ({
  kind: 'tested',
  policy,
  assertion,
  outcome,
});
const elsewhere = (file: string): Case => ({ kind: 'elsewhere', file });

/** A segment of everyone in the shop, enforced both ways. */
const shop = (...rules: readonly string[]): string => of('app == "shop"', ...rules);
const of = (selector: string, ...rules: readonly string[]): string =>
  segment(
    's',
    `selector: '${selector}'\ninbound: enforce\noutbound: enforce\n${rules.length === 0 ? '' : `rules:\n${rules.map((one) => `  - { ${one} }\n`).join('')}`}`,
  );
const rule = (from: string, to: string, services: string, more = ''): string =>
  `name: r, from: [${from}], to: [${to}], services: [${services}]${more}`;
const web = `{ workloads: role == "web" }`;
const api = `{ workloads: role == "api" }`;
const granted: readonly [string, string] = ['allow rule s/r', 'allow rule s/r'];
const denied: readonly [string, string] = ['deny default s', 'deny default s'];
const services = (...terms: readonly string[]): string => shop(rule(web, api, terms.map((term) => `"${term}"`).join()));
const raw = (text: string): string => `---\n${text}\n`;
const workloadOf = (spec: string, labels = ''): string =>
  raw(`apiVersion: segwall/v1\nkind: Workload\nmetadata: { name: w, labels: { ${labels} } }\nspec: { ${spec} }`);

const sentences: readonly (readonly [section: string, says: string, ...cases: readonly Case[]])[] = [
  // Documents
  [
    'documents',
    'many files and many documents a file are one policy',
    judged(`${document('Service', 'x', 'ports: [tcp/80]')}${shop(rule(web, api, 'x'))}`, [
      '10.0.0.1 10.0.0.2 tcp/80',
      ...granted,
    ]),
  ],
  [
    'documents',
    'each has an apiVersion',
    refused(raw('kind: Segment\nmetadata: { name: s }\nspec: { selector: all() }'), 'missing-field'),
    refused(
      raw('apiVersion: segwall/v2\nkind: Segment\nmetadata: { name: s }\nspec: { selector: all() }'),
      'bad-value',
    ),
  ],
  [
    'documents',
    'each has a kind',
    refused(raw('apiVersion: segwall/v1\nkind: Zone\nmetadata: { name: s }\nspec: {}'), 'unknown-kind'),
  ],
  [
    'documents',
    'each has a name of lower-case letters, digits and inner hyphens, of 1 to 63',
    accepted(segment('a'.repeat(63), 'selector: all()')),
    accepted(segment('"0"', 'selector: all()')),
    refused(segment('a'.repeat(64), 'selector: all()'), 'bad-name'),
    refused(segment('a-', 'selector: all()'), 'bad-name'),
    refused(segment('A', 'selector: all()'), 'bad-name'),
  ],
  [
    'documents',
    'a name is unique in its kind, and only there',
    refused(segment('s', 'selector: all()') + segment('s', 'selector: all()'), 'duplicate-name'),
    accepted(segment('s', 'selector: all()') + document('Service', 's', 'ports: [tcp/1]')),
  ],
  ['documents', 'an unknown key is an error', refused(segment('s', 'selector: all()\nowner: me'), 'unknown-key')],
  ['documents', 'a wrong type is an error', refused(segment('s', 'selector: [all()]'), 'wrong-type')],
  [
    'documents',
    'a dangling reference is an error',
    refused(shop(rule('{ ipList: none }', 'any', 'any')), 'dangling-reference'),
    refused(shop(rule('{ segment: none }', 'any', 'any')), 'dangling-reference'),
    refused(shop(rule('any', 'any', 'none')), 'dangling-reference'),
  ],
  ['documents', 'a bad CIDR is an error', refused(shop(rule('{ cidr: 10.0.0.0/33 }', 'any', 'any')), 'bad-cidr')],
  [
    'documents',
    'a selector that cannot be parsed is an error',
    refused(segment('s', 'selector: app = 1'), 'bad-selector'),
  ],
  [
    'documents',
    'a description is for people',
    accepted(
      raw(
        'apiVersion: segwall/v1\nkind: Segment\nmetadata: { name: s, description: "any, text" }\nspec: { selector: all() }',
      ),
    ),
  ],
  [
    'documents',
    'lists are not empty',
    refused(segment('s', 'selector: all()\nselective: []'), 'empty-list'),
    refused(shop(rule('', 'any', 'any')), 'empty-list'),
    refused(document('Service', 'x', 'ports: []'), 'empty-list'),
    refused(document('IPList', 'x', 'cidrs: []'), 'empty-list'),
  ],
  [
    'documents',
    'but rules may be absent or empty',
    accepted(segment('s', 'selector: all()')),
    accepted(segment('s', 'selector: all()\nrules: []')),
  ],
  [
    'documents',
    'labels are strings',
    refused('', 'label-not-string', workloadOf('kind: external, addresses: [10.0.0.1]', 'a: true')),
    refused('', 'label-not-string', workloadOf('kind: external, addresses: [10.0.0.1]', 'a: 1')),
    accepted('', workloadOf('kind: external, addresses: [10.0.0.1]', 'a: "1"')),
  ],
  [
    'documents',
    'label values are of 0 to 63 plain characters',
    accepted('', workloadOf('kind: external, addresses: [10.0.0.1]', `a: "", b: "${'v'.repeat(63)}", c: "A.z_0:/@+-"`)),
    refused('', 'bad-label-value', workloadOf('kind: external, addresses: [10.0.0.1]', `a: "${'v'.repeat(64)}"`)),
    refused('', 'bad-label-value', workloadOf('kind: external, addresses: [10.0.0.1]', 'a: "x y"')),
  ],
  ['documents', 'a tenant never meets another’s objects', elsewhere('test/server/api.test.ts')],

  // Workload
  [
    'workload',
    'a host is the machine as a whole',
    judged(
      shop(rule(web, api, 'tcp/80')),
      ['10.0.0.1 10.0.0.2 tcp/80', ...granted],
      ['fd00::1 fd00::2 tcp/80', ...granted],
    ),
  ],
  [
    'workload',
    'a unit has its host’s addresses, and rules of its own',
    judged(
      of('role == "nginx"', rule('any', '{ workloads: all() }', 'tcp/80')),
      ['10.0.0.5 nginx@10.0.0.1 tcp/80', 'would-deny default', 'allow rule s/r'],
      ['10.0.0.5 10.0.0.1 tcp/80', 'would-deny default', 'would-deny default'],
    ),
  ],
  [
    'workload',
    'a unit names its unit, and only a unit does',
    refused('', 'missing-field', workloadOf('kind: unit, host: h')),
    refused('', 'field-not-allowed', workloadOf('kind: host, host: h, unit: a.service, addresses: [10.0.0.1]')),
  ],
  [
    'workload',
    'a container has addresses of its own',
    judged(
      of('role == "box"', rule('any', '{ workloads: all() }', 'tcp/80')),
      ['10.0.0.5 172.17.0.2 tcp/80', 'would-deny default', 'allow rule s/r'],
      ['10.0.0.5 172.17.0.2 tcp/81', 'would-deny default', 'deny default s'],
    ),
  ],
  [
    'workload',
    'an external one has no agent, and policy can name it',
    judged(
      shop(rule(web, '{ tenant: role == "sql" }', 'tcp/5432')),
      ['10.0.0.1 10.9.0.1 tcp/5432', 'allow rule s/r', 'unmanaged'],
      ['10.0.0.1 10.9.0.1 tcp/1', 'deny default s', 'unmanaged'],
    ),
  ],
  [
    'workload',
    'facts are labels that policy may select',
    judged(of('fact/os == "debian"'), ['10.0.0.6 10.0.0.5 tcp/1', 'deny default s', 'would-deny default']),
  ],
  [
    'workload',
    'metadata.labels may hold no facts',
    refused('', 'reserved-label', workloadOf('kind: external, addresses: [10.0.0.1]', 'fact/os: debian')),
  ],
  [
    'workload',
    'facts are of seven kinds',
    accepted(
      '',
      workloadOf(
        'kind: host, host: h, addresses: [10.0.0.1], facts: { os: a, os-version: b, kernel: c, arch: d, agent-version: e, cloud: f, region: g }',
      ),
    ),
    refused('', 'unknown-key', workloadOf('kind: host, host: h, addresses: [10.0.0.1], facts: { colour: red }')),
  ],
  [
    'workload',
    'live, labels come from the control plane and never from the host',
    elsewhere('test/server/fleet.test.ts'),
  ],

  // Service
  [
    'service',
    'any is every IP protocol',
    judged(services('any'), ['10.0.0.1 10.0.0.2 proto/253', ...granted], ['fd00::1 fd00::2 icmpv6/128', ...granted]),
  ],
  [
    'service',
    'a port of tcp, udp or sctp',
    judged(
      services('tcp/1', 'udp/65535', 'sctp/7'),
      ['10.0.0.1 10.0.0.2 tcp/1', ...granted],
      ['10.0.0.1 10.0.0.2 udp/65535', ...granted],
      ['10.0.0.1 10.0.0.2 sctp/7', ...granted],
      ['10.0.0.1 10.0.0.2 udp/1', ...denied],
    ),
  ],
  [
    'service',
    'a range of ports, both ends in it',
    judged(
      services('tcp/10-12'),
      ['10.0.0.1 10.0.0.2 tcp/9', ...denied],
      ['10.0.0.1 10.0.0.2 tcp/10', ...granted],
      ['10.0.0.1 10.0.0.2 tcp/12', ...granted],
      ['10.0.0.1 10.0.0.2 tcp/13', ...denied],
    ),
  ],
  [
    'service',
    'ports are 1 to 65535, the low end not above the high',
    refused(services('tcp/0'), 'bad-service'),
    refused(services('tcp/65536'), 'bad-service'),
    refused(services('tcp/2-1'), 'bad-service'),
    accepted(services('tcp/2-2')),
  ],
  [
    'service',
    'icmp is of IPv4 only, icmpv6 of IPv6 only',
    judged(
      services('icmp', 'icmpv6/128'),
      ['10.0.0.1 10.0.0.2 icmp/8', ...granted],
      ['fd00::1 fd00::2 proto/1', ...denied],
      ['fd00::1 fd00::2 icmpv6/128', ...granted],
      ['fd00::1 fd00::2 icmpv6/129', ...denied],
      ['10.0.0.1 10.0.0.2 proto/58', ...denied],
    ),
  ],
  [
    'service',
    'one type of icmp is that type',
    judged(services('icmp/8'), ['10.0.0.1 10.0.0.2 icmp/8', ...granted], ['10.0.0.1 10.0.0.2 icmp/0', ...denied]),
    refused(services('icmp/256'), 'bad-service'),
  ],
  [
    'service',
    'proto/NUMBER is all of that protocol, so proto/6 is all of tcp',
    judged(
      services('proto/6', 'proto/0'),
      ['10.0.0.1 10.0.0.2 tcp/9', ...granted],
      ['10.0.0.1 10.0.0.2 proto/0', ...granted],
      ['10.0.0.1 10.0.0.2 udp/9', ...denied],
    ),
    refused(services('proto/256'), 'bad-service'),
  ],
  [
    'service',
    'a term may be the name of a Service',
    judged(document('Service', 'rdp', 'ports: [tcp/3389, udp/3389]') + services('rdp'), [
      '10.0.0.1 10.0.0.2 udp/3389',
      ...granted,
    ]),
  ],
  [
    'service',
    'a Service lists terms, not other Services',
    refused(document('Service', 'a', 'ports: [tcp/1]') + document('Service', 'b', 'ports: [a]'), 'bad-service'),
  ],
  [
    'service',
    'a Service is not called by a word of the language',
    ...['any', 'tcp', 'udp', 'sctp', 'icmp', 'icmpv6', 'proto'].map((name) =>
      refused(document('Service', name, 'ports: [tcp/1]'), 'reserved-name'),
    ),
  ],

  // IPList
  [
    'ip list',
    'it matches inside any of cidrs and none of except',
    judged(
      document('IPList', 'l', 'cidrs: [192.0.2.0/25, 198.51.100.1]\nexcept: [192.0.2.64/26]') +
        shop(rule('{ ipList: l }', '{ workloads: all() }', 'tcp/1')),
      ['192.0.2.63 10.0.0.1 tcp/1', 'unmanaged', 'allow rule s/r'],
      ['192.0.2.64 10.0.0.1 tcp/1', 'unmanaged', 'deny default s'],
      ['198.51.100.1 10.0.0.1 tcp/1', 'unmanaged', 'allow rule s/r'],
      ['198.51.100.2 10.0.0.1 tcp/1', 'unmanaged', 'deny default s'],
    ),
  ],
  [
    'ip list',
    'a bare address is its /32 or /128',
    judged(
      shop(rule('{ cidr: "fd00:9::1" }', '{ workloads: all() }', 'tcp/1')),
      ['fd00:9::1 fd00::1 tcp/1', 'unmanaged', 'allow rule s/r'],
      ['fd00:9::2 fd00::1 tcp/1', 'unmanaged', 'deny default s'],
    ),
  ],
  [
    'ip list',
    'host bits beyond the prefix are errors',
    refused(document('IPList', 'l', 'cidrs: [10.0.0.1/24]'), 'bad-cidr'),
  ],
  [
    'ip list',
    'IPv4-mapped IPv6 forms are errors',
    refused(document('IPList', 'l', 'cidrs: ["::ffff:10.0.0.1"]'), 'bad-cidr'),
  ],
  [
    'ip list',
    '0.0.0.0/0 is IPv4 only',
    judged(
      shop(rule('{ cidr: 0.0.0.0/0 }', '{ workloads: all() }', 'tcp/1')),
      ['203.0.113.1 10.0.0.1 tcp/1', 'unmanaged', 'allow rule s/r'],
      ['2001:db8::1 fd00::1 tcp/1', 'unmanaged', 'deny default s'],
    ),
  ],
  [
    'ip list',
    'addresses compare by value, not by spelling',
    judged(shop(rule('{ cidr: "FD00:0:0::0009/128" }', '{ workloads: all() }', 'tcp/1')), [
      'fd00::9 fd00::1 tcp/1',
      'unmanaged',
      'allow rule s/r',
    ]),
  ],

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
    elsewhere('test/compile/compile.test.ts'),
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

  // Peers
  [
    'peers',
    'one match suffices',
    judged(shop(rule(`{ cidr: 192.0.2.1 }, ${web}`, `{ cidr: 192.0.2.1 }, ${api}`, 'tcp/1')), [
      '10.0.0.1 10.0.0.2 tcp/1',
      ...granted,
    ]),
  ],
  [
    'peers',
    '{ workloads } is a member of this segment only',
    judged(shop(rule(web, '{ workloads: all() }', 'tcp/1')), [
      '10.0.0.4 10.0.0.2 tcp/1',
      'would-deny default',
      'deny default s',
    ]),
  ],
  [
    'peers',
    '{ segment, workloads } is a member of that segment whose labels match',
    judged(
      segment('labs', 'selector: app == "lab"') +
        shop(
          rule('{ segment: labs, workloads: role == "web" }', api, 'tcp/1'),
          'name: q, from: [{ segment: labs, workloads: role == "api" }], to: [any], services: [tcp/2]',
          'name: p, from: [{ segment: labs }], to: [any], services: [tcp/3]',
        ),
      ['10.0.0.4 10.0.0.2 tcp/1', 'would-deny default labs', 'allow rule s/r'],
      ['10.0.0.4 10.0.0.2 tcp/2', 'would-deny default labs', 'deny default s'],
      ['10.0.0.4 10.0.0.2 tcp/3', 'would-deny default labs', 'allow rule s/p'],
    ),
  ],
  [
    'peers',
    '{ tenant } is any workload whose labels match',
    judged(
      shop(rule('{ tenant: app == "lab" }', api, 'tcp/1')),
      ['10.0.0.4 10.0.0.2 tcp/1', 'would-deny default', 'allow rule s/r'],
      ['10.0.0.5 10.0.0.2 tcp/1', 'would-deny default', 'deny default s'],
    ),
  ],
  [
    'peers',
    '{ cidr, except } is in the range, whoever holds it',
    judged(
      shop(rule('{ cidr: 10.0.0.0/29, except: [10.0.0.5] }', api, 'tcp/1')),
      ['10.0.0.4 10.0.0.2 tcp/1', 'would-deny default', 'allow rule s/r'],
      ['10.0.0.5 10.0.0.2 tcp/1', 'would-deny default', 'deny default s'],
      ['10.0.0.7 10.0.0.2 tcp/1', 'unmanaged', 'allow rule s/r'],
    ),
  ],
  [
    'peers',
    '{ fqdn } is what the name resolves to, in to only',
    judgedAmong(
      fleet +
        raw(
          'apiVersion: segwall/v1\nkind: Resolution\nmetadata: { name: names }\nspec: { example.com: [192.0.2.7], a.b.example.org: [192.0.2.8] }',
        ),
      shop(rule(web, '{ fqdn: example.com }, { fqdn: "*.example.org" }', 'tcp/443')),
      ['10.0.0.1 192.0.2.7 tcp/443', 'allow rule s/r', 'unmanaged'],
      ['10.0.0.1 192.0.2.8 tcp/443', 'allow rule s/r', 'unmanaged'],
      ['10.0.0.1 192.0.2.9 tcp/443', 'deny default s', 'unmanaged'],
    ),
    refused(shop(rule('{ fqdn: example.com }', 'any', 'any')), 'bad-peer'),
  ],
  [
    'peers',
    'any is any address',
    judged(
      shop(rule('any', 'any', 'tcp/1')),
      ['203.0.113.1 10.0.0.2 tcp/1', 'unmanaged', 'allow rule s/r'],
      ['2001:db8::1 fd00::2 tcp/1', 'unmanaged', 'allow rule s/r'],
    ),
  ],

  // Selectors
  [
    'selectors',
    '&& binds closer than ||, ! closer than both, parentheses closest',
    ...(
      [
        ['role == "api" || role == "web" && env == "dev"', '10.0.0.2', true],
        ['(role == "api" || role == "web") && env == "dev"', '10.0.0.2', false],
        ['!role == "web" && app == "shop"', '10.0.0.2', true],
        ['!(role == "web" || role == "api")', '10.0.0.2', false],
        ['!!has(app)', '10.0.0.2', true],
      ] as const
    ).map(([selector, address, isMember]) =>
      judged(segment('s', `selector: '${selector}'\ninbound: enforce`), [
        `10.0.0.5 ${address} tcp/1`,
        isMember && selector.startsWith('!(') ? 'deny default s' : endOfBare(selector),
        isMember ? 'deny default s' : 'would-deny default',
      ]),
    ),
  ],
  [
    'selectors',
    'in, not in, !=: the negative ones match where the key is absent',
    ...(
      [
        ['app in {"x","shop"}', '10.0.0.1', true],
        ['app in {"x"}', '10.0.0.1', false],
        ['app not in {"shop"}', '10.0.0.5', true],
        ['app != "shop"', '10.0.0.5', true],
        ['app != "shop"', '10.0.0.1', false],
      ] as const
    ).map(([selector, address, isMember]) =>
      judged(segment('s', `selector: '${selector}'\ninbound: enforce`), [
        `203.0.113.1 ${address} tcp/1`,
        'unmanaged',
        isMember ? 'deny default s' : 'would-deny default',
      ]),
    ),
  ],
  [
    'selectors',
    'strings in either quotes, without escapes; white space is free; {} is an error',
    accepted(segment('s', `selector: "app=='shop'&&env   in{'a' , 'b'}"`)),
    refused(segment('s', "selector: 'app in {}'"), 'bad-selector'),
    refused(segment('s', `selector: 'app == "a" "b"'`), 'bad-selector'),
  ],
  [
    'selectors',
    'a key is none of in, not, has, all',
    ...['in', 'not', 'has', 'all'].map((key) => refused(segment('s', `selector: '${key} == "x"'`), 'bad-selector')),
    accepted(segment('s', `selector: '0a._/-Z == "x"'`)),
    refused(segment('s', `selector: '${'k'.repeat(64)} == "x"'`), 'bad-selector'),
  ],

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
    elsewhere('test/agent/essentials-record.test.ts'),
  ],
  [
    'verdicts 2',
    'quarantine denies but for its peers, before guardrails',
    {
      kind: 'judged',
      world: quarantinedWorld,
      rows: [
        ['10.0.0.3 10.0.0.1 tcp/1', 'deny guardrail !g', 'deny quarantine incident'],
        ['10.0.0.1 203.0.113.1 tcp/1', 'deny quarantine incident', 'unmanaged'],
        ['192.0.2.9 10.0.0.1 tcp/1', 'unmanaged', 'allow rule s/r'],
      ],
    },
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
  ['verdicts', 'order never matters', elsewhere('test/property/compile.property.test.ts')],
  ['verdicts', 'a change reaches open connections within a second', elsewhere('test/dataplane/revocation.test.ts')],
  [
    'verdicts',
    'offline, loopback is source and destination of the same workload, at any of its addresses',
    judgedAmong(workloads('two h1 10.0.0.1,10.0.0.2 app=shop'), shop(), [
      '10.0.0.1 10.0.0.2 tcp/1',
      'allow essential loopback',
      'allow essential loopback',
    ]),
  ],

  // Whose address is it
  [
    'addresses',
    'two hosts that claim one address are an error in a file',
    refused('', 'duplicate-address', workloads('a h1 10.0.0.1 -', 'b h2 10.0.0.1 -').replaceAll('{ - }', '{}')),
  ],
  ['addresses', 'live, a contested address matches neither', elsewhere('test/server/fleet.test.ts')],
  [
    'addresses',
    'an agent publishes addresses by which others reach it',
    elsewhere('test/containers/registration.test.ts'),
  ],
  [
    'addresses',
    'peers elsewhere know a unit by its host’s addresses',
    judged(of('app == "shop"', rule('{ tenant: role == "nginx" }', api, 'tcp/1')), [
      '10.0.0.1 10.0.0.2 tcp/1',
      'deny default s',
      'allow rule s/r',
    ]),
  ],
  [
    'addresses',
    'selecting a unit as a remote peer is warned of',
    warned(shop(rule('{ tenant: role == "nginx" }', api, 'tcp/1')), 'unit-as-remote-peer'),
  ],
];

/** What the workload without labels is under a selector of the table, as a source that nothing is said of outbound. */
function endOfBare(selector: string): string {
  const isMember = selector.startsWith('!(');
  return isMember ? 'would-deny default s' : 'would-deny default';
}

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

function problemsOf(policy: string, inventory: string | undefined) {
  return checkPolicy({
    files: [{ path: 'policy.yaml', text: policy }],
    ...(inventory === undefined ? {} : { inventoryFiles: [{ path: 'inventory.yaml', text: inventory }] }),
    now: noon,
    mode: 'offline',
  }).problems;
}

/** The same query through the rule sets that the hosts of its two ends would be sent. */
function compiledEnds(world: World, asked: ReturnType<typeof query>): Readonly<Record<Direction, End>> {
  const compiled = compileFleet({ ...world, now: asked.at });
  const endOf = (
    direction: Direction,
    question: Pick<EndQuery, 'localAddress' | 'peerAddress'>,
    name?: string,
  ): End => {
    const workload = world.oracle.workloadAt(question.localAddress, name);
    if (workload?.host === undefined || workload.kind === 'external')
      return { verdict: 'unmanaged', reason: 'unmanaged' };
    const ruleSet = compiled.ruleSetOf(workload.host, 1);
    if (ruleSet === undefined) throw new Error(`no rule set for ${workload.host}`);
    return evaluateEnd({ ruleSet, workload: workload.name, direction, service: asked.service, ...question });
  };
  const { src, dst } = asked;
  return {
    outbound: endOf('outbound', { localAddress: src, peerAddress: dst }, asked.srcWorkload),
    inbound: endOf('inbound', { localAddress: dst, peerAddress: src }, asked.dstWorkload),
  };
}

function holds(one: Case): void {
  switch (one.kind) {
    case 'judged': {
      const world = one.world();
      for (const [text, outbound, inbound] of one.rows) {
        const asked = query(text, one.at === undefined ? noon : millis(Date.parse(one.at)));
        const verdict = world.oracle.judge(asked);
        expect([text, endText(verdict.outbound), endText(verdict.inbound)]).toEqual([text, outbound, inbound]);
        const compiled = compiledEnds(world, asked);
        expect([text, endText(compiled.outbound), endText(compiled.inbound)], 'compiled').toEqual([
          text,
          outbound,
          inbound,
        ]);
      }
      return;
    }
    case 'refused':
    case 'warned': {
      const found = problemsOf(one.policy, one.inventory).find(({ code }) => code === one.code);
      expect(found, JSON.stringify(problemsOf(one.policy, one.inventory))).toBeDefined();
      expect(found?.severity).toBe(one.kind === 'refused' ? 'error' : 'warning');
      expect(found?.line).toBeGreaterThan(0);
      expect(found?.column).toBeGreaterThan(0);
      return;
    }
    case 'accepted':
      expect(problemsOf(one.policy, one.inventory).filter(({ severity }) => severity === 'error')).toEqual([]);
      return;
    case 'tested': {
      const world = createWorld(one.policy + document('PolicyTest', 't', `tests:\n  - { ${one.assertion} }`), fleet);
      expect(runPolicyTests({ ...world, now: noon }).map(({ outcome }) => outcome)).toEqual([one.outcome]);
      return;
    }
    case 'elsewhere':
      expect(existsSync(new URL(`../../${one.file}`, import.meta.url)), one.file).toBe(true);
  }
}

describe.each([...new Set(sentences.map(([section]) => section))])('%s', (section) => {
  const own = sentences.filter(([name]) => name === section);
  test.each(own.map(([, says, ...cases]) => ({ says, cases })))('$says', ({ cases }) => {
    for (const one of cases) holds(one);
  });
});
