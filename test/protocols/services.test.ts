// Every service term against a first packet of every kind, both ways, both families, under each mode: what the kernel lets pass
// is what evaluateEnd says. Packets are real and right; that no program listens does not matter, the witness stands before it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Family } from '#model/address.ts';
import { evaluateEnd } from '#model/evaluate.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import type { Service } from '#model/service.ts';
import { enforcementModes } from '#model/verdict.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { dccpRequest, icmp, other, type Payload, sctpInit, tcp, tcpFlags, udp } from './packets.ts';
import { families, own, type ProtocolStage, remoteAddress, remoteRanges, standUpProtocols } from './stage.ts';

/** Each is granted to peers in a range of its own. */
const terms = [
  'any',
  'tcp/80',
  'tcp/1-100',
  'udp/53',
  'sctp/5000',
  'sctp/4000-6000',
  'icmp',
  'icmp/0',
  'icmp/3',
  'icmp/5',
  'icmp/8',
  'icmp/13',
  'icmp/40',
  'icmpv6',
  'icmpv6/1',
  'icmpv6/128',
  'icmpv6/139',
  'icmpv6/200',
  'proto/0',
  'proto/1',
  'proto/2',
  'proto/6',
  'proto/17',
  'proto/33',
  'proto/47',
  'proto/50',
  'proto/58',
  'proto/132',
  'proto/136',
  'proto/253',
] as const;

interface Kind {
  readonly name: string;
  readonly service: Service;
  readonly payload: (family: Family) => Payload;
  readonly families?: readonly Family[];
}

const icmpKind = (family: Family, icmpType: number, code = 0): Kind => ({
  name: `${family === 'ipv4' ? 'icmp' : 'icmpv6'}/${icmpType}`,
  service: { protocol: family === 'ipv4' ? 1 : 58, icmpType },
  payload: () => icmp(family, icmpType, code),
  families: [family],
});

const kinds: readonly Kind[] = [
  { name: 'tcp/80', service: { protocol: 6, port: 80 }, payload: () => tcp(3000, 80, { flags: tcpFlags.syn }) },
  { name: 'tcp/443', service: { protocol: 6, port: 443 }, payload: () => tcp(3000, 443, { flags: tcpFlags.syn }) },
  { name: 'udp/53', service: { protocol: 17, port: 53 }, payload: () => udp(3000, 53) },
  { name: 'udp/54', service: { protocol: 17, port: 54 }, payload: () => udp(3000, 54) },
  { name: 'udplite/53', service: { protocol: 136, port: 53 }, payload: () => udp(3000, 53, Buffer.from('hello'), 136) },
  { name: 'dccp/80', service: { protocol: 33, port: 80 }, payload: () => dccpRequest(3000, 80) },
  { name: 'sctp/5000', service: { protocol: 132, port: 5000 }, payload: () => sctpInit(3000, 5000) },
  { name: 'sctp/7000', service: { protocol: 132, port: 7000 }, payload: () => sctpInit(3000, 7000) },
  { name: 'gre', service: { protocol: 47 }, payload: () => other(47) },
  { name: 'esp', service: { protocol: 50 }, payload: () => other(50) },
  { name: 'igmp', service: { protocol: 2 }, payload: () => other(2), families: ['ipv4'] },
  { name: 'proto/253', service: { protocol: 253 }, payload: () => other(253) },
  // The other family's ICMP: a number like any other, without types.
  { name: 'icmpv6 in IPv4', service: { protocol: 58 }, payload: () => other(58), families: ['ipv4'] },
  { name: 'icmp in IPv6', service: { protocol: 1 }, payload: () => other(1), families: ['ipv6'] },
  ...[0, 3, 4, 5, 8, 9, 11, 12, 13, 14, 15, 17, 40, 255].map((type) => icmpKind('ipv4', type)),
  ...[1, 2, 3, 4, 100, 128, 129, 137, 139, 140, 200].map((type) => icmpKind('ipv6', type)),
];

let stage: ProtocolStage;

beforeAll(async () => {
  stage = await standUpProtocols('services');
  // Nobody answers for a thousand addresses: packets must not wait for their neighbours' cards.
  await stage.host.exec(['ip', 'link', 'set', 'eth0', 'arp', 'off']);
});

afterAll(async () => {
  await stage?.remove();
});

function ruleSetFor(direction: 'inbound' | 'outbound', mode: (typeof enforcementModes)[number]): HostRuleSet {
  const allowed = terms.map((term, index) => `g${index}: ${term}`);
  const otherMode = mode === 'enforce' ? 'observe' : 'enforce';
  const ruleSet = hostRuleSet({
    addresses: [own.ipv4, own.ipv6],
    inbound: direction === 'inbound' ? mode : otherMode,
    outbound: direction === 'outbound' ? mode : otherMode,
    ...(direction === 'inbound' ? { allowIn: allowed } : { allowOut: allowed }),
    peers: Object.fromEntries(terms.map((_, index) => [`g${index}`, remoteRanges(index)])),
  });
  if (mode !== 'selective') return ruleSet;
  return {
    ...ruleSet,
    workloads: ruleSet.workloads.map((rules) => ({
      ...rules,
      [direction]: {
        ...rules[direction],
        selective: [
          {
            segment: 's',
            services: [
              { kind: 'ports', protocol: 'tcp', low: 80, high: 80 },
              { kind: 'icmp', type: 8 },
              { kind: 'icmpv6', type: 'any' },
              { kind: 'protocol', number: 47 },
            ],
          },
        ],
      },
    })),
  };
}

describe.each(['inbound', 'outbound'] as const)('%s', (direction) => {
  test.each(enforcementModes)('under %s the kernel passes what evaluateEnd lets pass', async (mode) => {
    const ruleSet = ruleSetFor(direction, mode);
    await stage.apply(ruleSet);
    await stage.host.exec(['conntrack', '-F']);
    await stage.forget();
    const way = direction === 'inbound' ? 'arrive' : 'leave';
    const cases: { readonly text: string; readonly tag: number; readonly expected: boolean }[] = [];
    for (const family of families) {
      for (const [group, term] of [...terms, 'nothing'].entries()) {
        for (const [index, kind] of kinds.entries()) {
          if (kind.families?.includes(family) === false) continue;
          const far = remoteAddress(family, group, index + 1);
          const near = own[family];
          const ends = way === 'arrive' ? { source: far, target: near } : { source: near, target: far };
          const tag = stage.inject(way, ends, kind.payload(family));
          const end = evaluateEnd({
            ruleSet,
            workload: 'h1',
            direction,
            localAddress: near,
            peerAddress: far,
            service: kind.service,
          });
          cases.push({ text: `${family} ${kind.name}, granted ${term}`, tag, expected: end.verdict !== 'deny' });
        }
      }
    }
    const passed = (await stage.passed())[direction];
    const wrong = cases
      .filter(({ tag, expected }) => passed.has(tag) !== expected)
      .map(({ text, expected }) => `${text}: ${expected ? 'dropped, and should pass' : 'passed, and should not'}`);
    expect(wrong).toEqual([]);
    expect(cases.length).toBeGreaterThan(1500);
  });
});
