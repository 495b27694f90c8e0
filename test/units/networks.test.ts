// Units whose processes use a network of their own are told as that, never as enforced: real namespaces, with the cgroups that podman
// under systemd, machinectl and NetworkNamespacePath= leave.

import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SharedInterface, sharedInterfaceText } from '#agent/host/shared-interfaces.ts';
import { unitElsewhereText } from '#agent/host/unit-networks.ts';
import { fleetUnderTest, shopPolicy } from '#test/server/fleet-under-test.ts';
import { createLab, type Lab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';

const directory = mkdtempSync(join(tmpdir(), 'segwall-elsewhere-'));
const children: ChildProcess[] = [];
let lab: Lab;
let host: LabHost;
let nothing: LabHost;

beforeAll(async () => {
  lab = await createLab({ name: 'elsewhere' });
  host = await lab.addHost({ name: 'h1', ipv4: '10.84.0.1' });
  const places = new Map<string, LabHost>([['host', host]]);
  for (const name of ['veth', 'macvlan', 'nothing']) places.set(name, await lab.addHost({ name }));
  nothing = places.get('nothing') as LabHost;
  const inside = (name: string) => places.get(name)?.namespace ?? '';
  const batches: readonly (readonly [at: LabHost | undefined, lines: readonly string[]])[] = [
    [
      host,
      [
        `link add v0 type veth peer name own0 netns ${inside('veth')}`,
        'link set v0 up',
        'addr add 172.30.0.1/24 dev v0',
        // Over a device of the host's own, for the lab's has its address already.
        'link add d0 type veth peer name d1',
        'link set d0 up',
        'link add m0 link d0 type macvlan mode bridge',
        `link set m0 netns ${inside('macvlan')}`,
      ],
    ],
    [places.get('veth'), ['addr add 172.30.0.2/24 dev own0', 'link set own0 up']],
    [places.get('macvlan'), ['addr add 10.99.0.2/24 dev m0', 'link set m0 up']],
  ];
  for (const [at, lines] of batches) {
    for (const line of lines) {
      const { exitCode, stderr } = (await at?.exec(['ip', ...line.split(' ')])) ?? { exitCode: 1, stderr: 'no host' };
      if (exitCode !== 0) throw new Error(`ip ${line}: ${stderr}`);
    }
  }
  const process = async (name: string, cgroup: string) => {
    const place = places.get(name);
    const child = place?.spawn(['sleep', '600']);
    if (child?.pid === undefined || place === undefined) throw new Error('nothing was started');
    children.push(child);
    const { pid } = child;
    await waitFor(
      async () => (await host.exec(['ip', 'netns', 'identify', String(pid)])).stdout.trim() === place.namespace,
      { what: 'the process is in its namespace' },
    );
    mkdirSync(join(directory, cgroup), { recursive: true });
    writeFileSync(join(directory, cgroup, 'cgroup.procs'), `${pid}\n`);
  };
  await process('host', 'system.slice/plain.service');
  await process('host', 'system.slice/quadlet.service/libpod-payload-c0ffee');
  await process('veth', `system.slice/quadlet.service/libpod-payload-${'a'.repeat(64)}`);
  await process('veth', 'machine.slice/systemd-nspawn@box.service/payload');
  await process('macvlan', 'system.slice/lan.service');
  await process('nothing', 'system.slice/private.service');
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true });
  await lab.remove();
});

test('by the networks of their processes, wherever below the unit these are', async () => {
  const script = fileURLToPath(new URL('units-elsewhere.ts', import.meta.url));
  const units = ['plain', 'quadlet', 'systemd-nspawn@box', 'lan', 'private', 'gone'].map((name) => `${name}.service`);
  const { stdout, stderr } = await host.exec([process.execPath, script, directory, ...units]);
  if (stdout === '') throw new Error(stderr);
  expect(JSON.parse(stdout)).toEqual([
    { unit: 'lan.service', judged: 'unseen' },
    { unit: 'quadlet.service', judged: 'as-host' },
    { unit: 'systemd-nspawn@box.service', judged: 'as-host' },
  ]);
});

test('a macvlan on an interface of the host that another namespace has is told, with whom it is', async () => {
  const script = fileURLToPath(new URL('shared-interfaces.ts', import.meta.url));
  const look = async () => {
    const { stdout, stderr } = await host.exec([process.execPath, script]);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as readonly SharedInterface[];
  };
  const [shared, ...more] = await look();
  expect({ shared, more }).toEqual({
    shared: { interface: 'd0', kind: 'macvlan', process: children[4]?.pid },
    more: [],
  });
  expect(sharedInterfaceText(shared as SharedInterface)).toContain('interface d0 is used beside this host');
  // Made in the other namespace at once, as a container engine does: no link ever led from here to there.
  const made = await host.exec([
    'ip',
    ...`link add m1 link d1 netns ${nothing.namespace} type macvlan mode bridge`.split(' '),
  ]);
  expect(made.exitCode, made.stderr).toBe(0);
  expect(await look()).toEqual([shared, { interface: 'd1', kind: 'macvlan', process: children[5]?.pid }]);
});

test('the text says what becomes of it, and what to do', () => {
  expect(unitElsewhereText({ unit: 'a.service', judged: 'as-host' })).toContain('judged as its host');
  expect(unitElsewhereText({ unit: 'a.service', judged: 'unseen' })).toContain('it is not judged');
});

test('the fleet shows such a unit as not judged, also while its host is away, until its agent says otherwise', async () => {
  const { fleet, apply, connect } = await fleetUnderTest();
  await apply(shopPolicy());
  const web = { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.1'] };
  const { connection } = await connect('web-1', web);
  connection.hostReported({ addresses: web.addresses, facts: new Map(), units: ['a.service', 'b.service'] });
  await fleet.quiet();
  const status = { revision: fleet.revision, enforcing: true, lost: 0, spooledBatches: 0, repairs: 0, problem: '' };
  const unjudged = () =>
    [...fleet.inventory().workloads.values()].filter((one) => fleet.isUnjudged(one)).map(({ name }) => name);
  connection.statusReported({ ...status, unjudgedUnits: ['a.service', 'unknown.service'] });
  expect(unjudged()).toEqual(['web-1-a']);
  connection.disconnected();
  expect(unjudged()).toEqual(['web-1-a']);
  const again = await connect('web-1', web);
  again.connection.statusReported(status);
  expect(unjudged()).toEqual([]);
});
