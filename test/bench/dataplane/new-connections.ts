// What the first packet of a connection costs, and an established one: every arrangement in a namespace of its own, shot at in turn
// with bursts of a millisecond, hundreds of times, so that whatever else the machine does falls on all alike.

import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { run } from '#test/support/run-command.ts';
import { type Generator, type Peers, receivedByHost, sentByHost } from './packet-generator.ts';
import {
  crowdPolicy,
  host as hostAddresses,
  ipsetReference,
  meet,
  plainSetTable,
  referenceTable,
  render,
  servicePort,
  sinkTable,
} from './peers.ts';

/**
 * Nanoseconds a packet: `value` is the median; `ratio` the median over the rounds of this burst over the reference's, and `spread` what lies
 * between the first and the last quarter of the rounds. `limit` is the ratio's.
 */
export interface PacketCost {
  readonly name: string;
  readonly value: number;
  readonly against: string;
  readonly reference: number;
  readonly ratio: number;
  readonly spread: { readonly low: number; readonly high: number };
  readonly limit?: number;
}

export interface NewConnectionCosts {
  readonly costs: readonly PacketCost[];
  /** Absent where iptables-nft or ipset is not installed, or the kernel lacks them: the reason. */
  readonly withoutIpset?: string;
}

/** At most, and only as long as `mostMs`: a busy machine makes fewer. */
const rounds = 300;
const burst = 512;
const hostMac = Buffer.from([2, 0, 0, 0, 0, 2]);
const crowd = 10_000;
/** What a table may cost that looks addresses up as the plain set does, one that has more to tell apart, and quarantined addresses in it. */
const limits = { addresses: 1.1, others: 1.15, quarantined: 1.05 } as const;
const plainSet = 'the plain set';
const withoutPeers = 'a table without peers';

interface Shot {
  readonly name: string;
  readonly generator: Generator;
  readonly nanos: number[];
}

interface Comparison {
  /** The row's name; the shots are named by what they are shot at. */
  readonly name: string;
  readonly shot: string;
  readonly against: string;
  /** What the other shot is, for readers. */
  readonly as: string;
  readonly limit?: number;
}

export async function measureNewConnections({ mostMs = 60_000 } = {}): Promise<NewConnectionCosts> {
  const lab = await createLab({ name: 'dataplane' });
  const shots = new Map<string, Shot>();
  const comparisons: Comparison[] = [];
  try {
    const outside = await lab.addHost({ name: 'outside', ipv4: '10.66.255.1', ipv6: 'fd66::ffff' });
    const inbound = (at: Arranged, peers: Peers) =>
      receivedByHost({
        namespace: outside.namespace,
        interfaceName: at.interfaceName,
        hostMac,
        hostAddress:
          peers.any.length === 4 ? Uint8Array.of(10, 66, 0, 1) : Buffer.from('fd660000000000000000000000000001', 'hex'),
        servicePort,
        peers,
      });
    const outbound = (at: Arranged, peers: Peers) => sentByHost({ namespace: at.host.namespace, servicePort, peers });
    const arrange = (name: string, script: string) => arrangeHost({ lab, outside, name, script });
    /** Its name; what has been aimed already is not aimed twice. */
    const aim = (name: string, at: Arranged, peers: Peers) => {
      if (!shots.has(name)) {
        const shoot = name.startsWith('outbound') ? outbound : inbound;
        shots.set(name, { name, generator: shoot(at, peers), nanos: [] });
      }
      return name;
    };
    /** One shape of policy against the plain set that knows the same peers, and against a table that knows none. */
    const compare = (shape: {
      readonly name: string;
      /** Which peers in which direction: shapes that meet the same share the table without peers. */
      readonly traffic: string;
      readonly ours: Arranged;
      readonly set: Arranged;
      readonly peers: Peers;
      readonly limit: number;
    }) => {
      const { traffic, peers, limit } = shape;
      const name = `${traffic.split(',')[0]}, ${shape.name}`;
      const shot = aim(name, shape.ours, peers);
      const bySet = aim(`${traffic}: ${shape.set.name}`, shape.set, peers);
      const byNone = aim(`${traffic}: reference`, reference, peers);
      comparisons.push(
        { name, shot, against: bySet, as: plainSet, limit },
        { name: `${name}: without peers`, shot, against: byNone, as: withoutPeers },
      );
    };

    const reference = await arrange('reference', referenceTable);
    const exact = await arrange('exact', render(crowdPolicy({ size: crowd })));
    const ports = await arrange('ports', render(crowdPolicy({ size: crowd, services: 'ranges' })));
    const cidrs = await arrange('cidrs', render(crowdPolicy({ size: crowd, written: 'cidrs' })));
    const spans = await arrange('spans', render(crowdPolicy({ size: crowd, written: 'spans' })));
    const few = await arrange('few', render(crowdPolicy({ size: 100 })));
    const many = await arrange('many', render(crowdPolicy({ size: 100_000 })));
    const set = await arrange('set', plainSetTable(crowd));
    const cidrSet = await arrange('cidr-set', plainSetTable(crowd, 'cidrs'));
    const spanSet = await arrange('span-set', plainSetTable(crowd, 'spans'));
    const manySet = await arrange('many-set', plainSetTable(100_000));

    const four = meet({ family: 'ipv4', size: crowd, met: crowd });
    const six = meet({ family: 'ipv6', size: crowd, met: crowd });
    const [in4, in6] = ['inbound IPv4, all met', 'inbound IPv6, all met'];
    const { addresses, others } = limits;
    for (const [name, traffic, ours, plain, peers, limit] of [
      [
        '10,000 peers, 64 met',
        'inbound IPv4, 64 met',
        exact,
        set,
        meet({ family: 'ipv4', size: crowd, met: 64 }),
        addresses,
      ],
      ['10,000 peers, all met', in4, exact, set, four, addresses],
      ['10,000 peers, port ranges', in4, ports, set, four, others],
      ['5,000 CIDRs', in4, cidrs, cidrSet, four, others],
      ['5,000 ranges', in4, spans, spanSet, four, others],
      ['10,000 peers', in6, exact, set, six, others],
      ['5,000 CIDRs', in6, cidrs, cidrSet, six, others],
      ['10,000 peers', 'outbound IPv4, all met', exact, set, four, addresses],
      ['10,000 peers', 'outbound IPv6, all met', exact, set, six, others],
      [
        '100,000 peers, all met',
        'inbound IPv4, all of 100,000 met',
        many,
        manySet,
        meet({ family: 'ipv4', size: 100_000, met: 100_000 }),
        others,
      ],
    ] as const)
      compare({ name, traffic, ours, set: plain, peers, limit });

    // With none the table is the same, word for word (test/agent-core/cut-off.test.ts).
    const cutOff = await arrange('cut-off', render(crowdPolicy({ size: crowd }), { quarantined: 1000 }));
    for (const [traffic, peers] of [
      [in4, four],
      [in6, six],
    ] as const)
      comparisons.push({
        name: `${traffic.split(',')[0]}, 10,000 peers, 1,000 quarantined`,
        shot: aim(`${traffic}: cut off`, cutOff, peers),
        against: `${traffic.split(',')[0]}, 10,000 peers${traffic === in4 ? ', all met' : ''}`,
        as: 'none quarantined',
        limit: limits.quarantined,
      });

    const met64 = (size: number) => meet({ family: 'ipv4', size, met: 64 });
    comparisons.push({
      name: 'inbound IPv4, 100,000 peers, 64 met',
      shot: aim('inbound IPv4, 100,000 peers, 64 met', many, met64(100_000)),
      against: aim('inbound IPv4, 100 peers, 64 met', few, met64(100)),
      as: '100 peers',
      limit: limits.addresses,
    });
    // One peer whose connection is there already; the sink drops its packets too, which changes nothing about the entry.
    const one = { any: Uint8Array.of(10, 100, 0, 0), lastWords: Uint32Array.of(0x0a640000) };
    for (const at of [exact, set]) await establish(at.host);
    comparisons.push({
      name: 'established IPv4, 10,000 peers',
      shot: aim('established IPv4, 10,000 peers', exact, one),
      against: aim('established IPv4: set', set, one),
      as: plainSet,
    });
    const ipset = await arrangeIpset({ lab, outside });
    if (typeof ipset !== 'string') {
      comparisons.push({
        name: 'inbound IPv4, 10,000 peers: iptables',
        shot: 'inbound IPv4, 10,000 peers, all met',
        against: aim('inbound IPv4: ipset', ipset, four),
        as: 'iptables-nft with 20 ipsets',
        limit: 0.6,
      });
    }
    shootInTurn([...shots.values()], mostMs);
    return { costs: costsOf(shots, comparisons), ...(typeof ipset === 'string' ? { withoutIpset: ipset } : {}) };
  } finally {
    for (const { generator } of shots.values()) generator.close();
    await lab.remove();
  }
}

interface Arranged {
  readonly name: string;
  readonly host: LabHost;
  /** The outside end of the host's own cable. */
  readonly interfaceName: string;
}

async function arrangeHost(request: {
  readonly lab: Lab;
  readonly outside: LabHost;
  readonly name: string;
  readonly script: string;
}): Promise<Arranged> {
  const { lab, outside, name, script } = request;
  const host = await lab.addHost({ name, ...hostAddresses });
  const interfaceName = `to-${name}`;
  const cable = `link add ${interfaceName} type veth peer name cable address 02:00:00:00:00:02 netns ${host.namespace}`;
  await must(
    run(['ip', '-n', outside.namespace, '-batch', '-'], { input: `${cable}\nlink set ${interfaceName} up\n` }),
  );
  await must(host.exec(['ip', 'link', 'set', 'cable', 'up']));
  await must(host.exec(['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.cable.rp_filter=0']));
  await must(host.exec(['nft', '-f', '-'], { input: script, timeoutMs: 60_000 }));
  await must(host.exec(['nft', '-f', '-'], { input: sinkTable }));
  return { name, host, interfaceName };
}

/** A reason where it cannot be had. */
async function arrangeIpset(request: { readonly lab: Lab; readonly outside: LabHost }): Promise<Arranged | string> {
  for (const program of ['iptables-nft-restore', 'ipset']) {
    const found = await run([program, '--version']);
    if (found.exitCode !== 0) return `${program} is not installed`;
  }
  const arranged = await arrangeHost({ ...request, name: 'ipset', script: '' });
  const { ipset, iptables } = ipsetReference(crowd);
  for (const [argv, input] of [
    [['ipset', 'restore'], ipset],
    [['iptables-nft-restore'], iptables],
  ] as const) {
    const loaded = await arranged.host.exec(argv, { input });
    if (loaded.exitCode !== 0) return `${argv[0]} failed: ${loaded.stderr.trim().split('\n')[0]}`;
  }
  return arranged;
}

async function establish(host: LabHost): Promise<void> {
  const ends = ['-s', '10.100.0.0', '-d', hostAddresses.ipv4, '--sport', '40000', '--dport', String(servicePort)];
  await must(host.exec(['conntrack', '-I', '-p', 'udp', ...ends, '--timeout', '600', '-u', 'SEEN_REPLY,ASSURED']));
}

async function must(running: Promise<{ readonly exitCode: number; readonly stderr: string }>): Promise<void> {
  const { exitCode, stderr } = await running;
  if (exitCode !== 0) throw new Error(`a host could not be arranged: ${stderr.trim()}`);
}

function shootInTurn(shots: readonly Shot[], mostMs: number): void {
  // The first bursts fill what is filled once: routes, neighbours, the CPU's view of the rules.
  for (const { generator } of shots) generator.shoot(burst * 4);
  const until = performance.now() + mostMs;
  for (let round = 0; round < rounds && performance.now() < until; round += 1) {
    for (let step = 0; step < shots.length; step += 1) {
      const shot = shots[(round + step) % shots.length];
      shot?.nanos.push(shot.generator.shoot(burst));
    }
  }
}

function costsOf(shots: ReadonlyMap<string, Shot>, comparisons: readonly Comparison[]): readonly PacketCost[] {
  return comparisons.map(({ name, shot, against, as, limit }) => {
    const [nanos, reference] = [shots.get(shot)?.nanos ?? [], shots.get(against)?.nanos ?? []];
    // Each burst against the reference's of the same round.
    const ratios = nanos.map((value, at) => value / (reference[at] ?? Number.NaN));
    return {
      name,
      against: as,
      value: median(nanos),
      reference: median(reference),
      ratio: median(ratios),
      spread: { low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) },
      ...(limit === undefined ? {} : { limit }),
    };
  });
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
