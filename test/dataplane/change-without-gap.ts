// Changes the policy of two hosts again and again while traffic that is allowed and traffic that is not runs in both directions and
// both families, and counts what should not be: denied packets that arrive, allowed datagrams and exchanges that do not.
// The first host always enforces what comes in, the second what goes out, and the mode of the other direction changes too.

import { renderFromNothing } from '#agent-core/change/render-table.ts';
import type { EnforcementMode } from '#model/verdict.ts';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { startTraffic, type Traffic } from './traffic.ts';
import type { FlowCount, FlowKind } from './traffic-protocol.ts';

export interface GapOptions {
  readonly changes: number;
  /** `in-place`: what the agent does. The others are wrong on purpose: a table taken away and made anew; everything denied for a moment. */
  readonly way?: 'in-place' | 'delete-and-create' | 'deny-between';
}

export interface GapTally {
  readonly changes: number;
  readonly tookMs: number;
  /** Of each host, at the end: how often connections were judged anew. */
  readonly epochs: readonly number[];
  readonly denied: { readonly sent: number; readonly passed: number };
  readonly datagrams: { readonly sent: number; readonly lost: number };
  readonly exchanges: {
    readonly sent: number;
    readonly lost: number;
    readonly broken: number;
    /** Segments that had to be sent again. */
    readonly retransmitted: number;
    readonly longestMs: number;
  };
  /** What the hosts' own tables say they denied of it, as nft prints it: empty where nothing was lost to them. */
  readonly wronglyDenied: readonly string[];
  /** Datagrams that arrived and found no room in the receiver: if there are any, nothing can be said of loss. */
  readonly overflowed: number;
}

const kinds = ['grant', 'revoke', 'peer in', 'peer out', 'segment out, another in', 'mode', 'new rule set'] as const;
export type ChangeKind = (typeof kinds)[number];

const addresses = {
  h1: { ipv4: '10.84.0.1', ipv6: 'fd84::1' },
  h2: { ipv4: '10.84.0.2', ipv6: 'fd84::2' },
  peer: { ipv4: '10.84.0.9', ipv6: 'fd84::9' },
} as const;
type Name = keyof typeof addresses;
type Managed = 'h1' | 'h2';

/** `held` and `never` in the direction that is always enforced, `other` in the other one. */
const ports = { held: 7001, never: 7002, other: 7003 } as const;
const modes: readonly EnforcementMode[] = ['observe', 'enforce', 'off', 'selective'];

interface Flow {
  readonly kind: FlowKind;
  readonly from: Name;
  readonly to: Name;
  readonly port: number;
  readonly intervalMs: number;
}

const flows: readonly Flow[] = [
  ...pair({ from: 'peer', to: 'h1', port: ports.held }),
  ...pair({ from: 'h1', to: 'peer', port: ports.other }),
  ...pair({ from: 'h2', to: 'peer', port: ports.held }),
  ...pair({ from: 'peer', to: 'h2', port: ports.other }),
  ...denied({ from: 'peer', to: 'h1' }),
  ...denied({ from: 'h2', to: 'peer' }),
];

function pair(way: Pick<Flow, 'from' | 'to' | 'port'>): readonly Flow[] {
  return [
    { ...way, kind: 'udp-echo', intervalMs: 4 },
    { ...way, kind: 'tcp-exchange', intervalMs: 4 },
  ];
}

function denied(way: Pick<Flow, 'from' | 'to'>): readonly Flow[] {
  return [
    { ...way, port: ports.never, kind: 'udp-flood', intervalMs: 1 },
    { ...way, port: ports.never, kind: 'tcp-connect', intervalMs: 20 },
  ];
}

/** What changes from step to step; all of it leaves `flows` allowed or denied as they are. */
interface Stage {
  readonly granted: number;
  readonly strangers: number;
  readonly segment: number;
  readonly mode: number;
  readonly shape: number;
}

/** A stage and the kind of change that leads to it: every kind in turn. */
export function stageAt(change: number): { readonly kind: ChangeKind; readonly stage: Stage } {
  const round = Math.floor(change / kinds.length);
  const within = change % kinds.length;
  return {
    kind: kinds[within] ?? 'grant',
    stage: {
      granted: within === 0 ? 1 : 0,
      strangers: within === 2 ? round + 1 : round,
      segment: within >= 4 ? round + 1 : round,
      mode: within >= 5 ? round + 1 : round,
      shape: within >= 6 ? round + 1 : round,
    },
  };
}

/** The crowd that comes and goes has its map answer with tags, which then answers with chains again (map-values.ts). */
const mostWalks = 450;

function policyOf(name: Managed, revision: number, { granted, strangers, segment, mode, shape }: Stage): HostPolicy {
  const always = name === 'h1' ? 'in' : 'out';
  const other = modes[mode % modes.length] ?? 'observe';
  const peer = Object.values(addresses.peer);
  // A stranger's place is taken by the next one every seven changes; the peer itself moves between classes with them.
  const stranger = [`10.85.${(strangers >> 8) & 255}.${strangers & 255}`, `fd85::${(strangers + 1).toString(16)}`];
  const [who, set] = [
    ['web', peer],
    ['net', ['10.84.0.0/24', 'fd84::/64']],
    ['any', []],
  ][shape % 3] as [string, readonly string[]];
  const grants = (port: number) => [
    `${who}: tcp/${port}, udp/${port}`,
    `strangers: tcp/${port}`,
    // A range of UDP ports: in a map it would be an interval set, and those lost datagrams (class-chain.ts says why).
    'moving: udp/9100-9200',
    ...(granted === 1 ? [`${who}: tcp/9000`, 'strangers: icmp'] : []),
  ];
  return {
    revision,
    segment: `segment-${segment % 3}`,
    addresses: Object.values(addresses[name]),
    inbound: always === 'in' ? 'enforce' : other,
    outbound: always === 'out' ? 'enforce' : other,
    allowIn: grants(always === 'in' ? ports.held : ports.other),
    allowOut: grants(always === 'out' ? ports.held : ports.other),
    peers: {
      ...(who === 'any' ? {} : { [who]: set }),
      strangers: stranger,
      moving: strangers % 2 === 0 ? peer : stranger,
      ...(shape % 2 === 0
        ? {}
        : { crowd: Array.from({ length: 300 }, (_, index) => `10.86.${shape % 200}.${index % 250}`) }),
    },
  };
}

export async function changeWithoutGap(options: GapOptions): Promise<GapTally> {
  const { changes, way = 'in-place' } = options;
  const lab = await createLab({ name: 'gap' });
  const driven: DrivenHost[] = [];
  const traffics: Traffic[] = [];
  try {
    const hosts = await standUp(lab);
    for (const name of ['h1', 'h2'] as const) driven.push(driveHost(hosts[name], { mostWalks }));
    const [h1, h2] = driven;
    if (h1 === undefined || h2 === undefined) throw new Error('two hosts are driven');
    const drivers = { h1, h2 };
    const enter = async (name: Managed, revision: number, stage: Stage) => {
      const policy = policyOf(name, revision, stage);
      if (way === 'delete-and-create' && revision > 1) return makeAnew(hosts[name], policy);
      if (way === 'deny-between' && revision > 1)
        await mustApply(drivers[name], {
          ...policy,
          inbound: 'enforce',
          outbound: 'enforce',
          allowIn: [],
          allowOut: [],
        });
      await mustApply(drivers[name], policy);
    };
    const both = async (revision: number, stage: Stage) => {
      await Promise.all([enter('h1', revision, stage), enter('h2', revision, stage)]);
    };
    await both(1, stageAt(0).stage);

    const traffic: Record<Name, Traffic> = {
      h1: startTraffic(hosts.h1),
      h2: startTraffic(hosts.h2),
      peer: startTraffic(hosts.peer),
    };
    traffics.push(...Object.values(traffic));
    for (const name of ['h1', 'h2', 'peer'] as const) {
      for (const port of Object.values(ports)) {
        await traffic[name].listen('tcp', port);
        await traffic[name].listen('udp', port);
      }
    }
    for (const { from, to, kind, port, intervalMs } of flows) {
      for (const family of ['ipv4', 'ipv6'] as const) {
        const id = `${kind} ${from} > ${to} ${family}`;
        await traffic[from].start({ id, kind, port, intervalMs, address: addresses[to][family] });
      }
    }
    const startedAt = performance.now();
    for (let change = 1; change <= changes; change += 1) await both(change + 1, stageAt(change).stage);
    const tookMs = performance.now() - startedAt;
    // All at once: a flow that goes on is answered by hosts that have finished with theirs.
    const counts = new Map<string, FlowCount>(
      (await Promise.all(Object.values(traffic).map((each) => each.finish()))).flatMap((each) => Object.entries(each)),
    );
    const epochs = await Promise.all(driven.map(async (each) => Number((await each.ask({ do: 'counts' }))['epoch'])));
    return { changes, tookMs, epochs, ...(await tally({ counts, traffic, hosts })) };
  } finally {
    for (const each of driven) each.stop();
    for (const each of traffics) each.stop();
    await lab.remove();
  }
}

async function standUp(lab: Lab): Promise<Record<Name, LabHost>> {
  const [h1, h2, peer] = [
    await lab.addHost({ name: 'h1', ...addresses.h1 }),
    await lab.addHost({ name: 'h2', ...addresses.h2 }),
    await lab.addHost({ name: 'peer', ...addresses.peer }),
  ];
  return { h1, h2, peer };
}

async function mustApply(driven: DrivenHost, policy: HostPolicy): Promise<void> {
  const outcome = await driven.ask({ do: 'apply', policy });
  if (outcome['kind'] !== 'applied') throw new Error(`a change was refused: ${JSON.stringify(outcome)}`);
}

/** What must never be done. */
async function makeAnew(host: LabHost, policy: HostPolicy): Promise<void> {
  for (const input of ['delete table inet segwall\n', renderFromNothing(hostRuleSet(policy), { essentials: [] })]) {
    const result = await host.exec(['nft', '-f', '-'], { input });
    if (result.exitCode !== 0) throw new Error(result.stderr);
  }
}

async function tally(seen: {
  readonly counts: ReadonlyMap<string, FlowCount>;
  readonly traffic: Readonly<Record<Name, Traffic>>;
  readonly hosts: Readonly<Record<Name, LabHost>>;
}): Promise<Omit<GapTally, 'changes' | 'tookMs' | 'epochs'>> {
  const { counts, traffic, hosts } = seen;
  const of = (...kinds: readonly FlowKind[]) =>
    [...counts].filter(([id]) => kinds.some((kind) => id.startsWith(`${kind} `))).map(([, count]) => count);
  const total = (among: readonly FlowCount[], field: 'sent' | 'answered') =>
    among.reduce((sum, count) => sum + count[field], 0);
  let passed = 0;
  let [retransmitted, overflowed] = [0, 0];
  const wronglyDenied: string[] = [];
  for (const name of ['h1', 'h2', 'peer'] as const) {
    const reached = await traffic[name].reached();
    for (const transport of ['tcp', 'udp']) passed += reached[`${transport}/${ports.never}`] ?? 0;
    if (name !== 'peer') wronglyDenied.push(...(await deniedServices(hosts[name])));
    const kernel = await kernelCounts(hosts[name]);
    retransmitted += kernel.retransmitted;
    overflowed += kernel.overflowed;
  }
  const [denied, echoes, exchanges] = [of('udp-flood', 'tcp-connect'), of('udp-echo'), of('tcp-exchange')];
  return {
    denied: { sent: total(denied, 'sent'), passed },
    datagrams: { sent: total(echoes, 'sent'), lost: total(echoes, 'sent') - total(echoes, 'answered') },
    exchanges: {
      sent: total(exchanges, 'sent'),
      lost: total(exchanges, 'sent') - total(exchanges, 'answered'),
      broken: exchanges.filter(({ error }) => error !== undefined).length,
      retransmitted,
      longestMs: Math.max(...exchanges.map(({ longestMs }) => longestMs)),
    },
    wronglyDenied,
    overflowed,
  };
}

async function deniedServices(host: LabHost): Promise<readonly string[]> {
  const found: string[] = [];
  for (const side of ['in', 'out']) {
    for (const digit of [4, 6]) {
      const { stdout } = await host.exec(['nft', '-n', 'list', 'set', 'inet', 'segwall', `den_${side}${digit}`]);
      found.push(
        ...[...stdout.matchAll(/[0-9a-f.:]+ \. [0-9a-f.:]+ \. \d+ \. (\d+) \. 0x[0-9a-f]+ [^,}]*/g)]
          .filter(([, port]) => Number(port) !== ports.never)
          .map(([element]) => element.trim()),
      );
    }
  }
  return found;
}

async function kernelCounts(host: LabHost): Promise<{ readonly retransmitted: number; readonly overflowed: number }> {
  const { stdout } = await host.exec(['cat', '/proc/self/net/snmp', '/proc/self/net/snmp6']);
  const field = (protocol: string, name: string) => {
    const [names = '', values = ''] = stdout.split('\n').filter((line) => line.startsWith(`${protocol}: `));
    return Number(values.split(' ')[names.split(' ').indexOf(name)] ?? Number.NaN);
  };
  const overflowed6 = Number(/^Udp6RcvbufErrors\s+(\d+)$/m.exec(stdout)?.[1] ?? Number.NaN);
  return { retransmitted: field('Tcp', 'RetransSegs'), overflowed: field('Udp', 'RcvbufErrors') + overflowed6 };
}

/** What a run must not show, in words; empty where every change was without a gap. */
export function gapFaults({ denied, datagrams, exchanges, wronglyDenied, overflowed }: GapTally): readonly string[] {
  return [
    ...(denied.passed === 0 ? [] : [`${denied.passed} of ${denied.sent} denied packets passed`]),
    ...(datagrams.lost === 0 ? [] : [`${datagrams.lost} of ${datagrams.sent} allowed datagrams were lost`]),
    ...(exchanges.lost + exchanges.broken === 0
      ? []
      : [`${exchanges.lost} of ${exchanges.sent} exchanges were not answered, ${exchanges.broken} connections broke`]),
    ...wronglyDenied.map((element) => `an allowed packet was denied: ${element}`),
    ...(overflowed === 0 ? [] : [`nothing can be said: a receiver had no room for ${overflowed} datagrams`]),
  ];
}
