// What a host needs of its link and what comes to more than one host: neighbour discovery, router advertisements, MLD, IGMP,
// multicast, broadcast, DHCP, link-local peers, loopback. Both directions enforced unless a row says otherwise.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { HostRuleSet } from '#model/rule-set.ts';
import { fleetOf, host, ruleSetOf } from '#test/compile/fleet.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { startProbe } from '#test/support/probe.ts';
import { address, icmp, other, type Payload, tcp, tcpFlags, udp } from './packets.ts';
import { neighbourOwn, own, type ProtocolStage, standUpProtocols } from './stage.ts';

let stage: ProtocolStage;
const ownLinkLocal = 'fe80::79';

beforeAll(async () => {
  stage = await standUpProtocols('links');
  const lines = [`addr add ${ownLinkLocal}/64 dev eth0 nodad`, 'addr add 169.254.7.1/16 dev eth0'];
  await stage.host.exec(['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
  await joinGroups();
  await stage.host.exec(['ip', 'link', 'set', 'eth0', 'arp', 'off']);
});

/** An address of a group on the interface would do too, but make the group's way out loopback. */
async function joinGroups(): Promise<void> {
  const script = `const { createSocket } = require('node:dgram');
const ipv4 = createSocket('udp4').bind(0, () => {
  for (const group of ['224.0.0.251', '224.0.0.18', '239.1.1.1']) ipv4.addMembership(group, '${own.ipv4}');
  const ipv6 = createSocket('udp6').bind(0, () => {
    for (const group of ['ff02::fb', 'ff02::12']) ipv6.addMembership(group, '::%eth0');
    console.log('joined');
  });
});`;
  const member = stage.host.spawn([process.execPath, '-e', script]);
  await new Promise((resolve, reject) => {
    member.stdout?.once('data', resolve);
    member.stderr?.once('data', (text) => reject(new Error(String(text))));
  });
}

afterAll(async () => {
  await stage?.remove();
});

beforeEach(async () => {
  await stage.host.exec(['conntrack', '-F']);
  await stage.forget();
});

function ruleSet(policy: Partial<HostPolicy> = {}): HostRuleSet {
  return hostRuleSet({ addresses: [own.ipv4, own.ipv6], inbound: 'enforce', outbound: 'enforce', ...policy });
}

const observing = { inbound: 'observe', outbound: 'observe' } as const;
const near = 'fe80::aa';

/** Who sends what to whom: the packet arrives unless its sender is the host itself ("self": its link-local address). */
type Row = readonly [name: string, from: string, to: string, payload: Payload, hopLimit?: number];

async function send(rows: readonly Row[]): Promise<readonly string[]> {
  const sent = rows.map(([name, from, to, payload, hopLimit = 1]) => {
    const isOurs = ['self', own.ipv4, own.ipv6, '0.0.0.0', '169.254.7.1'].includes(from);
    const way = isOurs ? 'leave' : 'arrive';
    const ends = {
      source: address(from === 'self' ? ownLinkLocal : from),
      target: address(to === 'self' ? ownLinkLocal : to),
    };
    return { name, way, tag: stage.inject(way, ends, payload, { hopLimit }) } as const;
  });
  const { inbound, outbound } = await stage.passed();
  return sent.flatMap(({ name, way, tag }) => ((way === 'arrive' ? inbound : outbound).has(tag) ? [name] : []));
}

const names = (rows: readonly Row[]) => rows.map(([name]) => name);

const solicited = (target: string) =>
  Buffer.concat([Buffer.alloc(4), Buffer.from(target, 'hex'), Buffer.from([1, 1, 2, 0, 0, 0, 0, 9])]);
const anAddress = 'fe8000000000000000000000000000aa';
const mldReport = Buffer.from(`00000001040000000000000000000000${anAddress}`.slice(0, 56), 'hex');

const discovery: readonly Row[] = [
  ['solicitation in', near, 'ff02::1', icmp('ipv6', 135, 0, solicited(anAddress)), 255],
  ['solicitation out', 'self', 'ff02::1:ff00:aa', icmp('ipv6', 135, 0, solicited(anAddress)), 255],
  ['advertisement in', near, 'self', icmp('ipv6', 136, 0, solicited(anAddress)), 255],
  ['advertisement out', 'self', near, icmp('ipv6', 136, 0, solicited(anAddress)), 255],
  ['router solicitation out', 'self', 'ff02::2', icmp('ipv6', 133, 0, Buffer.alloc(4)), 255],
  ['router advertisement in', near, 'ff02::1', icmp('ipv6', 134, 0, Buffer.alloc(12)), 255],
  ['MLD query in', near, 'ff02::1', icmp('ipv6', 130, 0, Buffer.alloc(20))],
  ['MLD report out', 'self', 'ff02::fb', icmp('ipv6', 131, 0, Buffer.alloc(20))],
  ['MLD done out', 'self', 'ff02::2', icmp('ipv6', 132, 0, Buffer.alloc(20))],
  ['MLDv2 report out', 'self', 'ff02::16', icmp('ipv6', 143, 0, mldReport)],
];

const dhcp: readonly Row[] = [
  ['discover', '0.0.0.0', '255.255.255.255', udp(68, 67), 64],
  ['offer by broadcast', neighbourOwn.ipv4, '255.255.255.255', udp(67, 68), 64],
  ['offer to the address', '10.79.0.3', own.ipv4, udp(67, 68), 64],
  ['renewal', own.ipv4, '10.79.0.4', udp(68, 67), 64],
  ['its answer', '10.79.0.4', own.ipv4, udp(67, 68), 64],
  ['DHCPv6 solicit', 'self', 'ff02::1:2', udp(546, 547), 64],
  ['DHCPv6 answer', near, 'self', udp(547, 546), 64],
  ['DHCPv6 renewal', own.ipv6, 'fd79::4', udp(546, 547), 64],
  ['DHCPv6 answer to it', 'fd79::4', own.ipv6, udp(547, 546), 64],
];

describe('essential on the link', () => {
  test('neighbour discovery, router advertisements and MLD pass when everything is denied', async () => {
    await stage.apply(ruleSet());
    expect(await send(discovery)).toEqual(names(discovery));
  });

  test('what came over a router, or would go over one, is none of it, in quarantine neither', async () => {
    const routed = discovery.map(([name, source, target, packet]): Row => [name, source, target, packet, 64]);
    await stage.apply(ruleSet());
    expect(await send(routed)).toEqual([]);
    const policy = ruleSet();
    const quarantine = { name: 'q', peers: { kind: 'sets' as const, ids: [] } };
    await stage.apply({ ...policy, workloads: policy.workloads.map((rules) => ({ ...rules, quarantine })) });
    expect(await send(routed)).toEqual([]);
    expect(await send(discovery)).toEqual(names(discovery));
  });

  test('a redirect that no connection called for does not', async () => {
    const redirect: readonly Row[] = [['redirect', near, 'self', icmp('ipv6', 137, 0, Buffer.alloc(36)), 255]];
    await stage.apply(ruleSet());
    expect(await send(redirect)).toEqual([]);
    await stage.apply(ruleSet(observing));
    expect(await send(redirect)).toEqual(['redirect']);
  });

  test('a DHCP client gets, renews and keeps its lease when everything is denied, also while the policy changes', async () => {
    await stage.apply(ruleSet());
    expect(await send(dhcp)).toEqual(names(dhcp));
    const [request, answer] = [dhcp[3], dhcp[4]];
    if (request === undefined || answer === undefined) throw new Error('no renewal');
    await stage.apply(ruleSet({ allowIn: ['any: tcp/80'] }));
    await stage.apply(ruleSet());
    expect(await send([answer]), 'the answer comes after a revocation').toEqual(['its answer']);
    expect(await send([request])).toEqual(['renewal']);
  });

  test('a DHCP client passes in quarantine', async () => {
    const quarantined = ruleSet(observing);
    await stage.apply({
      ...quarantined,
      workloads: quarantined.workloads.map((rules) => ({
        ...rules,
        quarantine: { name: 'q', peers: { kind: 'sets' as const, ids: [] } },
      })),
    });
    expect(await send(dhcp)).toEqual(names(dhcp));
  });

  test('nothing else passes as DHCP', async () => {
    await stage.apply(ruleSet());
    expect(
      await send([
        ['a server here', '10.79.0.5', own.ipv4, udp(68, 67), 64],
        ['from its port to another', '10.79.0.5', own.ipv4, udp(67, 69), 64],
        ['to its port from another', '10.79.0.5', own.ipv4, udp(6767, 68), 64],
        ['TCP', '10.79.0.5', own.ipv4, tcp(67, 68, { flags: tcpFlags.syn }), 64],
        ['out from another', own.ipv4, '10.79.0.5', udp(6868, 67), 64],
        ['DHCPv6 to another', near, 'self', udp(547, 5460), 64],
      ]),
    ).toEqual([]);
  });
});

describe('to many', () => {
  const igmp: readonly Row[] = [
    ['IGMP query in', neighbourOwn.ipv4, '224.0.0.1', other(2, Buffer.from([0x11, 0, 0xee, 0xff, 0, 0, 0, 0]))],
    ['IGMP report out', own.ipv4, '224.0.0.22', other(2, Buffer.from([0x16, 0, 9, 4, 224, 0, 0, 251]))],
  ];
  const groups: readonly Row[] = [
    ['mDNS in', neighbourOwn.ipv4, '224.0.0.251', udp(5353, 5353)],
    ['mDNS out', own.ipv4, '224.0.0.251', udp(5353, 5353)],
    ['mDNS in, IPv6', 'fd79::2', 'ff02::fb', udp(5353, 5353)],
    ['mDNS out, IPv6', own.ipv6, 'ff02::fb', udp(5353, 5353)],
    ['a site’s group in', '10.79.0.7', '239.1.1.1', udp(4000, 5353)],
  ];
  const broadcasts: readonly Row[] = [
    ['to all, in', '10.79.0.8', '255.255.255.255', udp(4000, 5353)],
    ['to all, out', own.ipv4, '255.255.255.255', udp(4000, 5353)],
    ['to the subnet, in', '10.79.0.9', '10.79.0.255', udp(4000, 5353)],
    ['to the subnet, out', own.ipv4, '10.79.0.255', udp(4000, 5353)],
  ];
  const everyone = [...igmp, ...groups, ...broadcasts];

  test('is denied where no rule grants it, IGMP too', async () => {
    await stage.apply(ruleSet());
    expect(await send(everyone)).toEqual([]);
  });

  test('is granted in by its sender and out by the group’s or the broadcast’s own address', async () => {
    await stage.apply(
      ruleSet({
        allowIn: ['lan: udp/5353, proto/2'],
        allowOut: ['many: udp/5353, proto/2'],
        peers: {
          lan: ['10.79.0.0/24', 'fd79::/64'],
          many: ['224.0.0.0/4', 'ff00::/8', '255.255.255.255/32', '10.79.0.255/32'],
        },
      }),
    );
    expect(await send(everyone)).toEqual(names(everyone));
  });

  test('a rule whose own side is a group opens that group alone', async () => {
    const base = ruleSet({ allowIn: ['lan: udp/5353'], peers: { lan: ['10.79.0.0/24', 'fd79::/64'] } });
    const group = { family: 'ipv4', first: 0xe00000fbn, last: 0xe00000fbn } as const;
    await stage.apply({
      ...base,
      workloads: base.workloads.map((rules) => ({
        ...rules,
        inbound: {
          ...rules.inbound,
          grants: rules.inbound.grants.map((grant) => ({
            ...grant,
            local: { kind: 'ranges' as const, ranges: [group] },
          })),
        },
      })),
    });
    expect(await send([...groups, ...broadcasts])).toEqual(['mDNS in']);
  });

  test('one rule as it is written lets holders of one address tell each other by VRRP, and lets nobody else', async () => {
    const inventory = [
      host('lb-1', { role: 'lb' }, `${own.ipv4}, "${own.ipv6}"`),
      host('lb-2', { role: 'lb' }, `${neighbourOwn.ipv4}, "${neighbourOwn.ipv6}"`),
      host('web-1', { role: 'web' }, '10.79.0.7, "fd79::7"'),
    ];
    const rule = 'from: [{ workloads: role == "lb" }], to: [{ cidr: 224.0.0.18/32 }, { cidr: "ff02::12/128" }]';
    const fleet = fleetOf(
      `kind: Segment
metadata: { name: shop }
spec:
  selector: has(role)
  inbound: enforce
  outbound: enforce
  rules: [{ name: vrrp, ${rule}, services: [proto/112] }]`,
      inventory.join('\n'),
    );
    await stage.apply(ruleSetOf(fleet, 'lb-1'));
    const said = other(112, Buffer.alloc(20));
    const between: readonly Row[] = [
      ['in', neighbourOwn.ipv4, '224.0.0.18', said, 255],
      ['out', own.ipv4, '224.0.0.18', said, 255],
      ['in, IPv6', neighbourOwn.ipv6, 'ff02::12', said, 255],
      ['out, IPv6', own.ipv6, 'ff02::12', said, 255],
    ];
    const others: readonly Row[] = [
      ['of a host that is none', '10.79.0.7', '224.0.0.18', said, 255],
      ['to itself alone', neighbourOwn.ipv4, own.ipv4, said, 255],
      ['another group', neighbourOwn.ipv4, '239.1.1.1', said, 255],
      ['another protocol', neighbourOwn.ipv4, '224.0.0.18', udp(5353, 5353)],
    ];
    expect(await send([...between, ...others])).toEqual(names(between));
    await stage.apply(ruleSetOf(fleet, 'web-1'));
    expect(await send([['out of another role', own.ipv4, '224.0.0.18', said, 255]])).toEqual([]);
  });

  test('an answer to a group’s own question comes from another address, and is a connection of its own', async () => {
    await stage.apply(ruleSet({ allowOut: ['any: udp/5353'] }));
    expect(await send([['asked', own.ipv4, '224.0.0.251', udp(5353, 5353)]])).toEqual(['asked']);
    expect(await send([['answered', neighbourOwn.ipv4, own.ipv4, udp(5353, 5353)]])).toEqual([]);
  });

  test('passes while all observes', async () => {
    await stage.apply(ruleSet(observing));
    expect(await send(everyone)).toEqual(names(everyone));
  });
});

describe('link-local', () => {
  const syn = (port: number) => tcp(4000, port, { flags: tcpFlags.syn });
  const rows: readonly Row[] = [
    ['in from fe80::', near, 'self', syn(80)],
    ['out to fe80::', 'self', 'fe80::bb', syn(80)],
    ['in from 169.254', '169.254.9.9', '169.254.7.1', syn(80)],
    ['out to the metadata service', own.ipv4, '169.254.169.254', syn(80)],
  ];

  test('peers are peers like any other', async () => {
    await stage.apply(ruleSet());
    expect(await send(rows)).toEqual([]);
    const peers = { link: ['fe80::/10', '169.254.0.0/16'] };
    await stage.apply(ruleSet({ allowIn: ['link: tcp/80'], allowOut: ['link: tcp/80'], peers }));
    expect(await send(rows)).toEqual(names(rows));
    expect(await send([['another service', own.ipv4, '169.254.169.254', syn(81)]])).toEqual([]);
  });
});

test('a host reaches itself by each of its addresses, whatever is denied; from outside its loopback address opens nothing', async () => {
  await stage.apply(ruleSet());
  const probe = await startProbe(stage.host);
  await probe.listen([
    { transport: 'tcp', port: 8080 },
    { transport: 'udp', port: 8080 },
  ]);
  const targets = ['127.0.0.1', '::1', own.ipv4, own.ipv6, '169.254.7.1'].flatMap((to) =>
    (['tcp', 'udp'] as const).map((transport) => ({ transport, address: to, port: 8080 })),
  );
  const outcomes = await probe.probe(targets);
  expect(outcomes.map(({ kind }, index) => `${targets[index]?.address} ${kind}`)).toEqual(
    targets.map((target) => `${target.address} allowed`),
  );
  expect(
    await send([
      ['loopback’s address on the wire', '127.0.0.1', own.ipv4, udp(4000, 8080), 64],
      ['another’s', '10.79.0.77', own.ipv4, udp(4000, 8080), 64],
    ]),
  ).toEqual([]);
  await probe.stop();
});
