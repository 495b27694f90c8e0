// A container that sets addresses in its own network: which of them are believed to be its own, what becomes of an address that two have,
// and whose packets it is judged by. None of it is the container's to say.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ContainerClaim,
  type HostSide,
  judgeContainerAddresses,
} from '#agent-core/addresses/container-addresses.ts';
import { bootstrapScript } from '#agent-core/change/transaction.ts';
import { parseIpv4Routes, parseIpv6Routes } from '#agent-core/host/container-identity.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import { deniedWay } from '#agent-core/table/own-way.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { withReportedContainers } from '#control-plane/inventory/host-containers.ts';
import type { Address } from '#model/address.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { addContainers } from './container-lab.ts';

const zeros = '0'.repeat(32);
/** fd17::/64 is set on docker0; fd99::/64 on docker0 and fd10::/64 on br-lan were advertised there. */
const ipv6Routes =
  parseIpv6Routes(`fd17${zeros.slice(4)} 40 ${zeros} 00 ${zeros} 00000100 00000001 00000000 00000001 docker0
fd99${zeros.slice(4)} 40 ${zeros} 00 ${zeros} 00000100 00000001 00000000 00440001 docker0
fd10${zeros.slice(4)} 40 ${zeros} 00 ${zeros} 00000100 00000001 00000000 00440001 br-lan
`);
const ipv4Routes = parseIpv4Routes(`Iface Destination Gateway Flags RefCnt Use Metric Mask
br-lan 00000000 0100000A 0003 0 0 0 00000000
br-lan 0000000A 00000000 0001 0 0 0 00FFFFFF
docker0 000011AC 00000000 0001 0 0 0 0000FFFF
cali1 0202F40A 00000000 0005 0 0 0 FFFFFFFF
`);

const routes = [...ipv4Routes, ...ipv6Routes];

/** docker0 (1) has web (2) and api (3); br-lan (4) has the uplink (5) and job (6); cali1 (7) leads to pod. */
const links = [
  { index: 1, name: 'docker0', kind: 'bridge' },
  { index: 2, name: 'vweb', kind: 'veth', master: 1, namespace: 10 },
  { index: 3, name: 'vapi', kind: 'veth', master: 1, namespace: 11 },
  { index: 4, name: 'br-lan', kind: 'bridge' },
  { index: 5, name: 'eno1', kind: '', master: 4 },
  { index: 6, name: 'vjob', kind: 'veth', master: 4, namespace: 12 },
  { index: 7, name: 'cali1', kind: 'veth', namespace: 13 },
];

/** "172.17.0.3 behind 3": the bridge's neighbour table has it, at a hardware address that was heard behind that port. */
function side(heard: readonly string[]): HostSide {
  const own = new Map(links.map(({ index, master }) => [index, master]));
  return {
    links,
    routes,
    neighbours: heard.flatMap((text) => {
      const [address = '', port = ''] = text.split(' behind ');
      const hardware = `02:00:00:00:00:0${port}`;
      return [
        { device: own.get(Number(port)) ?? 0, hardware, address: address as Address },
        { device: Number(port), hardware },
      ];
    }),
    own: new Set(['10.0.0.5', '172.17.0.1'] as Address[]),
    reserved: new Set(['10.0.0.9', '172.17.0.9'] as Address[]),
    isPeers: (address) => address === '10.0.0.44' || address === '172.17.0.3',
  };
}

const namespaces: Readonly<Record<string, number>> = { web: 10, api: 11, job: 12, pod: 13 };

/** "web has 172.17.0.2, 172.17.0.3" */
function claims(texts: readonly string[]): readonly ContainerClaim[] {
  return texts.map((text) => {
    const [name = '', addresses = ''] = text.split(' has ');
    const namespace = namespaces[name];
    return {
      name,
      addresses: addresses.split(', ') as Address[],
      ...(namespace === undefined ? {} : { namespace }),
    };
  });
}

const usual = ['web has 172.17.0.2', 'api has 172.17.0.3'];

describe('an address is believed by what the host’s side shows', () => {
  test.each<readonly [string, readonly string[], readonly string[], readonly string[]]>([
    ['each on its bridge, nobody heard yet', usual, [], usual],
    ['each heard behind its own port', usual, ['172.17.0.2 behind 2', '172.17.0.3 behind 3'], usual],
    ['a second one of its own bridge', ['web has 172.17.0.2, 172.17.0.7'], [], ['web has 172.17.0.2, 172.17.0.7']],
    [
      'a neighbour’s, which is heard where it is: the neighbour’s alone',
      ['web has 172.17.0.2, 172.17.0.3', 'api has 172.17.0.3'],
      ['172.17.0.3 behind 3'],
      usual,
    ],
    [
      'a neighbour’s, which nobody was heard to have: left to who had it (registration)',
      ['web has 172.17.0.2, 172.17.0.3', 'api has 172.17.0.3'],
      [],
      ['web has 172.17.0.2, 172.17.0.3', 'api has 172.17.0.3'],
    ],
    [
      'one that is routed into another’s interface',
      ['web has 10.244.2.2', 'pod has 10.244.2.2'],
      [],
      ['pod has 10.244.2.2'],
    ],
    ['one of its network', ['web has fd17::2'], [], ['web has fd17::2']],
    ['one of a network that it advertised to its host', ['web has fd99::2'], ['fd99::2 behind 2'], []],
    ['one of a network that was advertised on the LAN', ['job has fd10::2'], ['fd10::2 behind 6'], ['job has fd10::2']],
    ['its host’s own', ['web has 172.17.0.1, 10.0.0.5'], ['172.17.0.1 behind 2'], []],
    ['its control plane’s, though it is heard there', ['job has 10.0.0.9'], ['10.0.0.9 behind 6'], []],
    ['its host’s gateway', ['job has 10.0.0.1'], ['10.0.0.1 behind 6'], []],
    ['one of the LAN that nobody was heard to have', ['job has 10.0.0.7'], [], []],
    ['one of the LAN where it is heard', ['job has 10.0.0.7'], ['10.0.0.7 behind 6'], ['job has 10.0.0.7']],
    ['one of the LAN that is another workload’s', ['job has 10.0.0.44'], ['10.0.0.44 behind 6'], []],
    ['one of the LAN that is heard outside', ['job has 10.0.0.7'], ['10.0.0.7 behind 5'], []],
    ['one that its host reaches elsewhere', ['web has 10.0.0.7, 8.8.8.8'], [], []],
    ['of a network that no interface leads to', ['macvlan has 10.0.0.7'], [], []],
    [
      'another fleet’s host that says it has a container’s address takes nothing',
      ['api has 172.17.0.3'],
      [],
      ['api has 172.17.0.3'],
    ],
  ])('%s', (_name, claimed, heard, believed) => {
    const given = claims(claimed);
    const judged = judgeContainerAddresses(given, side(heard));
    const texts = given.flatMap(({ name }, index) => {
      const own = judged.believed[index] ?? [];
      return own.length === 0 ? [] : [`${name} has ${own.map(({ address }) => address).join(', ')}`];
    });
    expect(texts).toEqual(believed);
  });

  test('what is refused is told, with why', () => {
    const { refused } = judgeContainerAddresses(
      claims(['web has 172.17.0.3, 172.17.0.9']),
      side(['172.17.0.3 behind 3']),
    );
    expect(refused.map(({ address, reason }) => `${address} ${reason}`)).toEqual([
      '172.17.0.3 is another’s on its bridge, as this host reaches it',
      '172.17.0.9 is the control plane’s or a resolver’s',
    ]);
  });
});

describe('of two that remain', () => {
  const report = (known: ReturnType<typeof withReportedContainers>, ...texts: readonly string[]) =>
    withReportedContainers({
      host: 'h1',
      known,
      reported: texts.map((text) => {
        const [name = '', addresses = ''] = text.split(' has ');
        return { name, addresses: addresses.split(', '), reachable: [] };
      }),
      hostAddresses: [],
      isTaken: () => false,
    });
  const said = (entries: ReturnType<typeof withReportedContainers>) =>
    [...entries].map(([name, { addresses }]) => `${name} has ${addresses.join(', ')}`);

  test('who had the address keeps it', () => {
    const before = report(new Map(), ...usual);
    const after = report(before, 'web has 172.17.0.2, 172.17.0.3', 'api has 172.17.0.3');
    expect(said(after)).toEqual(['h1-web has 172.17.0.2', 'h1-api has 172.17.0.3']);
  });

  test('two that both come with it have it neither', () => {
    const after = report(new Map(), 'web has 172.17.0.2, 172.17.0.3', 'api has 172.17.0.3');
    expect(said(after)).toEqual(['h1-web has 172.17.0.2']);
  });
});

const open = { inbound: 'observe', outbound: 'observe' } as const;

describe('a table', () => {
  test.each([
    [
      'the container denies it',
      { inbound: 'enforce' },
      ['tcp/8443 to 172.17.0.9, which is the container job’s (default of s)'],
    ],
    ['the container does not', open, []],
  ] as const)('that judges the way to the control plane as a container’s too: %s', (_name, modes, expected) => {
    const ruleSet = hostRuleSet({
      addresses: ['10.0.0.5'],
      ...open,
      containers: { job: { addresses: ['172.17.0.9'], ...open, ...modes } },
    });
    const table = buildTable({ ruleSet, essentials: [], numbering: emptyNumbering });
    if (table === undefined) throw new Error('the numbers do not fit');
    const way = { host: 'cp', port: 8443, addresses: ['172.17.0.9' as Address], resolvers: [] };
    expect(deniedWay(table, way)).toEqual(expected);
  });
});

describe('in the kernel', () => {
  const places = { h1: { ipv4: '10.84.0.1', ipv6: 'fd84::1' }, peer: { ipv4: '10.84.0.2', ipv6: 'fd84::2' } };
  let lab: Lab;
  let host: LabHost;
  let boxed: ReadonlyMap<string, LabHost>;
  const probes = new Map<string, HostProbe>();

  beforeAll(async () => {
    lab = await createLab({ name: 'forged' });
    host = await lab.addHost({ name: 'h1', ...places.h1 });
    const peer = await lab.addHost({ name: 'peer', ...places.peer });
    boxed = await addContainers({
      lab,
      host,
      bridges: [
        { name: 'docker0', ipv4: '172.17.0.1', ipv6: 'fd84:17::1' },
        { name: 'br-app', ipv4: '172.18.0.1', ipv6: 'fd84:18::1' },
      ],
      containers: [
        { name: 'web', bridge: 'docker0', ipv4: '172.17.0.2', ipv6: 'fd84:17::2' },
        { name: 'db', bridge: 'br-app', ipv4: '172.18.0.2', ipv6: 'fd84:18::2' },
      ],
      published: [],
    });
    for (const each of [host, peer, ...boxed.values()]) {
      const probe = await startProbe(each);
      await probe.listen([
        { transport: 'udp', port: 8080 },
        { transport: 'tcp', port: 8080 },
      ]);
      probes.set(each.name, probe);
    }
  });
  afterAll(() => lab.remove());

  async function load(policy: Parameters<typeof hostRuleSet>[0]): Promise<void> {
    const table = buildTable({ ruleSet: hostRuleSet(policy), essentials: [], numbering: emptyNumbering });
    if (table === undefined) throw new Error('the numbers do not fit');
    const script = bootstrapScript(table, { revision: 1, epoch: 1, digest: '-' }, nothingStanding);
    const input = `add table inet segwall\ndelete table inet segwall\n${script}`;
    const { exitCode, stderr } = await host.exec(['nft', '-f', '-'], { input });
    if (exitCode !== 0) throw new Error(stderr);
    await host.exec(['conntrack', '-F']);
  }

  const outcome = async (from: string, transport: 'tcp' | 'udp') => {
    const [seen] = (await probes.get(from)?.probe([{ transport, address: places.peer.ipv4, port: 8080 }])) ?? [];
    return seen?.kind;
  };

  test.each(['tcp', 'udp'] as const)(
    'an address that two workloads have is let by both or not at all: %s',
    async (transport) => {
      const strict = { addresses: ['172.17.0.2'], inbound: 'enforce', outbound: 'enforce' } as const;
      const lenient = { addresses: ['172.17.0.2'], ...open };
      const policy = (containers: NonNullable<Parameters<typeof hostRuleSet>[0]['containers']>) => ({
        addresses: [places.h1.ipv4],
        ...open,
        containers,
      });
      for (const containers of [
        { a: strict, b: lenient },
        { a: lenient, b: strict },
      ]) {
        await load(policy(containers));
        expect(await outcome('web', transport)).toBe('dropped');
      }
      await load(policy({ a: lenient, b: lenient }));
      expect(await outcome('web', transport)).toBe('allowed');
    },
  );

  test('a packet from where its address is not is nobody’s: what db sends as web is dropped, what web sends is not', async () => {
    await load({
      addresses: [places.h1.ipv4],
      ...open,
      peers: { peer: [places.peer.ipv4] },
      containers: {
        web: { addresses: ['172.17.0.2'], inbound: 'observe', outbound: 'enforce', allowOut: ['peer: udp/8080'] },
        db: { addresses: ['172.18.0.2'], inbound: 'observe', outbound: 'enforce' },
      },
    });
    const peer = probes.get('peer')?.host;
    const arrived = async () => {
      const { stdout } = (await peer?.exec(['nft', 'list', 'table', 'inet', 'seen'])) ?? { stdout: '' };
      return Number(/packets (\d+)/.exec(stdout)?.[1] ?? Number.NaN);
    };
    const counting = 'table inet seen { chain in { type filter hook input priority -10; udp dport 8080 counter; }; }';
    expect((await peer?.exec(['nft', '-f', '-'], { input: counting }))?.exitCode).toBe(0);
    const send = (from: string) =>
      boxed.get(from)?.exec([
        'python3',
        '-c',
        `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('172.17.0.2', 0))
s.sendto(b'x', ('${places.peer.ipv4}', 8080))`,
      ]);
    expect((await boxed.get('db')?.exec(['ip', 'addr', 'add', '172.17.0.2/32', 'dev', 'lo']))?.exitCode).toBe(0);
    expect((await send('db'))?.exitCode).toBe(0);
    expect((await host.exec(['nft', 'list', 'counter', 'inet', 'segwall', 'n_odd'])).stdout).toMatch(/packets 1 /);
    expect(await arrived()).toBe(0);
    expect((await send('web'))?.exitCode).toBe(0);
    expect(await arrived()).toBe(1);
  });
});
