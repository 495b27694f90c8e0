// From the console: panic opens a host whatever its agent and its control plane are doing, and it stays open until resume; all of
// it, and every stranger's hand in the table, ends in the control plane's audit chain.

import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fleet, type FleetAgent, startFleet, writePolicy } from '#test/support/fleet.ts';
import { createLab, type Lab } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { programPath } from '#test/support/programs.ts';
import { waitFor } from '#test/support/wait.ts';

interface AgentRow {
  readonly host: string;
  readonly acked: number;
  readonly enforcing?: 'yes' | 'no';
  readonly panic?: { readonly since: string; readonly reason: string };
}

const policy = (port: number) => `apiVersion: segwall/v1
kind: Segment
metadata: { name: pair }
spec:
  selector: app == "pair"
  inbound: enforce
  outbound: observe
  rules:
    - { name: in, from: [any], to: [{ workloads: 'all()' }], services: [tcp/${port}] }
`;

describe('a host that enforces', () => {
  let lab: Lab;
  let fleet: Fleet;
  let directory: string;
  let peer: HostProbe;
  let server: HostProbe;
  let agent: FleetAgent;

  beforeAll(async () => {
    lab = await createLab({ name: 'panic' });
    directory = await mkdtemp(join(tmpdir(), 'segwall-panic-'));
    lab.alsoRemove(directory);
    const [controlPlane, host, other] = await Promise.all([
      lab.addHost({ name: 'control', ipv4: '10.84.0.9' }),
      lab.addHost({ name: 'h1', ipv4: '10.84.0.1' }),
      lab.addHost({ name: 'peer', ipv4: '10.84.0.2' }),
    ]);
    [peer, server] = await Promise.all([startProbe(other), startProbe(host)]);
    await server.listen([
      { transport: 'tcp', port: 8080 },
      { transport: 'tcp', port: 5432 },
    ]);
    fleet = await startFleet({ controlPlane, directory });
    agent = await fleet.enrol(host, { app: 'pair' });
    await fleet.connected(1);
    await apply(8080);
  });
  afterAll(async () => {
    await fleet?.stop();
    await lab?.remove();
  });

  const apply = async (port: number) => {
    const from = await writePolicy(join(directory, `policy-${port}`), { 'policy.yaml': policy(port) });
    const { stdout, exitCode } = await fleet.segwall(['apply', from, '--wait', '--json']);
    return { ...(JSON.parse(stdout) as { revision: number; nacked: []; pending: []; open: string[] }), exitCode };
  };
  const passes = async () => {
    const ports = [8080, 5432];
    const outcomes = await peer.probe(ports.map((port) => ({ transport: 'tcp', port, address: '10.84.0.1' })));
    return ports.filter((_, at) => outcomes[at]?.kind === 'allowed');
  };
  const command = (...args: string[]) =>
    agent.host.exec([process.execPath, programPath('segwall-agent'), ...args, '--state', agent.stateDirectory], {
      timeoutMs: 40_000,
    });
  const must = async (...args: string[]) => {
    const result = await command(...args);
    expect(result.exitCode, result.stderr).toBe(0);
    return result.stdout;
  };
  const row = async () => (await fleet.segwallJson<readonly AgentRow[]>(['agents']))[0];
  const told = async () => {
    const { stdout } = await fleet.segwall(['audit', '--json']);
    const entries = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { action: string; actor: string; details: Record<string, string> });
    return entries.filter(({ action }) => ['opened', 'resumed', 'table-tampered'].includes(action));
  };
  const connected = () =>
    waitFor(async () => (await agent.status())?.connected, { what: 'the agent is back', explain: () => fleet.logs() });

  test('is opened by panic at once, and says so here and at the control plane', async () => {
    expect(await passes()).toEqual([8080]);
    expect(await must('panic', '--reason', 'shop down')).toContain('stays open, also after a reboot');
    expect(await passes()).toEqual([8080, 5432]);
    const view = await waitFor(async () => ((await row())?.panic === undefined ? false : row()), {
      what: 'it is known',
    });
    expect(view).toMatchObject({ enforcing: 'no', panic: { reason: 'shop down' } });
    expect((await fleet.segwall(['status'])).stdout).toMatch(/open\s+h1: opened at the console/);
    expect(await agent.status()).toMatchObject({ mode: 'open', panic: { reason: 'shop down' }, isOpened: true });
  });

  test('acknowledges and keeps what policy comes meanwhile, and stays open, restarted, and at boot', async () => {
    const { revision, ...applied } = await apply(5432);
    // It holds the policy and does not enforce it: whoever waits for the apply hears so.
    expect(applied).toMatchObject({ acked: ['h1'], nacked: [], pending: [], open: ['h1'], exitCode: 1 });
    expect(await row()).toMatchObject({ acked: revision, enforcing: 'no', protection: 'open' });
    expect(await passes()).toEqual([8080, 5432]);
    await agent.kill('SIGKILL');
    expect(await must('restore')).toContain('stays open until segwall-agent resume');
    agent.start();
    await connected();
    expect(await passes()).toEqual([8080, 5432]);
    expect(await agent.status()).toMatchObject({ applied: revision, isOpened: true });
  });

  test('enforces the newest policy after resume', async () => {
    expect(await must('resume')).toMatch(/revision \d+ is in force/);
    expect(await passes()).toEqual([5432]);
    expect(await must('resume')).toContain('nothing to resume');
    await waitFor(async () => (await row())?.enforcing === 'yes', { what: 'it is known' });
  });

  test('is opened while its agent hangs, and the agent that wakes leaves it open', async () => {
    process.kill(agent.pid(), 'SIGSTOP');
    try {
      await must('panic');
      expect(await passes()).toEqual([8080, 5432]);
    } finally {
      process.kill(agent.pid(), 'SIGCONT');
    }
    await waitFor(async () => (await agent.status())?.connected, { what: 'it answers' });
    await apply(8080);
    expect(await passes()).toEqual([8080, 5432]);
    await must('resume');
    expect(await passes()).toEqual([8080]);
  });

  test('is opened and closed while agent and control plane are dead; both are told when they are back', async () => {
    await fleet.killControlPlane();
    await agent.kill('SIGKILL');
    const before = { panic: await must('panic', '--reason', 'fire') };
    expect(before.panic).toContain('the host is open');
    expect(await passes()).toEqual([8080, 5432]);
    expect(await must('resume')).toMatch(/revision \d+ is in force/);
    expect(await passes()).toEqual([8080]);
    await must('panic', '--reason', 'again');
    await fleet.startControlPlane();
    agent.start();
    await connected();
    expect(await passes()).toEqual([8080, 5432]);
    await must('resume');
    const all = await waitFor(
      async () => {
        const entries = await told();
        return entries.length >= 8 ? entries : false;
      },
      { what: 'all is in the audit log', timeoutMs: 20_000 },
    );
    expect(all.map(({ action, details }) => `${action} ${details['reason'] ?? ''}`.trim())).toEqual([
      'opened shop down',
      'resumed',
      'opened',
      'resumed',
      'opened fire',
      'resumed',
      'opened again',
      'resumed',
    ]);
  });

  test('has a stranger’s change in the audit chain with who did it', async () => {
    const deleted = await agent.host.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
    expect(deleted.exitCode).toBe(0);
    const entry = await waitFor(async () => (await told()).find(({ action }) => action === 'table-tampered'), {
      what: 'it is told',
      timeoutMs: 20_000,
    });
    expect(entry).toMatchObject({
      actor: 'agent/h1',
      details: {
        by: expect.stringMatching(/^nft \(pid \d+\)$/),
        what: expect.stringMatching(/^table deleted/),
        changes: '1',
      },
    });
    expect(await passes()).toEqual([8080]);
    expect((await fleet.segwall(['status'])).stdout).toMatch(/tampered\s+h1: someone else changed the table/);
    expect((await fleet.segwall(['audit', '--verify'])).stdout).toContain('intact');
  });

  test('has it also where the agent is killed before the incident of tampering is over', async () => {
    const tampered = async () => (await told()).filter(({ action }) => action === 'table-tampered');
    const before = (await tampered()).length;
    const underWay = join(agent.stateDirectory, 'events', 'under-way');
    await agent.host.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
    await waitFor(() => existsSync(underWay), { what: 'it is put back', intervalMs: 5 });
    await agent.kill('SIGKILL');
    expect((await tampered()).length).toBe(before);
    agent.start();
    await connected();
    await waitFor(async () => (await tampered()).length > before, { what: 'it is told', timeoutMs: 20_000 });
    expect((await tampered()).slice(before)).toMatchObject([
      { actor: 'agent/h1', details: { by: expect.stringMatching(/^nft \(pid \d+\)$/), repairs: '1' } },
    ]);
    expect(existsSync(underWay)).toBe(false);
    expect(await passes()).toEqual([8080]);
  });

  test('has what a stranger changed while no agent ran there too, and not what panic and resume did then', async () => {
    const tampered = async () => (await told()).filter(({ action }) => action === 'table-tampered');
    const before = (await tampered()).length;
    await agent.kill('SIGKILL');
    await must('panic');
    await must('resume');
    await agent.host.exec(['nft', 'flush', 'chain', 'inet', 'segwall', 'input']);
    agent.start();
    await connected();
    await waitFor(async () => (await tampered()).length > before, { what: 'it is told', timeoutMs: 20_000 });
    expect((await tampered()).slice(before)).toMatchObject([
      { actor: 'agent/h1', details: { by: 'unknown: no agent ran', what: 'chain changed: input', repairs: '1' } },
    ]);
    expect(await passes()).toEqual([8080]);
  });
});

test('run, panic and open name a directory that is not there, and make none', async () => {
  const lab = await createLab({ name: 'panicless' });
  try {
    const host = await lab.addHost({ name: 'h1', ipv4: '10.84.1.1' });
    const main = programPath('segwall-agent');
    const state = join(tmpdir(), `segwall-nonexistent-${process.pid}`);
    for (const words of [['run'], ['panic'], ['open', '--yes']]) {
      const result = await host.exec([process.execPath, main, ...words, '--state', state]);
      expect(result.exitCode).toBe(2);
      expect(result.stderr).toContain('error: no-state-directory');
      expect(existsSync(state)).toBe(false);
    }
  } finally {
    await lab.remove();
  }
});
