// An operator quarantines a host of a running fleet: its open connections fall silent, both ways and both families,
// but for those with the peers that the quarantine names; a release lets it speak again.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startFleet, writePolicy } from '#test/support/fleet.ts';
import { createLab } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { waitFor } from '#test/support/wait.ts';

const services = [
  { transport: 'tcp', port: 8080 },
  { transport: 'udp', port: 8080 },
] as const;
const names = ['web-1', 'api-1', 'jump-1'] as const;
type Name = (typeof names)[number];

const open = `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: enforce
  outbound: enforce
  rules:
    - { name: all, from: [{ workloads: all() }], to: [{ workloads: all() }], services: [tcp/8080, udp/8080] }
`;

/** Out of and into the host that is quarantined, with the peer that stays and with the one that does not. */
const ways: readonly (readonly [Name, Name])[] = [
  ['web-1', 'api-1'],
  ['api-1', 'web-1'],
  ['jump-1', 'api-1'],
  ['api-1', 'jump-1'],
  ['web-1', 'jump-1'],
];

test('a quarantined host falls silent but to the peers it may keep', { timeout: 180_000 }, async () => {
  const lab = await createLab({ name: 'held' });
  const directory = await mkdtemp(join(tmpdir(), 'segwall-held-'));
  lab.alsoRemove(directory);
  try {
    const fleet = await startFleet({
      controlPlane: await lab.addHost({ name: 'control', ipv4: '10.81.9.1' }),
      directory,
    });
    const probes = new Map<Name, HostProbe>();
    for (const [at, name] of names.entries()) {
      const host = await lab.addHost({ name, ipv4: `10.81.0.${at + 1}`, ipv6: `fd81::${at + 1}` });
      const probe = await startProbe(host);
      await probe.listen(services);
      probes.set(name, probe);
      await fleet.enrol(host, { app: 'shop' });
    }
    await fleet.connected(names.length);
    await fleet.segwallJson(['apply', await writePolicy(join(directory, 'policy'), { 'shop.yaml': open }), '--wait']);
    const probeOf = (name: Name): HostProbe => {
      const probe = probes.get(name);
      if (probe === undefined) throw new Error(`${name} has no probe`);
      return probe;
    };

    const connections = ways.flatMap(([from, to]) =>
      (['ipv4', 'ipv6'] as const).flatMap((family) =>
        services.map(({ transport, port }) => ({
          id: `${from}-to-${to}-${transport}-${family}`,
          from,
          to,
          transport,
          port,
          address: probeOf(to).host[family] ?? '',
          isCut: [from, to].includes('web-1') && [from, to].includes('api-1'),
        })),
      ),
    );
    for (const { from, id, transport, address, port } of connections)
      await probeOf(from).hold({ id, transport, address, port, intervalMs: 10 });
    const ends = async ({ id, from, to }: (typeof connections)[number]) => {
      const [client, server] = [(await probeOf(from).held('client'))[id], (await probeOf(to).held('server'))[id]];
      if (client === undefined || server === undefined) throw new Error(`nothing is known of ${id}`);
      return [client, server];
    };
    const moves = async (connection: (typeof connections)[number]) => {
      const before = await ends(connection);
      await waitFor(
        async () => (await ends(connection)).every((end, at) => end.received > (before[at]?.received ?? 0) + 5),
        { what: `both ends of ${connection.id} receive more`, timeoutMs: 40_000 },
      );
    };
    await Promise.all(connections.map(moves));

    const { status } = await fleet.api({
      method: 'PUT',
      path: '/api/v1/workloads/api-1/quarantine',
      body: { allow: ['jump-1'] },
    });
    expect(status).toBe(200);
    await fleet.inForce(names);
    // What was on its way is there once the others have moved on; from then on theirs is the time that passes.
    const cut = connections.filter(({ isCut }) => isCut);
    const goOn = () => Promise.all(connections.filter(({ isCut }) => !isCut).map(moves));
    const receivedBy = async (connection: (typeof connections)[number]) =>
      `${connection.id} ${(await ends(connection)).map(({ received }) => received).join(' ')}`;
    await goOn();
    const silent = await Promise.all(cut.map(receivedBy));
    for (let round = 0; round < 10; round += 1) await goOn();
    expect(await Promise.all(cut.map(receivedBy))).toEqual(silent);

    expect((await fleet.segwall(['status'])).stdout).toMatch(/^quarantine 1 quarantined: api-1$/m);
    expect(await fleet.agents.get('api-1')?.status()).toMatchObject({
      quarantines: [{ name: 'api-1', workloads: ['api-1'], allowed: ['10.81.0.3', 'fd81::3'], allowedCount: 2 }],
    });
    expect((await fleet.segwall(['release', 'api-1'])).exitCode).toBe(0);
    // TCP is back at its next retransmission, which doubles while it is denied.
    await Promise.all(connections.map(moves));
    await fleet.stop();
  } finally {
    await lab.remove();
  }
});
