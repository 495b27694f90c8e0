// Units whose drop-ins have systemd tell of their cgroups (NFTSet=, systemd 255 and later), on a booted Debian 13: under their own rules
// from their first socket on, with an agent that does nothing.

import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readUnitDropIns } from '#agent/units/unit-drop-ins.ts';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { waitFor } from '#test/support/wait.ts';
import { provideBaseTree } from '../systemd/base-tree.ts';
import { createMachine, type Machine } from '../systemd/machine.ts';
import { answering, findTree } from './booted-services.ts';

const address = '10.80.0.1';
const peerAddress = '10.80.0.2';
const marker = `segwall-named-${process.pid}.service`;

// systemd fills the sets when it applies any other setting of a cgroup. Accounting of memory and tasks, on by default, is that on a real
// host; this machine lends its guests no cgroup2 controllers, and accounting of addresses needs none.
const always = 'IPAccounting=yes\n';
const dropIn = (set: string) => `[Service]\nNFTSet=cgroup:inet:segwall:unit_all cgroup:inet:segwall:${set}\n${always}`;
const files: Readonly<Record<string, string>> = {
  'usr/local/bin/answer-app': answering('8000, 8001'),
  'usr/local/bin/answer-instance': answering('8010, 8011'),
  'usr/local/bin/answer-plain': answering('8030, 8031'),
  [`etc/systemd/system/${marker}`]: '[Service]\nExecStart=/bin/sleep infinity\n',
  'etc/systemd/system/app.service': '[Service]\nExecStart=/usr/bin/perl /usr/local/bin/answer-app\n',
  'etc/systemd/system/app.service.d/segwall.conf': dropIn('unit_app.service'),
  'etc/systemd/system/x@.service': '[Service]\nExecStart=/usr/bin/perl /usr/local/bin/answer-instance\n',
  'etc/systemd/system/x@1.service.d/segwall.conf': dropIn('unit_x_401.service'),
  'etc/systemd/system/plain.service': '[Service]\nExecStart=/usr/bin/perl /usr/local/bin/answer-plain\n',
};
const services = ['app.service', 'x@1.service', 'plain.service'];

let lab: Lab;
let host: LabHost;
let machine: Machine;
let driven: DrivenHost;
let peer: HostProbe;

beforeAll(async () => {
  const baseTree = await provideBaseTree('trixie');
  lab = await createLab({ name: 'named' });
  host = await lab.addHost({ name: 'h1', ipv4: address });
  const far = await lab.addHost({ name: 'h2', ipv4: peerAddress });
  const directory = await mkdtemp(join(tmpdir(), 'segwall-named-'));
  lab.alsoRemove(directory);
  const mayUseBpf = ['--system-call-filter=bpf', '--capability=CAP_BPF,CAP_PERFMON'];
  machine = await createMachine({ host, baseTree, directory, nspawn: mayUseBpf });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(machine.tree, path, '..'), { recursive: true });
    await writeFile(join(machine.tree, path), text);
  }
  await machine.boot();
  await machine.must(['systemctl', 'start', marker]);
  const tree = findTree(marker);
  if (tree === undefined) throw new Error('the machine’s cgroups were not found');
  const namedUnits = new Map(
    [...readUnitDropIns(machine.tree)].map(([unit, levels]) => [unit, levels.map((level) => level + tree.level)]),
  );
  driven = driveHost(host, { cgroups: tree, namedUnits });
  peer = await startProbe(far);
  await driven.ask({ do: 'start' });
  const policy = {
    revision: 1,
    addresses: [address],
    inbound: 'enforce',
    outbound: 'enforce',
    peers: { far: [peerAddress] },
    allowIn: ['far: tcp/8000, tcp/8010, tcp/8030'],
    units: {
      app: { unit: 'app.service', allowIn: ['far: tcp/8001'] },
      instance: { unit: 'x@1.service', allowIn: ['far: tcp/8011'] },
      plain: { unit: 'plain.service', allowIn: ['far: tcp/8031'] },
    },
  };
  expect(await driven.ask({ do: 'apply', policy })).toEqual({ kind: 'applied', revision: 1 });
}, 300_000);

afterAll(async () => {
  driven?.stop();
  await machine?.powerOff();
  await lab?.remove();
});

const outcomes = async (...ports: readonly number[]) => {
  const seen = await peer.probe(ports.map((port) => ({ transport: 'tcp' as const, address, port })));
  return Object.fromEntries(seen.map(({ kind }, index) => [ports[index], kind]));
};
const ofUnits = { 8000: 'dropped', 8001: 'allowed', 8010: 'dropped', 8011: 'allowed' };
const listening = async () => (await machine.must(['ss', '-Hltn'])).match(/:80\d\d /g)?.length === 6;

test('started and restarted while the agent stands still, they are under their own rules, and one without a drop-in is under its host’s', async () => {
  driven.pause();
  for (const what of ['start', 'restart', 'restart']) {
    await machine.must(['systemctl', what, ...services]);
    await waitFor(listening, { what: 'all services listen' });
    expect(await outcomes(8000, 8001, 8010, 8011, 8030, 8031)).toEqual({
      ...ofUnits,
      8030: 'allowed',
      8031: 'dropped',
    });
  }
  driven.resume();
  const target = { transport: 'tcp' as const, address, port: 8031 };
  expect(await peer.firstAllowedAt({ target, intervalMs: 5, timeoutMs: 10_000 })).toBeDefined();
  expect(await outcomes(8000, 8001, 8010, 8011, 8030, 8031)).toEqual({ ...ofUnits, 8030: 'dropped', 8031: 'allowed' });
});

test('what systemd tells is no tampering, and what others tell is', async () => {
  await machine.must(['systemctl', 'restart', 'app.service']);
  await waitFor(listening, { what: 'all services listen' });
  expect(await driven.ask({ do: 'changes' })).toEqual([]);
  expect((await driven.ask({ do: 'counts' }))['repairs']).toBe(0);
  const path = (await host.exec(['nft', 'list', 'set', 'inet', 'segwall', 'unit_app.service'])).stdout;
  const element = /elements = \{ ([^}]*) \}/.exec(path)?.[1] ?? '';
  expect(element).toContain('app.service');
  const strange = ['nft', 'add', 'element', 'inet', 'segwall', 'unit_x_401.service', `{ ${element} }`];
  expect((await host.exec(strange)).exitCode).toBe(0);
  await waitFor(async () => (await driven.ask({ do: 'counts' }))['repairs'] === 1, { what: 'it is put back' });
  const after = await host.exec(['nft', 'list', 'set', 'inet', 'segwall', 'unit_x_401.service']);
  expect(after.stdout).not.toContain('app.service');
  expect(await outcomes(8000, 8001, 8010, 8011)).toEqual(ofUnits);
});
