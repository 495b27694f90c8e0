// Names learnt on a host, with real packets: `held` with the kernel's queue, where an answer waits for the table, and `copied`,
// where the table follows it. Each is a test file of its own, so that they run at the same time. A tiny resolver, a client that connects as soon as it has its answer, and every way to be wrong.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HostRuleSet } from '#model/rule-set.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { packet, udp } from '#test/protocols/packets.ts';
import { openRawSockets } from '#test/protocols/raw-sockets.ts';
import { waitFor } from '#test/support/wait.ts';
import { type DnsRecord, dnsAnswer } from './dns-bytes.ts';
import { withNames } from './rule-sets.ts';
import {
  addresses,
  at,
  createNamesWorld,
  type NamesWorld,
  otherPort,
  serverAddress,
  serverAddress6,
  servicePort,
} from './world.ts';

const resolvers = [addresses.resolver.ipv4, addresses.resolver.ipv6, addresses.rogue.ipv4];

export function policy(names: Readonly<Record<string, string>>): HostRuleSet {
  return withNames(
    hostRuleSet({
      addresses: [addresses.host.ipv4, addresses.host.ipv6],
      inbound: 'observe',
      outbound: 'enforce',
      allowOut: ['dns: udp/53, tcp/53', ...Object.keys(names).map((id) => `${id}: tcp/${servicePort}`)],
      peers: { dns: resolvers, ...Object.fromEntries(Object.keys(names).map((id) => [id, []])) },
    }),
    names,
  );
}

const record = (owner: string, address: string, ttl = 60): DnsRecord => ({ owner, address: at(address), ttl });

export const zone = {
  'api.test.example': [record('api.test.example', serverAddress(1)), record('api.test.example', serverAddress6(1))],
  'other.test.example': [record('other.test.example', serverAddress(2))],
  'one.wild.example': [record('one.wild.example', serverAddress(3))],
  'deep.two.wild.example': [
    record('deep.two.wild.example', serverAddress(4)),
    record('deep.two.wild.example', serverAddress6(4)),
  ],
  'www.wild.example': [
    { owner: 'www.wild.example', alias: 'edge.cdn.example' },
    record('edge.cdn.example', serverAddress(5)),
  ],
  'big.wild.example': [record('big.wild.example', serverAddress(6))],
  'short.wild.example': [record('short.wild.example', serverAddress(7), 1)],
  'kept.wild.example': [record('kept.wild.example', serverAddress(8), 1)],
};

const names = { api: 'api.test.example', wild: '*.wild.example' };

export function describeAnswers(source: 'held' | 'copied'): void {
  let world: NamesWorld;

  beforeAll(async () => {
    world = await createNamesWorld(source);
    await world.zone({ zone, truncate: ['big.wild.example'] });
    await world.apply(policy(names));
  });

  afterAll(async () => {
    await world?.remove();
  });

  /** A delayed answer is there when the table is; after a copied one the table follows. */
  const reaches = async (asked: Parameters<NamesWorld['ask']>[0]) => {
    const first = await world.ask({ port: servicePort, ...asked });
    if (source === 'held') return first.outcome;
    await waitFor(async () => (await world.ask({ port: servicePort, ...asked })).outcome === 'connected', {
      what: `${asked.name} is reached`,
    });
    return 'connected';
  };
  const countOf = async (name: string) => (await world.status()).names.find((entry) => entry.name === name);
  const reached = async (address: string, port = servicePort) => {
    const [outcome] = await world.client.probe([{ transport: 'tcp', address, port }]);
    return outcome?.kind;
  };

  test('are seen that way', async () => {
    expect((await world.status()).source).toBe(source);
  });

  test('an exact name is asked for before anybody asks', async () => {
    await waitFor(async () => (await countOf('api.test.example'))?.addresses === 2, { what: 'the name was asked for' });
    await waitFor(async () => (await reached(serverAddress(1))) === 'allowed', { what: 'it is in the table' });
    await waitFor(async () => (await reached(serverAddress6(1))) === 'allowed', { what: 'its other address is too' });
  });

  test('open the rule’s service and nothing else', async () => {
    expect(await reaches({ name: 'api.test.example' })).toBe('connected');
    expect((await world.ask({ name: 'api.test.example', port: otherPort })).outcome).not.toBe('connected');
    expect((await world.ask({ name: 'other.test.example', port: servicePort })).outcome).not.toBe('connected');
  });

  test('to names below a "*." are learnt when somebody asks, aliases too, at once where they are held', async () => {
    const { epoch } = await world.status();
    expect(await reached(serverAddress(3))).not.toBe('allowed');
    expect(await reaches({ name: 'one.wild.example' })).toBe('connected');
    expect(await reaches({ name: 'www.wild.example' })).toBe('connected');
    expect(await reaches({ name: 'deep.two.wild.example' })).toBe('connected');
    expect(await reaches({ name: 'deep.two.wild.example', family: 6, server: addresses.resolver.ipv6 })).toBe(
      'connected',
    );
    expect((await world.status()).epoch, 'a grant takes no epoch').toBe(epoch);
  });

  test('that come over TCP, in pieces, are learnt', async () => {
    expect(await reaches({ name: 'big.wild.example' })).toBe('connected');
  });

  test('hold for their TTL and the grace, and longer while a connection lives; what goes is revoked', async () => {
    expect(await reaches({ name: 'short.wild.example' })).toBe('connected');
    expect(await reaches({ name: 'kept.wild.example' })).toBe('connected');
    const { epoch } = await world.status();
    await world.client.hold({
      id: 'kept',
      transport: 'tcp',
      address: serverAddress(8),
      port: servicePort,
      intervalMs: 50,
    });
    // The client has hung up; conntrack would remember it for two minutes.
    await world.host.exec(['conntrack', '-D', '-d', serverAddress(7)]);
    await waitFor(async () => (await world.status()).epoch > epoch, {
      what: 'something is revoked',
      timeoutMs: 30_000,
    });
    expect(await reached(serverAddress(7))).not.toBe('allowed');
    const before = (await world.client.held('client'))['kept'];
    await waitFor(
      async () => ((await world.client.held('client'))['kept']?.received ?? 0) > (before?.received ?? 0) + 20,
      { what: 'the connection goes on' },
    );
    expect(await reached(serverAddress(8))).toBe('allowed');
    await world.client.release('kept');
  });

  test('of a resolver that the host is not told to use teach nothing', async () => {
    await world.zone({ zone: { 'evil.wild.example': [record('evil.wild.example', serverAddress(12))] } }, 'rogue');
    const { answers } = await world.status();
    const got = await world.ask({ name: 'evil.wild.example', server: addresses.rogue.ipv4, port: servicePort });
    expect(got.addresses).toEqual([serverAddress(12)]);
    expect(got.outcome).not.toBe('connected');
    expect(await reached(serverAddress(12))).not.toBe('allowed');
    expect((await world.status()).answers).toBe(answers);
  });

  test('that nobody asked for teach nothing, whoever they say sent them', async () => {
    const sockets = await openRawSockets(world.host, world.resolverHost);
    const { answers } = await world.status();
    for (const [source, target] of [
      [addresses.resolver.ipv4, addresses.host.ipv4],
      [addresses.resolver.ipv6, addresses.host.ipv6],
    ] as const) {
      const forged = dnsAnswer('forged.wild.example', [record('forged.wild.example', serverAddress(13))]);
      sockets.arrive(packet({ source, target }, udp(53, 40_000, forged), { tag: 7 }));
    }
    sockets.close();
    // An asked one comes after them on the same way.
    expect(await reaches({ name: 'one.wild.example' })).toBe('connected');
    expect(await reached(serverAddress(13))).not.toBe('allowed');
    expect((await world.status()).answers).toBeGreaterThan(answers);
  });

  test('in a flood are bounded and the loss is counted, and every one of them arrives', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 300 }, (_, index) => {
        const name = `n${index}.wild.example`;
        return [name, [record(name, `198.51.${100 + (index >> 8)}.${index & 0xff}`, 600)]];
      }),
    );
    await world.zone({ zone: { ...zone, ...many } });
    for (const name of Object.keys(many)) expect((await world.ask({ name })).addresses).toHaveLength(1);
    const wild = await countOf('*.wild.example');
    expect(wild?.addresses).toBe(8);
    expect(wild?.lost).toBeGreaterThan(250);
    expect((await countOf('api.test.example'))?.addresses, 'another name keeps its own').toBe(2);
  });

  test('do not come, and what is known holds', async () => {
    await world.zone({ silent: true });
    expect((await world.ask({ name: 'api.test.example', port: servicePort })).outcome).toBe('no answer');
    expect(await reached(serverAddress(1))).toBe('allowed');
    await world.zone({ silent: false });
  });

  test('come while no agent runs: DNS goes on, what was known holds, and is known to the next agent', async () => {
    const before = await world.status();
    await world.killAgent();
    expect((await world.ask({ name: 'other.test.example' })).addresses).toEqual([serverAddress(2)]);
    expect((await world.ask({ name: 'api.test.example', port: servicePort })).outcome).toBe('connected');
    await world.zone({ silent: true });
    world.startAgent();
    const after = await world.status();
    expect(after.started.kind).toMatch(/adopted|loaded/);
    const count = ({ names: all }: typeof before, name: string) =>
      all.find((entry) => entry.name === name)?.addresses ?? 0;
    expect(count(after, 'api.test.example')).toBe(2);
    // Those of a second's TTL may have gone meanwhile.
    expect(count(after, '*.wild.example')).toBeGreaterThan(count(before, '*.wild.example') - 3);
    expect(await reached(serverAddress(1))).toBe('allowed');
    await world.zone({ silent: false });
    await world.apply(policy({ api: names.api }));
    expect(await reached(serverAddress(1))).toBe('allowed');
    await world.apply(policy({}));
    expect(await reached(serverAddress(1)), 'without the rule').not.toBe('allowed');
  });
}
