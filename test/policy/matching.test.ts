// docs/reference/policy.md's Peers and Service tables, and when rules are in force: one row a case, "query | does the
// rule hit".

import { describe, expect, test } from 'vitest';
import { millis } from '#model/time.ts';
import { createWorld, document, endText, query, segment, workloads } from './world.ts';

const fleet = workloads(
  'web h1 10.0.0.1,10.1.0.1,fd00::1 app=shop,role=web,env=prod,fact/os=debian',
  'api h2 10.0.0.2,fd00::2 app=shop,role=api,env=prod,fact/os=alpine',
  'other h3 10.0.0.3 app=lab,role=web,env=dev',
  'partner external 10.9.0.1 role=partner',
);

const resolutions =
  '---\napiVersion: segwall/v1\nkind: Resolution\nmetadata: { name: dns }\nspec:\n  API.Example.com.: [192.0.2.1, "2001:db8::1"]\n  a.b.example.com: [192.0.2.2]\n  example.com: [192.0.2.3]\n  xexample.com: [192.0.2.4]\n';

const lists =
  document(
    'IPList',
    'office',
    'cidrs: [192.0.2.0/24, "2001:db8::/32", 10.0.0.0/30]\nexcept: [192.0.2.128/25, 192.0.2.7, "2001:db8:1::/48"]',
  ) +
  document('IPList', 'all-ipv4', 'cidrs: [0.0.0.0/0]') +
  segment('labs', 'selector: app == "lab"');

type Case = readonly [query: string, hits: 'hits' | 'misses'];

/** A rule of segment shop (app == "shop", enforced) with these sides, asked at the named end. */
function rows(rule: string, direction: 'inbound' | 'outbound', cases: readonly Case[]): void {
  describe(`${rule}, ${direction}`, () => {
    const policy = segment(
      'shop',
      `selector: app == "shop"\ninbound: enforce\noutbound: enforce\nrules:\n  - { name: r, ${rule} }`,
    );
    const world = createWorld(policy + lists, fleet + resolutions);
    test.each(cases)('%s %s', (text, hits) => {
      expect(endText(world.oracle.judge(query(text))[direction])).toBe(
        hits === 'hits' ? 'allow rule shop/r' : 'deny default shop',
      );
    });
  });
}

describe('{ workloads } is of members of this segment', () => {
  rows('from: [{ workloads: role == "web" }], to: [any], services: [any]', 'inbound', [
    ['10.0.0.1 10.0.0.2 tcp/80', 'hits'],
    ['10.1.0.1 10.0.0.2 tcp/80', 'hits'],
    ['fd00::1 fd00::2 tcp/80', 'hits'],
    ['10.0.0.3 10.0.0.2 tcp/80', 'misses'],
    ['203.0.113.1 10.0.0.2 tcp/80', 'misses'],
  ]);
  rows('from: [{ workloads: fact/os == "debian" }], to: [any], services: [any]', 'inbound', [
    ['10.0.0.1 10.0.0.2 tcp/80', 'hits'],
  ]);
  rows('from: [{ workloads: fact/os != "debian" }], to: [any], services: [any]', 'outbound', [
    ['10.0.0.1 10.0.0.3 tcp/80', 'misses'],
    ['10.0.0.2 10.0.0.3 tcp/80', 'hits'],
  ]);
});

describe('{ segment } is of members of that segment, { tenant } of anybody', () => {
  rows('from: [{ segment: labs }], to: [{ workloads: all() }], services: [any]', 'inbound', [
    ['10.0.0.3 10.0.0.2 tcp/80', 'hits'],
    ['10.0.0.1 10.0.0.2 tcp/80', 'misses'],
  ]);
  rows('from: [{ segment: labs, workloads: role == "api" }], to: [any], services: [any]', 'inbound', [
    ['10.0.0.3 10.0.0.2 tcp/80', 'misses'],
  ]);
  rows('from: [{ tenant: role == "web" }], to: [any], services: [any]', 'inbound', [
    ['10.0.0.3 10.0.0.2 tcp/80', 'hits'],
    ['10.0.0.1 10.0.0.2 tcp/80', 'hits'],
  ]);
  rows('from: [any], to: [{ tenant: role == "partner" }], services: [any]', 'outbound', [
    ['10.0.0.1 10.9.0.1 tcp/80', 'hits'],
    ['10.0.0.1 10.9.0.2 tcp/80', 'misses'],
  ]);
});

describe('ranges match by value, whoever holds the address', () => {
  rows('from: [{ ipList: office }], to: [any], services: [any]', 'inbound', [
    ['192.0.2.1 10.0.0.2 tcp/80', 'hits'],
    ['192.0.2.127 10.0.0.2 tcp/80', 'hits'],
    ['192.0.2.128 10.0.0.2 tcp/80', 'misses'],
    ['192.0.2.7 10.0.0.2 tcp/80', 'misses'],
    ['192.0.3.0 10.0.0.2 tcp/80', 'misses'],
    ['2001:db8::1 fd00::2 tcp/80', 'hits'],
    ['2001:0DB8:0:0:0::1 fd00::2 tcp/80', 'hits'],
    ['2001:db8:1::1 fd00::2 tcp/80', 'misses'],
    ['2001:db9::1 fd00::2 tcp/80', 'misses'],
    ['10.0.0.3 10.0.0.2 tcp/80', 'hits'],
    ['10.1.0.1 10.0.0.2 tcp/80', 'misses'],
  ]);
  rows('from: [{ cidr: 10.0.0.0/8, except: [10.1.0.0/16] }], to: [any], services: [any]', 'inbound', [
    ['10.0.0.1 10.0.0.2 tcp/80', 'hits'],
    ['10.1.0.1 10.0.0.2 tcp/80', 'misses'],
    ['11.0.0.1 10.0.0.2 tcp/80', 'misses'],
  ]);
  rows('from: [{ ipList: all-ipv4 }], to: [any], services: [any]', 'inbound', [
    ['203.0.113.1 10.0.0.2 tcp/80', 'hits'],
    ['2001:db8::1 fd00::2 tcp/80', 'misses'],
  ]);
  rows('from: [{ cidr: "fd00::1" }], to: [any], services: [any]', 'inbound', [
    ['fd00::1 fd00::2 tcp/80', 'hits'],
    ['fd00::3 fd00::2 tcp/80', 'misses'],
  ]);
  describe('on the workload’s own side too: the packet’s own address counts', () => {
    rows('from: [{ cidr: 10.1.0.0/16 }], to: [any], services: [any]', 'outbound', [
      ['10.1.0.1 10.0.0.3 tcp/80', 'hits'],
      ['10.0.0.1 10.0.0.3 tcp/80', 'misses'],
    ]);
  });
});

describe('{ fqdn } is what the name resolved to; "*." is every name below', () => {
  rows('from: [any], to: [{ fqdn: api.EXAMPLE.com }], services: [any]', 'outbound', [
    ['10.0.0.1 192.0.2.1 tcp/443', 'hits'],
    ['fd00::1 2001:db8::1 tcp/443', 'hits'],
    ['10.0.0.1 192.0.2.2 tcp/443', 'misses'],
  ]);
  rows("from: [any], to: [{ fqdn: '*.example.com' }], services: [any]", 'outbound', [
    ['10.0.0.1 192.0.2.1 tcp/443', 'hits'],
    ['10.0.0.1 192.0.2.2 tcp/443', 'hits'],
    ['10.0.0.1 192.0.2.3 tcp/443', 'misses'],
    ['10.0.0.1 192.0.2.4 tcp/443', 'misses'],
  ]);
});

describe('one match in each list suffices', () => {
  rows(
    'from: [{ cidr: 192.0.2.1 }, { tenant: app == "lab" }], to: [{ workloads: role == "db" }, any], services: [udp/1, tcp/80]',
    'inbound',
    [
      ['10.0.0.3 10.0.0.2 tcp/80', 'hits'],
      ['192.0.2.1 10.0.0.2 udp/1', 'hits'],
      ['192.0.2.2 10.0.0.2 tcp/80', 'misses'],
      ['10.0.0.3 10.0.0.2 udp/80', 'misses'],
    ],
  );
});

describe('services', () => {
  const cases: readonly (readonly [terms: string, service: string, hits: 'hits' | 'misses'])[] = [
    ['any', 'tcp/80', 'hits'],
    ['any', 'icmp/8', 'hits'],
    ['any', 'proto/47', 'hits'],
    ['tcp/80', 'tcp/80', 'hits'],
    ['tcp/80', 'tcp/81', 'misses'],
    ['tcp/80', 'udp/80', 'misses'],
    ['tcp/80-90', 'tcp/80', 'hits'],
    ['tcp/80-90', 'tcp/90', 'hits'],
    ['tcp/80-90', 'tcp/91', 'misses'],
    ['tcp/1-65535', 'tcp/65535', 'hits'],
    ['sctp/80', 'sctp/80', 'hits'],
    ['icmp', 'icmp/8', 'hits'],
    ['icmp', 'icmp', 'hits'],
    ['icmp/8', 'icmp/8', 'hits'],
    ['icmp/8', 'icmp/0', 'misses'],
    ['icmp/0', 'icmp/0', 'hits'],
    ['icmpv6', 'icmp/8', 'misses'],
    ['proto/6', 'tcp/80', 'hits'],
    ['proto/6', 'udp/80', 'misses'],
    ['proto/1', 'icmp/8', 'hits'],
    ['proto/47', 'proto/47', 'hits'],
    ['proto/0', 'proto/0', 'hits'],
    ['web', 'tcp/443', 'hits'],
    ['web', 'tcp/444', 'misses'],
    // ICMP of the other family is nothing but its number
    ['icmp', 'v6 icmp/8', 'misses'],
    ['icmp/128', 'v6 icmp/128', 'misses'],
    ['proto/1', 'v6 icmp/8', 'hits'],
    ['icmpv6', 'v6 icmpv6/128', 'hits'],
    ['icmpv6/128', 'v6 icmpv6/128', 'hits'],
    ['icmpv6/128', 'v6 icmpv6/129', 'misses'],
    ['icmp', 'v6 icmpv6/128', 'misses'],
    ['proto/58', 'v6 icmpv6/128', 'hits'],
    ['icmpv6', 'icmpv6/128', 'misses'],
    ['proto/58', 'icmpv6/128', 'hits'],
    ['tcp/80', 'v6 tcp/80', 'hits'],
  ];
  test.each(cases)('%s, asked for %s, %s', (terms, asked, hits) => {
    const policy =
      segment(
        'shop',
        `selector: app == "shop"\ninbound: enforce\nrules:\n  - { name: r, from: [any], to: [any], services: [${terms}] }`,
      ) + document('Service', 'web', 'ports: [tcp/80, tcp/443]');
    const [family, term] = asked.startsWith('v6 ') ? ['v6', asked.slice(3)] : ['v4', asked];
    const ends = family === 'v6' ? '2001:db8::1 fd00::1' : '203.0.113.1 10.0.0.1';
    const verdict = createWorld(policy, fleet).oracle.judge(query(`${ends} ${term}`));
    expect(endText(verdict.inbound)).toBe(hits === 'hits' ? 'allow rule shop/r' : 'deny default shop');
  });
});

describe('expires and when', () => {
  const cases: readonly (readonly [extra: string, at: string, hits: 'hits' | 'misses'])[] = [
    ['expires: 2027-03-01T00:00:00Z', '2027-02-28T23:59:59.999Z', 'hits'],
    ['expires: 2027-03-01T00:00:00Z', '2027-03-01T00:00:00Z', 'misses'],
    ['expires: 2027-03-01T01:00:00+01:00', '2027-03-01T00:00:00Z', 'misses'],
    // [from, to) on the days named; 2026-01-07 is a Wednesday
    ['when: { days: [wed], from: "08:00", to: "18:00" }', '2026-01-07T08:00:00Z', 'hits'],
    ['when: { days: [wed], from: "08:00", to: "18:00" }', '2026-01-07T07:59:59Z', 'misses'],
    ['when: { days: [wed], from: "08:00", to: "18:00" }', '2026-01-07T17:59:59Z', 'hits'],
    ['when: { days: [wed], from: "08:00", to: "18:00" }', '2026-01-07T18:00:00Z', 'misses'],
    ['when: { days: [thu], from: "08:00", to: "18:00" }', '2026-01-07T12:00:00Z', 'misses'],
    ['when: { from: "08:00", to: "18:00" }', '2026-01-10T12:00:00Z', 'hits'],
    ['when: { days: [wed] }', '2026-01-07T00:00:00Z', 'hits'],
    ['when: { days: [wed] }', '2026-01-07T23:59:59Z', 'hits'],
    ['when: { days: [wed] }', '2026-01-08T00:00:00Z', 'misses'],
    ['when: { from: "08:00", to: "24:00" }', '2026-01-07T23:59:59Z', 'hits'],
    // past midnight it belongs to the day it starts on
    ['when: { days: [wed], from: "22:00", to: "06:00" }', '2026-01-07T23:00:00Z', 'hits'],
    ['when: { days: [wed], from: "22:00", to: "06:00" }', '2026-01-08T05:59:00Z', 'hits'],
    ['when: { days: [wed], from: "22:00", to: "06:00" }', '2026-01-08T06:00:00Z', 'misses'],
    ['when: { days: [wed], from: "22:00", to: "06:00" }', '2026-01-07T05:00:00Z', 'misses'],
    ['when: { days: [sun], from: "22:00", to: "06:00" }', '2026-01-12T01:00:00Z', 'hits'],
    // the wall clock of the zone, summer time included
    ['when: { days: [wed], from: "08:00", to: "18:00", zone: Europe/Berlin }', '2026-01-07T07:00:00Z', 'hits'],
    ['when: { days: [wed], from: "08:00", to: "18:00", zone: Europe/Berlin }', '2026-01-07T17:00:00Z', 'misses'],
    ['when: { days: [wed], from: "08:00", to: "18:00", zone: Europe/Berlin }', '2026-07-08T06:00:00Z', 'hits'],
    ['when: { days: [wed], from: "08:00", to: "18:00", zone: Europe/Berlin }', '2026-07-08T16:00:00Z', 'misses'],
    ['when: { days: [thu], from: "00:00", to: "12:00", zone: Asia/Kathmandu }', '2026-01-07T18:15:00Z', 'hits'],
    ['when: { days: [thu], from: "00:00", to: "12:00", zone: Asia/Kathmandu }', '2026-01-07T18:14:00Z', 'misses'],
    // an hour that the clocks leave out has no instant, one that they repeat has two of each
    ['when: { days: [sun], from: "02:00", to: "03:00", zone: Europe/Berlin }', '2026-03-29T00:59:59Z', 'misses'],
    ['when: { days: [sun], from: "02:00", to: "03:00", zone: Europe/Berlin }', '2026-03-29T01:00:00Z', 'misses'],
    ['when: { days: [sun], from: "02:30", to: "04:00", zone: Europe/Berlin }', '2026-03-29T00:59:59Z', 'misses'],
    ['when: { days: [sun], from: "02:30", to: "04:00", zone: Europe/Berlin }', '2026-03-29T01:00:00Z', 'hits'],
    ['when: { days: [sun], from: "02:30", to: "04:00", zone: Europe/Berlin }', '2026-03-29T02:00:00Z', 'misses'],
    ['when: { days: [sun], from: "02:00", to: "03:00", zone: Europe/Berlin }', '2026-10-25T00:30:00Z', 'hits'],
    ['when: { days: [sun], from: "02:00", to: "03:00", zone: Europe/Berlin }', '2026-10-25T01:30:00Z', 'hits'],
    ['when: { days: [sun], from: "02:00", to: "03:00", zone: Europe/Berlin }', '2026-10-25T02:00:00Z', 'misses'],
    ['when: { days: [sat], from: "22:00", to: "02:30", zone: Europe/Berlin }', '2026-10-25T00:29:00Z', 'hits'],
    ['when: { days: [sat], from: "22:00", to: "02:30", zone: Europe/Berlin }', '2026-10-25T00:45:00Z', 'misses'],
    ['when: { days: [sat], from: "22:00", to: "02:30", zone: Europe/Berlin }', '2026-10-25T01:15:00Z', 'hits'],
    ['when: { days: [sun], from: "01:30", to: "02:00", zone: Australia/Lord_Howe }', '2026-04-04T14:45:00Z', 'hits'],
    ['when: { days: [sun], from: "01:30", to: "02:00", zone: Australia/Lord_Howe }', '2026-04-04T15:15:00Z', 'hits'],
    ['when: { days: [sun], from: "01:30", to: "02:00", zone: Australia/Lord_Howe }', '2026-04-04T15:30:00Z', 'misses'],
    // both hold
    ['expires: 2027-01-01T00:00:00Z, when: { days: [wed] }', '2027-01-06T12:00:00Z', 'misses'],
  ];
  test.each(cases)('%s at %s %s', (extra, at, hits) => {
    const policy = segment(
      'shop',
      `selector: app == "shop"\ninbound: enforce\nrules:\n  - { name: r, from: [any], to: [any], services: [any], ${extra} }`,
    );
    const verdict = createWorld(policy, fleet).oracle.judge(
      query('203.0.113.1 10.0.0.1 tcp/80', millis(Date.parse(at))),
    );
    expect(endText(verdict.inbound)).toBe(hits === 'hits' ? 'allow rule shop/r' : 'deny default shop');
  });
});
