// Who may use the way to the control plane, and who may close it, by a real agent behind a router: another process of the host is under
// policy there like anywhere else, and neither the network nor whoever takes the host's ports undoes a policy.

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { type FedAgent, feedAgent } from '#test/resilience/fed-agent.ts';
import { startLineProcess } from '#test/resilience/line-process.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';

const own = '10.88.0.1';
const far = '10.88.0.9';
const middle = '10.88.0.5';

let lab: Lab;
let host: LabHost;
let router: LabHost;
let agent: FedAgent;
let revision = 1;

/** Denies everything outbound but what is granted. Each differs from the one before, and takes away what that one granted. */
function closed(...allowOut: readonly string[]): HostPolicy & { readonly revision: number } {
  revision += 1;
  const peers = { control: [far], once: [`10.88.1.${revision % 250}`] };
  return { revision, addresses: [own], outbound: 'enforce', peers, allowOut: [...allowOut, 'once: tcp/1'] };
}

const inForce = async (): Promise<unknown> => (await agent.status())['applied'];

/** What the router does with connections that begin; replies and the stream pass. */
async function routerDrops(rules: string): Promise<void> {
  const set = await router.exec(['nft', '-f', '-'], {
    input: `table ip middle\ndelete table ip middle\ntable ip middle {\nchain forward {\ntype filter hook forward priority 0\n${rules}\n}\n}\n`,
  });
  expect(set.stderr).toBe('');
}

/** "open" or "closed": a connection to the control plane by a process of that user. */
async function reachOf(uid: number): Promise<string> {
  const script = `
    process.setgid(${uid}); process.setuid(${uid});
    const socket = require('node:net').connect({ host: '${far}', port: 7443, timeout: 1500 });
    const say = (word) => { console.log(word); process.exit(0); };
    socket.on('connect', () => say('open')).on('timeout', () => say('closed')).on('error', ({ code }) => say(code));`;
  const { stdout, stderr } = await host.exec([process.execPath, '-e', script]);
  return stdout.trim() || stderr;
}

beforeAll(async () => {
  lab = await createLab({ name: 'way' });
  lab.alsoRemove(mkdtempSync(join(tmpdir(), 'segwall-way-')));
  const controlPlane = await lab.addHost({ name: 'control', ipv4: far });
  host = await lab.addHost({ name: 'h1', ipv4: own });
  router = await lab.addHost({ name: 'router', ipv4: middle });
  await router.exec(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.all.send_redirects=0']);
  for (const [at, to] of [
    [host, far],
    [controlPlane, own],
  ] as const) {
    await at.exec(['sysctl', '-qw', 'net.ipv4.conf.all.accept_redirects=0', 'net.ipv4.conf.eth0.accept_redirects=0']);
    await at.exec(['ip', 'route', 'replace', `${to}/32`, 'via', middle]);
  }
  await routerDrops('');
  agent = await feedAgent({ lab, controlPlane, host });
  agent.start();
  await agent.apply(closed());
}, 120_000);

afterAll(async () => {
  await agent?.stop();
  await lab?.remove();
});

test('the way is the agent’s: a process of another user is under policy there, also where policy opens and closes it', async () => {
  const seen = { denied: await reachOf(1234), own: await reachOf(0) };
  await agent.apply(closed('control: tcp/7443'));
  const granted = await reachOf(1234);
  await agent.apply(closed());
  expect({ ...seen, granted, again: await reachOf(1234) }).toEqual({
    denied: 'closed',
    own: 'open',
    granted: 'open',
    again: 'closed',
  });
  expect(await agent.streams()).toBe(1);
});

test('the agent finds its way after a kill, and after a stranger empties its chain', async () => {
  await agent.kill();
  agent.start();
  await agent.apply(closed());
  const { stdout } = await host.exec(['nft', '-t', 'list', 'table', 'inet', 'segwall']);
  const chain = /chain (own_\d+_\d+) /.exec(stdout)?.[1] ?? 'none';
  await host.exec(['nft', 'flush', 'chain', 'inet', 'segwall', chain]);
  await waitFor(
    async () => (await host.exec(['nft', 'list', 'chain', 'inet', 'segwall', chain])).stdout.includes('meta skuid'),
    {
      what: 'the chain is whole again',
    },
  );
  await agent.apply(closed());
  expect(await reachOf(1234)).toBe('closed');
});

test.each([
  // The first that begins is the try before the change.
  ['from the change on', 'tcp dport 7443 tcp flags & (syn|ack) == syn limit rate over 1/hour burst 1 packets drop;'],
  ['before it and after', 'tcp dport 7443 tcp flags & (syn|ack) == syn drop;'],
])(
  'a network that lets no connection to the control plane begin, %s, undoes nothing, though others are denied there',
  async (_, rules) => {
    // All the while another process asks for the same, and is denied it by us.
    const script = `
    process.setgid(1234); process.setuid(1234);
    const ask = () => require('node:net').connect({ host: '${far}', port: 7443 }).on('error', () => undefined);
    setInterval(ask, 20); ask(); console.log('{}');`;
    const asking = startLineProcess(host, [process.execPath, '-e', script], 'greets');
    await asking.first;
    await routerDrops(rules);
    await agent.apply(closed());
    asking.stop();
    expect(await inForce()).toBe(revision);
    await routerDrops('');
  },
);

test('who takes all ports of the host undoes nothing', async () => {
  await host.exec(['sysctl', '-qw', 'net.ipv4.ip_local_port_range=40000 40003']);
  const script = `
    let left = 4;
    for (let port = 40000; port < 40004; port += 1)
      require('node:net').createServer().listen(port, '0.0.0.0', () => { left -= 1; if (left === 0) console.log('{}'); })
        .on('error', () => { left -= 1; if (left === 0) console.log('{}'); });`;
  const taking = startLineProcess(host, [process.execPath, '-e', script], 'greets');
  await taking.first;
  expect(await reachOf(0)).toBe('EADDRNOTAVAIL');
  await agent.apply(closed());
  expect(await inForce()).toBe(revision);
  taking.stop();
  await host.exec(['sysctl', '-qw', 'net.ipv4.ip_local_port_range=32768 60999']);
});

test('a control plane that is gone while its change is made undoes nothing, a quarantine among them', async () => {
  await agent.send(closed());
  await router.exec(['ip', 'link', 'set', 'eth0', 'down']);
  await router.exec(['ip', 'link', 'set', 'eth0', 'up']);
  await agent.acked(revision);
  await routerDrops('drop;');
  await routerDrops('');
  await agent.send({ ...closed(), quarantine: [] });
  await routerDrops('drop;');
  await waitFor(async () => (await inForce()) === revision, { what: 'the quarantine is in force' });
  expect((await agent.status())['quarantines']).toMatchObject([{ name: 'h1' }]);
  await routerDrops('');
});
