// Policy of now also holds for connections opened under the policy of then: what is revoked carries no data in either direction
// within a second, at whichever end it was revoked, and what is still allowed is never disturbed.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Family } from '#model/address.ts';
import { createLab, type Lab } from '#test/support/lab.ts';
import type { HostProbe } from '#test/support/probe.ts';
import type { HoldProgress, Listener, Transport } from '#test/support/probe-protocol.ts';
import { waitFor } from '#test/support/wait.ts';
import { enforcerStage } from './enforcer-stage.ts';
import type { Scenario, State } from './scenario.ts';
import { type Stage, standUp } from './table.ts';
import { createWorld } from './world.ts';

const services: readonly Listener[] = [
  { transport: 'tcp', port: 8080 },
  { transport: 'udp', port: 8080 },
  { transport: 'tcp', port: 5432 },
  { transport: 'udp', port: 5432 },
];
const keptPort = 8080;
const revokedPort = 5432;
const limitMs = 1000;

function policy(direction: 'inbound' | 'outbound', ports: readonly number[]): State {
  const terms = ports.flatMap((port) => [`tcp/${port}`, `udp/${port}`]).join(', ');
  return {
    policy: `apiVersion: segwall/v1
kind: Segment
metadata: { name: pair }
spec:
  selector: all()
  inbound: ${direction === 'inbound' ? 'enforce' : 'observe'}
  outbound: ${direction === 'outbound' ? 'enforce' : 'observe'}
  rules:
    - { name: talk, from: [{ workloads: all() }], to: [{ workloads: all() }], services: [${terms}] }
`,
  };
}

const scenario: Scenario = {
  name: 'two hosts and what they said before the policy changed',
  tags: [],
  hosts: {
    client: { ipv4: '10.78.0.1', ipv6: 'fd78::1', labels: { role: 'client' } },
    server: { ipv4: '10.78.0.2', ipv6: 'fd78::2', labels: { role: 'server' } },
  },
  services,
  states: {},
  steps: [],
};

interface Connection {
  readonly id: string;
  readonly transport: Transport;
  readonly family: Family;
  readonly port: number;
}

const connections: readonly Connection[] = services.flatMap(({ transport, port }) =>
  (['ipv4', 'ipv6'] as const).map((family) => ({ id: `${transport}-${port}-${family}`, transport, family, port })),
);
const kept = connections.filter(({ port }) => port === keptPort).map(({ id }) => id);
const revoked = connections.filter(({ port }) => port === revokedPort).map(({ id }) => id);

interface Pair {
  readonly lab: Lab;
  readonly client: HostProbe;
  readonly server: HostProbe;
  enter(state: State): Promise<void>;
  ends(id: string): Promise<readonly [HoldProgress, HoldProgress]>;
}

async function withPair(test: (pair: Pair) => Promise<void>): Promise<void> {
  const lab = await createLab({ name: 'pair' });
  const directory = await mkdtemp(join(tmpdir(), 'segwall-pair-'));
  try {
    const probes = await standUp(lab, scenario);
    const [client, server] = [probes.get('client'), probes.get('server')];
    if (client === undefined || server === undefined) throw new Error('the pair is not complete');
    const stage: Stage = await enforcerStage()(lab, scenario);
    let revision = 0;
    await test({
      lab,
      client,
      server,
      enter: async (state) => {
        revision += 1;
        await stage.enter({ state, world: createWorld(scenario, state), revision });
      },
      ends: async (id) => {
        const [atClient, atServer] = [(await client.held('client'))[id], (await server.held('server'))[id]];
        if (atClient === undefined || atServer === undefined) throw new Error(`nothing is known of ${id}`);
        return [atClient, atServer];
      },
    });
    await stage.close();
  } finally {
    await lab.remove();
    await rm(directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

async function holdAll({ client, server }: Pair): Promise<void> {
  await Promise.all(
    connections.map(({ id, transport, family, port }) => {
      const address = server.host[family];
      if (address === undefined) throw new Error(`the server has no ${family} address`);
      return client.hold({ id, transport, address, port, intervalMs: 10 });
    }),
  );
}

async function movesOn(pair: Pair, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const before = await pair.ends(id);
    await waitFor(
      async () => (await pair.ends(id)).every((end, at) => end.received > (before[at]?.received ?? 0) + 5),
      {
        what: `both ends of ${id} receive more`,
      },
    );
  }
}

const now = () => performance.timeOrigin + performance.now();

describe('an open connection', () => {
  test.each(['inbound', 'outbound'] as const)(
    'that %s policy no longer allows carries nothing in either direction within a second, and the others go on',
    { timeout: 600_000 },
    async (direction) => {
      await withPair(async (pair) => {
        await pair.enter(policy(direction, [keptPort, revokedPort]));
        await holdAll(pair);
        await movesOn(pair, [...kept, ...revoked]);

        await pair.enter(policy(direction, [keptPort]));
        const inForceAt = now();
        await waitFor(() => now() > inForceAt + 2.5 * limitMs, {
          what: 'both ends have tried for a while',
          timeoutMs: 30_000,
        });
        for (const id of revoked) {
          const late = (await pair.ends(id)).map((end) => Math.max(0, end.lastReceivedAt - inForceAt - limitMs));
          expect(`${id}: ${late.join(' and ')} ms too late`).toBe(`${id}: 0 and 0 ms too late`);
        }
        await movesOn(pair, kept);
        for (const id of kept) {
          const gaps = (await pair.ends(id)).map((end) => end.longestGapMs);
          expect(Math.max(...gaps), `longest silence on ${id}`).toBeLessThan(limitMs);
        }
      });
    },
  );

  test('opened while nothing was enforced is judged when enforcement begins', { timeout: 600_000 }, async () => {
    await withPair(async (pair) => {
      await pair.enter({ policy: '' });
      await holdAll(pair);
      await movesOn(pair, [...kept, ...revoked]);
      await pair.enter(policy('inbound', [keptPort]));
      const inForceAt = now();
      await waitFor(() => now() > inForceAt + 2.5 * limitMs, {
        what: 'both ends have tried for a while',
        timeoutMs: 30_000,
      });
      for (const id of revoked) {
        const late = (await pair.ends(id)).map((end) => Math.max(0, end.lastReceivedAt - inForceAt - limitMs));
        expect(`${id}: ${late.join(' and ')} ms too late`).toBe(`${id}: 0 and 0 ms too late`);
      }
      await movesOn(pair, kept);
    });
  });

  test('is not disturbed by a hundred changes that leave it allowed', { timeout: 600_000 }, async () => {
    await withPair(async (pair) => {
      await pair.enter(policy('inbound', [keptPort, revokedPort]));
      await holdAll(pair);
      for (let round = 0; round < 50; round += 1) {
        await pair.enter(policy('inbound', [keptPort]));
        await pair.enter(policy('inbound', [keptPort, revokedPort]));
      }
      await movesOn(pair, kept);
      for (const id of kept) {
        const gaps = (await pair.ends(id)).map((end) => end.longestGapMs);
        expect(Math.max(...gaps), `longest silence on ${id}`).toBeLessThan(limitMs);
      }
    });
  });
});
