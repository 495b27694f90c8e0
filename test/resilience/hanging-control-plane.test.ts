// What stops without a word: a control plane that hangs, its connections open, and a network namespace whose name is deleted while the agent
// runs in it. Either way the host goes on enforcing, says what it knows, and takes new policy as soon as there is any.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { programPath } from '#test/support/programs.ts';
import { run } from '#test/support/run-command.ts';
import { waitFor } from '#test/support/wait.ts';
import { type FedAgent, feedAgent } from './fed-agent.ts';

const address = '10.89.1.1';
let lab: Lab;
let host: LabHost;
let peer: LabHost;
let agent: FedAgent;

beforeAll(async () => {
  lab = await createLab({ name: 'hanging' });
  const [controlPlane, enforcing, other] = await Promise.all([
    lab.addHost({ name: 'control', ipv4: '10.89.1.9' }),
    lab.addHost({ name: 'h1', ipv4: address }),
    lab.addHost({ name: 'peer', ipv4: '10.89.1.2' }),
  ]);
  [host, peer] = [enforcing, other];
  agent = await feedAgent({ lab, controlPlane, host });
  agent.start();
  await opened(1, 80);
}, 120_000);
afterAll(async () => {
  await agent?.stop();
  await lab?.remove();
});

async function opened(revision: number, port: number): Promise<void> {
  await agent.apply({ revision, addresses: [address], inbound: 'enforce', allowIn: [`any: tcp/${port}`] });
}

/** Nobody listens: what passes is refused by the kernel behind the rules. */
async function passes(port: number): Promise<boolean> {
  const connect = `timeout 3 bash -c '</dev/tcp/${address}/${port}'`;
  return /refused/.test((await peer.exec(['bash', '-c', connect])).stderr);
}

/** By its socket, which no namespace of the network keeps from anybody. */
async function status(): Promise<{ readonly connected?: boolean; readonly connection?: { readonly reason?: string } }> {
  const args = ['status', '--json', '--state', agent.stateDirectory];
  const { stdout } = await run([process.execPath, programPath('segwall-agent'), ...args]);
  return stdout === '' ? {} : (JSON.parse(stdout) as Awaited<ReturnType<typeof status>>);
}

test('beside a control plane that hangs it goes on enforcing, says so, and comes back when that goes on', async () => {
  expect([await passes(80), await passes(81)]).toEqual([true, false]);
  agent.signalControlPlane('SIGSTOP');
  const lost = await waitFor(
    async () => {
      const now = await status();
      return now.connected === false && now.connection?.reason ? now.connection.reason : undefined;
    },
    { what: 'the agent says that it is not connected, and why', timeoutMs: 180_000, intervalMs: 1000 },
  );
  expect(lost).toMatch(/nothing heard from the control plane/);
  expect([await passes(80), await passes(81)]).toEqual([true, false]);
  agent.signalControlPlane('SIGCONT');
  await waitFor(async () => (await status()).connected === true, {
    what: 'it is connected again',
    timeoutMs: 180_000,
    intervalMs: 1000,
  });
  await opened(2, 81);
  expect([await passes(80), await passes(81)]).toEqual([false, true]);
}, 400_000);

test('in a network namespace whose name is deleted it goes on enforcing, and takes new policy', async () => {
  expect(await run(['ip', 'netns', 'del', host.namespace])).toMatchObject({ exitCode: 0 });
  expect((await host.exec(['true'])).exitCode).not.toBe(0);
  expect([await passes(81), await passes(82)]).toEqual([true, false]);
  await opened(3, 82);
  expect([await passes(81), await passes(82)]).toEqual([false, true]);
  expect(await status()).toMatchObject({ connected: true });
}, 120_000);
