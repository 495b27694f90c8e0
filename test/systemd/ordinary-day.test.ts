// What an operator does with the packages on an ordinary day, on one booted Debian machine that is control plane and host at once: install,
// enrol by what the commands print, upgrade, downgrade, lose power, remove, install again, purge. After each step nothing is left failed.

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readText } from '#test/arch/sources.ts';
import { createLab, type Lab } from '#test/support/lab.ts';
import { type HostProbe, startProbe } from '#test/support/probe.ts';
import { waitFor } from '#test/support/wait.ts';
import { answering } from '#test/units/booted-services.ts';
import { provideBaseTree } from './base-tree.ts';
import { createMachine, type Machine } from './machine.ts';
import { providePackages, withVersion } from './packages.ts';

const firstStart = '/var/lib/segwall-control-plane/first-start.json';
const operator = `SEGWALL_SERVER=http://127.0.0.1:7444 SEGWALL_TOKEN_FILE=${firstStart}`;

/** The host answers on 8080, its unit on 9191; nobody else is asked for 9090. */
const policy = `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: role == "web"
  inbound: enforce
  rules:
    - { name: in, from: [any], to: [{ workloads: 'all()' }], services: [tcp/8080] }
---
apiVersion: segwall/v1
kind: Segment
metadata: { name: reports }
spec:
  selector: role == "report"
  inbound: enforce
  rules:
    - { name: in, from: [any], to: [{ workloads: 'all()' }], services: [tcp/9191] }
`;
const ports = [8080, 9090, 9191];

let lab: Lab;
let directory: string;
let one: Machine;
let outsider: HostProbe;
let debOf: (name: string) => string;

async function open(): Promise<readonly number[]> {
  const outcomes = await outsider.probe(ports.map((port) => ({ transport: 'tcp', port, address: '10.86.0.1' })));
  expect(outcomes.filter(({ kind }) => kind === 'broken')).toEqual([]);
  return ports.filter((_, at) => outcomes[at]?.kind === 'allowed');
}

const shell = (command: string) => one.must(['sh', '-c', `export ${operator}; ${command}`]);

interface Status {
  readonly connected: boolean;
  readonly applied: number;
}

async function connected(): Promise<void> {
  await waitFor(
    async () => {
      const { exitCode, stdout } = await one.exec(['segwall-agent', 'status', '--json']);
      return exitCode === 0 && (JSON.parse(stdout) as Status).connected;
    },
    { what: 'the agent is connected', intervalMs: 200, explain: () => one.journal('segwall-agent') },
  );
}

/** Names of units that failed. */
async function failed(): Promise<readonly string[]> {
  const { stdout } = await one.exec(['systemctl', 'list-units', '--failed', '--plain', '--no-legend', 'segwall*']);
  return stdout.split('\n').flatMap((line) => line.split(' ').slice(0, 1).filter(Boolean));
}

/** Everything that systemd knows by our name, but for the control plane. */
async function known(): Promise<readonly string[]> {
  const { stdout } = await one.exec(['systemctl', 'list-units', '--all', '--plain', '--no-legend', 'segwall-[ak]*']);
  return stdout.split('\n').flatMap((line) => line.split(' ').slice(0, 1).filter(Boolean));
}

/** The indented lines: what is to be typed. */
function commandsIn(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => /^ +(.*)$/.exec(line)?.[1] ?? []);
}

/** The commands of a section of a page, in order. */
function commandsOf(page: string, heading: string): readonly string[] {
  const [, section = ''] = readText(page).split(`\n## ${heading}\n`);
  const [text = ''] = section.split('\n## ');
  const blocks = [...text.matchAll(/^( *)```sh\n([\s\S]*?)^\1```/gm)].map((match) => match[2] ?? '');
  return blocks.flatMap((block) => block.split('\n').map((line) => line.trim())).filter((line) => line !== '');
}

/** Both outputs of dpkg: what the package's scripts say and what goes wrong in them. */
async function dpkg(...words: string[]): Promise<string> {
  return shell(`dpkg ${words.join(' ')} 2>&1`);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'segwall-day-'));
  lab = await createLab({ name: 'day' });
  lab.alsoRemove(directory);
  const [baseTree, built] = await Promise.all([provideBaseTree(), providePackages(directory)]);
  debOf = built;
  const host = await lab.addHost({ name: 'one', ipv4: '10.86.0.1' });
  one = await createMachine({ host, baseTree, directory });
  await writeFile(join(one.tree, 'root/answer.pl'), answering('9191'));
  const report = '[Service]\nExecStart=/usr/bin/perl /root/answer.pl\n[Install]\nWantedBy=multi-user.target\n';
  await writeFile(join(one.tree, 'etc/systemd/system/report.service'), report);
  await one.boot();
  await one.must(['systemctl', 'enable', '--now', 'report']);
  outsider = await startProbe(await lab.addHost({ name: 'outsider', ipv4: '10.86.0.9' }));
  const server = await startProbe(host);
  await server.listen([8080, 9090].map((port) => ({ transport: 'tcp', port })));
}, 240_000);

afterAll(async () => {
  await lab?.remove();
}, 60_000);

// One story; each test begins where the one before it ended.
describe('on an ordinary day', () => {
  test('an agent that was never started is removed and purged without a word too many', async () => {
    await one.install([debOf('segwall-agent')]);
    const removed = await dpkg('--remove', 'segwall-agent');
    expect(removed).toContain('there are no rules on this host: it is open, and stays open');
    expect(removed).not.toMatch(/keeps|cannot|No such|error/i);
    const purged = await dpkg('--purge', 'segwall-agent');
    expect(purged).not.toMatch(/cannot|No such|error/i);
    expect(await known()).toEqual([]);
    expect(await open()).toEqual(ports);
  });

  test('control plane and agent are installed, and the host enrols', async () => {
    await one.install([debOf('segwall-control-plane')]);
    await one.install([debOf('segwall-agent')]);
    // As the commands print it: what `tokens create` says on standard error is typed, and what `enroll` says next.
    const created = 'segwall tokens create --labels app=shop,role=web --uses 1 --ttl 1h 2>&1 >/root/join.token';
    const [enroll = '', start = ''] = commandsIn(await shell(created));
    expect(enroll).toMatch(/^segwall-agent enroll --control-plane 10\.86\.0\.1:7443 --ca-fingerprint [0-9a-f]{64} /);
    const enrolled = await shell(`cd /root && ${enroll}`);
    expect(enrolled).toContain('one is enrolled with 10.86.0.1:7443');
    expect(enrolled).toContain(`next: ${start}\n`);
    await writeFile(join(one.tree, 'var/lib/segwall-agent/agent.yaml'), 'units: [report.service]\n');
    await shell(start);
    // Started is ready: nobody has to wait before asking.
    await shell('segwall-agent status');
    await connected();
    await waitFor(async () => (await shell('segwall workloads --json')).includes('one-report'), {
      what: 'the unit is registered',
      explain: () => one.journal('segwall-agent'),
    });
    await writeFile(join(one.tree, 'root/policy.yaml'), policy);
    await shell('mkdir /root/policy && mv /root/policy.yaml /root/policy/');
    await shell('segwall label one-report role=report --wait && segwall apply /root/policy --wait');
    expect(await open()).toEqual([8080, 9191]);
  });

  test('the commands for who is locked out do what the page says, as they are written there', async () => {
    const [rollback, panic, resume, stop, openUp, ...rest] = commandsOf('docs/guides/operating.md', 'Locked out');
    expect(rest).toEqual([]);
    await shell(rollback ?? '');
    expect(await open()).toEqual(ports);
    await shell('segwall apply /root/policy --wait');
    expect(await open()).toEqual([8080, 9191]);
    await shell(panic ?? '');
    expect(await open()).toEqual(ports);
    await shell(resume ?? '');
    expect(await open()).toEqual([8080, 9191]);
    await shell(stop ?? '');
    expect(await open()).toEqual([8080, 9191]);
    await shell(openUp ?? '');
    expect(await open()).toEqual(ports);
    await shell('systemctl start segwall-agent && segwall agents wait one');
    expect(await open()).toEqual([8080, 9191]);
  });

  test('started means ready: the control plane answers, and an agent is ready also without one', async () => {
    await shell('systemctl restart segwall-control-plane && segwall status');
    await connected();
    await shell('systemctl stop segwall-control-plane && systemctl restart segwall-agent && segwall-agent status');
    expect(await open()).toEqual([8080, 9191]);
    await shell('systemctl start segwall-control-plane');
    await connected();
    await waitFor(async () => (await shell('systemctl status segwall-agent')).includes('Status: "connected to'), {
      what: 'systemctl status says that the agent is connected',
    });
  });

  test('an agent whose event loop hangs is started anew, and nothing opens meanwhile', async () => {
    await shell('mkdir -p /run/systemd/system/segwall-agent.service.d');
    await shell('printf "[Service]\\nWatchdogSec=2\\n" >/run/systemd/system/segwall-agent.service.d/soon.conf');
    await shell('systemctl daemon-reload && systemctl restart segwall-agent');
    await shell('systemctl kill --kill-who=main -s STOP segwall-agent');
    const restarts = () => one.must(['systemctl', 'show', '--value', '-p', 'NRestarts', 'segwall-agent']);
    await waitFor(async () => Number(await restarts()) > 0, { what: 'systemd started it anew' });
    expect(await open()).toEqual([8080, 9191]);
    await shell('rm /run/systemd/system/segwall-agent.service.d/soon.conf && systemctl daemon-reload');
    await shell('systemctl restart segwall-agent');
    await connected();
  });

  test('a downgrade and an upgrade keep the rules, and the agent comes back', async () => {
    const earlier = await withVersion(debOf('segwall-agent'), '0.0.9', directory);
    for (const deb of [earlier, debOf('segwall-agent')]) {
      await one.install([deb]);
      expect(await open()).toEqual([8080, 9191]);
      await connected();
      expect(await failed()).toEqual([]);
    }
    expect(await open()).toEqual([8080, 9191]);
  });

  test('after a power cut the socket and lock of before are in nobody’s way', async () => {
    await one.powerCut();
    await one.boot();
    await connected();
    expect(await failed()).toEqual([]);
    await waitFor(async () => (await open()).includes(9191), { what: 'the unit is under its own rules' });
    expect(await open()).toEqual([8080, 9191]);
  });

  test('removal keeps the rules, says which units lose their own, and holds over a reboot', async () => {
    const said = await dpkg('--remove', 'segwall-agent');
    expect(said).toContain('this host keeps the rules it has now, also after a reboot');
    expect(said).toContain('under the host’s own rules from their next start on: report.service');
    expect(await open()).toEqual([8080, 9191]);
    expect(await failed()).toEqual([]);
    await one.powerOff();
    await one.boot();
    expect(await failed()).toEqual([]);
    expect(await open()).toEqual([8080]);
  });

  test('kept rules outlast what empties the ruleset: nftables.service started, reloaded, restarted and stopped', async () => {
    for (const verb of ['start', 'reload', 'restart', 'stop']) {
      await one.must(['systemctl', verb, 'nftables']);
      expect({ verb, open: await open() }).toEqual({ verb, open: [8080] });
    }
  });

  test('installed again, the agent takes the kept rules over and nothing of them is left', async () => {
    await one.install([debOf('segwall-agent')]);
    expect(await open()).toContain(8080);
    expect(await open()).not.toContain(9090);
    await connected();
    expect(await failed()).toEqual([]);
    expect(await known()).toEqual(expect.not.arrayContaining(['segwall-kept-rules.service']));
    await waitFor(async () => (await open()).includes(9191), { what: 'the unit is under its own rules again' });
  });

  test('what would be kept is said: nothing of a host opened at its console, and not beyond a reboot where it cannot be', async () => {
    await shell('mount --bind /var/lib/segwall-agent /var/lib/segwall-agent && systemctl stop segwall-agent');
    await shell('mount -o remount,bind,ro /var/lib/segwall-agent');
    const { exitCode, stderr } = await one.exec(['segwall-agent', 'keep']);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: expect.stringContaining(
        'rules-not-kept: the rules hold until the next reboot, and the host is open after it',
      ),
    });
    await shell('umount /var/lib/segwall-agent && systemctl start segwall-agent');
    await shell('segwall-agent panic --reason drill');
    expect(await shell('segwall-agent keep')).toContain('no rules are kept, and it stays open');
    await shell('segwall-agent resume');
    expect(await open()).not.toContain(9090);
  });

  test('the package of the command alone serves an operator elsewhere, and gives way to the control plane’s', async () => {
    await shell('dpkg --remove segwall-control-plane');
    await one.install([debOf('segwall')]);
    expect(await shell('segwall --version && ls /usr/share/bash-completion/completions')).toContain('segwall\n');
    expect((await one.exec(['segwall', 'status', '--server', 'http://127.0.0.1:7444'])).exitCode).toBe(2);
    await one.install([debOf('segwall-control-plane')]);
    expect((await one.exec(['dpkg', '--status', 'segwall'])).stdout).not.toContain('ok installed');
    await shell('segwall status');
    await connected();
  });

  test('purging opens the host, and systemd knows nothing of the agent any more', async () => {
    expect(await dpkg('--purge', 'segwall-agent')).toContain('this host is open');
    expect(await open()).toEqual(ports);
    expect(await known()).toEqual([]);
    expect((await one.exec(['ls', '/var/lib/segwall-agent'])).exitCode).not.toBe(0);
  });
});
