// Units of a booted Debian machine: what systemd really makes of services, their instances and socket units, restarts and crashes.

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import { createLab, type Lab } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { waitFor } from '#test/support/wait.ts';
import { provideBaseTree } from '../systemd/base-tree.ts';
import { createMachine, type Machine } from '../systemd/machine.ts';
import { answering, findTree } from './booted-services.ts';

const address = '10.79.0.1';
const peerAddress = '10.79.0.2';
const marker = `segwall-${process.pid}.service`;

const files: Readonly<Record<string, string>> = {
  'usr/local/bin/answer-app': answering('8000, 8001'),
  'usr/local/bin/answer-instance': answering('8010, 8011'),
  'usr/local/bin/answer-handed': answering('8020', 'kept'),
  [`etc/systemd/system/${marker}`]: '[Service]\nExecStart=/bin/sleep infinity\n',
  'etc/systemd/system/app.service':
    '[Service]\nExecStart=/usr/bin/perl /usr/local/bin/answer-app\nRestart=always\nRestartSec=10ms\n[Unit]\nStartLimitIntervalSec=0\n',
  'etc/systemd/system/x@.service': '[Service]\nExecStart=/usr/bin/perl /usr/local/bin/answer-instance\n',
  'etc/systemd/system/handed.socket': '[Socket]\nListenStream=8021\n',
  'etc/systemd/system/handed.service': '[Service]\nExecStart=/usr/bin/perl /usr/local/bin/answer-handed\n',
};

let lab: Lab;
let machine: Machine;
let driven: DrivenHost;
let peer: HostProbe;

beforeAll(async () => {
  const baseTree = await provideBaseTree();
  lab = await createLab({ name: 'booted' });
  const host = await lab.addHost({ name: 'h1', ipv4: address });
  const far = await lab.addHost({ name: 'h2', ipv4: peerAddress });
  const directory = await mkdtemp(join(tmpdir(), 'segwall-booted-'));
  lab.alsoRemove(directory);
  machine = await createMachine({ host, baseTree, directory });
  for (const [path, text] of Object.entries(files)) await writeFile(join(machine.tree, path), text);
  await machine.boot();
  await machine.must(['systemctl', 'start', marker, 'app.service', 'x@1.service', 'handed.socket', 'handed.service']);
  const tree = findTree(marker);
  if (tree === undefined) throw new Error('the machine’s cgroups were not found');
  driven = driveHost(host, { cgroups: tree });
  peer = await startProbe(far);
  await driven.ask({ do: 'start' });
  const policy = {
    revision: 1,
    addresses: [address],
    inbound: 'enforce',
    outbound: 'enforce',
    peers: { far: [peerAddress] },
    allowIn: ['far: tcp/8000, tcp/8010, tcp/8020'],
    units: {
      app: { unit: 'app.service', allowIn: ['far: tcp/8001'] },
      instance: { unit: 'x@1.service', allowIn: ['far: tcp/8011'] },
      handed: { unit: 'handed.service', allowIn: ['far: tcp/8021'] },
    },
  };
  expect(await driven.ask({ do: 'apply', policy })).toEqual({ kind: 'applied', revision: 1 });
});

afterAll(async () => {
  driven?.stop();
  await machine?.powerOff();
  await lab?.remove();
});

const outcomes = async (...ports: readonly number[]) => {
  const seen = await peer.probe(ports.map((port) => ({ transport: 'tcp' as const, address, port })));
  return Object.fromEntries(seen.map(({ kind }, index) => [ports[index], kind]));
};

test.each([
  ['a service', 8000, 8001],
  ['an instance of a template', 8010, 8011],
])('%s is under its own rules, not its host’s', async (_, ofHost, ofUnit) => {
  expect(await outcomes(ofHost, ofUnit)).toEqual({ [ofHost]: 'dropped', [ofUnit]: 'allowed' });
});

test('a socket handed over by systemd is the unit’s where systemd makes it in the socket unit’s cgroup, else the host’s', async () => {
  const sockets = await machine.must(['ss', '-Hltn', '--cgroup']);
  // systemd 252 makes it in its own cgroup, init.scope, where it may not use BPF, as in a container.
  const place = /:8021 .*cgroup:(\S+)/.exec(sockets)?.[1];
  expect(['/init.scope', '/system.slice/handed.socket']).toContain(place);
  expect(await outcomes(8020, 8021)).toEqual({
    8020: 'dropped',
    8021: place === '/init.scope' ? 'dropped' : 'allowed',
  });
});

test('restarted and killed it is under its own rules again', async () => {
  const mainProcess = async () => (await machine.must(['systemctl', 'show', '-P', 'MainPID', 'app.service'])).trim();
  for (const how of ['restart', 'kill', 'kill', 'restart']) {
    const before = await mainProcess();
    if (how === 'restart') await machine.must(['systemctl', 'restart', 'app.service']);
    else await machine.must(['systemctl', 'kill', '-s', 'KILL', 'app.service']);
    await waitFor(async () => !['0', before].includes(await mainProcess()), { what: 'it runs again' });
    const target = { transport: 'tcp' as const, address, port: 8001 };
    expect(await peer.firstAllowedAt({ target, intervalMs: 5, timeoutMs: 5000 })).toBeDefined();
    expect(await outcomes(8000, 8001)).toEqual({ 8000: 'dropped', 8001: 'allowed' });
  }
});
