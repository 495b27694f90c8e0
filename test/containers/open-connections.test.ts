// Open connections of containers, through published ports, masquerading and routing, among themselves and with their host: revoked at the
// server's end or at the client's they stop within a second, the others go on, a new grant lets them go on, and an error that the
// host sends about a revoked one does not bring it back.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { waitFor } from '#test/support/wait.ts';
import { addContainers } from './container-lab.ts';

const places = {
  h1: { ipv4: '10.84.0.1', ipv6: 'fd84::1' },
  peer: { ipv4: '10.84.0.2', ipv6: 'fd84::2' },
  web: { ipv4: '172.17.0.2', ipv6: 'fd84:17::2' },
  api: { ipv4: '172.17.0.3', ipv6: 'fd84:17::3' },
  db: { ipv4: '172.18.0.2', ipv6: 'fd84:18::2' },
} as const;
type Place = keyof typeof places;
const bridges = [
  { name: 'docker0', ipv4: '172.17.0.1', ipv6: 'fd84:17::1' },
  { name: 'br-app', ipv4: '172.18.0.1', ipv6: 'fd84:18::1' },
];
const ports = { kept: 7001, revoked: 7002 } as const;
const limitMs = 1000;

/** `judged`: the ends that are a container's, whose rules are changed. */
interface Way {
  readonly name: string;
  readonly from: Place;
  readonly to: Place;
  readonly address: string;
  readonly offset: number;
  readonly judged: readonly ('client' | 'server')[];
}

const way = (name: string, from: Place, to: Place, address: string, judged: Way['judged'], offset = 0): Way => ({
  name,
  from,
  to,
  address,
  offset,
  judged,
});
const ways: readonly Way[] = [
  way('published', 'peer', 'web', places.h1.ipv4, ['server'], 10_000),
  way('routed in', 'peer', 'web', places.web.ipv6, ['server']),
  way('masqueraded', 'web', 'peer', places.peer.ipv4, ['client']),
  way('routed out', 'web', 'peer', places.peer.ipv6, ['client']),
  way('one bridge', 'web', 'api', places.api.ipv4, ['client', 'server']),
  way('one bridge, IPv6', 'web', 'api', places.api.ipv6, ['client', 'server']),
  way('two bridges', 'web', 'db', places.db.ipv4, ['client', 'server']),
  way('two bridges, IPv6', 'web', 'db', places.db.ipv6, ['client', 'server']),
  way('hairpin', 'api', 'web', places.h1.ipv4, ['client', 'server'], 10_000),
  way('from the host', 'h1', 'web', places.web.ipv4, ['server']),
  way('from the host over loopback', 'h1', 'web', '127.0.0.1', ['server'], 10_000),
  way('to the host', 'web', 'h1', '172.17.0.1', ['client']),
  way('to the host, IPv6', 'web', 'h1', 'fd84:17::1', ['client']),
];

const connections = ways.flatMap((one) =>
  (['tcp', 'udp'] as const).flatMap((transport) =>
    (['kept', 'revoked'] as const).map((fate) => ({
      ...one,
      transport,
      fate,
      id: `${one.name} ${transport} ${fate}`.replaceAll(/[ ,]+/g, '-'),
    })),
  ),
);
type Connection = (typeof connections)[number];

describe('open connections of containers', () => {
  let lab: Lab;
  let driven: DrivenHost;
  const hosts = new Map<Place, LabHost>();
  const probes = new Map<Place, HostProbe>();
  let revision = 0;

  beforeAll(async () => {
    lab = await createLab({ name: 'boxes' });
    const host = await lab.addHost({ name: 'h1', ...places.h1 });
    const peer = await lab.addHost({ name: 'peer', ...places.peer });
    const boxed = await addContainers({
      lab,
      host,
      bridges,
      containers: (['web', 'api', 'db'] as const).map((name) => ({
        name,
        bridge: name === 'db' ? 'br-app' : 'docker0',
        ...places[name],
      })),
      published: Object.values(ports).map((port) => ({ port: port + 10_000, container: 'web', containerPort: port })),
    });
    for (const range of ['fd84:17::/64', 'fd84:18::/64']) {
      await peer.exec(['ip', '-6', 'route', 'add', range, 'via', places.h1.ipv6]);
    }
    for (const [name, at] of [['h1', host], ['peer', peer], ...boxed] as [Place, LabHost][]) {
      const probe = await startProbe(at);
      await probe.listen(
        Object.values(ports).flatMap((port) => (['tcp', 'udp'] as const).map((transport) => ({ transport, port }))),
      );
      hosts.set(name, at);
      probes.set(name, probe);
    }
    driven = driveHost(host);
  });
  afterAll(async () => {
    driven.stop();
    await lab.remove();
  });

  const probeAt = (place: Place): HostProbe => {
    const probe = probes.get(place);
    if (probe === undefined) throw new Error(`no probe runs at ${place}`);
    return probe;
  };

  /** Containers enforced in both directions; the services that each end may use. */
  async function apply(allowed: { readonly server: readonly number[]; readonly client: readonly number[] }) {
    revision += 1;
    const rules = (list: readonly number[]) => list.map((port) => `any: tcp/${port}, udp/${port}`);
    const policy: HostPolicy = {
      revision,
      addresses: Object.values(places.h1),
      inbound: 'observe',
      outbound: 'observe',
      containers: Object.fromEntries(
        (['web', 'api', 'db'] as const).map((name) => [
          name,
          {
            addresses: Object.values(places[name]),
            inbound: 'enforce',
            outbound: 'enforce',
            allowIn: rules(allowed.server),
            allowOut: rules(allowed.client),
          },
        ]),
      ),
    };
    expect(await driven.ask({ do: 'apply', policy })).toEqual({ kind: 'applied', revision });
  }
  const all = Object.values(ports);

  async function counts(among: readonly Connection[]): Promise<ReadonlyMap<string, readonly number[]>> {
    const held = new Map<string, Awaited<ReturnType<HostProbe['held']>>>();
    for (const place of probes.keys()) {
      for (const side of ['client', 'server'] as const) held.set(`${place} ${side}`, await probeAt(place).held(side));
    }
    return new Map(
      among.map(({ id, from, to }) => [
        id,
        [held.get(`${from} client`)?.[id]?.received ?? -1, held.get(`${to} server`)?.[id]?.received ?? -1],
      ]),
    );
  }

  /** TCP that was cut tries again at growing intervals. */
  async function goOn(among: readonly Connection[]): Promise<void> {
    const before = await counts(among);
    let late: readonly string[] = [];
    await waitFor(
      async () => {
        const now = await counts(among);
        late = among
          .filter(({ id }) => now.get(id)?.every((count, at) => count > (before.get(id)?.[at] ?? 0) + 1) !== true)
          .map(({ id }) => id);
        return late.length === 0;
      },
      { what: 'both ends of every allowed connection receive more', timeoutMs: 20_000 },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}; not so: ${late.join(', ')}`);
    });
  }

  async function areSilent(among: readonly Connection[]): Promise<void> {
    const startedAt = performance.now();
    await waitFor(() => performance.now() > startedAt + limitMs, { what: 'the limit has passed' });
    const before = await counts(among);
    await waitFor(() => performance.now() > startedAt + 2.5 * limitMs, { what: 'both ends have tried for a while' });
    expect([...(await counts(among))]).toEqual([...before]);
  }

  test('stop where either end revokes them, and go on with a new grant', { timeout: 120_000 }, async () => {
    await apply({ server: all, client: all });
    for (const { id, from, transport, address, fate, offset } of connections) {
      await probeAt(from).hold({ id, transport, address, port: ports[fate] + offset, intervalMs: 50 });
    }
    await goOn(connections);

    for (const end of ['server', 'client'] as const) {
      const isCut = ({ fate, judged }: Connection) => fate === 'revoked' && judged.includes(end);
      const cut = connections.filter(isCut);
      expect(cut.length).toBeGreaterThanOrEqual(14);
      await apply({ server: all, client: all, [end]: [ports.kept] });
      await areSilent(cut);
      await goOn(connections.filter((connection) => !isCut(connection)));
      await apply({ server: all, client: all });
      await goOn(connections);
    }
  });

  test('are not brought back by an error that the host sends about them', async () => {
    const id = 'hop-limit';
    const target = { transport: 'udp', address: places.h1.ipv4, port: ports.revoked + 10_000 } as const;
    const own = connections.filter((connection) => connection.name === 'published' && connection.fate === 'revoked');
    await apply({ server: all, client: all });
    await probeAt('peer').hold({ id, ...target, intervalMs: 20 });
    await apply({ server: [ports.kept], client: all });
    const received = async () => (await probeAt('web').held('server'))[id]?.received;
    await areSilent(own);
    const sawBefore = await received();
    // The host answers what has no hops left before it looks whether it would forward it.
    const short = `table ip short { chain out { type filter hook output priority 0; udp dport ${target.port} ip ttl set 1; }; }`;
    const peer = hosts.get('peer');
    expect((await peer?.exec(['nft', '-f', '-'], { input: short }))?.exitCode).toBe(0);
    const errors = async () => {
      const { stdout } = (await hosts.get('h1')?.exec(['cat', '/proc/net/snmp'])) ?? { stdout: '' };
      const [names = '', values = ''] = stdout.split('\n').filter((line) => line.startsWith('Icmp:'));
      return Number(values.split(' ')[names.split(' ').indexOf('OutTimeExcds')]);
    };
    const before = await errors();
    await waitFor(async () => (await errors()) > before + 5, { what: 'the host sent errors about it' });
    await peer?.exec(['nft', 'delete', 'table', 'ip', 'short']);
    await areSilent(own);
    expect([sawBefore, await received()]).toEqual([expect.any(Number), sawBefore]);
    expect((await probeAt('web').held('server'))[id]?.received).toBe(
      (await probeAt('web').held('server'))[id]?.received,
    );
  });
});
