// One booted Debian machine: a copy of the base tree, systemd as its first process, in the network of a lab host. Commands run in all of
// its namespaces. Powering off loses what a real machine loses: the kernel's rules and connections, not the disk.

import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { LabHost } from '#test/support/lab.ts';
import { type RunResult, run } from '#test/support/run-command.ts';
import { waitFor } from '#test/support/wait.ts';

export interface Machine {
  readonly host: LabHost;
  /** The machine's file system, as seen from here. */
  readonly tree: string;
  /** Returns once systemd says that it is up, degraded or not. */
  boot(): Promise<void>;
  /** An orderly power-off; the kernel's rules and connections are gone afterwards. */
  powerOff(): Promise<void>;
  /** The same without order: every process ends at once, and what they left lying about stays. */
  powerCut(): Promise<void>;
  /** Runs a command inside; a failing one is a result. */
  exec(argv: readonly string[], options?: { readonly timeoutMs?: number }): Promise<RunResult>;
  /** The same, which must succeed: its standard output. */
  must(argv: readonly string[], options?: { readonly timeoutMs?: number }): Promise<string>;
  /** Installs .deb files of this machine. */
  install(debs: readonly string[]): Promise<string>;
  /** The last lines of the journal, for messages. */
  journal(unit?: string): Promise<string>;
}

const supervisorSettings = {
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1',
  // /proc/sys/net is the machine's own to write, as on a real one.
  SYSTEMD_NSPAWN_API_VFS_WRITABLE: 'network',
};

export async function createMachine(options: {
  readonly host: LabHost;
  readonly baseTree: string;
  /** Holds the machine's tree. */
  readonly directory: string;
  /** Further arguments of systemd-nspawn. */
  readonly nspawn?: readonly string[];
}): Promise<Machine> {
  const { host, baseTree, directory, nspawn = [] } = options;
  const tree = join(directory, host.name);
  const copied = await run(['cp', '-a', '--reflink=auto', baseTree, tree], { timeoutMs: 120_000 });
  if (copied.exitCode !== 0) throw new Error(`the tree of ${host.name} could not be copied: ${copied.stderr}`);
  await writeFile(join(tree, 'etc/hostname'), `${host.name}\n`);
  await writeFile(join(tree, 'etc/hosts'), `127.0.0.1 localhost ${host.name}\n::1 localhost\n`);
  // A tree that is thrown away need not be on the disk, and waiting until it is takes most of an installation.
  await writeFile(join(tree, 'etc/dpkg/dpkg.cfg.d/unsafe-io'), 'force-unsafe-io\n');
  // systemd takes an empty file for "make one at the first boot".
  await writeFile(join(tree, 'etc/machine-id'), '');

  let container: { readonly supervisor: ChildProcess; readonly firstProcess: number } | undefined;
  const output: string[] = [];

  const end = async (how: (firstProcess: number) => Promise<unknown>): Promise<void> => {
    if (container === undefined) throw new Error(`${host.name} is off`);
    const { supervisor, firstProcess } = container;
    const ended = new Promise<void>((resolve) => supervisor.once('exit', () => resolve()));
    await how(firstProcess);
    await ended;
    container = undefined;
    // The network namespace outlives the machine, as a kernel does not.
    for (const argv of [
      ['nft', 'flush', 'ruleset'],
      ['conntrack', '-F'],
    ]) {
      const cleared = await host.exec(argv);
      if (cleared.exitCode !== 0) throw new Error(`${argv.join(' ')} in ${host.name} failed: ${cleared.stderr}`);
    }
  };

  const machine: Machine = {
    host,
    tree,
    boot: async () => {
      if (container !== undefined) throw new Error(`${host.name} is running`);
      const supervisor = spawn(
        'systemd-nspawn',
        [
          ...['-D', tree, '--quiet', '--register=no', '--keep-unit', '--boot'],
          ...[`--network-namespace-path=/run/netns/${host.namespace}`, '--capability=CAP_NET_ADMIN'],
          ...['--machine', host.namespace.replaceAll('.', '-').slice(-60), '--console=pipe'],
          ...nspawn,
        ],
        { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...supervisorSettings } },
      );
      supervisor.stdout.on('data', (chunk) => output.push(String(chunk)));
      supervisor.stderr.on('data', (chunk) => output.push(String(chunk)));
      let state: RunResult | undefined;
      const explain = () => `${state?.stdout ?? ''}${state?.stderr ?? ''}\n${output.join('').slice(-2000)}`;
      const firstProcess = await waitFor(() => findFirstProcess(supervisor), {
        what: `${host.name} has a first process`,
        explain,
      });
      container = { supervisor, firstProcess };
      await waitFor(
        async () => {
          state = await machine.exec(['systemctl', 'is-system-running']);
          return ['running', 'degraded'].includes(state.stdout.trim());
        },
        { what: `${host.name} is up`, timeoutMs: 30_000, intervalMs: 100, explain },
      );
    },
    powerOff: () => end(() => machine.exec(['systemctl', 'poweroff'])),
    // Killing the first process of a process namespace ends all in it.
    powerCut: () => end(async (firstProcess) => process.kill(firstProcess, 'SIGKILL')),
    exec: (argv, { timeoutMs = 60_000 } = {}) => {
      if (container === undefined) throw new Error(`${host.name} is off`);
      const enter = ['nsenter', `--target=${container.firstProcess}`, '--all', '--root', '--wdns=/', '--'];
      const clean = ['env', '-i', 'HOME=/root', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];
      return run([...enter, ...clean, 'DEBIAN_FRONTEND=noninteractive', ...argv], { timeoutMs });
    },
    must: async (argv, options_ = {}) => {
      const result = await machine.exec(argv, options_);
      if (result.exitCode === 0) return result.stdout;
      throw new Error(
        `${host.name}: ${argv.join(' ')} ended with ${result.exitCode}:\n${result.stdout}${result.stderr}`,
      );
    },
    install: async (debs) => {
      await mkdir(join(tree, 'root'), { recursive: true });
      for (const deb of debs) await copyFile(deb, join(tree, 'root', basename(deb)));
      return machine.must(['dpkg', '--install', ...debs.map((deb) => `/root/${basename(deb)}`)], {
        timeoutMs: 120_000,
      });
    },
    journal: async (unit) => {
      const { stdout } = await machine.exec([
        'journalctl',
        '-n',
        '60',
        '--no-pager',
        ...(unit === undefined ? [] : ['-u', unit]),
      ]);
      return stdout;
    },
  };
  return machine;
}

/** The process that is number 1 inside: the supervisor's child. */
async function findFirstProcess(supervisor: ChildProcess): Promise<number | undefined> {
  if (supervisor.exitCode !== null) throw new Error(`systemd-nspawn ended with ${supervisor.exitCode}`);
  if (supervisor.pid === undefined) return undefined;
  const threads = await readdir(`/proc/${supervisor.pid}/task`);
  for (const thread of threads) {
    const children = await readFile(`/proc/${supervisor.pid}/task/${thread}/children`, 'utf8');
    for (const child of children
      .trim()
      .split(' ')
      .filter((pid) => pid !== '')) {
      const status = await readFile(`/proc/${child}/status`, 'utf8').catch(() => '');
      // Its number in the innermost process namespace.
      if (/^NSpid:.*\t1$/m.test(status) && /^Name:\tsystemd$/m.test(status)) return Number(child);
    }
  }
  return undefined;
}
