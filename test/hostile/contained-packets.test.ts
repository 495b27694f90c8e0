// A lost host on real kernels: whoever took it over ended its agent and deleted its table, and goes on talking. In a fleet that only observes, the
// other hosts cut it off, open connections included, also where they restart without a control plane, until an operator removes it.

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
const families = ['ipv4', 'ipv6'] as const;
const names = ['lost', 'api-1', 'jump-1'] as const;
type Name = (typeof names)[number];

const observing = `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec: { selector: has(app) }
`;

/** Out of and into the lost host, with the peer that stays and the one that does not; and between the two others. */
const ways: readonly (readonly [Name, Name])[] = [
  ['lost', 'api-1'],
  ['api-1', 'lost'],
  ['lost', 'jump-1'],
  ['jump-1', 'lost'],
  ['jump-1', 'api-1'],
];

test('a lost host is cut off by all others, whatever it does', { timeout: 600_000 }, async () => {
  const lab = await createLab({ name: 'lost' });
  const directory = await mkdtemp(join(tmpdir(), 'segwall-lost-'));
  lab.alsoRemove(directory);
  try {
    const controlPlane = await lab.addHost({ name: 'control', ipv4: '10.82.9.1' });
    const fleet = await startFleet({ controlPlane, directory });
    const probes = new Map<Name, HostProbe>();
    const token = await fleet.token({ app: 'shop' }, names.length);
    for (const [at, name] of names.entries()) {
      const host = await lab.addHost({ name, ipv4: `10.82.0.${at + 1}`, ipv6: `fd82::${at + 1}` });
      const probe = await startProbe(host);
      await probe.listen(services);
      probes.set(name, probe);
      await fleet.enrolWithToken(host, token);
    }
    await fleet.connected(names.length);
    await fleet.segwallJson(['apply', await writePolicy(join(directory, 'policy'), { 'a.yaml': observing }), '--wait']);
    const of = <T>(found: T | undefined, name: string): T => {
      if (found === undefined) throw new Error(`there is no ${name}`);
      return found;
    };
    const probeOf = (name: Name) => of(probes.get(name), name);
    const agentOf = (name: Name) => of(fleet.agents.get(name), name);

    const connections = ways.flatMap(([from, to]) =>
      families.flatMap((family) =>
        services.map(({ transport, port }) => ({
          id: `${from}-to-${to}-${transport}-${family}`,
          from,
          to,
          transport,
          port,
          address: of(probeOf(to).host[family], family),
        })),
      ),
    );
    type Connection = (typeof connections)[number];
    const between = (a: Name, b: Name) =>
      connections.filter(({ from, to }) => [from, to].every((end) => end === a || end === b));
    for (const { from, id, transport, address, port } of connections)
      await probeOf(from).hold({ id, transport, address, port, intervalMs: 10 });
    /** By connection, what its client and its server have received so far. */
    const received = async () => {
      const ends = await Promise.all(
        names.map(async (name) => ({
          name,
          client: await probeOf(name).held('client'),
          server: await probeOf(name).held('server'),
        })),
      );
      const at = (host: Name) => ends.find(({ name }) => name === host);
      return new Map(
        connections.map(({ id, from, to }) => [
          id,
          [at(from)?.client[id]?.received ?? 0, at(to)?.server[id]?.received ?? 0],
        ]),
      );
    };
    const move = async (some: readonly Connection[], messages: number) => {
      const before = await received();
      const isLeft = (id: string, now: Awaited<ReturnType<typeof received>>) =>
        now.get(id)?.some((count, at) => count <= (before.get(id)?.[at] ?? 0) + messages);
      await waitFor(
        async () => {
          const now = await received();
          return !some.some(({ id }) => isLeft(id, now));
        },
        { what: `both ends of ${some.length} connections receive more`, timeoutMs: 120_000, intervalMs: 50 },
      );
    };
    const others = between('jump-1', 'api-1');
    /** While connections beside them move on, which shows that both ends had the time to try. */
    const expectSilent = async (some: readonly Connection[]) => {
      // What had been let in before may still be on its way to the process.
      await move(others, 5);
      const before = await received();
      await move(others, 100);
      const now = await received();
      const countsOf = (counts: typeof now) => Object.fromEntries(some.map(({ id }) => [id, counts.get(id)]));
      expect(countsOf(now)).toEqual(countsOf(before));
    };
    const tried = async (from: Name, to: Name) => {
      const targets = families.flatMap((family) =>
        services.map((service) => ({ ...service, address: of(probeOf(to).host[family], family) })),
      );
      return [...new Set((await probeOf(from).probe(targets)).map(({ kind }) => kind))];
    };
    await move(connections, 5);

    await agentOf('lost').kill('SIGKILL');
    await agentOf('lost').host.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
    await fleet.connected(2);
    await move(between('lost', 'api-1'), 5);
    const quarantined = await fleet.segwall(['quarantine', 'lost', '--allow', 'jump-1', '--wait']);
    expect(quarantined.stdout).toMatch(/^cut off by 2 hosts: api-1, jump-1\nlost itself is offline/m);
    expect(quarantined.exitCode).toBe(0);
    await expectSilent(between('lost', 'api-1'));
    await move(between('lost', 'jump-1'), 5);
    const outcomes = [...(await tried('lost', 'api-1')), ...(await tried('api-1', 'lost'))];
    expect(outcomes.filter((kind) => kind !== 'dropped' && kind !== 'rejected')).toEqual([]);
    await waitFor(
      async () => {
        const { body } = await fleet.api({ method: 'GET', path: '/api/v1/flows?verdict=deny&limit=1000' });
        const flows = JSON.parse(body) as readonly { readonly host: string; readonly quarantine?: string }[];
        return flows.some(({ host, quarantine }) => host === 'api-1' && quarantine === 'lost');
      },
      { what: 'a flow of api-1 names the quarantine that denied it', timeoutMs: 60_000, intervalMs: 500 },
    );

    // What conntrack knows nothing of any more is no way in, nor is an agent that starts without a control plane.
    await fleet.killControlPlane();
    await agentOf('api-1').kill('SIGKILL');
    await agentOf('api-1').host.exec(['conntrack', '-F']);
    await expectSilent(between('lost', 'api-1'));
    agentOf('api-1').start();
    await waitFor(async () => (await agentOf('api-1').status()) !== undefined, {
      what: 'the agent of api-1 is up',
      timeoutMs: 60_000,
    });
    await expectSilent(between('lost', 'api-1'));
    await fleet.startControlPlane();
    await fleet.connected(2);
    await expectSilent(between('lost', 'api-1'));

    // Revoked it is cut off by the peer that it might keep too, released or not.
    expect((await fleet.segwall(['release', 'lost'])).exitCode).toBe(0);
    const revoked = await fleet.segwall(['agents', 'revoke', 'lost', '--wait']);
    expect(revoked.stdout).toMatch(/^cut off by 2 hosts: api-1, jump-1$/m);
    expect(revoked.exitCode).toBe(0);
    await expectSilent([...between('lost', 'api-1'), ...between('lost', 'jump-1')]);
    expect((await fleet.segwall(['status'])).stdout).toMatch(/^revoked {4}lost: cut off by all other hosts/m);

    expect((await fleet.segwall(['agents', 'remove', 'lost'])).stdout).toMatch(/nobody cuts them off any more/);
    await waitFor(async () => (await tried('lost', 'api-1')).join() === 'allowed', {
      what: 'a host that nobody knows is let in where policy only observes',
      timeoutMs: 60_000,
    });
    await fleet.stop();
  } finally {
    await lab.remove();
  }
});
