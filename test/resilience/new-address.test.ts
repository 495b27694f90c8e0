// A live host gets another address, by DHCP or by hand: the stream that went out from the old one is renewed at once, and not when somebody's
// patience ends, half a minute later. Under enforcement, for the way to the control plane must not depend on the address either.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { type FedAgent, feedAgent } from './fed-agent.ts';

let lab: Lab;
let host: LabHost;
let agent: FedAgent;

beforeAll(async () => {
  lab = await createLab({ name: 'moving' });
  const [controlPlane, moving] = await Promise.all([
    lab.addHost({ name: 'control', ipv4: '10.87.1.9' }),
    lab.addHost({ name: 'h1', ipv4: '10.87.1.1' }),
  ]);
  host = moving;
  agent = await feedAgent({ lab, controlPlane, host });
  agent.start();
  await agent.apply({ revision: 1, addresses: ['10.87.1.1'], inbound: 'enforce', outbound: 'enforce' });
}, 120_000);
afterAll(async () => {
  await agent?.stop();
  await lab?.remove();
});

/** Less than the silence after which a stream is given up in any case. */
const timeoutMs = 30_000;

const rows = [
  [
    'a new address, and the old one goes',
    '10.87.1.2',
    'ip addr add 10.87.1.2/32 dev eth0; ip addr del 10.87.1.1/24 dev eth0',
  ],
  [
    'the old address goes, and a new one comes',
    '10.87.1.3',
    'ip addr del 10.87.1.2/32 dev eth0; sleep 1; ip addr add 10.87.1.3/32 dev eth0',
  ],
] as const;

test.each(rows)('%s', async (_what, address, script) => {
  const before = await agent.streams();
  const moved = await host.exec(['sh', '-ec', `${script}; ip route replace default dev eth0`]);
  expect(moved).toMatchObject({ exitCode: 0, stderr: '' });
  await waitFor(async () => (await agent.streams()) > before && (await agent.helloAddresses()).includes(address), {
    what: `the agent has another stream, from ${address}`,
    timeoutMs,
    explain: async () => `${await agent.streams()} streams, the newest from a host of ${await agent.helloAddresses()}`,
  });
  await agent.acked(1);
  await waitFor(async () => (await agent.status())['connected'] === true, { what: 'it is connected' });
});

test('an address that the stream does not use goes, and the stream stays', async () => {
  const before = await agent.streams();
  await host.exec(['sh', '-ec', 'ip addr add 10.87.1.77/32 dev lo']);
  await waitFor(async () => ((await agent.status())['addresses'] as readonly string[]).includes('10.87.1.77'), {
    what: 'it is seen',
  });
  await host.exec(['sh', '-ec', 'ip addr del 10.87.1.77/32 dev lo']);
  await waitFor(async () => !((await agent.status())['addresses'] as readonly string[]).includes('10.87.1.77'), {
    what: 'it is gone',
  });
  expect(await agent.streams()).toBe(before);
});
