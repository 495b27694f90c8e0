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

/** Nanoseconds a packet: `value` is the median; `ratio` the median over the rounds of this burst over the reference's. */
export interface PacketCost {
  readonly name: string;
  readonly value: number;
  readonly against: string;
  readonly reference: number;
  readonly ratio: number;
}

export interface NewConnectionCosts {
  readonly costs: readonly PacketCost[];
  /** Absent where iptables-nft or ipset is not installed, or the kernel lacks them: the reason. */
  readonly withoutIpset?: string;
}

/** At most, and only as long as `mostMs`: a busy machine makes fewer. */
const rounds = 300;
const mostMs = 60_000;
const burst = 512;
const hostMac = Buffer.from([2, 0, 0, 0, 0, 2]);
const crowd = 10_000;
const plain = 'established accept; accept';
export const plainSet = '`ip saddr @set accept`';

interface Shot {
  readonly name: string;
  readonly generator: Generator;
  readonly against: string;
  readonly nanos: number[];
}

export async function measureNewConnections(): Promise<NewConnectionCosts> {
  const lab = await createLab({ name: 'dataplane' });
  const shots: Shot[] = [];
  try {
    const outside = await lab.addHost({ name: 'outside', ipv4: '10.66.255.1', ipv6: 'fd66::ffff' });
    const add = (name: string, against: string, generator: Generator) =>
      shots.push({ name, against, generator, nanos: [] });
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

    const reference = await arrange('reference', referenceTable);
    const exact = await arrange('exact', render(crowdPolicy({ size: crowd })));
    const ranges = await arrange('ranges', render(crowdPolicy({ size: crowd, services: 'ranges' })));
    const cidrs = await arrange('cidrs', render(crowdPolicy({ size: crowd, written: 'cidrs' })));
    const few = await arrange('few', render(crowdPolicy({ size: 100 })));
    const many = await arrange('many', render(crowdPolicy({ size: 100_000 })));
    const [set, fewSet, manySet] = [
      await arrange('set', plainSetTable(crowd)),
      await arrange('few-set', plainSetTable(100)),
      await arrange('many-set', plainSetTable(100_000)),
    ];
    for (const [met, words] of [
      [64, '64 peers met'],
      [crowd, 'all peers met'],
    ] as const) {
      const peers = meet({ family: 'ipv4', size: crowd, met });
      const base = `inbound IPv4, ${plain}, ${words}`;
      add(base, '', inbound(reference, peers));
      add(`inbound IPv4, 10,000 peers, ${words}`, base, inbound(exact, peers));
      add(`inbound IPv4, 10,000 peers, ${plainSet}, ${words}`, base, inbound(set, peers));
      if (met === 64) continue;
      add('inbound IPv4, 10,000 peers, port ranges', base, inbound(ranges, peers));
      add('inbound IPv4, 5,000 CIDRs', base, inbound(cidrs, peers));
      const six = meet({ family: 'ipv6', size: crowd, met });
      const base6 = `inbound IPv6, ${plain}`;
      add(base6, '', inbound(reference, six));
      add('inbound IPv6, 10,000 peers', base6, inbound(exact, six));
      for (const [family, some] of [
        ['IPv4', peers],
        ['IPv6', six],
      ] as const) {
        const out = `outbound ${family}, ${plain}`;
        add(out, '', outbound(reference, some));
        add(`outbound ${family}, 10,000 peers`, out, outbound(exact, some));
      }
    }
    const hundred = 'inbound IPv4, 100 peers';
    add(`${hundred}, 64 met`, '', inbound(few, meet({ family: 'ipv4', size: 100, met: 64 })));
    add(
      'inbound IPv4, 100,000 peers, 64 met',
      `${hundred}, 64 met`,
      inbound(many, meet({ family: 'ipv4', size: 100_000, met: 64 })),
    );
    add(`${hundred}, all met`, '', inbound(few, meet({ family: 'ipv4', size: 100, met: 100 })));
    add(
      'inbound IPv4, 100,000 peers, all met',
      `${hundred}, all met`,
      inbound(many, meet({ family: 'ipv4', size: 100_000, met: 100_000 })),
    );
    const inFewSet = `${hundred}, ${plainSet}, all met`;
    add(inFewSet, '', inbound(fewSet, meet({ family: 'ipv4', size: 100, met: 100 })));
    add(
      `inbound IPv4, 100,000 peers, ${plainSet}, all met`,
      inFewSet,
      inbound(manySet, meet({ family: 'ipv4', size: 100_000, met: 100_000 })),
    );
    // One peer whose connection is there already; the sink drops its packets too, which changes nothing about the entry.
    const one = { any: Uint8Array.of(10, 100, 0, 0), lastWords: Uint32Array.of(0x0a640000) };
    for (const at of [reference, exact]) await establish(at.host);
    add(`established IPv4, ${plain}`, '', inbound(reference, one));
    add('established IPv4, 10,000 peers', `established IPv4, ${plain}`, inbound(exact, one));
    const ipset = await arrangeIpset({ lab, outside });
    if (typeof ipset !== 'string') {
      const all = meet({ family: 'ipv4', size: crowd, met: crowd });
      add(
        'inbound IPv4, 10,000 peers, iptables-nft with 20 ipsets',
        `inbound IPv4, ${plain}, all peers met`,
        inbound(ipset, all),
      );
    }
    shootInTurn(shots);
    return { costs: costsOf(shots), ...(typeof ipset === 'string' ? { withoutIpset: ipset } : {}) };
  } finally {
    for (const { generator } of shots) generator.close();
    await lab.remove();
  }
}

interface Arranged {
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
  return { host, interfaceName };
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

function shootInTurn(shots: readonly Shot[]): void {
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

function costsOf(shots: readonly Shot[]): readonly PacketCost[] {
  return shots.flatMap(({ name, against, nanos }) => {
    const reference = shots.find((shot) => shot.name === against);
    if (reference === undefined) return [];
    // Each burst against the reference's of the same round.
    const ratio = median(nanos.map((value, at) => value / (reference.nanos[at] ?? Number.NaN)));
    return [{ name, against, value: median(nanos), reference: median(reference.nanos), ratio }];
  });
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
