// The CA is replaced under a real agent with real rules in the kernel: what was allowed goes on, what was denied stays so, at every step, and
// the agent ends with the new CA alone.

import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startFleet, writePolicy } from '#test/support/fleet.ts';
import { createLab } from '#test/support/lab.ts';
import { startProbe } from '#test/support/probe.ts';
import { waitFor } from '#test/support/wait.ts';

interface Standing {
  readonly present: { readonly fingerprint: string };
  readonly next?: { readonly fingerprint: string; readonly moved: number };
}
interface Status {
  readonly agents: { readonly connected: number };
  readonly rotation?: { readonly hosts: number; readonly moved: number };
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
const address = '10.88.0.1';
// Hosts that are told at once move within minutes, each in its turn: this one is first.
const first = { NODE_OPTIONS: '--import=data:text/javascript,Math.random=()=>0.001' };

test('traffic goes on while a host moves to another CA, and policy reaches it by the new one alone', async () => {
  const lab = await createLab({ name: 'rotation' });
  onTestFinished(() => lab.remove());
  const directory = await mkdtemp(join(tmpdir(), 'segwall-rotation-'));
  lab.alsoRemove(directory);
  const [controlPlane, host, other] = await Promise.all([
    lab.addHost({ name: 'control', ipv4: '10.88.0.9' }),
    lab.addHost({ name: 'h1', ipv4: address }),
    lab.addHost({ name: 'peer', ipv4: '10.88.0.2' }),
  ]);
  const [peer, server] = await Promise.all([startProbe(other), startProbe(host)]);
  await server.listen([8080, 5432].map((port) => ({ transport: 'tcp' as const, port })));
  const fleet = await startFleet({ controlPlane, directory });
  onTestFinished(() => fleet.stop());
  const agent = await fleet.enrolWithToken(host, await fleet.token({ app: 'pair' }, 1), { env: first });
  await fleet.connected(1);
  const apply = async (port: number) => {
    const from = await writePolicy(join(directory, `policy-${port}`), { 'policy.yaml': policy(port) });
    const { exitCode, stderr } = await fleet.segwall(['apply', from, '--wait']);
    expect(exitCode, stderr).toBe(0);
  };
  const passes = async () => {
    const ports = [8080, 5432];
    const outcomes = await peer.probe(ports.map((port) => ({ transport: 'tcp', port, address })));
    return ports.filter((_, at) => outcomes[at]?.kind === 'allowed');
  };
  const ask = async <T>(method: string, path: string): Promise<T> => {
    const { status, body } = await fleet.api({
      method,
      path: `/api/v1${path}`,
      ...(method === 'GET' ? {} : { body: {} }),
    });
    if (status !== 200) throw new Error(body);
    return JSON.parse(body) as T;
  };
  const received = async () => {
    const { state, received: count } = (await peer.held('client'))['shop'] ?? { state: 'closed', received: 0 };
    expect(state).toBe('open');
    return count;
  };

  await apply(8080);
  await peer.hold({ id: 'shop', transport: 'tcp', port: 8080, address, intervalMs: 50 });
  expect(await passes()).toEqual([8080]);
  const before = await ask<Standing>('GET', '/ca');
  const began = await ask<Standing>('POST', '/ca/rotate');
  expect(began.present).toEqual(before.present);
  await waitFor(async () => (await ask<Status>('GET', '/status')).rotation?.moved === 1, {
    what: 'the host uses the next CA',
    timeoutMs: 120_000,
    explain: () => agent.log(),
  });
  expect(await passes()).toEqual([8080]);
  const retired = await ask<Standing>('POST', '/ca/retire');
  expect(retired.present.fingerprint).toBe(began.next?.fingerprint);
  const trusted = new X509Certificate(await readFile(join(agent.stateDirectory, 'identity', 'ca.pem')));
  expect(trusted.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(retired.present.fingerprint);
  // What was open went through all of it, and is still read from.
  const seen = await received();
  await waitFor(async () => (await received()) > seen, { what: 'the open connection goes on' });
  await apply(5432);
  expect(await passes()).toEqual([5432]);
});
