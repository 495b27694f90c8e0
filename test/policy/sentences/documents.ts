// Documents, workloads, services and lists of addresses.

import { document, segment, workloads } from '../world.ts';
import {
  accepted,
  api,
  denied,
  elsewhere,
  granted,
  judged,
  of,
  raw,
  refused,
  rule,
  type Sentence,
  services,
  shop,
  warned,
  web,
  workloadOf,
} from './case.ts';

export const documents: readonly Sentence[] = [
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
  [
    'documents',
    'a tenant never meets another’s objects',
    elsewhere('test/server/fleet.test.ts', 'a host of another tenant, or none, is refused'),
  ],

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
    'a fact is the host’s own claim: where a rule grants to a peer by one, check warns',
    ...[
      [`{ workloads: fact/os == "debian" }`, api],
      [web, `{ tenant: role == "api" && !has(fact/region) }`],
      [`{ segment: s, workloads: fact/os != "x" }`, 'any'],
    ].map(([from = '', to = '']) => warned(shop(rule(from, to, 'tcp/1')), 'grants-by-fact')),
    warned(of('app == "f" && fact/os == "debian"', rule('any', 'any', 'tcp/1')), 'grants-by-fact'),
    warned(
      `${segment('s', 'selector: app == "f"\neach: [fact/os]\nrules: [{ name: r, from: [any], to: [any], services: [tcp/1] }]')}`,
      'grants-by-fact',
    ),
    warned('', 'grants-by-fact', workloads("v virtual/fact/os=='debian' 10.0.0.9 a=b")),
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
    elsewhere('test/server/store.test.ts', 'the labels of the token become those of the host'),
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
];
