// A fleet of network namespaces on one machine: every host is a namespace, the network a bridge in a namespace of its own,
// so several labs run side by side and may use the same addresses. Removes exactly what it made: by remove(), on SIGINT and
// SIGTERM, and, through a small reaper process that waits for this one to end, even after SIGKILL. Needs root.

import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type RunResult, run } from './run-command.ts';

export interface HostOptions {
  readonly name: string;
  /** Bare addresses; every other address is on-link too, so hosts of any ranges reach each other. */
  readonly ipv4?: string;
  readonly ipv6?: string;
}

export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default: stdin and stdout and stderr are pipes. */
  readonly stdio?: 'pipe' | 'ignore' | readonly ('pipe' | 'ignore' | number)[];
}

export interface ExecOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface LabHost {
  readonly name: string;
  /** As `ip netns` knows it. */
  readonly namespace: string;
  readonly ipv4: string | undefined;
  readonly ipv6: string | undefined;
  /** Runs to the end inside the host; a failing command is a result, not an exception. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<RunResult>;
  /** Starts a process inside the host; its pid is the program's own. It is killed with the host at the latest. */
  spawn(argv: readonly string[], options?: SpawnOptions): ChildProcess;
  /** The host leaves the network at once, its processes are killed. */
  remove(): Promise<void>;
}

export interface Lab {
  readonly name: string;
  readonly hosts: ReadonlyMap<string, LabHost>;
  addHost(options: HostOptions): Promise<LabHost>;
  /** A directory of the lab's owner that goes when the lab goes, also on a signal. */
  alsoRemove(directory: string): void;
  /** Takes away everything the lab made; may be called twice. */
  remove(): Promise<void>;
}

const live = new Set<Lab>();
let made = 0;
let signalsHandled = false;

export async function createLab({ name }: { readonly name: string }): Promise<Lab> {
  made += 1;
  const prefix = `segwall-${process.pid}-${made}-${name}`;
  const bridge = `${prefix}.net`;
  const hosts = new Map<string, LabHost>();
  const reaper = startReaper(prefix);
  let ports = 0;
  const directories: string[] = [];
  let removal: Promise<void> | undefined;

  const lab: Lab = {
    name: prefix,
    hosts,
    addHost: async (options) => {
      if (hosts.has(options.name)) throw new Error(`the lab has a host "${options.name}" already`);
      ports += 1;
      const host = createHost({ prefix, options, onRemoved: () => hosts.delete(options.name) });
      hosts.set(options.name, host);
      await plugIn({ host, bridge, port: `p${ports}` });
      return host;
    },
    alsoRemove: (directory) => {
      directories.push(directory);
      reaper.stdin?.write(`${directory}\n`);
    },
    remove: () => {
      removal ??= (async () => {
        await removeNamespaces(prefix);
        hosts.clear();
        await Promise.all(
          directories.map((directory) => rm(directory, { recursive: true, force: true, maxRetries: 10 })),
        );
        reaper.stdin?.end();
        live.delete(lab);
      })();
      return removal;
    },
  };
  live.add(lab);
  handleSignals();
  await mustRun(['ip', 'netns', 'add', bridge]);
  await ipBatch(bridge, [
    'link add br0 type bridge forward_delay 0 mcast_snooping 0',
    'link set br0 addrgenmode none',
    'link set br0 up',
  ]);
  return lab;
}

/** Enters the network only: mounts, and with them the cgroup tree, stay those of the machine. */
export function insideNamespace(namespace: string, argv: readonly string[]): string[] {
  return ['nsenter', `--net=/run/netns/${namespace}`, '--', ...argv];
}

function createHost(input: {
  readonly prefix: string;
  readonly options: HostOptions;
  readonly onRemoved: () => void;
}): LabHost {
  const namespace = `${input.prefix}.${input.options.name}`;
  return {
    name: input.options.name,
    namespace,
    ipv4: input.options.ipv4,
    ipv6: input.options.ipv6,
    exec: (argv, options = {}) => run(insideNamespace(namespace, argv), options),
    spawn: (argv, options = {}) => {
      const [file = '', ...args] = insideNamespace(namespace, argv);
      return spawn(file, args, {
        stdio: typeof options.stdio === 'string' ? options.stdio : [...(options.stdio ?? ['pipe', 'pipe', 'pipe'])],
        env: { ...process.env, ...options.env },
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      });
    },
    remove: async () => {
      await removeNamespaces(namespace);
      input.onRemoved();
    },
  };
}

/** Linux answers one peer with six ICMP errors and then one a second; a matrix asks faster. */
const unlimitedErrors = `cd /proc/sys/net
echo 0 > ipv4/icmp_ratelimit
echo 0 > ipv6/icmp/ratelimit`;

async function plugIn(input: {
  readonly host: LabHost;
  readonly bridge: string;
  readonly port: string;
}): Promise<void> {
  const { host, bridge, port } = input;
  await mustRun(['ip', 'netns', 'add', host.namespace]);
  await ipBatch(bridge, [
    `link add ${port} type veth peer name eth0 netns ${host.namespace}`,
    `link set ${port} addrgenmode none`,
    `link set ${port} master br0 up`,
  ]);
  const lines = ['link set lo up', 'link set eth0 up'];
  if (host.ipv4 !== undefined) lines.push(`addr add ${host.ipv4}/24 dev eth0`, 'route add default dev eth0');
  if (host.ipv6 !== undefined) lines.push(`addr add ${host.ipv6}/64 dev eth0 nodad`, 'route add ::/0 dev eth0');
  await ipBatch(host.namespace, lines);
  await mustRun(insideNamespace(host.namespace, ['sh', '-c', unlimitedErrors]));
}

async function ipBatch(namespace: string, lines: readonly string[]): Promise<void> {
  await mustRun(['ip', '-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`);
}

async function mustRun(argv: readonly string[], input?: string): Promise<void> {
  const result = await run(argv, input === undefined ? {} : { input });
  if (result.exitCode !== 0) throw new Error(`${argv.join(' ')} failed (${result.exitCode}): ${result.stderr.trim()}`);
}

/** Kills what runs in the namespaces of that name (or lab) and removes them; nothing else carries such a name. */
async function removeNamespaces(name: string): Promise<void> {
  const names = readdirSync('/run/netns').filter((entry) => entry === name || entry.startsWith(`${name}.`));
  await Promise.all(
    names.map(async (namespace) => {
      await killInside(namespace);
      await run(['ip', 'netns', 'del', namespace]);
    }),
  );
}

async function killInside(namespace: string): Promise<void> {
  const { stdout } = await run(['ip', 'netns', 'pids', namespace]);
  for (const pid of stdout.split('\n').filter((line) => line !== '')) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It ended by itself between the listing and the signal.
    }
  }
}

/** Waits for its standard input to close, which happens when this process is gone, however it went. */
function startReaper(prefix: string): ChildProcess {
  const script = `trap '' INT TERM HUP; set --; while read -r directory; do set -- "$@" "$directory"; done
for file in /run/netns/${prefix}.*; do
  test -e "$file" || continue
  name=\${file##*/}
  for pid in $(ip netns pids "$name"); do kill -9 "$pid"; done
  ip netns del "$name"
done
for directory in "$@"; do rm -rf "$directory"; done`;
  const reaper = spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  reaper.unref();
  return reaper;
}

function handleSignals(): void {
  if (signalsHandled) return;
  signalsHandled = true;
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    // Not `once`: execa gives a signal back its default, which is death on the spot, when it sees no other listener left.
    process.on(signal, () => {
      void Promise.allSettled([...live].map((lab) => lab.remove())).then(() => process.exit(exitCode));
    });
  }
}
