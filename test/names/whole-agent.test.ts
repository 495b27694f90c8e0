// A name from a policy file to a kernel: the operator applies it, the control plane sends the name and no address, the real agent
// learns from a resolver's answers, and what was let in is reported as the rule's.

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NamesStatus } from '#agent/dns/names.ts';
import { type Fleet, startFleet, writePolicy } from '#test/support/fleet.ts';
import { createLab, type Lab } from '#test/support/lab.ts';
import { startProbe } from '#test/support/probe.ts';
import { programPath } from '#test/support/programs.ts';
import { waitFor } from '#test/support/wait.ts';

const policy = `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: observe
  outbound: enforce
  rules:
    - { name: dns, from: [{ workloads: all() }], to: [{ cidr: 10.83.0.53/32 }], services: [udp/53, tcp/53] }
    - { name: api, from: [{ workloads: all() }], to: [{ fqdn: api.test.example }, { fqdn: "*.wild.example" }], services: [tcp/8080] }
`;

let lab: Lab;
let fleet: Fleet;

beforeAll(async () => {
  lab = await createLab({ name: 'whole' });
});

afterAll(async () => {
  await fleet?.stop();
  await lab?.remove();
});

test('a name in a policy file opens what a resolver says of it, and is reported as its rule', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'segwall-whole-names-'));
  lab.alsoRemove(directory);
  const controlPlane = await lab.addHost({ name: 'control', ipv4: '10.83.0.9' });
  const host = await lab.addHost({ name: 'host', ipv4: '10.83.0.1' });
  const dnsHost = await lab.addHost({ name: 'dns', ipv4: '10.83.0.53' });
  const serverHost = await lab.addHost({ name: 'server', ipv4: '10.83.0.10' });
  const dns = dnsHost.spawn([process.execPath, fileURLToPath(new URL('dns-server-process.ts', import.meta.url))]);
  await new Promise((resolve) => dns.stdout?.once('data', resolve));
  const zone = {
    'api.test.example': [{ owner: 'api.test.example', address: '10.83.0.10', ttl: 60 }],
    'other.test.example': [{ owner: 'other.test.example', address: '10.83.0.10', ttl: 60 }],
  };
  dns.stdin?.write(`${JSON.stringify({ zone })}\n`);
  const server = await startProbe(serverHost);
  await server.listen([
    { transport: 'tcp', port: 8080 },
    { transport: 'tcp', port: 8081 },
  ]);
  const client = await startProbe(host);
  fleet = await startFleet({ controlPlane, directory });
  const agent = await fleet.enrol(host, { app: 'shop' });
  await fleet.connected(1);
  await agent.kill('SIGTERM');
  await writeFile(
    join(agent.stateDirectory, 'agent.yaml'),
    'flows: { windowSeconds: 1 }\nnames: { resolvers: [10.83.0.53] }\n',
  );
  agent.start();
  await fleet.connected(1);
  const from = await writePolicy(join(directory, 'policy'), { 'policy.yaml': policy });
  const applied = await fleet.segwallJson<{ nacked: unknown[] }>(['apply', from, '--wait']);
  expect(applied).toMatchObject({ nacked: [], pending: [] });

  const status = async () => (await agent.status()) as unknown as { readonly names: NamesStatus } | undefined;
  const known = await waitFor(
    async () => {
      const names = (await status())?.names;
      return names?.names.some(({ addresses }) => addresses > 0) === true ? names : undefined;
    },
    { what: 'the agent knows an address', timeoutMs: 30_000 },
  );
  expect(known.names).toEqual([
    { name: '*.wild.example', addresses: 0, lost: 0 },
    { name: 'api.test.example', addresses: 1, lost: 0 },
  ]);
  expect(known.resolvers).toEqual(['10.83.0.53']);
  const reached = async (port: number) =>
    (await client.probe([{ transport: 'tcp', address: '10.83.0.10', port }]))[0]?.kind;
  await waitFor(async () => (await reached(8080)) === 'allowed', { what: 'the rule’s service is open' });
  expect(await reached(8081)).not.toBe('allowed');
  await waitFor(
    async () => {
      const { stdout } = await fleet.segwall(['flows', '--json']);
      return stdout
        .split('\n')
        .some((line) => line.includes('"10.83.0.10"') && line.includes('"api"') && line.includes('8080'));
    },
    { what: 'the flow is reported as the rule’s', timeoutMs: 30_000, intervalMs: 500 },
  );

  // As a boot: no agent, no table, no resolver.
  await agent.kill('SIGTERM');
  await host.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
  dns.stdin?.write(`${JSON.stringify({ silent: true })}\n`);
  const main = programPath('segwall-agent');
  const restored = await host.exec([process.execPath, main, 'restore', '--state', agent.stateDirectory]);
  expect(restored.stdout).toContain('in force');
  expect([await reached(8080), await reached(8081)]).toEqual(['allowed', expect.not.stringMatching('allowed')]);
});
