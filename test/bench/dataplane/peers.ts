// The crowds the benchmark filters: numbered peers of both families, in twenty classes.

import { renderFromNothing } from '#agent-core/change/render-table.ts';
import { Capacities } from '#agent-core/table/peer-maps.ts';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import type { PeerSet } from '#model/rule-set.ts';
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
  return ipv6At(index + 1);
}

function ipv6At(value: number): string {
  const [high, low] = [value >>> 16, value & 0xffff].map((group) => (group === 0 ? '' : group.toString(16)));
  return high === '' ? `fd00:100::${low}` : `fd00:100::${high}:${low || '0'}`;
}

/** How the peers' addresses are written: one by one, two neighbours as a prefix, or two as a range that no prefix names. */
export type Written = 'addresses' | 'cidrs' | 'spans';

/** Half as many prefixes or ranges as peers. Index 0 to `size` - 1 of either family is in one of them, and so is `meet`'s every choice. */
function written(size: number, how: Written): readonly (readonly string[])[] {
  if (how === 'addresses') return Array.from({ length: size }, (_, index) => [ipv4Peer(index), ipv6Peer(index)]);
  return Array.from({ length: size / 2 + 1 }, (_, at) =>
    how === 'cidrs'
      ? [`${ipv4Peer(2 * at)}/31`, `${ipv6At(2 * at)}/127`]
      : [`${ipv4Peer(2 * at - 1)}/32`, `${ipv4Peer(2 * at)}/32`],
  );
}

/** Every peer may use the service, each class by other terms; both directions are enforced alike. */
export function crowdPolicy(crowd: {
  readonly size: number;
  readonly services?: 'ports' | 'ranges';
  readonly written?: Written;
}): HostPolicy {
  const { size, services = 'ports' } = crowd;
  const peers: Record<string, string[]> = {};
  for (const [at, own] of written(size, crowd.written ?? 'addresses').entries()) {
    const set = `class${at % classes}`;
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

/** With so many quarantined workloads beside the peers, of an address in each family. */
export function render(policy: HostPolicy, { quarantined = 0 } = {}): string {
  const ruleSet = hostRuleSet(policy);
  const cutOff = Array.from({ length: quarantined }, (_, at): readonly [string, PeerSet] => {
    const addresses = [ipv4Peer(1_000_000 + at), ipv6Peer(1_000_000 + at)].map((text) => assertOk(parseAddress(text)));
    return [`quarantine/q${at}`, { id: `quarantine/q${at}`, quarantine: `q${at}`, addresses, ranges: [] }];
  });
  return renderFromNothing({ ...ruleSet, peerSets: new Map([...ruleSet.peerSets, ...cutOff]) }, { essentials: [] });
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

/**
 * The least that knows its peers: one look-up in one set each way, and whatever that costs in memory. Sets of addresses have the size
 * that our maps have; prefixes and ranges are interval sets.
 */
export function plainSetTable(size: number, how: Written = 'addresses'): string {
  const table = 'inet reference';
  const kind = how === 'addresses' ? `size ${new Capacities(new Map()).of('peers', size)};` : 'flags interval;';
  const lines = [`add table ${table}`];
  for (const [chain, hook, end] of [
    ['input', 'input', 'saddr'],
    ['output', 'output', 'daddr'],
  ] as const) {
    lines.push(
      `add chain ${table} ${chain} { type filter hook ${hook} priority 0; }`,
      `add set ${table} ${chain}4 { type ipv4_addr; ${kind} }`,
      `add set ${table} ${chain}6 { type ipv6_addr; ${kind} }`,
      `add rule ${table} ${chain} ct state established accept`,
      `add rule ${table} ${chain} ip ${end} @${chain}4 accept`,
      `add rule ${table} ${chain} ip6 ${end} @${chain}6 accept`,
      `add rule ${table} ${chain} drop`,
    );
    const all = written(size, how);
    const ipv4 =
      how === 'spans'
        ? all.map((pair) => pair.map((cidr) => cidr.slice(0, -'/32'.length)).join('-'))
        : all.map(([address = '']) => address);
    const ipv6 = how === 'spans' ? [] : all.map(([, address = '']) => address);
    for (const [set, elements] of [
      [`${chain}4`, ipv4],
      [`${chain}6`, ipv6],
    ] as const) {
      for (let at = 0; at < elements.length; at += 1000)
        lines.push(`add element ${table} ${set} { ${elements.slice(at, at + 1000).join(', ')} }`);
    }
  }
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
