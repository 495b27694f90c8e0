// Policy that would cut a host off from its control plane does not: the way there is essential, by address, by name and through a
// proxy; where that layer is broken, the change is undone in time and refused, by a real agent each time.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { type FedAgent, feedAgent } from './fed-agent.ts';
import { startLineProcess } from './line-process.ts';

type Policy = HostPolicy & { readonly revision: number };
const observing = (revision: number): Policy => ({ revision, addresses: ['10.87.0.1'], inbound: 'observe' });
const closed = (revision: number, inbound: 'observe' | 'enforce', outbound: 'observe' | 'enforce'): Policy => ({
  revision,
  addresses: ['10.87.0.1'],
  inbound,
  outbound,
});

let lab: Lab;
let controlPlane: LabHost;
let host: LabHost;
let agent: FedAgent | undefined;
let directory: string;

beforeEach(async () => {
  lab = await createLab({ name: 'lockout' });
  directory = mkdtempSync(join(tmpdir(), 'segwall-lockout-'));
  lab.alsoRemove(directory);
  [controlPlane, host] = await Promise.all([
    lab.addHost({ name: 'control', ipv4: '10.87.0.9' }),
    lab.addHost({ name: 'h1', ipv4: '10.87.0.1' }),
  ]);
});
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
  await lab.remove();
});

/**
 * A program's own /etc/hosts, in a mount namespace of its own; what is written to the file later shows there. A bare machine has no such
 * file to mount over, so all of /etc is the program's own.
 */
function withHosts(text: string): { readonly wrapper: readonly string[]; write(text: string): void } {
  const etc = join(directory, 'etc');
  execFileSync('cp', ['-a', '/etc/.', etc]);
  const file = join(etc, 'hosts');
  writeFileSync(file, text);
  return {
    wrapper: ['unshare', '-m', 'sh', '-c', `mount --bind ${etc} /etc && exec "$@"`, 'sh'],
    write: (changed) => writeFileSync(file, changed),
  };
}

test.each([
  ['an outbound deny of everything', 'observe', 'enforce'],
  ['an inbound deny of everything, its answers among it', 'enforce', 'observe'],
  ['a deny of everything both ways', 'enforce', 'enforce'],
] as const)('by address: %s leaves the stream to the control plane as it is', async (_, inbound, outbound) => {
  agent = await feedAgent({ lab, controlPlane, host });
  agent.start();
  await agent.apply(observing(1));
  await agent.apply(closed(2, inbound, outbound));
  await agent.apply({ ...closed(3, inbound, outbound), peers: { web: ['10.87.0.7'] }, allowIn: ['web: tcp/80'] });
  expect(await agent.streams()).toBe(1);
});

test('by name: the control plane moves to another address, and the host that denies everything finds it there', async () => {
  const hosts = withHosts('10.87.0.9 cp.test\n');
  const { wrapper } = hosts;
  agent = await feedAgent({ lab, controlPlane, host, wrapper, enrolWith: 'cp.test:7443', listen: '10.87.0.9:7443' });
  agent.start();
  await agent.apply(closed(2, 'enforce', 'enforce'));
  await controlPlane.exec(['ip', 'address', 'add', '10.87.0.10/16', 'dev', 'eth0']);
  hosts.write('10.87.0.10 cp.test\n');
  await agent.moveControlPlane('10.87.0.10:7443');
  await agent.apply(closed(3, 'enforce', 'enforce'));
});

test('announced: a host that denies everything goes where it is told, and from then on nothing is open to where it was', async () => {
  // Hosts that are told at once go within a minute, each in its turn: this one is first.
  const environment = { NODE_OPTIONS: '--import=data:text/javascript,Math.random=()=>0.001' };
  agent = await feedAgent({ lab, controlPlane, host, environment });
  agent.start();
  await agent.apply(closed(2, 'enforce', 'enforce'));
  await controlPlane.exec(['ip', 'address', 'add', '10.87.0.10/16', 'dev', 'eth0']);
  await agent.announce('10.87.0.10:7443');
  const fed = agent;
  await waitFor(async () => String((await fed.status())['controlPlane']) === '10.87.0.10:7443', {
    what: 'it is there',
    timeoutMs: 120_000,
    intervalMs: 1000,
  });
  await agent.apply(closed(3, 'enforce', 'enforce'));
  const { essentials, announced } = await agent.status();
  expect(essentials).toEqual(['control-plane: outbound tcp/7443 to 10.87.0.10/32, for processes of root']);
  expect(announced).toEqual({ addresses: ['10.87.0.10:7443'], state: 'followed', problem: '' });
  expect((await host.exec(['nft', 'list', 'table', 'inet', 'segwall'])).stdout).not.toMatch(/10\.87\.0\.9\b/);
});

test('by name: what was known on disk is stale, and the first policy denies everything', async () => {
  const hosts = withHosts('10.87.0.9 cp.test\n');
  const { wrapper } = hosts;
  agent = await feedAgent({ lab, controlPlane, host, wrapper, enrolWith: 'cp.test:7443', listen: '10.87.0.9:7443' });
  writeFileSync(join(agent.stateDirectory, 'control-plane-addresses.cp.test'), '10.87.0.77\n');
  agent.start();
  await agent.apply(closed(2, 'enforce', 'enforce'));
  await agent.apply(closed(3, 'enforce', 'enforce'));
});

test('through a proxy: the control plane cannot be reached otherwise, and a deny of everything leaves the proxy', async () => {
  const middle = await lab.addHost({ name: 'proxy', ipv4: '10.87.0.8' });
  const script = fileURLToPath(new URL('connect-proxy.ts', import.meta.url));
  const proxy = startLineProcess(middle, [process.execPath, script, '10.87.0.8', '3128'], 'greets');
  await proxy.first;
  await host.exec(['ip', 'route', 'add', 'blackhole', '10.87.0.9/32']);
  agent = await feedAgent({ lab, controlPlane, host, proxy: '10.87.0.8:3128' });
  agent.start();
  await agent.apply(observing(1));
  await agent.apply(closed(2, 'enforce', 'enforce'));
  await agent.apply({ ...closed(3, 'enforce', 'enforce'), outbound: 'observe' });
  expect((await agent.status())['essentials']).toEqual([
    'control-plane: outbound tcp/3128 to 10.87.0.8/32, for processes of root',
  ]);
  expect(await agent.streams()).toBe(1);
  proxy.stop();
});

test('where the essential layer is broken, a change is undone within its limit and refused, the next is taken, a quarantine stays', async () => {
  // This nft leaves out what lets the control plane through, from the moment the file is there.
  const broken = join(directory, 'broken');
  writeFileSync(
    join(directory, 'nft'),
    `#!/bin/sh\nif [ -e ${broken} ] && [ "$1" = -f ]; then grep -v 'inet segwall .*10\\.87\\.0\\.9' | PATH=\${PATH#*:} exec nft "$@"; fi\nPATH=\${PATH#*:} exec nft "$@"\n`,
  );
  chmodSync(join(directory, 'nft'), 0o755);
  agent = await feedAgent({ lab, controlPlane, host, environment: { PATH: `${directory}:${process.env['PATH']}` } });
  writeFileSync(broken, '');
  agent.start();
  await agent.apply(observing(1));
  const refusal = await agent.apply(closed(2, 'observe', 'enforce')).then(
    () => 'acknowledged',
    (error: Error) => error.message,
  );
  expect(refusal).toMatch(
    /lock-out: the control plane could not be reached through the new rules within 12 s .*revision 1 is in force again/,
  );
  expect((await host.exec(['nft', 'list', 'chain', 'inet', 'segwall', 'state'])).stdout).toContain('revision=1 ');
  await agent.apply(observing(3));
  await agent.send({ ...closed(4, 'enforce', 'enforce'), quarantine: [] });
  await waitFor(async () => (await agent?.status())?.['applied'] === 4, { what: 'the quarantine is in force' });
  expect((await agent.status())['quarantines']).toMatchObject([{ name: 'h1' }]);
}, 120_000);

test('a kernel without a feature: the rule set is refused by its name, and the last good one stays', async () => {
  writeFileSync(
    join(directory, 'nft'),
    `#!/bin/sh\nif [ "$1" = -f ]; then\n  script=$(mktemp ${directory}/script.XXXXXX); cat >$script\n  line=$(grep -m1 4242 $script)\n  if [ -n "$line" ]; then printf '/dev/stdin:7:1-30: Error: Could not process rule: Operation not supported\\nadd rule inet segwall input socket cgroupv2 level 2 vmap @units\\n^^^^^^\\n' >&2; exit 1; fi\n  PATH=\${PATH#*:} exec nft -f - <$script\nfi\nPATH=\${PATH#*:} exec nft "$@"\n`,
  );
  chmodSync(join(directory, 'nft'), 0o755);
  agent = await feedAgent({ lab, controlPlane, host, environment: { PATH: `${directory}:${process.env['PATH']}` } });
  agent.start();
  const plain: Policy = { ...closed(1, 'enforce', 'observe'), peers: { web: ['10.87.0.7'] }, allowIn: ['web: tcp/80'] };
  await agent.apply(plain);
  const refusal = await agent.apply({ ...plain, revision: 2, allowIn: ['web: tcp/80, tcp/4242'] }).then(
    () => 'acknowledged',
    (error: Error) => error.message,
  );
  expect(refusal).toContain('the kernel of this host lacks matching sockets by cgroup v2');
  expect(refusal).toContain('Operation not supported');
  const status = await waitFor(async () => agent?.status(), { what: 'the status' });
  expect(status).toMatchObject({
    applied: 1,
    revision: 2,
    problem: expect.stringContaining('matching sockets by cgroup v2'),
  });
  await agent.apply({ ...plain, revision: 3 });
});
