// What begins or ends under a host's own addresses without being a socket of its own: published ports, masqueraded and routed egress of
// guests that nobody knows, whatever made them. Judged as the host, in quarantine too; what a router passes on is left alone. Which
// networks are guests' is what the agent reads of the kernel here, not what the test says.

import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SeenGuests } from '#agent/host/addresses.ts';
import { bootstrapScript } from '#agent-core/change/transaction.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import type { GuestNetworks } from '#agent-core/table/guest-ends.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import type { Transport } from '#test/support/probe-protocol.ts';
import { run } from '#test/support/run-command.ts';
import { waitFor } from '#test/support/wait.ts';
import { addContainers } from './container-lab.ts';

const places = { h1: { ipv4: '10.84.0.1', ipv6: 'fd84::1' }, peer: { ipv4: '10.84.0.2', ipv6: 'fd84::2' } };
const published = 18080;
const redirected = 18081;
const rerouted = 18082;
const services = [
  { transport: 'tcp', port: 8080 },
  { transport: 'udp', port: 8080 },
] as const;

/** Who goes where; `vm`, `vm2` and `pod` are guests that nobody knows, `web` is a known container, `lan` is behind the host as a router. */
const ways = {
  'peer to a published port': ['peer', places.h1.ipv4, published],
  'peer to a routed guest': ['peer', 'fd84:19::2', 8080],
  'guest out, masqueraded': ['vm', places.peer.ipv4, 8080],
  'guest out, routed': ['vm', places.peer.ipv6, 8080],
  'guest on no bridge out, routed': ['pod', places.peer.ipv6, 8080],
  'peer to a guest on no bridge': ['peer', 'fd84:20::2', 8080],
  'guest to guest': ['vm', '172.19.0.3', 8080],
  'guest to guest by its published port': ['vm2', places.h1.ipv4, published],
  'guest to container': ['vm', '172.17.0.2', 8080],
  'container to guest': ['web', '172.19.0.2', 8080],
  'container out': ['web', places.peer.ipv4, 8080],
  'router’s transit': ['lan', places.peer.ipv4, 8080],
  'router’s transit inbound': ['peer', '192.168.50.2', 8080],
  'router’s transit, masqueraded': ['lan', places.peer.ipv6, 8080],
} as const satisfies Readonly<Record<string, readonly [from: string, address: string, port: number]>>;

type Way = keyof typeof ways;

const inbound: readonly Way[] = [
  'peer to a published port',
  'peer to a routed guest',
  'peer to a guest on no bridge',
  'container to guest',
];
const outbound: readonly Way[] = [
  'guest out, masqueraded',
  'guest out, routed',
  'guest on no bridge out, routed',
  'guest to container',
  'router’s transit, masqueraded',
];

const host: HostPolicy = {
  addresses: [places.h1.ipv4, places.h1.ipv6],
  inbound: 'observe',
  outbound: 'observe',
  peers: {
    peer: [places.peer.ipv4, places.peer.ipv6],
    web: ['172.17.0.2', 'fd84:17::2'],
    forensics: ['10.84.0.9'],
  },
};
const lenientWeb = { addresses: ['172.17.0.2', 'fd84:17::2'], inbound: 'observe', outbound: 'observe' } as const;

const states: Readonly<Record<string, readonly [policy: HostPolicy, denied: readonly Way[]]>> = {
  'nothing is enforced': [host, []],
  'inbound is enforced': [{ ...host, inbound: 'enforce' }, inbound],
  'outbound is enforced': [{ ...host, outbound: 'enforce' }, outbound],
  'rules of the host let it': [
    {
      ...host,
      inbound: 'enforce',
      outbound: 'enforce',
      allowIn: ['peer: tcp/8080, udp/8080'],
      allowOut: ['peer: tcp/8080, udp/8080', 'web: tcp/8080, udp/8080'],
    },
    ['container to guest'],
  ],
  'the host is quarantined': [{ ...host, quarantine: ['forensics'] }, [...inbound, ...outbound]],
};

describe('what a host answers for', () => {
  let lab: Lab;
  let machine: LabHost;
  let guests: GuestNetworks;
  let readGuestsAgain: (...outside: readonly string[]) => Promise<SeenGuests>;
  const probes = new Map<string, HostProbe>();

  beforeAll(async () => {
    lab = await createLab({ name: 'guests' });
    machine = await lab.addHost({ name: 'h1', ...places.h1 });
    const peer = await lab.addHost({ name: 'peer', ...places.peer });
    const boxed = await addContainers({
      lab,
      host: machine,
      bridges: [
        { name: 'docker0', ipv4: '172.17.0.1', ipv6: 'fd84:17::1' },
        { name: 'virbr0', ipv4: '172.19.0.1', ipv6: 'fd84:19::1' },
      ],
      containers: [
        { name: 'web', bridge: 'docker0', ipv4: '172.17.0.2', ipv6: 'fd84:17::2' },
        { name: 'vm', bridge: 'virbr0', ipv4: '172.19.0.2', ipv6: 'fd84:19::2' },
        { name: 'vm2', bridge: 'virbr0', ipv4: '172.19.0.3', ipv6: 'fd84:19::3' },
      ],
      published: [{ port: published, container: 'vm', containerPort: 8080 }],
    });
    const pod = await linked({ name: 'pod', ipv4: '172.20.0', ipv6: 'fd84:20::', other: 'endpoint' });
    const lan = await linked({ name: 'lan', ipv4: '192.168.50', ipv6: 'fd84:50::', other: 'bridge' });
    await must(machine, ['nft', '-f', '-'], lanNat);
    for (const route of ['fd84:19::/64', 'fd84:20::/64'])
      await must(peer, ['ip', '-6', 'route', 'add', route, 'via', places.h1.ipv6]);
    await must(peer, ['ip', 'route', 'add', '192.168.50.0/24', 'via', places.h1.ipv4]);
    for (const each of [machine, peer, pod, lan, ...boxed.values()]) {
      const probe = await startProbe(each);
      await probe.listen(services);
      probes.set(each.name, probe);
    }
    const script = fileURLToPath(new URL('guest-networks.ts', import.meta.url));
    readGuestsAgain = async (...outside) =>
      JSON.parse((await must(machine, [process.execPath, script, ...outside])).stdout) as SeenGuests;
    // What its own side does not tell from a guest, the administrator of a router says.
    const { networks } = await readGuestsAgain('to-lan');
    if (networks === undefined) throw new Error('the host forwards nothing');
    guests = networks;
  });
  afterAll(() => lab.remove());

  /** A network of its own behind the host, by a veth whose other end is where the traffic ends, or is a port of a bridge that leads on. */
  async function linked(given: {
    readonly name: string;
    readonly ipv4: string;
    readonly ipv6: string;
    readonly other: 'endpoint' | 'bridge';
  }): Promise<LabHost> {
    const { name, ipv4, ipv6, other } = given;
    const end = await lab.addHost({ name });
    const inside = other === 'endpoint' ? 'up0' : 'br0';
    const batch = (at: LabHost, lines: readonly string[]) =>
      run(['ip', '-n', at.namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
    const results = [
      await batch(machine, [
        `link add to-${name} type veth peer name up0 netns ${end.namespace}`,
        `link set to-${name} up`,
      ]),
      await batch(end, [
        ...(other === 'bridge'
          ? ['link add br0 type bridge forward_delay 0', 'link set up0 master br0', 'link set br0 up']
          : []),
        'link set up0 up',
        'link set lo up',
        `addr add ${ipv4}.2/24 dev ${inside}`,
        `addr add ${ipv6}2/64 dev ${inside} nodad`,
        `route replace default via ${ipv4}.1`,
        `route replace default via ${ipv6}1`,
      ]),
      await batch(machine, [`addr add ${ipv4}.1/24 dev to-${name}`, `addr add ${ipv6}1/64 dev to-${name} nodad`]),
    ];
    for (const { exitCode, stderr } of results) if (exitCode !== 0) throw new Error(stderr);
    return end;
  }

  /** IPv4 of the LAN is routed, its IPv6 is masqueraded. */
  const lanNat = `table inet router {
  chain postrouting { type nat hook postrouting priority srcnat; ip6 saddr fd84:50::/64 oifname != "to-lan" masquerade; }
  chain prerouting {
    type nat hook prerouting priority dstnat
    ip daddr ${places.h1.ipv4} tcp dport ${redirected} redirect to :8080
    ip daddr ${places.h1.ipv4} tcp dport ${rerouted} dnat ip to 172.17.0.1:8080
  }
}
`;

  async function must(at: LabHost, argv: readonly string[], input?: string) {
    const result = await at.exec(argv, input === undefined ? {} : { input });
    if (result.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`);
    return result;
  }

  function scriptOf(policy: HostPolicy, seen: GuestNetworks | 'forwards nothing' = guests, epoch = 1): string {
    const ruleSet = hostRuleSet({ ...policy, containers: { web: lenientWeb } });
    const table = buildTable({
      ruleSet,
      essentials: [],
      numbering: emptyNumbering,
      ...(seen === 'forwards nothing' ? {} : { guests: seen, ownAddresses: seen.own }),
    });
    if (table === undefined) throw new Error('the numbers do not fit');
    return bootstrapScript(table, { revision: 1, epoch, digest: '-' }, nothingStanding);
  }

  async function load(script: string): Promise<void> {
    await must(machine, ['nft', '-f', '-'], `add table inet segwall\ndelete table inet segwall\n${script}`);
    await must(machine, ['conntrack', '-F']);
  }

  async function deniedWays(transport: Transport, expected: readonly Way[]): Promise<readonly Way[]> {
    const denied = new Set<Way>();
    const ask = (among: readonly Way[], silenceMs: number) =>
      Promise.all(
        among.map(async (way) => {
          const [from, address, port] = ways[way];
          const [outcome] = (await probes.get(from)?.probe([{ transport, address, port }], silenceMs)) ?? [];
          if (outcome?.kind === 'allowed') denied.delete(way);
          else denied.add(way);
        }),
      );
    await ask(Object.keys(ways) as Way[], 350);
    // Silence is believed after more of it where it was not expected.
    await ask(
      [...denied].filter((way) => !expected.includes(way)),
      2000,
    );
    return (Object.keys(ways) as Way[]).filter((way) => denied.has(way));
  }

  const inOrder = (some: readonly Way[]) => (Object.keys(ways) as Way[]).filter((way) => some.includes(way));

  test('guests’ networks are known by what is behind them, whatever they are called', () => {
    expect(guests.interfaces).toEqual(['docker0', 'to-pod', 'virbr0']);
    expect(guests.own).toEqual(expect.arrayContaining([places.h1.ipv4, places.h1.ipv6, '172.19.0.1']));
    expect(guests.inDoubt).toBeUndefined();
  });

  test('a network behind a bridge of another namespace is in doubt, judged, and told, until the settings say that it leads outside', async () => {
    const { networks } = await readGuestsAgain();
    expect(networks).toEqual({ ...guests, interfaces: ['docker0', 'to-lan', 'to-pod', 'virbr0'], inDoubt: ['to-lan'] });
    const transit: readonly Way[] = ['router’s transit', 'router’s transit inbound'];
    for (const [state, also] of [
      ['inbound is enforced', transit.slice(1)],
      ['outbound is enforced', transit.slice(0, 1)],
      ['the host is quarantined', transit],
    ] as const) {
      const [policy, denied] = states[state] ?? [host, []];
      await load(scriptOf(policy, networks));
      const expected = inOrder([...denied, ...also]);
      expect([state, await deniedWays('tcp', expected)]).toEqual([state, expected]);
    }
  });

  describe.each(['tcp', 'udp'] as const)('%s', (transport) => {
    test.each(Object.entries(states))('%s', async (_name, [policy, denied]) => {
      await load(scriptOf(policy));
      expect(await deniedWays(transport, denied)).toEqual(inOrder(denied));
    });
  });

  test('a table that does not ask for the host’s ends is caught', async () => {
    const [policy] = states['the host is quarantined'] ?? [host];
    const script = scriptOf(policy);
    const mutant = script.replaceAll(/^add rule inet segwall forward jump host_ends\n/gm, '');
    expect(mutant).not.toBe(script);
    await load(mutant);
    expect(await deniedWays('tcp', [])).toEqual([]);
  });

  test('open connections obey too: what a quarantine denies ends, a router’s transit goes on', async () => {
    await load(scriptOf(host));
    const held: readonly Way[] = [
      'peer to a published port',
      'peer to a routed guest',
      'guest out, masqueraded',
      'router’s transit',
    ];
    for (const way of held) {
      const [from, address, port] = ways[way];
      await probes.get(from)?.hold({ id: way, transport: 'tcp', address, port, intervalMs: 20 });
    }
    const [policy] = states['the host is quarantined'] ?? [host];
    await must(machine, ['nft', '-f', '-'], `delete table inet segwall\n${scriptOf(policy, guests, 2)}`);
    const received = async () => {
      const all = await Promise.all(
        [...new Set(held.map((way) => ways[way][0]))].map((from) => probes.get(from)?.held('client')),
      );
      const merged = Object.assign({}, ...all) as Readonly<Record<string, { readonly received: number }>>;
      return held.map((way) => merged[way]?.received ?? 0);
    };
    const before = await received();
    let between = before;
    await waitFor(
      async () => {
        between = await received();
        return (between.at(-1) ?? 0) > (before.at(-1) ?? 0) + 5;
      },
      { what: 'the transit goes on' },
    );
    let after = between;
    await waitFor(
      async () => {
        after = await received();
        return (after.at(-1) ?? 0) > (between.at(-1) ?? 0) + 5;
      },
      { what: 'the transit still goes on' },
    );
    expect(after.slice(0, -1)).toEqual(between.slice(0, -1));
    for (const way of held) await probes.get(ways[way][0])?.release(way);
  });

  // Destination NAT comes before the hooks that judge: the port is the one at which the connection ends.
  test.each([
    ['a published port', 'peer to a published port', published],
    ['a redirected port', 'peer to a redirected port', redirected],
    ['a port that is sent to another of the host’s own addresses', 'peer to a local port by destination NAT', rerouted],
  ] as const)(
    '%s is judged as the port where it ends, never as the one that was asked for',
    async (_name, way, asked) => {
      const tried = async (allowIn: string) => {
        await load(scriptOf({ ...host, inbound: 'enforce', allowIn: [allowIn] }));
        const [outcome] =
          (await probes.get('peer')?.probe([{ transport: 'tcp', address: places.h1.ipv4, port: asked }], 1000)) ?? [];
        return [way, outcome?.kind];
      };
      expect(await tried('peer: tcp/8080')).toEqual([way, 'allowed']);
      expect(await tried(`peer: tcp/${asked}`)).toEqual([way, 'dropped']);
    },
  );

  describe('what a guest arranges in its own network', () => {
    const own = (at: string) => `172.19.0.2/24 dev ${at}; ip addr add fd84:19::2/64 dev ${at} nodad
      ip route replace default via 172.19.0.1; ip -6 route replace default via fd84:19::1`;
    const vm = (script: string) => run(['ip', 'netns', 'exec', `${machine.namespace}-vm`, 'sh', '-ec', script]);

    test('a router advertisement makes no uplink of its bridge, and that the host takes it is told', async () => {
      const set = (forwarding: number) =>
        must(machine, ['sh', '-ec', `echo ${forwarding} > /proc/sys/net/ipv6/conf/all/forwarding`]);
      await set(0);
      try {
        expect((await vm(`perl -e '${advertisement}'`)).stderr).toBe('');
        await waitFor(
          async () => (await machine.exec(['ip', '-6', 'route', 'show', 'default'])).stdout.includes('virbr0 proto ra'),
          { what: 'the host has learned the route' },
        );
        const { networks, outward, taught } = await readGuestsAgain('to-lan');
        expect(networks).toEqual({ ...guests, own: networks?.own });
        expect(outward).toEqual([]);
        expect(taught).toContain('virbr0');
      } finally {
        await machine.exec(['ip', '-6', 'route', 'flush', 'default', 'proto', 'ra']);
        await set(1);
      }
      expect((await readGuestsAgain('to-lan')).taught).toEqual([]);
    });

    test('a bridge of its own takes it out of no quarantine', async () => {
      const made = await vm(`ip link add gbr type bridge forward_delay 0; ip addr flush dev eth0
        ip link set eth0 master gbr; ip link set gbr up; ip addr add ${own('gbr')}`);
      expect(made).toMatchObject({ exitCode: 0, stderr: '' });
      try {
        const { networks, outward } = await readGuestsAgain('to-lan');
        expect(outward).toEqual([]);
        const [policy] = states['the host is quarantined'] ?? [host];
        await load(scriptOf(policy, networks));
        const denied = await deniedWays('tcp', [...inbound, ...outbound]);
        expect(denied).toEqual(expect.arrayContaining([...inbound, ...outbound]));
        expect(denied.filter((way) => way.startsWith('router’s transit') && !outbound.includes(way))).toEqual([]);
        const [udp] =
          (await probes.get('vm')?.probe([{ transport: 'udp', address: places.peer.ipv4, port: 8080 }], 350)) ?? [];
        expect(udp?.kind).not.toBe('allowed');
      } finally {
        const undone = await vm(`ip link del gbr; ip addr add ${own('eth0')}`);
        expect(undone).toMatchObject({ exitCode: 0, stderr: '' });
      }
    });
  });

  test('a host that forwards nothing has the table that it had', () => {
    expect(/guests|own4|host_end/.test(scriptOf(host, 'forwards nothing'))).toBe(false);
    const chainOf = (script: string, name: string) =>
      script.split('\n').filter((line) => line.startsWith(`add rule inet segwall ${name} `));
    for (const name of ['input', 'output', 'new_in', 'new_out', 'judge_in', 'judge_out'])
      expect(chainOf(scriptOf(host), name)).toEqual(chainOf(scriptOf(host, 'forwards nothing'), name));
  });
});

/** As a router would send it, of high preference: half an hour of being the way to everywhere. */
const advertisement = `use Socket qw(:all); open(F, "/sys/class/net/eth0/ifindex"); my $if = <F>;
  socket(S, AF_INET6, SOCK_RAW, 58) or die $!; setsockopt(S, 41, 18, pack("i", 255)) or die $!; setsockopt(S, 41, 17, pack("i", $if)) or die $!;
  send(S, pack("CCnCCnNN", 134, 0, 0, 64, 8, 1800, 0, 0), 0, pack_sockaddr_in6(0, inet_pton(AF_INET6, "ff02::1"), $if)) or die $!;`;
