// What containers an agent sees, whatever engine made them: real network namespaces, with the cgroups and files that engines leave.

import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextLook } from '#agent/host/look-schedule.ts';
import { processesIn } from '#agent/host/process-network.ts';
import { parseSettings } from '#agent/settings/settings-reader.ts';
import {
  containerCgroup,
  deviceTowards,
  nameInDockerConfig,
  nameOfMonitor,
  ownIpv4,
  ownIpv6,
  parseIpv4Routes,
  parseIpv6Routes,
  podInBundle,
} from '#agent-core/host/container-identity.ts';
import { parseAddress } from '#model/address.ts';
import { parseCidr } from '#model/address-range.ts';
import { assertOk } from '#model/result.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { addContainers } from './container-lab.ts';

const id = (digit: string) => digit.repeat(64);

describe('a cgroup is a container’s by its name', () => {
  test.each([
    [`docker-${id('a')}.scope`, 'system.slice', { engine: 'docker', id: id('a') }],
    [id('a'), 'docker', { engine: 'docker', id: id('a') }],
    [`libpod-${id('b')}.scope`, 'machine.slice', { engine: 'podman', id: id('b') }],
    [`libpod-${id('b')}`, 'libpod_parent', { engine: 'podman', id: id('b') }],
    [`libpod-conmon-${id('b')}.scope`, 'machine.slice', undefined],
    [`cri-containerd-${id('c')}.scope`, 'kubepods-burstable.slice', { engine: 'cri', id: id('c') }],
    [`crio-${id('c')}.scope`, 'kubepods.slice', { engine: 'cri', id: id('c') }],
    [id('c'), 'podc0ffee00-0000-0000-0000-000000000000', { engine: 'cri', id: id('c') }],
    ['lxc.payload.web', '', { engine: 'lxc', id: 'web' }],
    ['machine-web.scope', 'machine.slice', { engine: 'machine', id: 'web' }],
    ['nginx.service', 'system.slice', undefined],
    [`docker-${'a'.repeat(63)}.scope`, 'system.slice', undefined],
  ])('%s in %s', (name, parent, cgroup) => expect(containerCgroup(name, parent)).toEqual(cgroup));
});

describe('the kernel’s texts', () => {
  test('addresses of a network', () => {
    const trie = `Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.1
              /32 host LOCAL
     +-- 172.17.0.0/16 2 0 2
           |-- 172.17.0.0
              /16 link UNICAST
           |-- 172.17.0.2
              /32 host LOCAL
        |-- 172.17.255.255
           /32 link BROADCAST
`;
    expect(ownIpv4(trie)).toEqual(['172.17.0.2']);
    const inet6 = `00000000000000000000000000000001 01 80 10 80       lo
fd840017000000000000000000000002 02 40 00 80     eth0
fe80000000000000004211fffe110002 02 40 20 80     eth0
`;
    expect(ownIpv6(inet6)).toEqual(['fd84:17::2']);
    expect(ownIpv6('nonsense\n')).toEqual([]);
  });

  test('the longest route wins', () => {
    const routes = [
      ...parseIpv4Routes(`Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
`),
      ...parseIpv6Routes(
        'fd840017000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001  docker0\n',
      ),
    ];
    const towards = (text: string) => deviceTowards(routes, assertOk(parseAddress(text)));
    expect(['172.17.0.2', '172.18.0.2', 'fd84:17::2', 'fd84:18::2'].map(towards)).toEqual([
      'docker0',
      'eth0',
      'docker0',
      undefined,
    ]);
  });

  test('names in engines’ words, or none', () => {
    expect(nameInDockerConfig('{"ID":"aa","Name":"/shop_web_1"}')).toBe('shop_web_1');
    expect(nameInDockerConfig('not json')).toBeUndefined();
    const bundle = {
      annotations: { 'io.kubernetes.cri.sandbox-name': 'web-0', 'io.kubernetes.cri.sandbox-namespace': 'shop' },
    };
    expect(podInBundle(JSON.stringify(bundle))).toBe('shop-web-0');
    expect(podInBundle('{}')).toBeUndefined();
    expect(nameOfMonitor('/usr/bin/conmon\0-c\0abc\0-n\0web\0')).toBe('web');
    expect(nameOfMonitor('/usr/bin/conmon\0')).toBeUndefined();
  });
});

describe('the setting', () => {
  test.each([
    [undefined, { kind: 'off' }],
    ['off', { kind: 'off' }],
    ['discover', { kind: 'discover', reachable: [] }],
    [{ reachable: ['10.244.0.0/16'] }, { kind: 'discover', reachable: [assertOk(parseCidr('10.244.0.0/16'))] }],
  ])('%j', (containers, expected) => {
    expect(assertOk(parseSettings({ containers })).containers).toEqual(expected);
  });

  test.each([
    ['on', 'containers is "on"; allowed: off, discover, or { reachable: [10.244.0.0/16] }'],
    [
      { reachable: [] },
      'containers.reachable is []; allowed: any, or a list of CIDRs such as [10.0.0.0/8, "fd00::/8"]',
    ],
    [
      { engine: 'docker' },
      'containers.engine is "docker"; allowed: no such setting; the keys here are reachable\n' +
        'containers.reachable is missing; allowed: any, or a list of CIDRs such as [10.0.0.0/8, "fd00::/8"]',
    ],
  ])('%j is refused', (containers, error) => expect(parseSettings({ containers })).toEqual({ ok: false, error }));
});

describe('the next look', () => {
  const never = Number.NEGATIVE_INFINITY;
  const before = { heardAt: never, askedAt: never, lookedAt: 1000, endedAt: 1001 };
  test.each([
    ['nothing was heard', {}, undefined],
    ['at once after what was heard', { heardAt: 2000 }, 2010],
    ['some times later again', { heardAt: 1000, lookedAt: 1010, endedAt: 1011 }, 1100],
    ['no more after that', { heardAt: 1000, lookedAt: 4000, endedAt: 4001 }, undefined],
    ['once where it was asked for', { askedAt: 2000 }, 2000],
    ['and not again', { askedAt: 2000, lookedAt: 2000, endedAt: 2001 }, undefined],
    ['not without a pause', { heardAt: 1005 }, 1051],
    ['that of a dear look is four times what it cost', { heardAt: 2000, endedAt: 2000 }, 6000],
    ['also where it was asked for', { askedAt: 2000, endedAt: 2000 }, 6000],
    ['the first', { heardAt: 2000, lookedAt: never, endedAt: never }, 2010],
  ] as const)('%s', (_what, more, expected) => expect(nextLook({ ...before, ...more })).toBe(expected));
});

describe('on a host', () => {
  const directory = mkdtempSync(join(tmpdir(), 'segwall-discovery-'));
  const sleepers: ChildProcess[] = [];
  let lab: Lab;
  let host: LabHost;
  let boxed: ReadonlyMap<string, LabHost>;
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  };
  const sleeper = async (place: LabHost): Promise<number> => {
    const child = place.spawn(['sleep', '300']);
    sleepers.push(child);
    // nsenter becomes the program; until then it is still in the namespace it came from.
    const { pid = 0 } = child;
    await waitFor(
      async () => (await place.exec(['ip', 'netns', 'identify', String(pid)])).stdout.trim() === place.namespace,
      { what: 'the process is in its namespace' },
    );
    return pid;
  };
  const discover = async () => {
    const script = fileURLToPath(new URL('discover.ts', import.meta.url));
    const { stdout, stderr } = await host.exec([process.execPath, script, join(directory, 'cgroup'), directory]);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as { containers: unknown[]; unjudgedBridges: string[] };
  };

  beforeAll(async () => {
    lab = await createLab({ name: 'seen' });
    host = await lab.addHost({ name: 'h1', ipv4: '10.84.0.1', ipv6: 'fd84::1' });
    boxed = await addContainers({
      lab,
      host,
      bridges: [
        { name: 'docker0', ipv4: '172.17.0.1', ipv6: 'fd84:17::1' },
        { name: 'br-app', ipv4: '172.18.0.1', ipv6: 'fd84:18::1' },
      ],
      containers: [
        { name: 'web', bridge: 'docker0', ipv4: '172.17.0.2', ipv6: 'fd84:17::2' },
        { name: 'api', bridge: 'docker0', ipv4: '172.17.0.3', ipv6: 'fd84:17::3' },
        { name: 'db', bridge: 'br-app', ipv4: '172.18.0.2', ipv6: 'fd84:18::2' },
      ],
      published: [],
    });
    const pids = new Map<string, number>();
    for (const place of [host, ...boxed.values()]) pids.set(place.name, await sleeper(place));
    const procs = (path: string, of: string) => write(`cgroup/${path}/cgroup.procs`, `${pids.get(of)}\n`);
    procs(`system.slice/docker-${id('a')}.scope`, 'web');
    write(`var/lib/docker/containers/${id('a')}/config.v2.json`, '{"Name":"/shop_web_1"}');
    write(`cgroup/machine.slice/libpod-${id('b')}.scope/cgroup.procs`, '');
    procs(`machine.slice/libpod-${id('b')}.scope/container`, 'api');
    // Two containers of one pod, and one that uses its host's network.
    procs(`kubepods.slice/kubepods-pod1.slice/cri-containerd-${id('c')}.scope`, 'db');
    procs(`kubepods.slice/kubepods-pod1.slice/cri-containerd-${id('d')}.scope`, 'db');
    write(
      `run/containerd/io.containerd.runtime.v2.task/k8s.io/${id('c')}/config.json`,
      '{"annotations":{"io.kubernetes.cri.sandbox-name":"db-0"}}',
    );
    procs(`system.slice/docker-${id('e')}.scope`, 'h1');
    // Whoever may make cgroups of his own is not believed.
    procs(`user.slice/docker-${id('f')}.scope`, 'web');
  });
  afterAll(async () => {
    for (const child of sleepers) child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
    await lab.remove();
  });

  test('each network of its own is one container, by its engine’s name or its id', async () => {
    expect(await discover()).toEqual({
      containers: [
        { name: 'b'.repeat(12), addresses: ['172.17.0.3', 'fd84:17::3'], reachable: [] },
        { name: 'db-0', addresses: ['172.18.0.2', 'fd84:18::2'], reachable: ['fd84:18::2'] },
        { name: 'shop_web_1', addresses: ['172.17.0.2', 'fd84:17::2'], reachable: [] },
      ],
      refused: [],
      unjudgedBridges: [],
    });
  });

  test('a bridge whose frames nobody shows is told of, if two containers share it', async () => {
    await host.exec(['sh', '-c', 'echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables']);
    expect((await discover()).unjudgedBridges).toEqual(['docker0']);
  });

  test('of what was heard on a bridge only what is asked for is read, whatever else a container sends', async () => {
    const script = fileURLToPath(new URL('links.ts', import.meta.url));
    const read = async () => {
      const addresses = ['172.17.0.2', 'fd84:17::2', '172.17.0.3', '172.17.0.77'];
      const { stdout, stderr } = await host.exec([process.execPath, script, 'docker0', ...addresses]);
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout) as unknown;
    };
    const web = boxed.get('web');
    if (web === undefined) throw new Error('there is no web');
    // Refused, so answered.
    for (const to of ['172.17.0.1', 'fd84:17::1']) {
      const asked = `require('net').connect(9, '${to}').on('error', ({ code }) => console.log(code))`;
      expect((await web.exec([process.execPath, '-e', asked])).stdout).toBe('ECONNREFUSED\n');
    }
    const heard = [
      ['docker0', '172.17.0.2'],
      ['veth0', 'port'],
      ['docker0', 'fd84:17::2'],
      ['veth0', 'port'],
    ];
    const alone = await read();
    const sent = await web.exec(['perl', '-e', madeUpSources, '3000']);
    expect(sent).toMatchObject({ exitCode: 0, stderr: '' });
    const entries = await host.exec(['sh', '-c', 'bridge fdb show br docker0 | wc -l']);
    expect(Number(entries.stdout)).toBeGreaterThan(2500);
    expect([alone, await read()]).toEqual([heard, heard]);
  });

  test('of cgroups below a container’s own a bounded number is looked at', () => {
    for (let at = 0; at < 300; at += 1) write(`own/${at}/cgroup.procs`, `${at + 1}\n`);
    write('own/cgroup.procs', `${'4194304\n'.repeat(1000)}`);
    const find = (more: object) =>
      processesIn(join(directory, 'own'), { ...{ mostProcesses: 5000, mostFolders: 64, deepest: 3 }, ...more });
    expect(find({})).toHaveLength(1000 + 63);
    expect(find({ mostProcesses: 3 })).toEqual(['4194304', '4194304', '4194304']);
    expect(find({ deepest: 0 })).toHaveLength(1000);
  });

  test('who is gone is not seen any more', async () => {
    rmSync(join(directory, `cgroup/system.slice/docker-${id('a')}.scope`), { recursive: true });
    expect((await discover()).containers).toHaveLength(2);
  });
});

/** Frames of made-up hardware addresses, as many as are asked for. */
const madeUpSources = `use Socket; my ($if) = qx(ip -o link show eth0) =~ /^(\\d+)/; socket(S, 17, 3, 0) or die $!;
  my $to = pack("SnlSCCa8", 17, 0x88b5, $if, 1, 0, 6, "\\2\\0\\0\\0\\0\\1\\0\\0");
  for my $i (1 .. $ARGV[0]) { send(S, ("\\xff" x 6) . pack("CCN", 2, 0, $i) . "\\x88\\xb5" . ("\\0" x 46), 0, $to) or ($!{ENOBUFS} && redo) or die $!; }`;
