// What the test data of neighbouring tools turn on, asked of Segwall's language: network policies of Kubernetes (empty selectors,
// port ranges, exceptions, one direction only, policies that add up), access lists of Tailscale (who, where to, which port), firewall
// tables of Nebula (groups that must all hold, any, ranges, ICMP). One row a case: "query | outbound end | inbound end".

import { describe, expect, test } from 'vitest';
import { createWorld, document, endText, query, segment, type World, workloads } from './world.ts';

type Row = readonly [query: string, outbound: string, inbound: string];

function check(world: World, rows: readonly Row[]): void {
  test.each(rows)('%s: %s, %s', (text, outbound, inbound) => {
    const verdict = world.oracle.judge(query(text));
    expect([endText(verdict.outbound), endText(verdict.inbound)]).toEqual([outbound, inbound]);
  });
}

/** Three namespaces of three pods, as network policy tests have them. */
const cluster = workloads(
  ...['x', 'y', 'z'].flatMap((ns, row) =>
    ['a', 'b', 'c'].map(
      (pod, column) =>
        `${ns}-${pod} ${ns}${pod} 10.${row}.0.${column + 1},fd00:${row}::${column + 1} ns=${ns},pod=${pod}`,
    ),
  ),
);
const [xa, xb, xc, ya, zc] = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.1.0.1', '10.2.0.3'];
const inbound = (rules: string) => segment('p', `selector: ns == "x"\ninbound: enforce\noutbound: off\n${rules}`);

describe('network policies: whom they are for, and default denial', () => {
  describe('no rules deny everything in the one direction that is enforced', () => {
    check(createWorld(inbound('rules: []'), cluster), [
      [`${xb} ${xa} tcp/80`, 'allow off', 'deny default p'],
      [`${ya} ${xa} udp/53`, 'would-deny default', 'deny default p'],
      [`${xa} ${ya} tcp/80`, 'allow off', 'would-deny default'],
      [`203.0.113.1 ${xa} sctp/80`, 'unmanaged', 'deny default p'],
    ]);
  });
  describe('egress alone leaves ingress as it is', () => {
    const egress = segment(
      'p',
      'selector: ns == "x" && pod == "a"\ninbound: off\noutbound: enforce\nrules:\n  - { name: dns, from: [{ workloads: all() }], to: [any], services: [udp/53, tcp/53] }',
    );
    check(createWorld(egress, cluster), [
      [`${xa} ${ya} udp/53`, 'allow rule p/dns', 'would-deny default'],
      [`${xa} 203.0.113.1 tcp/53`, 'allow rule p/dns', 'unmanaged'],
      [`${xa} ${ya} tcp/80`, 'deny default p', 'would-deny default'],
      [`${ya} ${xa} tcp/80`, 'would-deny default', 'allow off'],
      ['fd00:0::1 fd00:1::1 udp/53', 'allow rule p/dns', 'would-deny default'],
    ]);
  });
  describe('a selector of everything is everybody of the tenant, and nobody outside', () => {
    check(
      createWorld(
        inbound('rules:\n  - { name: all, from: [{ tenant: all() }], to: [{ workloads: all() }], services: [any] }'),
        cluster,
      ),
      [
        [`${zc} ${xa} tcp/80`, 'would-deny default', 'allow rule p/all'],
        [`203.0.113.1 ${xa} tcp/80`, 'unmanaged', 'deny default p'],
      ],
    );
  });
  describe('several for one pod add up, and none takes away', () => {
    const second = segment(
      'q',
      'selector: pod == "a"\ninbound: enforce\noutbound: off\nrules:\n  - { name: z, from: [{ tenant: ns == "z" }], to: [{ workloads: all() }], services: [tcp/80] }',
    );
    const first = inbound(
      'rules:\n  - { name: y, from: [{ tenant: ns == "y" }], to: [{ workloads: all() }], services: [tcp/80] }',
    );
    check(createWorld(first + second, cluster), [
      [`${ya} ${xa} tcp/80`, 'allow off', 'allow rule p/y'],
      [`${zc} ${xa} tcp/80`, 'would-deny default', 'allow rule q/z'],
      [`${zc} ${xb} tcp/80`, 'would-deny default', 'deny default p'],
    ]);
  });
});

describe('network policies: peers', () => {
  const peers = (from: string) =>
    createWorld(
      inbound(`rules:\n  - { name: r, from: ${from}, to: [{ workloads: pod == "a" }], services: [tcp/80] }`),
      cluster,
    );
  const allowed = 'allow rule p/r';
  const denied = 'deny default p';
  const cases: readonly (readonly [from: string, allows: readonly string[], denies: readonly string[]])[] = [
    ['[{ workloads: pod == "b" }]', [xb ?? ''], [xc ?? '', '10.1.0.2']],
    ['[{ tenant: pod == "b" }]', [xb ?? '', '10.1.0.2', '10.2.0.2'], [xc ?? '']],
    // both in one term, or either of two
    ['[{ tenant: ns == "y" && pod == "b" }]', ['10.1.0.2'], [ya ?? '', xb ?? '']],
    ['[{ tenant: ns == "y" }, { tenant: pod == "b" }]', ['10.1.0.2', ya ?? '', xb ?? ''], [xc ?? '']],
    ['[{ tenant: \'ns in {"y", "z"}\' }]', [ya ?? '', zc ?? ''], [xb ?? '']],
    ['[{ tenant: \'ns not in {"x", "y"}\' }]', [zc ?? ''], [xb ?? '', ya ?? '', '203.0.113.1']],
    ['[{ tenant: has(pod) && !(pod == "c") }]', [xb ?? '', ya ?? ''], [xc ?? '', zc ?? '']],
    ['[{ tenant: has(nothing) }]', [], [xb ?? '', ya ?? '']],
    ['[{ tenant: nothing != "x" }]', [xb ?? '', ya ?? ''], ['203.0.113.1']],
    // a block with holes, the edges of both, and pods by their addresses
    [
      '[{ cidr: 10.1.0.0/16, except: [10.1.0.2/32] }]',
      [ya ?? '', '10.1.255.255', '10.1.0.0'],
      ['10.1.0.2', '10.2.0.0', '10.0.255.255'],
    ],
    [
      '[{ cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.0.0/30] }]',
      [xb ?? '', '10.2.0.4'],
      [ya ?? '', zc ?? '', '11.0.0.0'],
    ],
    // what one peer leaves out another may bring in
    ['[{ cidr: 10.1.0.0/16, except: [10.1.0.0/24] }, { tenant: pod == "a" }]', [ya ?? '', '10.1.1.1'], ['10.1.0.2']],
    ['[{ cidr: 0.0.0.0/0 }]', [xb ?? '', '203.0.113.1', '255.255.255.255'], []],
  ];
  describe.each(cases)('%s', (from, allows, denies) => {
    const world = peers(from);
    const found = (source: string) => endText(world.oracle.judge(query(`${source} ${xa} tcp/80`)).inbound);
    test('allows and denies', () => {
      expect(allows.map(found)).toEqual(allows.map(() => allowed));
      expect(denies.map(found)).toEqual(denies.map(() => denied));
      // the rule is for pod a alone, for one port alone
      for (const source of allows.filter((one) => one !== xb)) {
        expect(endText(world.oracle.judge(query(`${source} ${xb} tcp/80`)).inbound)).toBe(denied);
        expect(endText(world.oracle.judge(query(`${source} ${xa} tcp/81`)).inbound)).toBe(denied);
      }
    });
  });
});

describe('network policies: ports by number, range and name, of each protocol', () => {
  const named =
    document('Service', 'serve-80', 'ports: [tcp/80, udp/80, sctp/80]') +
    document('Service', 'high', 'ports: [tcp/1024-65535]');
  const cases: readonly (readonly [services: string, allows: readonly string[], denies: readonly string[]])[] = [
    ['[tcp/80]', ['tcp/80'], ['udp/80', 'sctp/80', 'tcp/81']],
    ['[tcp/80, udp/53]', ['tcp/80', 'udp/53'], ['udp/80', 'tcp/53']],
    ['[tcp/79-81]', ['tcp/79', 'tcp/80', 'tcp/81'], ['tcp/78', 'tcp/82', 'udp/80']],
    ['[tcp/80-80]', ['tcp/80'], ['tcp/79', 'tcp/81']],
    ['[tcp/1-65535]', ['tcp/1', 'tcp/65535'], ['udp/1', 'icmp/8']],
    ['[proto/17]', ['udp/1', 'udp/65535'], ['tcp/1']],
    ['[serve-80]', ['tcp/80', 'udp/80', 'sctp/80'], ['tcp/81', 'icmp/8']],
    ['[high]', ['tcp/1024', 'tcp/65535'], ['tcp/1023', 'udp/1024']],
    ['[tcp/80-90, tcp/85-100]', ['tcp/80', 'tcp/90', 'tcp/100'], ['tcp/79', 'tcp/101']],
    ['[any]', ['tcp/1', 'udp/1', 'sctp/1', 'icmp/8', 'proto/47'], []],
  ];
  test.each(cases)('%s', (services, allows, denies) => {
    const rule = `rules:\n  - { name: r, from: [any], to: [{ workloads: all() }], services: ${services} }`;
    const { oracle } = createWorld(inbound(rule) + named, cluster);
    const found = (service: string) => endText(oracle.judge(query(`${ya} ${xa} ${service}`)).inbound);
    expect(allows.map(found)).toEqual(allows.map(() => 'allow rule p/r'));
    expect(denies.map(found)).toEqual(denies.map(() => 'deny default p'));
  });
});

describe('access lists: who may reach what, and the way back is not in it', () => {
  const tailnet = workloads(
    'alice h1 100.64.0.1 group=eng',
    'bob h2 100.64.0.2 group=sales',
    'prod h3 100.64.0.3 tag=prod',
    'dev h4 100.64.0.4 tag=dev,group=eng',
  );
  const acl = segment(
    'net',
    'selector: all()\ninbound: enforce\noutbound: enforce\nrules:\n  - { name: eng-prod, from: [{ workloads: group == "eng" }], to: [{ workloads: tag == "prod" }], services: [tcp/22, tcp/443] }\n  - { name: all-dev, from: [{ workloads: all() }], to: [{ workloads: tag == "dev" }], services: [any] }',
  );
  check(createWorld(acl, tailnet), [
    ['100.64.0.1 100.64.0.3 tcp/443', 'allow rule net/eng-prod', 'allow rule net/eng-prod'],
    ['100.64.0.4 100.64.0.3 tcp/22', 'allow rule net/eng-prod', 'allow rule net/eng-prod'],
    ['100.64.0.2 100.64.0.3 tcp/22', 'deny default net', 'deny default net'],
    ['100.64.0.3 100.64.0.1 tcp/443', 'deny default net', 'deny default net'],
    ['100.64.0.2 100.64.0.4 icmp/8', 'allow rule net/all-dev', 'allow rule net/all-dev'],
    ['100.64.0.4 100.64.0.2 icmp/8', 'deny default net', 'deny default net'],
    // an address of nobody is not "all workloads"
    ['100.64.0.9 100.64.0.4 tcp/22', 'unmanaged', 'deny default net'],
  ]);
});

describe('firewall tables: groups that must all hold, any of them, and ICMP without ports', () => {
  const hosts = workloads(
    'both h1 10.128.0.1 servers=yes,admins=yes',
    'one h2 10.128.0.2 servers=yes',
    'target h3 10.128.0.3,fd80::3 role=target',
  );
  const table = segment(
    't',
    'selector: role == "target"\ninbound: enforce\noutbound: off\nrules:\n  - { name: both, from: [{ tenant: has(servers) && has(admins) }], to: [{ workloads: all() }], services: [tcp/22] }\n  - { name: either, from: [{ tenant: has(servers) || has(admins) }], to: [{ workloads: all() }], services: [tcp/443] }\n  - { name: ping, from: [any], to: [{ workloads: all() }], services: [icmp/8, icmpv6/128] }',
  );
  check(createWorld(table, hosts), [
    ['10.128.0.1 10.128.0.3 tcp/22', 'would-deny default', 'allow rule t/both'],
    ['10.128.0.2 10.128.0.3 tcp/22', 'would-deny default', 'deny default t'],
    ['10.128.0.2 10.128.0.3 tcp/443', 'would-deny default', 'allow rule t/either'],
    ['203.0.113.1 10.128.0.3 icmp/8', 'unmanaged', 'allow rule t/ping'],
    ['203.0.113.1 10.128.0.3 icmp/0', 'unmanaged', 'deny default t'],
    ['203.0.113.1 10.128.0.3 icmp', 'unmanaged', 'deny default t'],
    ['2001:db8::1 fd80::3 icmpv6/128', 'unmanaged', 'allow rule t/ping'],
    ['2001:db8::1 fd80::3 icmp/8', 'unmanaged', 'deny default t'],
  ]);
});
