// The packages on booted Debian machines: install, enrol, enforce, reboot with nobody there, remove. Units, sandbox, boot order and
// maintainer scripts are the real ones; only the kernel is shared, with a network namespace a machine.

import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLab, type Lab } from '#test/support/lab.ts';
import { allCells, cellText, type Expected, type HostProbe, probeMatrix, startProbe } from '#test/support/probe.ts';
import { waitFor } from '#test/support/wait.ts';
import { provideBaseTree } from './base-tree.ts';
import { createMachine, type Machine } from './machine.ts';
import { providePackages } from './packages.ts';

const state = '/var/lib/segwall-agent';
const operator = [
  '--server',
  'http://127.0.0.1:7444',
  '--token-file',
  '/var/lib/segwall-control-plane/first-start.json',
];
const services = [
  { transport: 'tcp', port: 8080 },
  { transport: 'tcp', port: 9090 },
] as const;

const policy = `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: enforce
  outbound: observe
  rules:
    - name: web-to-api
      from: [{ workloads: 'role == "web"' }]
      to: [{ workloads: 'role == "api"' }]
      services: [tcp/8080]
`;

let lab: Lab;
let control: Machine;
let web: Machine;
let api: Machine;
let debOf: (name: string) => string;
const probes = new Map<string, HostProbe>();

/** The policy above, as a table: what is not allowed by name is dropped inbound at web-1 and api-1. */
function underPolicy(cell: string): Expected {
  if (/ > (outsider|control) /.test(cell)) return 'allowed';
  return /^web-1 > api-1 tcp\/8080 /.test(cell) ? 'allowed' : 'dropped';
}

/** The same, with api-1 open. */
function withApiOpen(cell: string): Expected {
  return / > api-1 /.test(cell) ? 'allowed' : underPolicy(cell);
}

const everythingOpen = (): Expected => 'allowed';

/** Cells that are not as expected, by name. */
async function mismatches(expected: (cell: string) => Expected): Promise<readonly string[]> {
  const hosts = [...probes.values()].map((probe) => probe.host);
  const cells = await probeMatrix({ probes, cells: allCells(hosts, services) }, (cell) => expected(cellText(cell)));
  expect(cells.length).toBe(hosts.length * (hosts.length - 1) * services.length * 2);
  return cells
    .filter((cell) => cell.outcome.kind !== expected(cellText(cell)))
    .map(
      (cell) => `${cellText(cell)}: ${cell.outcome.kind} ${cell.outcome.detail ?? ''}, not ${expected(cellText(cell))}`,
    );
}

async function segwall(args: readonly string[]): Promise<string> {
  return control.must(['segwall', ...args, ...operator]);
}

async function enrol(machine: Machine, role: string, by: 'token-file' | 'credential'): Promise<void> {
  const { agents, caFingerprint } = JSON.parse(
    await readFile(join(control.tree, 'var/lib/segwall-control-plane/first-start.json'), 'utf8'),
  ) as { readonly agents: string; readonly caFingerprint: string };
  const port = agents.slice(agents.lastIndexOf(':') + 1);
  const { token } = JSON.parse(
    await segwall(['tokens', 'create', '--labels', `app=shop,role=${role}`, '--uses', '1', '--ttl', '1h', '--json']),
  ) as { readonly token: string };
  const controlPlane = `${control.host.ipv4}:${port}`;
  if (by === 'token-file') {
    await writeFile(join(machine.tree, 'root/join.token'), `${token}\n`, { mode: 0o600 });
    await machine.must([
      ...['segwall-agent', 'enroll', '--control-plane', controlPlane],
      ...['--ca-fingerprint', caFingerprint, '--token-file', '/root/join.token', '--state', state],
    ]);
    await machine.must(['systemctl', 'start', 'segwall-agent']);
    return;
  }
  const settings = `CONTROL_PLANE=${controlPlane}\nCA_FINGERPRINT=${caFingerprint}\n`;
  await mkdir(join(machine.tree, 'etc/segwall-agent'), { recursive: true });
  await writeFile(join(machine.tree, 'etc/segwall-agent/enroll.env'), settings);
  await mkdir(join(machine.tree, 'etc/credstore'), { recursive: true, mode: 0o700 });
  await writeFile(join(machine.tree, 'etc/credstore/segwall-join-token'), token, { mode: 0o600 });
  // It starts the agent once the host is enrolled.
  await machine.must(['systemctl', 'start', 'segwall-agent-enroll']);
  // The token may be good for other hosts, and is needed here no more.
  await machine.must(['test', '!', '-e', '/etc/credstore/segwall-join-token']);
}

interface Listed {
  readonly name: string;
}

interface Status {
  readonly connected: boolean;
  readonly revision: number;
}

async function statusOf(machine: Machine): Promise<Status | undefined> {
  const result = await machine.exec(['segwall-agent', 'status', '--state', state, '--json']);
  return result.exitCode === 0 ? (JSON.parse(result.stdout) as Status) : undefined;
}

async function untilConnected(machine: Machine): Promise<void> {
  await waitFor(async () => (await statusOf(machine))?.connected === true, {
    what: `the agent of ${machine.host.name} is connected`,
    timeoutMs: 30_000,
    intervalMs: 200,
    explain: () => machine.journal('segwall-agent'),
  });
}

/** Microseconds since boot at which the unit became active. */
async function activeSince(machine: Machine, unit: string): Promise<number> {
  const value = await machine.must(['systemctl', 'show', '--value', '-p', 'ActiveEnterTimestampMonotonic', unit]);
  return Number(value.trim());
}

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'segwall-machines-'));
  lab = await createLab({ name: 'systemd' });
  lab.alsoRemove(directory);
  const [baseTree, built] = await Promise.all([provideBaseTree(), providePackages(directory)]);
  debOf = built;
  const machines = await Promise.all(
    ['control', 'web-1', 'api-1'].map(async (name, at) => {
      const host = await lab.addHost({ name, ipv4: `10.77.0.${at + 1}`, ipv6: `fd77::${at + 1}` });
      return createMachine({ host, baseTree, directory });
    }),
  );
  const [first, second, third] = machines;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three machines were made');
  [control, web, api] = [first, second, third];
  await Promise.all(machines.map((machine) => machine.boot()));
  const outsider = await lab.addHost({ name: 'outsider', ipv4: '10.77.0.9', ipv6: 'fd77::9' });
  for (const host of [...machines.map((machine) => machine.host), outsider]) {
    const probe = await startProbe(host);
    await probe.listen(services);
    probes.set(host.name, probe);
  }
}, 240_000);

afterAll(async () => {
  await lab?.remove();
});

/** Whether the boot unit's process is held as its file says: asked of systemd on the machine, not read from the file. */
async function sandboxOf(machine: Machine, unit: string): Promise<Readonly<Record<string, string>>> {
  const names = [
    'ProtectKernelTunables',
    'PrivateDevices',
    'SystemCallErrorNumber',
    'CapabilityBoundingSet',
    'ProtectSystem',
  ];
  const shown = await machine.must(['systemctl', 'show', unit, ...names.flatMap((name) => ['-p', name])]);
  return Object.fromEntries(
    shown
      .trim()
      .split('\n')
      .map((line) => line.split('=', 2)),
  );
}

// One story; each test begins where the one before it ended.
describe('installed on booted Debian machines', () => {
  test('the packages install, and an agent that is not enrolled leaves its host open', async () => {
    await Promise.all([
      control.install([debOf('segwall-control-plane')]),
      web.install([debOf('segwall-agent')]),
      api.install([debOf('segwall-agent')]),
    ]);
    expect((await web.exec(['systemctl', 'is-enabled', 'segwall-agent', 'segwall-agent-restore'])).stdout).toBe(
      'enabled\nenabled\n',
    );
    expect((await web.exec(['systemctl', 'is-active', 'segwall-agent'])).stdout).toBe('inactive\n');
    expect(await mismatches(everythingOpen)).toEqual([]);
  });

  test('the control plane runs as its own user and leaves what the operator needs', async () => {
    await waitFor(async () => (await control.exec(['segwall', 'status', ...operator])).exitCode === 0, {
      what: 'the control plane answers',
      timeoutMs: 30_000,
      intervalMs: 200,
      explain: () => control.journal('segwall-control-plane'),
    });
    const owner = await control.must(['stat', '-c', '%U %a', '/var/lib/segwall-control-plane/first-start.json']);
    expect(owner).toBe('segwall-control-plane 600\n');
  });

  test('two hosts enrol and stay connected inside the sandbox of their units', async () => {
    await enrol(web, 'web', 'token-file');
    await enrol(api, 'api', 'credential');
    await untilConnected(web);
    await untilConnected(api);
    const pid = (await api.must(['systemctl', 'show', '--value', '-p', 'MainPID', 'segwall-agent'])).trim();
    const status = await api.must(['cat', `/proc/${pid}/status`]);
    // CAP_NET_ADMIN is number 12.
    expect(/^CapEff:\t(\w+)$/m.exec(status)?.[1]).toBe('0000000000001000');
    expect(/^NoNewPrivs:\t(\d)$/m.exec(status)?.[1]).toBe('1');
    expect(/^Seccomp:\t(\d)$/m.exec(status)?.[1]).toBe('2');
    expect(await api.must(['cat', '/proc/sys/net/netfilter/nf_conntrack_acct'])).toBe('1\n');
    expect(await api.must(['systemctl', 'show', '--value', '-p', 'NRestarts', 'segwall-agent'])).toBe('0\n');
    expect(await mismatches(everythingOpen)).toEqual([]);
  });

  test('an enforced policy holds', async () => {
    await control.must(['mkdir', '-p', '/root/policy']);
    await writeFile(join(control.tree, 'root/policy/shop.yaml'), policy);
    const applied = await control.exec(['segwall', 'apply', '/root/policy', '--wait', '--json', ...operator]);
    const journals = (await Promise.all([web, api].map((machine) => machine.journal('segwall-agent')))).join('\n');
    expect(applied.exitCode, `${applied.stdout}${applied.stderr}\n${journals}`).toBe(0);
    const { acked } = JSON.parse(applied.stdout) as { readonly acked: unknown };
    expect(acked).toEqual(expect.arrayContaining(['web-1', 'api-1']));
    expect(await mismatches(underPolicy)).toEqual([]);
  });

  test('a discovered service is a workload of its own, with its host’s labels until it is given others', async () => {
    const text = '[Service]\nExecStart=/bin/sleep infinity\n';
    await writeFile(join(web.tree, 'etc/systemd/system/report.service'), text);
    await writeFile(join(web.tree, state, 'agent.yaml'), 'units: ["rep*"]\n');
    await web.must(['systemctl', 'start', 'report']);
    await web.must(['systemctl', 'restart', 'segwall-agent']);
    const seen = async () => {
      const list = JSON.parse(await segwall(['workloads', '--json'])) as readonly Listed[];
      return list.find(({ name }) => name === 'web-1-report');
    };
    await waitFor(async () => (await seen()) !== undefined, {
      what: 'the service is registered',
      timeoutMs: 30_000,
      intervalMs: 300,
      explain: () => web.journal('segwall-agent'),
    });
    expect(await seen()).toMatchObject({ kind: 'unit', host: 'web-1', labels: { app: 'shop', role: 'web' } });
    await segwall(['label', 'web-1-report', 'role=report', '--wait']);
    expect(await seen()).toMatchObject({ labels: { app: 'shop', role: 'report' } });
    expect(await mismatches(underPolicy)).toEqual([]);
    await writeFile(join(web.tree, state, 'agent.yaml'), 'units: off\n');
    await web.must(['systemctl', 'restart', 'segwall-agent']);
    await waitFor(async () => (await seen()) === undefined, {
      what: 'nothing is discovered any more',
      timeoutMs: 30_000,
      intervalMs: 300,
      explain: () => web.journal('segwall-agent'),
    });
    await untilConnected(web);
  });

  test('after a reboot with the control plane off, the policy is in force before the network is', async () => {
    await api.powerOff();
    // The canary: a machine that is off has lost its rules, so what holds afterwards was loaded by the boot.
    expect(await mismatches(withApiOpen)).toEqual([]);
    await control.powerOff();
    await api.boot();
    expect(await mismatches(underPolicy)).toEqual([]);
    const restored = await activeSince(api, 'segwall-agent-restore.service');
    const network = await activeSince(api, 'network-pre.target');
    expect(restored, await api.journal('segwall-agent-restore')).toBeGreaterThan(0);
    expect(restored).toBeLessThanOrEqual(network);
    expect(await sandboxOf(api, 'segwall-agent-restore')).toEqual(await sandboxOf(api, 'segwall-agent'));
    await waitFor(async () => (await statusOf(api))?.connected === false, {
      what: 'the agent runs, and says that it is not connected',
      intervalMs: 200,
      explain: () => api.journal('segwall-agent'),
    });
    expect(await mismatches(underPolicy)).toEqual([]);
    await control.boot();
    await untilConnected(api);
    await untilConnected(web);
  });

  test('an agent that is killed is started again, and nothing opens meanwhile', async () => {
    await api.must(['systemctl', 'kill', '--kill-who=main', '-s', 'KILL', 'segwall-agent']);
    expect(await mismatches(underPolicy)).toEqual([]);
    await untilConnected(api);
    expect(await mismatches(underPolicy)).toEqual([]);
  });

  test('opened at the console it stays open over an upgrade and a reboot, until resume', async () => {
    expect(await api.must(['segwall-agent', 'panic', '--reason', 'drill', '--state', state])).toContain(
      'also after a reboot',
    );
    expect(await mismatches(withApiOpen)).toEqual([]);
    await api.install([debOf('segwall-agent')]);
    await untilConnected(api);
    expect(await mismatches(withApiOpen)).toEqual([]);
    await api.powerOff();
    await api.boot();
    await untilConnected(api);
    expect(await mismatches(withApiOpen)).toEqual([]);
    expect(await segwall(['status'])).toContain('opened at the console');
    await api.must(['segwall-agent', 'resume', '--state', state]);
    expect(await mismatches(underPolicy)).toEqual([]);
    await waitFor(async () => (await segwall(['audit'])).includes('resumed'), {
      what: 'both are in the audit log',
      timeoutMs: 20_000,
      intervalMs: 500,
      explain: async () =>
        `${await segwall(['audit'])}\n${await api.must(['ls', '-l', `${state}/events`])}\n${await api.journal('segwall-agent')}`,
    });
  });

  test('with a disk that became read-only, boot and agent enforce, and say so', async () => {
    await api.must(['systemctl', 'stop', 'segwall-agent']);
    await api.must(['mount', '--bind', state, state]);
    await api.must(['mount', '-o', 'remount,bind,ro', state]);
    await api.must(['nft', 'delete', 'table', 'inet', 'segwall']);
    await api.must(['segwall-agent', 'restore', '--state', state]);
    expect(await mismatches(underPolicy)).toEqual([]);
    await api.must(['systemctl', 'restart', 'segwall-agent-restore', 'segwall-agent']);
    await untilConnected(api);
    expect(await mismatches(underPolicy)).toEqual([]);
    await api.must(['systemctl', 'stop', 'segwall-agent']);
    await api.must(['umount', state]);
    await api.must(['systemctl', 'start', 'segwall-agent']);
    await untilConnected(api);
  });

  test('an upgrade restarts the agent and keeps the rules', async () => {
    await api.install([debOf('segwall-agent')]);
    expect(await mismatches(underPolicy)).toEqual([]);
    await untilConnected(api);
  });

  test('removing the package keeps the rules, also over a reboot', async () => {
    const said = await api.must(['dpkg', '--remove', 'segwall-agent']);
    expect(said).toContain('keeps the rules');
    expect(await mismatches(underPolicy)).toEqual([]);
    await api.powerOff();
    expect(await mismatches(withApiOpen)).toEqual([]);
    await api.boot();
    expect(await mismatches(underPolicy)).toEqual([]);
  });

  test('purging the package opens the host and forgets it', async () => {
    const said = await api.must(['dpkg', '--purge', 'segwall-agent']);
    expect(said).toContain('this host is open');
    expect(await mismatches(withApiOpen)).toEqual([]);
    expect((await api.exec(['ls', state])).exitCode).not.toBe(0);
    await api.powerOff();
    await api.boot();
    expect(await mismatches(withApiOpen)).toEqual([]);
  });
});
