// What a fleet promises to those who fear locking themselves out, breaking production, or a rule that silently does not hold:
// agents die and return, the control plane dies and returns, policies are wrong, and through all of it the kernels hold.

import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commandError, type Fleet, type FleetAgent, startFleet, writePolicy } from '#test/support/fleet.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import type { Listener } from '#test/support/probe-protocol.ts';
import { waitFor } from '#test/support/wait.ts';

const services: readonly Listener[] = [
  { transport: 'tcp', port: 8080 },
  { transport: 'tcp', port: 5432 },
];

function ring(mode: 'observe' | 'enforce', port: number): string {
  return `apiVersion: segwall/v1
kind: Segment
metadata: { name: pair }
spec:
  selector: app == "pair"
  inbound: ${mode}
  outbound: observe
  rules:
    - { name: a-to-b, from: [{ workloads: 'role == "a"' }], to: [{ workloads: 'role == "b"' }], services: [tcp/${port}] }
`;
}

interface LiveWorkload {
  readonly name: string;
  readonly kind: string;
  readonly host?: string;
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly facts: Readonly<Record<string, string>>;
}

/** As a file for offline work says what the control plane says. */
function inventoryDocument({ name, labels, host, kind, addresses, facts }: LiveWorkload) {
  return {
    apiVersion: 'segwall/v1',
    kind: 'Workload',
    metadata: { name, labels },
    spec: { host, kind, addresses, facts },
  };
}

describe('a fleet in force', () => {
  let lab: Lab;
  let fleet: Fleet;
  let directory: string;
  let a: HostProbe;
  let b: HostProbe;
  let agent: FleetAgent;

  beforeAll(async () => {
    lab = await createLab({ name: 'e2e' });
    directory = await mkdtemp(join(tmpdir(), 'segwall-e2e-'));
    lab.alsoRemove(directory);
    const [controlPlane, hostA, hostB] = await Promise.all([
      lab.addHost({ name: 'control', ipv4: '10.80.0.9', ipv6: 'fd80::9' }),
      lab.addHost({ name: 'a', ipv4: '10.80.0.1', ipv6: 'fd80::1' }),
      lab.addHost({ name: 'b', ipv4: '10.80.0.2', ipv6: 'fd80::2' }),
    ]);
    [a, b] = await Promise.all([startProbe(hostA), startProbe(hostB)]);
    await b.listen(services);
    fleet = await startFleet({ controlPlane, directory });
    [, agent] = await Promise.all([
      fleet.enrol(hostA, { app: 'pair', role: 'a' }),
      fleet.enrol(hostB, { app: 'pair', role: 'b' }),
    ]);
    await fleet.connected(2);
    await apply(ring('observe', 8080), 'observed');
    await apply(ring('enforce', 8080), 'enforced');
  });
  afterAll(async () => {
    await fleet?.stop();
    await lab?.remove();
  });

  async function apply(text: string, name: string): Promise<number> {
    const from = await writePolicy(join(directory, name), { 'policy.yaml': text });
    const applied = await fleet.segwallJson<{ revision: number; nacked: unknown[]; pending: unknown[] }>([
      'apply',
      from,
      '--wait',
    ]);
    expect(applied).toMatchObject({ nacked: [], pending: [] });
    return applied.revision;
  }

  async function reachable(): Promise<readonly string[]> {
    const { ipv4 = '', ipv6 = '' } = b.host;
    const targets = [ipv4, ipv6].flatMap((address) => services.map((service) => ({ ...service, address })));
    return (await a.probe(targets)).map(({ kind }, at) => `${targets[at]?.address} ${targets[at]?.port} ${kind}`);
  }

  const granted = ['10.80.0.2 8080 allowed', '10.80.0.2 5432 dropped', 'fd80::2 8080 allowed', 'fd80::2 5432 dropped'];

  /** Handles are the kernel's own numbers of rules and chains: they change when anything is loaded anew. */
  async function kernel(): Promise<string> {
    const listing = await b.host.exec(['nft', '-a', '-s', 'list', 'ruleset']);
    expect(listing.exitCode).toBe(0);
    return listing.stdout.replaceAll(/(\tset (?:den|seen|share)_\S+ \{[^}]*?)\n\t\telements = \{[^}]*\}/g, '$1');
  }

  /** Killed before it has listed its last change, the next agent could not tell whether anyone touched the table, and would load it. */
  async function hasListed(ruleset: string): Promise<void> {
    const [state] = /revision=[^"]*/.exec(ruleset) ?? [];
    const path = join(agent.stateDirectory, 'last-good', 'fingerprint');
    const listed = async () => JSON.parse(await readFile(path, 'utf8')) as { state: string; listing: string };
    await waitFor(
      async () => {
        const record = await listed().catch(() => undefined);
        return record?.state === state && record?.listing !== '';
      },
      { what: 'the agent has listed its last change', timeoutMs: 20_000 },
    );
  }

  test('decides as its policy says', async () => {
    expect(await reachable()).toEqual(granted);
  });

  test('keeps its rules when an agent is killed, and the next agent adopts them without touching the kernel', async () => {
    const before = await kernel();
    await hasListed(before);
    await agent.kill('SIGKILL');
    expect(await reachable()).toEqual(granted);
    agent.start();
    await waitFor(async () => (await agent.status())?.connected, {
      what: 'the agent is back',
      explain: () => fleet.logs(),
    });
    expect(await kernel()).toBe(before);
    expect(await reachable()).toEqual(granted);
  });

  test('refuses a policy that is wrong, says where, and changes nothing', async () => {
    const before = await kernel();
    const wrong = ring('enforce', 8080).replace('app == "pair"', 'app == pair');
    const from = await writePolicy(join(directory, 'wrong'), { 'policy.yaml': wrong });
    const result = await fleet.segwall(['apply', from, '--wait']);
    expect(result.exitCode).toBe(1);
    expect(`${result.stdout}${result.stderr}`).toContain('policy.yaml:5:');
    expect(await kernel()).toBe(before);
    expect(await reachable()).toEqual(granted);
  });

  test('enforces without its control plane, spools its flows, and delivers them when it is back', async () => {
    await fleet.killControlPlane();
    const since = Date.now();
    expect(await reachable()).toEqual(granted);
    await agent.kill('SIGKILL');
    agent.start();
    await waitFor(async () => (await agent.status())?.connected === false, { what: 'the agent is up on its own' });
    expect(await reachable()).toEqual(granted);
    await waitFor(
      async () => (await agent.host.exec(['find', join(agent.stateDirectory, 'spool'), '-type', 'f'])).stdout,
      {
        what: 'flows are on disk',
      },
    );
    await fleet.startControlPlane();
    await fleet.connected(2);
    const verdicts = async () => {
      const { body } = await fleet.api({ method: 'GET', path: `/api/v1/flows?since=${since}&limit=1000` });
      const flows = JSON.parse(body) as {
        to: { workload?: string };
        port: number;
        direction: string;
        verdict: string;
      }[];
      const atServer = flows.filter(({ to, direction }) => to.workload === 'b' && direction === 'inbound');
      return [...new Set(atServer.map(({ port, verdict }) => `${port} ${verdict}`))].sort();
    };
    await waitFor(async () => (await verdicts()).join() === '5432 deny,8080 allow', {
      what: 'the flows of the time without a control plane have arrived',
      timeoutMs: 20_000,
      explain: async () => `${await verdicts()}\n${fleet.logs()}`,
    });
  });

  test('takes a policy that grants something else, and rolls back to the one before', async () => {
    await apply(ring('enforce', 5432), 'other');
    expect(await reachable()).toEqual([
      '10.80.0.2 8080 dropped',
      '10.80.0.2 5432 allowed',
      'fd80::2 8080 dropped',
      'fd80::2 5432 allowed',
    ]);
    const rolled = await fleet.segwall(['rollback', '--wait']);
    if (rolled.exitCode !== 0) throw commandError(['segwall', 'rollback'], rolled);
    expect(await reachable()).toEqual(granted);
  });

  test('puts its table back when a stranger deletes it', async () => {
    expect(await b.host.exec(['nft', 'delete', 'table', 'inet', 'segwall'])).toMatchObject({ exitCode: 0 });
    await waitFor(async () => (await b.host.exec(['nft', 'list', 'table', 'inet', 'segwall'])).exitCode === 0, {
      what: 'the table is back',
    });
    expect(await reachable()).toEqual(granted);
  });

  test('a host loads the very script that policy render prints for it', async () => {
    // A mark mask of its own, by its name, and rules from nothing, since it comes after the policy.
    const hostD = await lab.addHost({ name: 'd', ipv4: '10.80.0.4', ipv6: 'fd80::4' });
    const elsewhere = await lab.addHost({ name: 'elsewhere' });
    const agentD = await fleet.enrol(hostD, { app: 'pair', role: 'b' });
    await fleet.connected(3);
    await waitFor(async () => Number((await agentD.status())?.applied) > 0, { what: 'd has its rules' });

    const workloads = await fleet.segwallJson<readonly LiveWorkload[]>(['workloads']);
    const inventory = join(directory, 'live.yaml');
    await writeFile(inventory, workloads.map((one) => JSON.stringify(inventoryDocument(one))).join('\n---\n'));
    const rendered = await fleet.segwall([
      ...['policy', 'render', join(directory, 'enforced'), '--inventory', inventory, '--host', 'd'],
      ...['--settings', join(agentD.stateDirectory, 'agent.yaml'), '--control-plane', fleet.firstStart.agents],
    ]);
    expect(rendered).toMatchObject({ exitCode: 0, stderr: '' });
    expect(await elsewhere.exec(['nft', '-f', '-'], { input: rendered.stdout })).toMatchObject({ exitCode: 0 });

    const listing = async (host: LabHost) => {
      const { stdout } = await host.exec(['nft', '-s', 'list', 'table', 'inet', 'segwall']);
      return stdout.replace(/comment "revision=\d+ /, 'comment "revision=N ');
    };
    expect(await listing(elsewhere)).toBe(await listing(hostD));
    expect(rendered.stdout).toContain('7443');

    await agentD.kill('SIGKILL');
    await fleet.segwallJson(['agents', 'remove', 'd']);
    fleet.forget('d');
    await Promise.all([hostD.remove(), elsewhere.remove()]);
    await fleet.connected(2);
  });
});
