// Rules that end and windows that turn on the host itself, with real daemons and a real kernel: no control plane, an agent that is killed and
// started again, a boot with the boot unit alone, and clocks that jump. What has ended cuts open connections as an apply does.

import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seal, unseal } from '#agent/state/durable-file.ts';
import { assertOk } from '#model/result.ts';
import { startTraffic, type Traffic } from '#test/dataplane/traffic.ts';
import { type Fleet, type FleetAgent, startFleet, writePolicy } from '#test/support/fleet.ts';
import { createLab, type Lab } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { programPath } from '#test/support/programs.ts';
import { waitFor } from '#test/support/wait.ts';
import { woundBy } from '#test/support/wound-clock.ts';

const day = 86_400_000;
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const iso = (at: number) => new Date(at).toISOString();
/** Longer than an apply takes on a machine that is busy with much else. */
const soonMs = 20_000;

const rules = (endsAt: number, begun: number) => `apiVersion: segwall/v1
kind: Segment
metadata: { name: pair }
spec:
  selector: app == "pair"
  inbound: enforce
  outbound: observe
  rules:
    - { name: always, from: [any], to: [{ workloads: 'all()' }], services: [tcp/5000] }
    - { name: soon, from: [any], to: [{ workloads: 'all()' }], services: [tcp/5001], expires: "${iso(endsAt)}" }
    - { name: later, from: [any], to: [{ workloads: 'all()' }], services: [tcp/5002], expires: "${iso(begun + 30 * day)}" }
    - name: weekly
      from: [any]
      to: [{ workloads: 'all()' }]
      services: [tcp/5003]
      when: { days: [${weekdays[new Date(begun + 3 * day).getUTCDay()]}] }
`;
const ports = [5000, 5001, 5002, 5003];

describe('a host that no control plane can reach', () => {
  let lab: Lab;
  let fleet: Fleet;
  let agent: FleetAgent;
  let peer: HostProbe;
  let server: HostProbe;
  let [near, far]: (Traffic | undefined)[] = [];
  let wound: string;
  const begun = Date.now();

  beforeAll(async () => {
    lab = await createLab({ name: 'schedules' });
    const directory = await mkdtemp(join(tmpdir(), 'segwall-schedules-'));
    lab.alsoRemove(directory);
    wound = join(directory, 'wound');
    const [controlPlane, host, other] = await Promise.all([
      lab.addHost({ name: 'control', ipv4: '10.86.0.9' }),
      lab.addHost({ name: 'h1', ipv4: '10.86.0.1' }),
      lab.addHost({ name: 'peer', ipv4: '10.86.0.2' }),
    ]);
    [peer, server] = await Promise.all([startProbe(other), startProbe(host)]);
    [near, far] = [startTraffic(host), startTraffic(other)];
    await server.listen(ports.map((port) => ({ transport: 'tcp', port }) as const));
    for (const port of [6000, 6001]) await near.listen('tcp', port);
    fleet = await startFleet({ controlPlane, directory });
    const token = await fleet.token({ app: 'pair' }, 1);
    agent = await fleet.enrolWithToken(host, token, { env: woundBy(wound) });
    await fleet.connected(1);
  });
  afterAll(async () => {
    near?.stop();
    far?.stop();
    await fleet?.stop();
    await lab?.remove();
  });

  const passes = async () => {
    const outcomes = await peer.probe(ports.map((port) => ({ transport: 'tcp', port, address: '10.86.0.1' })));
    return ports.filter((_, at) => outcomes[at]?.kind === 'allowed');
  };
  const windTo = (aheadMs: number) => writeFileSync(wound, String(aheadMs));
  /** The kernel forgets everything, and the boot unit runs, at that time by the host's own clock. */
  const boot = async (aheadMs: number) => {
    await agent.kill('SIGKILL');
    await agent.host.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
    const file = join(agent.stateDirectory, 'last-good', 'clock');
    const kept = JSON.parse(Buffer.from(assertOk(unseal(readFileSync(file)))).toString('utf8')) as object;
    writeFileSync(file, seal(Buffer.from(JSON.stringify({ ...kept, bootId: 'an earlier boot' }))));
    windTo(aheadMs);
    const restored = await agent.host.exec(
      [process.execPath, programPath('segwall-agent'), 'restore', '--state', agent.stateDirectory],
      { env: woundBy(wound), timeoutMs: 40_000 },
    );
    expect(restored.exitCode, restored.stderr).toBe(0);
  };

  test('ends a rule at its instant, cuts what the rule let in, and nothing else', async () => {
    const endsAt = Date.now() + soonMs;
    const text = rules(endsAt, begun).replace('[tcp/5000]', '[tcp/5000, tcp/6000]');
    const files = { 'policy.yaml': text.replace('[tcp/5001]', '[tcp/5001, tcp/6001]') };
    const from = await writePolicy(join(fleet.directory, 'policy'), files);
    const applied = await fleet.segwall(['apply', from, '--wait']);
    expect(applied.exitCode, applied.stderr).toBe(0);
    await far?.open({ id: 'always', address: '10.86.0.1', port: 6000 });
    await far?.open({ id: 'soon', address: '10.86.0.1', port: 6001 });
    const before = { granted: await passes(), at: Date.now() };
    await fleet.killControlPlane();
    if (before.at < endsAt) expect(before.granted).toEqual([5000, 5001, 5002]);

    expect(
      await waitFor(async () => ((await passes()).length === 2 ? passes() : undefined), { what: 'it has ended' }),
    ).toEqual([5000, 5002]);
    expect(Date.now()).toBeGreaterThanOrEqual(endsAt);
    const heardBefore = await near?.heard();
    await far?.say('soon');
    await far?.say('always');
    await waitFor(async () => (await near?.heard())?.['always'] !== heardBefore?.['always'], {
      what: 'the other goes on',
    });
    expect((await near?.heard())?.['soon']).toBe(heardBefore?.['soon']);
  });

  test('keeps it ended where the agent is killed, and its clock set back by an hour', async () => {
    await agent.kill('SIGKILL');
    windTo(-3_600_000);
    agent.start();
    await waitFor(() => agent.status(), { what: 'the agent is up' });
    expect(await passes()).toEqual([5000, 5002]);
  });

  test('keeps it ended where the boot unit runs alone, with a clock that begins a week ago', async () => {
    await boot(-7 * day);
    expect(await passes()).toEqual([5000, 5002]);
  });

  test('opens a window at a boot that falls into it, and ends at the boot what ended while it was down', async () => {
    await boot(3 * day);
    expect(await passes()).toEqual([5000, 5002, 5003]);
    await boot(32 * day);
    expect(await passes()).toEqual([5000]);
    await boot(0);
    expect(await passes()).toEqual([5000]);
  });

  test('takes the control plane’s word for the time once it has one again', async () => {
    agent.start();
    await fleet.startControlPlane();
    await fleet.connected(1);
    await waitFor(async () => (await passes()).includes(5002), { what: 'what has not ended is back' });
    expect(await passes()).toEqual([5000, 5002]);
  });
});
