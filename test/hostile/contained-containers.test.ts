// Packets that conntrack knows no connection for, between a quarantined peer and the containers of a host that only observes: each container
// is cut off from it but those that the quarantine names, whatever the others on its host may.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Address } from '#model/address.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { tcp } from '#test/protocols/packets.ts';
import { families, own, type ProtocolStage, standUpProtocols } from '#test/protocols/stage.ts';

const boxes = {
  exempt: { ipv4: '10.81.0.2' as Address, ipv6: 'fd81::2' as Address },
  other: { ipv4: '10.81.0.3' as Address, ipv6: 'fd81::3' as Address },
} as const;
const lost = { ipv4: '10.80.1.1' as Address, ipv6: 'fd80:1::1' as Address };
const free = { ipv4: '10.80.1.2' as Address, ipv6: 'fd80:1::2' as Address };
let stage: ProtocolStage;

beforeAll(async () => {
  stage = await standUpProtocols('contained');
  const counters = Object.entries(boxes).flatMap(([box, addresses]) =>
    families.flatMap((family) => {
      const ip = family === 'ipv4' ? 'ip' : 'ip6';
      return [lost, free].flatMap((far, at) =>
        (['in', 'out'] as const).map((way) => {
          const ends = way === 'in' ? [far[family], addresses[family]] : [addresses[family], far[family]];
          const name = [box, family, at === 0 ? 'lost' : 'free', way].join('_');
          return `add counter inet seen ${name}\nadd rule inet seen after ${ip} saddr ${ends[0]} ${ip} daddr ${ends[1]} counter name ${name}`;
        }),
      );
    }),
  );
  await run(`ip link set eth0 arp off
ip link add pods type veth peer name podsend; ip link set podsend up; ip link set pods up arp off
ip route add 10.81.0.0/24 dev pods; ip -6 route add fd81::/64 dev pods
ip route add 10.80.0.0/16 dev eth0; ip -6 route add fd80::/16 dev eth0
echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
nft -f - <<END
add table inet seen
add chain inet seen after { type filter hook forward priority 10; }
${counters.join('\n')}
END`);
  const containers = Object.fromEntries(
    Object.entries(boxes).map(([name, addresses]) => [name, { addresses: Object.values(addresses) }]),
  );
  const plain = hostRuleSet({ addresses: [own.ipv4, own.ipv6], inbound: 'observe', outbound: 'observe', containers });
  const id = 'quarantine/q';
  await stage.apply({
    ...plain,
    peerSets: new Map([[id, { id, quarantine: 'q', addresses: Object.values(lost), ranges: [] }]]),
    workloads: plain.workloads.map((rules) =>
      rules.workload === 'exempt' ? { ...rules, exemptFrom: [{ set: id, local: { kind: 'any' } }] } : rules,
    ),
  } satisfies HostRuleSet);
});
afterAll(async () => {
  await stage?.remove();
});

test('one exempt container leaves the others cut off, in both directions and families', async () => {
  const sent: Record<string, number> = {};
  for (const [box, addresses] of Object.entries(boxes))
    for (const family of families)
      for (const [name, far] of Object.entries({ lost, free }))
        for (const way of ['in', 'out'] as const) {
          const [source, target] = way === 'in' ? [far[family], addresses[family]] : [addresses[family], far[family]];
          // Without any flag it belongs to nothing.
          stage.inject('arrive', { source, target }, tcp(80, 4000, { flags: 0 }));
          sent[[box, family, name, way].join('_')] = box === 'other' && name === 'lost' ? 0 : 1;
        }
  await stage.passed();
  const listing = await run('nft list counters table inet seen');
  const seen = Object.fromEntries(
    [...listing.matchAll(/counter (\S+) \{\s+packets (\d+)/g)].map(([, name = '', count]) => [name, Number(count)]),
  );
  expect(seen).toEqual(sent);
});

async function run(script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await stage.host.exec(['sh', '-ec', script]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout;
}
