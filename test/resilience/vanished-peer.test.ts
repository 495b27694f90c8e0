// A network that ends without a word: agent and control plane each end of themselves when they are told to. What they sent is not acknowledged,
// nobody closes a connection, and the control plane has no route. What either gives itself to stop is less than its unit's TimeoutStopSec; how long
// that is on a busy machine is nobody's to say here, so the test ends them only when they plainly wait for the network.

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fleet, startFleet } from '#test/support/fleet.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';

let lab: Lab;
let fleet: Fleet;

beforeAll(async () => {
  lab = await createLab({ name: 'vanish' });
  const directory = await mkdtemp(join(tmpdir(), 'segwall-vanish-'));
  lab.alsoRemove(directory);
  const [controlPlane, one, other] = [
    await lab.addHost({ name: 'control', ipv4: '10.88.1.9' }),
    await lab.addHost({ name: 'h1', ipv4: '10.88.1.1' }),
    await lab.addHost({ name: 'h2', ipv4: '10.88.1.2' }),
  ];
  fleet = await startFleet({ controlPlane, directory });
  await fleet.enrol(one, { app: 'shop' });
  await fleet.enrol(other, { app: 'shop' });
  await fleet.connected(2);
}, 240_000);
afterAll(async () => {
  await fleet?.stop();
  await lab?.remove();
});

/** Bytes that a connection of the host's to or from the agents' port holds, unacknowledged. */
async function isOwed(host: LabHost): Promise<boolean> {
  const { stdout } = await host.exec(['cat', '/proc/net/tcp']);
  return stdout.split('\n').some((line) => {
    const [, local = '', remote = '', state, queues = ''] = line.trim().split(/\s+/);
    const isAgents = [local, remote].some((end) => end.endsWith(':1D13'));
    return isAgents && state === '01' && Number.parseInt(queues.split(':')[0] ?? '', 16) > 0;
  });
}

const unwaited = 90_000;

test('both end with exit code 0 beside a peer that vanished', async () => {
  const hosts = [fleet.controlPlane, ...lab.hosts.values()];
  const cut = await fleet.controlPlane.exec(['ip', 'link', 'set', 'eth0', 'down']);
  expect(cut).toMatchObject({ exitCode: 0 });
  for (const host of hosts)
    await waitFor(() => isOwed(host), { what: `${host.name} waits for its peer`, timeoutMs: 60_000 });
  const agents = [...fleet.agents.values()];
  const impatient = setTimeout(() => {
    for (const agent of agents) process.kill(agent.pid(), 'SIGKILL');
    void fleet.killControlPlane();
  }, unwaited);
  const ends = await Promise.all([...agents.map((agent) => agent.kill('SIGTERM')), fleet.killControlPlane('SIGTERM')]);
  clearTimeout(impatient);
  expect(ends, fleet.logs()).toEqual([0, 0, 0]);
}, 300_000);
