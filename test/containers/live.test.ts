// A whole fleet with containers: a real agent finds them, the control plane registers them, an operator labels them, and policy is in
// force for them, seen from another host, from beside and from their own; one that is gone is gone, and one that comes back is who it was.

import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findCgroupRoot } from '#agent/host/cgroup-tree.ts';
import { startFleet, writePolicy } from '#test/support/fleet.ts';
import { createLab } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { waitFor } from '#test/support/wait.ts';
import { addContainers } from './container-lab.ts';

const policy = `apiVersion: segwall/v1
kind: Segment
metadata: { name: boxes }
spec:
  selector: has(box)
  inbound: enforce
  outbound: enforce
  rules:
    - { name: clients, from: [{ tenant: 'role == "client"' }], to: [{ workloads: 'box == "web"' }], services: [tcp/8080] }
    - { name: web-api, from: [{ workloads: 'box == "web"' }], to: [{ workloads: 'box == "api"' }], services: [tcp/8080] }
    - { name: host-api, from: [{ tenant: 'role == "box-host"' }], to: [{ workloads: 'box == "api"' }], services: [tcp/5432] }
`;

interface WorkloadView {
  readonly name: string;
  readonly kind: string;
  readonly addresses: readonly string[];
}

/** Cgroups as an engine names them, with one process each. */
function engine() {
  const machine = findCgroupRoot();
  if (machine === undefined) throw new Error('this test needs a cgroup2 tree');
  const slice = join(machine.path, `segwall-test-${process.pid}.slice`);
  const scopeOf = (digit: string) => join(slice, `docker-${digit.repeat(64)}.scope`);
  mkdirSync(slice);
  return {
    start(digit: string, pid: number) {
      mkdirSync(scopeOf(digit));
      writeFileSync(join(scopeOf(digit), 'cgroup.procs'), String(pid));
    },
    /** Its processes go back to where this one is. */
    stop(digit: string, pid: number) {
      writeFileSync(join(machine.path, 'cgroup.procs'), String(pid));
      rmdirSync(scopeOf(digit));
    },
    remove: () => rmdirSync(slice),
  };
}

test('containers are found, registered, labelled and judged', { timeout: 180_000 }, async () => {
  const lab = await createLab({ name: 'boxfleet' });
  const directory = await mkdtemp(join(tmpdir(), 'segwall-boxes-'));
  lab.alsoRemove(directory);
  const engines = engine();
  const running = new Map<string, number>();
  try {
    const fleet = await startFleet({
      controlPlane: await lab.addHost({ name: 'control', ipv4: '10.84.9.1' }),
      directory,
    });
    const host = await lab.addHost({ name: 'h1', ipv4: '10.84.0.1', ipv6: 'fd84::1' });
    const client = await lab.addHost({ name: 'client', ipv4: '10.84.0.2', ipv6: 'fd84::2' });
    const stranger = await lab.addHost({ name: 'stranger', ipv4: '10.84.0.3', ipv6: 'fd84::3' });
    const boxed = await addContainers({
      lab,
      host,
      bridges: [
        { name: 'docker0', ipv4: '172.17.0.1', ipv6: 'fd84:17::1' },
        { name: 'guests', ipv4: '172.19.0.1', ipv6: 'fd84:19::1' },
      ],
      containers: [
        { name: 'web', bridge: 'docker0', ipv4: '172.17.0.2', ipv6: 'fd84:17::2' },
        { name: 'api', bridge: 'docker0', ipv4: '172.17.0.3', ipv6: 'fd84:17::3' },
        // In no cgroup of an engine's: judged as its host.
        { name: 'guest', bridge: 'guests', ipv4: '172.19.0.2', ipv6: 'fd84:19::2' },
      ],
      published: [
        { port: 18080, container: 'web', containerPort: 8080 },
        { port: 18090, container: 'guest', containerPort: 8080 },
      ],
    });
    const probes = new Map<string, HostProbe>();
    for (const place of [host, client, stranger, ...boxed.values()]) {
      const probe = await startProbe(place);
      await probe.listen([
        { transport: 'tcp', port: 8080 },
        { transport: 'tcp', port: 5432 },
      ]);
      probes.set(place.name, probe);
    }
    const sleeper = async (name: string) => {
      const place = boxed.get(name);
      const { pid = 0 } = place?.spawn(['sleep', '600']) ?? {};
      await waitFor(
        async () => (await host.exec(['ip', 'netns', 'identify', String(pid)])).stdout.trim() === place?.namespace,
        { what: 'the process is in its namespace' },
      );
      return pid;
    };
    for (const [digit, name] of [
      ['a', 'web'],
      ['b', 'api'],
    ] as const) {
      const pid = await sleeper(name);
      engines.start(digit, pid);
      running.set(digit, pid);
    }
    const agent = await fleet.enrol(host, { role: 'box-host' });
    await fleet.enrol(client, { role: 'client' });
    await agent.kill('SIGTERM');
    await writeFile(join(agent.stateDirectory, 'agent.yaml'), 'containers: discover\nflows: { windowSeconds: 1 }\n');
    agent.start();
    await fleet.connected(2);

    const containers = async () =>
      (
        JSON.parse((await fleet.api({ method: 'GET', path: '/api/v1/workloads' })).body) as readonly WorkloadView[]
      ).filter(({ kind }) => kind === 'container');
    const names = (digits: readonly string[]) => digits.map((digit) => `h1-${digit.repeat(12)}`);
    const areThere = (digits: readonly string[]) =>
      waitFor(async () => (await containers()).map(({ name }) => name).join() === names(digits).join(), {
        what: `containers ${digits.join()} are registered`,
        timeoutMs: 40_000,
      });
    await areThere(['a', 'b']);
    // Elsewhere they are their host.
    expect((await containers()).map(({ addresses }) => addresses)).toEqual([
      ['10.84.0.1', 'fd84::1'],
      ['10.84.0.1', 'fd84::1'],
    ]);

    const probe = async (from: string, address: string, port: number) => {
      const [outcome] = (await probes.get(from)?.probe([{ transport: 'tcp', address, port }])) ?? [];
      return outcome?.kind;
    };
    const seen = async () => ({
      'client > published': await probe('client', '10.84.0.1', 18080),
      'stranger > published': await probe('stranger', '10.84.0.1', 18080),
      'web > api': await probe('web', '172.17.0.3', 8080),
      'api > web': await probe('api', '172.17.0.2', 8080),
      'host > api tcp/5432': await probe('h1', '172.17.0.3', 5432),
      'host > api tcp/8080': await probe('h1', '172.17.0.3', 8080),
      'stranger > guest': await probe('stranger', '10.84.0.1', 18090),
      'guest > stranger': await probe('guest', '10.84.0.3', 8080),
    });
    const everything = Object.fromEntries(Object.keys(await seen()).map((way) => [way, 'allowed']));
    expect(await seen()).toEqual(everything);

    for (const [digit, box] of [
      ['a', 'web'],
      ['b', 'api'],
    ] as const) {
      await fleet.segwallJson(['label', `h1-${digit.repeat(12)}`, `box=${box}`]);
    }
    const files = await writePolicy(join(directory, 'policy'), { 'boxes.yaml': policy });
    await fleet.segwallJson(['apply', files, '--wait']);
    const enforced = {
      ...everything,
      'stranger > published': 'dropped',
      'api > web': 'rejected',
      'host > api tcp/8080': 'dropped',
    };
    expect(await seen()).toEqual(enforced);

    // An engine stops it, and makes it anew: what was said of it holds again, at once.
    const isUnderRules = async () =>
      (await host.exec(['nft', 'list', 'map', 'inet', 'segwall', 'pods_in4'])).stdout.includes('172.17.0.2');
    for (let round = 0; round < 5; round += 1) {
      const before = running.get('a') ?? 0;
      engines.stop('a', before);
      running.delete('a');
      await areThere(['b']);
      await waitFor(async () => !(await isUnderRules()), { what: 'it is gone from the kernel too' });
      const pid = await sleeper('web');
      engines.start('a', pid);
      running.set('a', pid);
      await waitFor(isUnderRules, { what: 'it is under its rules', intervalMs: 10 });
    }
    await areThere(['a', 'b']);
    await waitFor(async () => (await probe('stranger', '10.84.0.1', 18080)) === 'dropped', {
      what: 'its rules hold again',
    });
    expect(await seen()).toEqual(enforced);
    // Nobody's cgroup gives the guest away; its host's quarantine holds for it, both ways, and ends for it.
    await fleet.segwallJson(['quarantine', 'h1']);
    await waitFor(async () => (await probe('stranger', '10.84.0.1', 18090)) === 'dropped', {
      what: 'the quarantine holds for the published port of a guest',
    });
    expect(['dropped', 'rejected']).toContain(await probe('guest', '10.84.0.3', 8080));
    await fleet.segwallJson(['release', 'h1']);
    await waitFor(async () => (await probe('stranger', '10.84.0.1', 18090)) === 'allowed', {
      what: 'the quarantine has ended',
    });
    const { forwards } = (await agent.status()) as unknown as { readonly forwards: unknown };
    expect(forwards).toEqual({ guests: ['docker0', 'guests'] });
    const status = (await agent.status()) as unknown as { readonly warnings: unknown; readonly foreign: unknown };
    expect([status.warnings, status.foreign]).toEqual([[], []]);
  } finally {
    for (const [digit, pid] of running) engines.stop(digit, pid);
    await lab.remove();
    engines.remove();
  }
});
