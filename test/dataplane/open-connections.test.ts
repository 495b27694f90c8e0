// What the agent does to connections that are already open, seen from both of their ends, which keep trying: revoked ones stop
// within a second in both directions, allowed ones go on, a new grant lets them go on, and no trick of conntrack's brings them back.

import { describe, expect, test } from 'vitest';
import type { Family } from '#model/address.ts';
import type { Direction, EnforcementMode } from '#model/verdict.ts';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { createLab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import type { Transport } from '#test/support/probe-protocol.ts';
import { waitFor } from '#test/support/wait.ts';

const addresses = { h1: { ipv4: '10.83.0.1', ipv6: 'fd83::1' }, peer: { ipv4: '10.83.0.2', ipv6: 'fd83::2' } } as const;
const ports = { kept: 7001, revoked: 7002 } as const;
const limitMs = 1000;

type Fate = keyof typeof ports;

interface Connection {
  readonly id: string;
  readonly fate: Fate;
  readonly transport: Transport;
  readonly family: Family;
}

const connections: readonly Connection[] = (['kept', 'revoked'] as const).flatMap((fate) =>
  (['tcp', 'udp'] as const).flatMap((transport) =>
    (['ipv4', 'ipv6'] as const).map((family) => ({ id: `${fate}-${transport}-${family}`, fate, transport, family })),
  ),
);
const kept = connections.filter(({ fate }) => fate === 'kept');
const revoked = connections.filter(({ fate }) => fate === 'revoked');

interface Scene {
  readonly host: LabHost;
  apply(policy: Omit<HostPolicy, 'addresses' | 'revision'>): Promise<void>;
  /** Received so far at the client and at the server. */
  counts(id: string): Promise<readonly [number, number]>;
  /** Both ends of each receive more. */
  goOn(among: readonly Connection[]): Promise<void>;
  /** Lets the second pass that a change may take, then a second and a half in which both ends try in vain. */
  areSilent(among: readonly Connection[]): Promise<void>;
}

/** In `direction`, seen from the host under test: it is the server of what is inbound. */
async function onScene(direction: Direction, act: (scene: Scene, holdAll: () => Promise<void>) => Promise<void>) {
  const lab = await createLab({ name: 'open' });
  let driven: DrivenHost | undefined;
  try {
    const host = await lab.addHost({ name: 'h1', ...addresses.h1 });
    const peer = await lab.addHost({ name: 'peer', ...addresses.peer });
    driven = driveHost(host);
    const { ask } = driven;
    const probes = { h1: await startProbe(host), peer: await startProbe(peer) };
    const [client, server]: readonly [HostProbe, HostProbe] =
      direction === 'inbound' ? [probes.peer, probes.h1] : [probes.h1, probes.peer];
    const target = addresses[direction === 'inbound' ? 'h1' : 'peer'];
    await server.listen(
      Object.values(ports).flatMap((port) => (['tcp', 'udp'] as const).map((transport) => ({ transport, port }))),
    );
    let revision = 0;
    const counts = async (id: string) => {
      const [atClient, atServer] = [(await client.held('client'))[id], (await server.held('server'))[id]];
      if (atClient === undefined || atServer === undefined) throw new Error(`nothing is known of ${id}`);
      return [atClient.received, atServer.received] as const;
    };
    const scene: Scene = {
      host,
      counts,
      apply: async (policy) => {
        revision += 1;
        const full: HostPolicy = {
          peers: { peer: Object.values(addresses.peer) },
          ...policy,
          addresses: Object.values(addresses.h1),
          revision,
        };
        expect(await ask({ do: 'apply', policy: full })).toEqual({ kind: 'applied', revision });
      },
      goOn: async (among) => {
        for (const { id } of among) {
          const before = await counts(id);
          // TCP that was cut tries again at growing intervals.
          await waitFor(async () => (await counts(id)).every((count, at) => count > (before[at] ?? 0) + 2), {
            what: `both ends of ${id} receive more`,
            timeoutMs: 20_000,
          });
        }
      },
      areSilent: async (among) => {
        const startedAt = performance.now();
        await waitFor(() => performance.now() > startedAt + limitMs, { what: 'the limit has passed' });
        const before = await Promise.all(among.map(({ id }) => counts(id)));
        await waitFor(() => performance.now() > startedAt + 2.5 * limitMs, {
          what: 'both ends have tried for a while',
        });
        expect(await Promise.all(among.map(async ({ id }) => [id, ...(await counts(id))]))).toEqual(
          among.map(({ id }, at) => [id, ...(before[at] ?? [])]),
        );
      },
    };
    await act(scene, async () => {
      for (const { id, fate, transport, family } of connections) {
        await client.hold({ id, transport, address: target[family], port: ports[fate], intervalMs: 20 });
      }
      await scene.goOn(connections);
    });
  } finally {
    driven?.stop();
    await lab.remove();
  }
}

/** The direction enforced, with these ports open in it; nothing is granted in the other. */
function rules(direction: Direction, other: EnforcementMode, fates: readonly Fate[]): Omit<HostPolicy, 'addresses'> {
  const services = fates.flatMap((fate) => [`tcp/${ports[fate]}`, `udp/${ports[fate]}`]);
  const allow = [`peer: ${services.join(', ')}`];
  return direction === 'inbound'
    ? { inbound: 'enforce', outbound: other, allowIn: allow }
    : { inbound: other, outbound: 'enforce', allowOut: allow };
}

describe.concurrent('open connections', () => {
  test.each([
    ['inbound', 'observe'],
    ['inbound', 'enforce'],
    ['outbound', 'observe'],
    ['outbound', 'enforce'],
  ] as const)(
    '%s, the other direction in %s: revoked, granted again, revoked, and their entries flushed',
    {
      timeout: 90_000,
    },
    async (direction, other) => {
      await onScene(direction, async (scene, holdAll) => {
        await scene.apply(rules(direction, other, ['kept', 'revoked']));
        await holdAll();

        await scene.apply(rules(direction, other, ['kept']));
        await scene.areSilent(revoked);
        await scene.goOn(kept);

        await scene.apply(rules(direction, other, ['kept', 'revoked']));
        await scene.goOn(connections);

        await scene.apply(rules(direction, other, ['kept']));
        await scene.areSilent(revoked);
        expect((await scene.host.exec(['conntrack', '-F'])).exitCode).toBe(0);
        // UDP without an entry is a new connection of whoever speaks next: under observation it is the other direction's.
        await scene.areSilent(revoked.filter(({ transport }) => transport === 'tcp' || other === 'enforce'));
        await scene.goOn(kept.filter(({ transport }) => transport === 'udp'));
      });
    },
  );

  test.each(['inbound', 'outbound'] as const)(
    '%s, opened while everything was only observed, are judged when enforcement begins',
    { timeout: 90_000 },
    async (direction) => {
      await onScene(direction, async (scene, holdAll) => {
        await scene.apply({ inbound: 'observe', outbound: 'observe' });
        await holdAll();
        await scene.apply(rules(direction, 'observe', ['kept']));
        await scene.areSilent(revoked);
        await scene.goOn(kept);
      });
    },
  );

  test('keep the mark bits of others, when they are stamped, stamped again, and denied', {
    timeout: 90_000,
  }, async () => {
    await onScene('inbound', async (scene, holdAll) => {
      const foreign = `table inet other {
  chain input { type filter hook input priority -10; ct state new ct mark set ct mark or 0x50000000
  }
}`;
      expect((await scene.host.exec(['nft', '-f', '-'], { input: foreign })).exitCode).toBe(0);
      await scene.apply(rules('inbound', 'observe', ['kept', 'revoked']));
      await holdAll();
      const stamped = await marks(scene.host);
      expect(stamped.map(({ port, mark }) => [port, mark >>> 28, epochOf(mark) > 0])).toEqual(
        stamped.map(({ port }) => [port, 5, true]),
      );
      expect(stamped).toHaveLength(connections.length);

      await scene.apply(rules('inbound', 'observe', ['kept']));
      await scene.areSilent(revoked);
      await scene.goOn(kept);
      const judged = await marks(scene.host);
      const wasEpoch = Math.max(...stamped.map(({ mark }) => epochOf(mark)));
      for (const { port, mark } of judged) {
        expect([port, mark >>> 28, epochOf(mark)]).toEqual([port, 5, port === ports.kept ? wasEpoch + 1 : 0]);
      }
    });
  });
});

const epochOf = (mark: number) => mark & 0xfff;

async function marks(host: LabHost): Promise<readonly { readonly port: number; readonly mark: number }[]> {
  const found: { port: number; mark: number }[] = [];
  for (const family of ['ipv4', 'ipv6']) {
    const { stdout } = await host.exec(['conntrack', '-L', '-f', family]);
    for (const [, port = '', mark] of stdout.matchAll(/sport=\d+ dport=(700\d) .* mark=(\d+)/g)) {
      found.push({ port: Number(port), mark: Number(mark) });
    }
  }
  return found;
}
