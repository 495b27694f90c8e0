// What an operator does with the packages on an ordinary day, on one booted Debian machine that is control plane and host at once: install,
// enrol by what the commands print, upgrade, downgrade, lose power, remove, install again, purge. After each step nothing is left failed.

import { copyFile, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
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
const data = '/var/lib/segwall-control-plane';
const service = 'segwall-control-plane';

let lab: Lab;
let directory: string;
let one: Machine;
let outsider: HostProbe;
let debOf: (name: string) => string;

/** Longer and longer than a busy machine may be late, before silence where an answer is expected is believed. */
const patiencesMs = [350, 1_400, 5_600];

async function expectOpen(expected: readonly number[]): Promise<void> {
  const found = new Set<number>();
  for (const timeoutMs of patiencesMs) {
    const asked = ports.filter((port) => !found.has(port));
    const outcomes = await outsider.probe(
      asked.map((port) => ({ transport: 'tcp', port, address: '10.86.0.1' })),
      timeoutMs,
    );
    expect(outcomes.filter(({ kind }) => kind === 'broken')).toEqual([]);
    for (const [at, port] of asked.entries()) if (outcomes[at]?.kind === 'allowed') found.add(port);
    if (expected.every((port) => found.has(port))) break;
  }
  expect([...found].sort()).toEqual([...expected].sort());
}

const shell = (command: string) =>
  one.must(['sh', '-c', `cd /root; export ${operator}; ${command}`], { timeoutMs: 240_000 });

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

/** The examples in a section of a page, in order, those in lists too. */
function blocksOf(page: string, heading: string, language: string): readonly string[] {
  const [, section = ''] = readText(page).split(`\n## ${heading}\n`);
  const [text = ''] = section.split('\n## ');
  const blocks = text.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^\\1\`\`\``, 'gm'));
  return [...blocks].map(([, indent = '', body = '']) => body.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));
}

/** An example, typed into one shell of the operator's: both outputs. A command that fails ends it. */
async function typed(example: string): Promise<string> {
  return shell(`set -e; exec 2>&1\n${example}`);
}

async function copyIn(packages: readonly string[]): Promise<void> {
  for (const name of packages) await copyFile(debOf(name), join(one.tree, 'root', basename(debOf(name))));
}

/** Both outputs of dpkg: what the package's scripts say and what goes wrong in them. */
async function dpkg(...words: string[]): Promise<string> {
  return shell(`dpkg ${words.join(' ')} 2>&1`);
}

/** What others than the owner may look into, or somebody else owns. */
async function notOnlyOf(owner: string, folder: string): Promise<string> {
  return shell(`find ${folder} ! -user ${owner} -o ! -group ${owner} -o -perm /077 | xargs -r ls -ld`);
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'segwall-day-'));
  lab = await createLab({ name: 'day' });
  lab.alsoRemove(directory);
  const [baseTree, built] = await Promise.all([provideBaseTree(), providePackages(directory)]);
  debOf = built;
  const host = await lab.addHost({ name: 'web-1', ipv4: '10.86.0.1' });
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
});

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
    await expectOpen(ports);
  });

  test('the README’s commands, typed as they stand there, install control plane and agent and enrol the host', async () => {
    await copyIn(['segwall-control-plane', 'segwall-agent']);
    const [, forControl = '', forHost = '', forPolicy = ''] = blocksOf('README.md', 'Use it: on real servers', 'sh');
    const [firstPolicy = ''] = blocksOf('README.md', 'Use it: on real servers', 'yaml');
    const said = await typed(forControl);
    const [enroll = '', start = ''] = commandsIn(said.slice(said.indexOf('On each host')));
    const fingerprint = /"caFingerprint": "([0-9a-f]{64})"/.exec(said)?.[1] ?? '';
    const filled = forHost.replace('CONTROL', '10.86.0.1').replace('HEX', fingerprint);
    // What `tokens create` prints is the same, ready to be typed; and `enroll` says what comes next.
    expect(filled.split('\n')).toEqual(expect.arrayContaining([enroll, start]));
    const told = await typed(filled);
    expect(told).toContain('web-1 is enrolled with 10.86.0.1:7443');
    expect(told).toContain(`next: ${start}\n`);
    await shell('mkdir policy');
    await writeFile(join(one.tree, 'root/policy/shop.yaml'), firstPolicy);
    await connected();
    await typed(forPolicy);
    await expectOpen(ports);
  });

  test('a service becomes a workload of its own, and policy enforces both', async () => {
    await shell('echo "# ours" >>/etc/segwall/agent.yaml');
    await writeFile(join(one.tree, 'etc/segwall/agent.d/10-report.yaml'), 'units: [report.service]\n');
    expect(await shell('segwall-agent settings')).toMatch(
      /^units +\["report.service"\] +\/etc\/segwall\/agent.d\/10-report.yaml:1$/m,
    );
    expect(await shell('segwall-control-plane settings')).toMatch(
      /^api +127.0.0.1:7444 +\/etc\/segwall\/control-plane.yaml:\d+$/m,
    );
    // Started is ready: nobody has to wait before asking.
    await shell('systemctl restart segwall-agent && segwall-agent status');
    await waitFor(async () => (await shell('segwall workloads --json')).includes('web-1-report'), {
      what: 'the unit is registered',
      explain: () => one.journal('segwall-agent'),
    });
    await writeFile(join(one.tree, 'root/policy/shop.yaml'), policy);
    await shell('segwall label web-1-report role=report --wait && segwall apply /root/policy --wait');
    await expectOpen([8080, 9191]);
  });

  test('a label is changed, and changed back, as the guide has it', async () => {
    const [look, plan, change, see, back, ...rest] = blocksOf('docs/guides/day-two.md', 'Change a label', 'sh');
    expect(rest).toEqual([]);
    expect(await typed(look ?? '')).toContain('web-1-report');
    await typed(plan ?? '');
    await expectOpen([8080, 9191]);
    await typed(change ?? '');
    await expectOpen(ports);
    await typed(see ?? '');
    await typed(back ?? '');
    await expectOpen([8080, 9191]);
  });

  test('what a host may claim is looked at and changed, as the guide has it', async () => {
    const [commands = '', ...rest] = blocksOf('docs/guides/day-two.md', 'Floating addresses', 'sh');
    expect(rest).toEqual([]);
    expect(await typed(commands)).toContain('10.86.0.0/24');
    await expectOpen([8080, 9191]);
  });

  test('the commands for who is locked out do what the page says, as they are written there', async () => {
    const [rollback, panic, resume, openUp, ...rest] = blocksOf('docs/guides/operating.md', 'Locked out', 'sh');
    expect(rest).toEqual([]);
    await typed(rollback ?? '');
    // The policy before it is the README's, which observes.
    await expectOpen(ports);
    await shell('segwall apply /root/policy --wait');
    await expectOpen([8080, 9191]);
    await typed(panic ?? '');
    await expectOpen(ports);
    await typed(resume ?? '');
    await expectOpen([8080, 9191]);
    await typed(openUp ?? '');
    await expectOpen(ports);
    await shell('systemctl start segwall-agent && segwall agents wait web-1');
    await expectOpen([8080, 9191]);
  });

  test('started means ready: the control plane answers, and an agent is ready also without one', async () => {
    await shell('systemctl restart segwall-control-plane && segwall status');
    await connected();
    await shell('systemctl stop segwall-control-plane && systemctl restart segwall-agent && segwall-agent status');
    await expectOpen([8080, 9191]);
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
    await expectOpen([8080, 9191]);
    await shell('rm /run/systemd/system/segwall-agent.service.d/soon.conf && systemctl daemon-reload');
    await shell('systemctl restart segwall-agent');
    await connected();
  });

  test('a downgrade and an upgrade keep the rules, and the agent comes back', async () => {
    const earlier = await withVersion(debOf('segwall-agent'), '0.0.9', directory);
    for (const deb of [earlier, debOf('segwall-agent')]) {
      await one.install([deb]);
      await expectOpen([8080, 9191]);
      await connected();
      expect(await failed()).toEqual([]);
      expect((await shell('tail -n 1 /etc/segwall/agent.yaml')).trim()).toBe('# ours');
    }
    await expectOpen([8080, 9191]);
  });

  test('after a power cut the socket and lock of before are in nobody’s way', async () => {
    await one.powerCut();
    await one.boot();
    await connected();
    expect(await failed()).toEqual([]);
    await expectOpen([8080, 9191]);
  });

  test('a backup while it runs, and put back with it stopped, as the guides have it: the files stay the service’s own', async () => {
    const [backup = '', ...more] = blocksOf('docs/guides/operating.md', 'Back up and restore', 'sh');
    const [restore = '', ...rest] = blocksOf('docs/guides/day-two.md', 'Restore from an old backup', 'sh');
    expect([more, rest]).toEqual([[], []]);
    const folder = '/var/backups/segwall-$(date +%F)';
    expect(await typed(backup)).toContain('backed up');
    expect(await notOnlyOf('root', folder)).toBe('');
    expect(await notOnlyOf(service, data)).toBe('');
    await shell('segwall label web-1 role=idle --wait');
    await expectOpen(ports);
    await typed(restore.replaceAll(/\/var\/backups\/\S+/g, folder));
    expect(await notOnlyOf(service, data)).toBe('');
    // Tokens hold as of the backup; the file with the first one is no part of it.
    await shell(`cp -a ${data}.old/first-start.json ${data}`);
    await connected();
    expect(await shell('segwall status')).toMatch(
      /HOLD +since .*: restored from a backup of .*\n +ahead +web-1: told more/,
    );
    await expectOpen(ports);
    await shell('segwall resume --wait');
    await expectOpen([8080, 9191]);
    expect(await failed()).toEqual([]);
  });

  test('… also by the service’s own user, and of a control plane that is stopped', async () => {
    const by = (command: string) => shell(`runuser -u ${service} -- segwall-control-plane ${command} 2>&1`);
    await shell(`install -d -o ${service} -g ${service} -m 700 /var/backups/own /srv/anew`);
    expect(await by(`backup --data ${data} --to /var/backups/own/one`)).toContain('backed up');
    await shell(`systemctl stop ${service}`);
    expect(await by(`backup --data ${data} --to /var/backups/own/two`)).toContain('backed up');
    expect(await shell(`segwall-control-plane backup --data ${data} --to /var/backups/three`)).toContain('backed up');
    expect(await notOnlyOf(service, `${data} /var/backups/own`)).toBe('');
    expect(await by(`restore --from /var/backups/own/two --data /srv/anew`)).toContain('segwall resume');
    expect(await notOnlyOf(service, '/srv/anew')).toBe('');
    await shell(`systemctl start ${service}`);
    await connected();
    expect(await shell('segwall status')).not.toContain('HOLD');
  });

  test('removal keeps the rules, says which units lose their own, and holds over a reboot', async () => {
    const said = await dpkg('--remove', 'segwall-agent');
    expect(said).toContain('this host keeps the rules it has now, also after a reboot');
    expect(said).toContain('under the host’s own rules from their next start on: report.service');
    await expectOpen([8080, 9191]);
    expect(await failed()).toEqual([]);
    await one.powerOff();
    await one.boot();
    expect(await failed()).toEqual([]);
    await expectOpen([8080]);
  });

  test('kept rules outlast what empties the ruleset: nftables.service started, reloaded, restarted and stopped', async () => {
    for (const verb of ['start', 'reload', 'restart', 'stop']) {
      await one.must(['systemctl', verb, 'nftables']);
      await expectOpen([8080]);
    }
  });

  test('installed again, the agent takes the kept rules over and nothing of them is left', async () => {
    await one.install([debOf('segwall-agent')]);
    await connected();
    expect(await failed()).toEqual([]);
    expect(await known()).toEqual(expect.not.arrayContaining(['segwall-kept-rules.service']));
    await expectOpen([8080, 9191]);
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
    await expectOpen([8080, 9191]);
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
    await expectOpen(ports);
    expect(await known()).toEqual([]);
    for (const path of ['/var/lib/segwall-agent', '/etc/segwall/agent.yaml'])
      expect((await one.exec(['ls', path])).exitCode, path).not.toBe(0);
  });
});
