// The crowds the benchmark filters: numbered peers of both families, in twenty classes.

import { Capacities } from '#agent-core/peer-maps.ts';
import { renderFromNothing } from '#agent-core/render.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import type { Peers } from './packet-generator.ts';

export const host = { ipv4: '10.66.0.1', ipv6: 'fd66::1' } as const;
export const servicePort = 7000;
const classes = 20;
const firstIpv4 = 0x0a640000;

export function ipv4Peer(index: number): string {
  const value = firstIpv4 + index;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

export function ipv6Peer(index: number): string {
  const [high, low] = [(index + 1) >>> 16, (index + 1) & 0xffff].map((group) => group.toString(16));
  return high === '0' ? `fd00:100::${low}` : `fd00:100::${high}:${low}`;
}

/** Every peer may use the service, each class by other terms; both directions are enforced alike. */
export function crowdPolicy(crowd: {
  readonly size: number;
  readonly services?: 'ports' | 'ranges';
  readonly written?: 'addresses' | 'cidrs';
}): HostPolicy {
  const { size, services = 'ports', written = 'addresses' } = crowd;
  const peers: Record<string, string[]> = {};
  // Two neighbours make a range of their own: half as many ranges as peers.
  for (let index = 0; index < size; index += written === 'cidrs' ? 2 : 1) {
    const own = written === 'cidrs' ? [`${ipv4Peer(index)}/31`] : [ipv4Peer(index), ipv6Peer(index)];
    const set = `class${(written === 'cidrs' ? index / 2 : index) % classes}`;
    const members = peers[set] ?? [];
    members.push(...own);
    peers[set] = members;
  }
  const allow = Object.keys(peers).map((set, index) =>
    services === 'ports'
      ? `${set}: udp/${servicePort}, tcp/443, tcp/${8000 + index}, udp/${9000 + index}, icmp`
      : `${set}: udp/${servicePort}-${servicePort + 99}, tcp/400-499, tcp/${8000 + index}-${8100 + index}, udp/${9000 + index}-${9100 + index}`,
  );
  return {
    addresses: Object.values(host),
    inbound: 'enforce',
    outbound: 'enforce',
    peers,
    allowIn: allow,
    allowOut: allow,
  };
}

/** IPv4 and inbound alone, so that all are in one map; `more` peers are added to the first class. */
export function ipv4Crowd(size: number, more: number): HostPolicy {
  const { allowOut: _, peers = {}, ...policy } = crowdPolicy({ size });
  const ipv4 = Object.entries(peers).map(([set, all], index) => [
    set,
    [
      ...all.filter((address) => !address.includes(':')),
      ...(index === 0 ? Array.from({ length: more }, (_, at) => ipv4Peer(size + at)) : []),
    ],
  ]);
  return { ...policy, outbound: 'observe', peers: Object.fromEntries(ipv4) };
}

export function render(policy: HostPolicy): string {
  return renderFromNothing(hostRuleSet(policy), { essentials: [] });
}

export const referenceTable = `table inet reference {
  chain input { type filter hook input priority 0; ct state established accept
    accept
  }
  chain output { type filter hook output priority 0; ct state established accept
    accept
  }
}
`;

/** The least that knows its peers: one look-up in one set, and whatever that costs in memory. Of the size that our maps have. */
export function plainSetTable(size: number): string {
  const table = 'inet reference';
  const capacity = new Capacities(new Map()).of('peers', size);
  const lines = [
    `add table ${table}`,
    `add chain ${table} input { type filter hook input priority 0; }`,
    `add set ${table} peers { type ipv4_addr; size ${capacity}; }`,
    `add rule ${table} input ct state established accept`,
    `add rule ${table} input ip saddr @peers accept`,
    `add rule ${table} input drop`,
  ];
  const addresses = Array.from({ length: size }, (_, index) => ipv4Peer(index));
  for (let at = 0; at < size; at += 1000)
    lines.push(`add element ${table} peers { ${addresses.slice(at, at + 1000).join(', ')} }`);
  return `${lines.join('\n')}\n`;
}

/** Drops what the table before it has let pass, so that connections are never confirmed and each packet is a first one. */
export const sinkTable = `table inet sink {
  chain input { type filter hook input priority 100; udp dport ${servicePort} drop
  }
  chain output { type filter hook output priority 100; udp dport ${servicePort} drop
  }
}
`;

/** As many sets as classes, tried in turn, with the same services: what iptables-restore and ipset restore read. */
export function ipsetReference(size: number): { readonly ipset: string; readonly iptables: string } {
  const sets: string[] = [];
  const rules: string[] = [];
  for (let set = 0; set < classes; set += 1) {
    sets.push(`create class${set} hash:ip maxelem ${size}`);
    for (let index = set; index < size; index += classes) sets.push(`add class${set} ${ipv4Peer(index)}`);
    const match = `-A INPUT -m set --match-set class${set} src`;
    rules.push(`${match} -p udp -m multiport --dports ${servicePort},${9000 + set} -j ACCEPT`);
    rules.push(`${match} -p tcp -m multiport --dports 443,${8000 + set} -j ACCEPT`);
  }
  const iptables = [
    '*filter',
    ':INPUT ACCEPT [0:0]',
    '-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT',
    ...rules,
    '-A INPUT -j DROP',
    'COMMIT',
    '',
  ];
  return { ipset: `${sets.join('\n')}\n`, iptables: iptables.join('\n') };
}

/** `met` of the crowd's peers, each as often as the others, in an order that no cache can guess. */
export function meet(request: {
  readonly family: 'ipv4' | 'ipv6';
  readonly size: number;
  readonly met: number;
}): Peers {
  const { family, size, met } = request;
  const order = Array.from({ length: Math.max(met, 64) }, (_, index) => Math.floor(((index % met) * size) / met));
  let seed = 1;
  for (let at = order.length - 1; at > 0; at -= 1) {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    const other = seed % (at + 1);
    [order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0];
  }
  return family === 'ipv4'
    ? { any: Uint8Array.of(10, 100, 0, 0), lastWords: Uint32Array.from(order, (index) => firstIpv4 + index) }
    : {
        any: Buffer.from('fd000100000000000000000000000000', 'hex'),
        lastWords: Uint32Array.from(order, (index) => index + 1),
      };
}
