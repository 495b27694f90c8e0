// A flood of denials hides nothing: one stranger's thousands of ports leave the room that others need, what is told without its service
// or not at all is counted by the kernel itself, and the sum is always what was dropped.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type DeniedCount, parseDeniedSets } from '#agent-core/table/denied-listing.ts';
import { deniedRoom, deniedSets, deniedShares, listedSets, unrecordedCounter } from '#agent-core/table/denied-sets.ts';
import type { Address } from '#model/address.ts';
import type { Direction } from '#model/verdict.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { icmp } from '#test/protocols/packets.ts';
import { own, type ProtocolStage, standUpProtocols } from '#test/protocols/stage.ts';
import { addressesFrom, type Flood, flood, portsUpTo } from './support/spoofer.ts';

const container = { ipv4: '10.81.0.2' as Address, ipv6: 'fd81::2' as Address };
const address = (text: string) => text as Address;

let stage: ProtocolStage;

beforeAll(async () => {
  stage = await standUpProtocols('denied-flood');
  await run(`ip link set eth0 arp off
ip link add pods type veth peer name podsend; ip link set podsend up; ip link set pods up arp off
ip route add ${container.ipv4}/32 dev pods; ip -6 route add ${container.ipv6}/128 dev pods
ip route add 10.80.0.0/16 dev eth0; ip -6 route add fd80::/16 dev eth0
echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding`);
  const both = { inbound: 'enforce', outbound: 'enforce' } as const;
  const containers = { box: { addresses: Object.values(container) } };
  await stage.apply(hostRuleSet({ addresses: [own.ipv4, own.ipv6], ...both, containers }));
});

beforeEach(async () => {
  const flushes = [...deniedSets.keys()].map((name) => `flush set inet segwall ${name}`);
  await run(`nft '${flushes.join('; ')}'; nft reset counters table inet segwall >/dev/null`);
});

afterAll(async () => {
  await stage?.remove();
});

type Case = readonly [string, Direction, 'arrive' | 'leave', Flood, Flood];
const few = portsUpTo(10);
const many = portsUpTo(5000);

const cases: readonly Case[] = [
  [
    'inbound, IPv4',
    'inbound',
    'arrive',
    { target: own.ipv4, sources: [address('10.80.1.1')], ports: portsUpTo(50_000) },
    { target: own.ipv4, sources: [address('10.80.1.2')], ports: few },
  ],
  [
    'inbound, IPv6, with the addresses of a /64',
    'inbound',
    'arrive',
    { target: own.ipv6, sources: addressesFrom(address('fd80:1::1'), 2000), ports: portsUpTo(2) },
    { target: own.ipv6, sources: [address('fd80:2::1')], ports: few },
  ],
  [
    'forwarded to a container, IPv4',
    'inbound',
    'arrive',
    { target: container.ipv4, sources: [address('10.80.1.1')], ports: many },
    { target: container.ipv4, sources: [address('10.80.1.2')], ports: few },
  ],
  [
    'forwarded to a container, IPv6',
    'inbound',
    'arrive',
    { target: container.ipv6, sources: [address('fd80:1::1')], ports: many },
    { target: container.ipv6, sources: [address('fd80:2::1')], ports: few },
  ],
  [
    'outbound, IPv4',
    'outbound',
    'leave',
    { target: address('10.80.1.1'), sources: [own.ipv4], ports: many },
    { target: address('10.80.1.2'), sources: [address('10.79.0.9')], ports: few },
  ],
];

test.each(cases)('%s: a stranger’s flood leaves the others theirs', async (_, direction, way, stranger, other) => {
  flood(stranger, stage[way]);
  flood(other, stage[way]);
  const found = await denials(direction);
  const key = direction === 'inbound' ? 'client' : 'server';
  const theirs = new Set<Address>(direction === 'inbound' ? other.sources : [other.target]);
  const recorded = found.recorded.filter((one) => theirs.has(one[key]));
  expect(recorded.map(({ port, packets }) => [port, packets]).sort()).toEqual(few.map((port) => [port, 1]).sort());
  const { burst } = deniedShares[direction === 'inbound' ? 'in' : 'out'];
  const strangers = found.recorded.length - recorded.length;
  expect(strangers).toBeGreaterThanOrEqual(burst);
  // The share grows while the flood lasts, by less than it may in its five minutes.
  expect(strangers).toBeLessThan(2 * burst);
  expect(found.folded.reduce(sum, 0)).toBeGreaterThan(0);
  expectWhole(found);
});

test('a flood from more addresses than there is room for is counted where it is not told', async () => {
  const sources = addressesFrom(address('10.80.16.0'), 2 * deniedRoom + 100);
  flood({ target: own.ipv4, sources, ports: [7] }, stage.arrive);
  const found = await denials('inbound');
  expect(found.unrecorded).toBeGreaterThan(0);
  expect(found.recorded.length).toBe(deniedRoom);
  expect(found.folded.length).toBe(deniedRoom);
  expectWhole(found);
});

test('a packet without a connection has no record, and is counted', async () => {
  stage.inject('arrive', { source: address('10.80.1.1'), target: own.ipv4 }, icmp('ipv4', 0));
  await stage.passed();
  const found = await denials('inbound');
  expect(found).toMatchObject({ recorded: [], folded: [], unrecorded: 1, dropped: 1 });
});

interface Denials {
  readonly recorded: readonly DeniedCount[];
  readonly folded: readonly DeniedCount[];
  readonly unrecorded: number;
  readonly dropped: number;
}

const sum = (before: number, { packets }: DeniedCount) => before + packets;

function expectWhole({ recorded, folded, unrecorded, dropped }: Denials): void {
  expect(recorded.reduce(sum, 0) + folded.reduce(sum, 0) + unrecorded).toBe(dropped);
}

async function denials(direction: Direction): Promise<Denials> {
  const recorded: DeniedCount[] = [];
  const folded: DeniedCount[] = [];
  for (const name of listedSets(direction)) {
    const listing = await run(`nft -n list set inet segwall ${name}`);
    (name.endsWith('f') ? folded : recorded).push(...parseDeniedSets(listing));
  }
  let dropped = 0;
  let unrecorded = 0;
  for (const [, name = '', packets] of (await run('nft list counters table inet segwall')).matchAll(
    /counter (\S+) \{\s+packets (\d+)/g,
  )) {
    if (name === unrecordedCounter[direction]) unrecorded = Number(packets);
    const decision = stage.enforcer.decisionOf(Number(name.slice(2)));
    if (decision?.end.verdict === 'deny' && decision.direction === direction) dropped += Number(packets);
  }
  return { recorded, folded, unrecorded, dropped };
}

async function run(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await stage.host.exec(['sh', '-ec', script]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
}
