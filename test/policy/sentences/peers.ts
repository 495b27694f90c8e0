// Peers and selectors.

import { segment } from '../world.ts';
import {
  accepted,
  api,
  fleet,
  granted,
  judged,
  judgedAmong,
  raw,
  refused,
  rule,
  type Sentence,
  shop,
  web,
} from './case.ts';

export const peers: readonly Sentence[] = [
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
];

/** What the workload without labels is under a selector of the table, as a source that nothing is said of outbound. */
function endOfBare(selector: string): string {
  const isMember = selector.startsWith('!(');
  return isMember ? 'would-deny default s' : 'would-deny default';
}
