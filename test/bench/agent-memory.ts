// What an idle agent costs a host: the bundled agent, as it is packaged, against a real control plane, holding a rule set with
// 1,000 peers. Resident and private memory from the kernel's own account of the process, and the share of a core it takes.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readIfThere } from '#agent/state/durable-file.ts';
import { type Fleet, repository, startFleet, writePolicy } from '#test/support/fleet.ts';
import { createLab, insideNamespace, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { bundleProgram } from '../../packaging/bundle.ts';
import { products } from '../../packaging/products.ts';
import type { BenchReport } from './bench-report.ts';

const peers = 1000;
/** The compiler's and the start's garbage is gone by then, and the first windows are closed. */
const settleMs = 20_000;
const measureMs = 20_000;

const policy = `apiVersion: segwall/v1
kind: Segment
metadata: { name: measured }
spec:
  selector: role == "measured"
  inbound: enforce
  outbound: enforce
  rules:
    - { name: in, from: [{ tenant: 'role == "peer"' }], to: [{ workloads: 'all()' }], services: [tcp/443, tcp/8443] }
    - { name: out, from: [{ workloads: 'all()' }], to: [{ tenant: 'role == "peer"' }], services: [tcp/5432] }
`;

export async function run(): Promise<BenchReport> {
  const directory = await mkdtemp(join(tmpdir(), 'segwall-bench-memory-'));
  const lab = await createLab({ name: 'memory' });
  let fleet: Fleet | undefined;
  let agent: ChildProcess | undefined;
  try {
    const controlPlane = await lab.addHost({ name: 'control', ipv4: '10.9.0.1' });
    const host = await lab.addHost({ name: 'measured', ipv4: '10.9.0.2', ipv6: 'fd09::2' });
    const bundle = await bundleAgent(directory);
    fleet = await startFleet({ controlPlane, directory });
    const enrolled = await fleet.enrol(host, { role: 'measured' });
    await enrolled.kill('SIGTERM');
    // The settings of a host that has none, not those that tests run with.
    await rm(join(enrolled.stateDirectory, 'agent.yaml'), { force: true });
    const policyDirectory = await writePolicy(join(directory, 'policy'), { 'a.yaml': policy, 'b.yaml': renderPeers() });
    agent = startAgent({ host, bundle, state: enrolled.stateDirectory, directory });
    const pid = agent.pid ?? 0;
    await waitFor(async () => (await enrolled.status())?.connected, {
      what: 'the agent is connected',
      timeoutMs: 20_000,
    });
    await fleet.segwallJson(['apply', policyDirectory, '--wait']);
    const status = (await enrolled.status()) as { readonly peerSets?: number } | undefined;
    if (status?.peerSets !== 1) throw new Error(`the agent does not hold the peers: ${JSON.stringify(status)}`);

    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const before = await cpuSeconds(pid);
    await new Promise((resolve) => setTimeout(resolve, measureMs));
    const share = ((await cpuSeconds(pid)) - before) / (measureMs / 1000);
    const memory = await memoryOf(pid);
    return {
      method: `The bundled agent, enrolled and connected, holding ${peers} peers under enforce in both directions, ${settleMs / 1000} s after the last change; one reading of smaps_rollup, and CPU over ${measureMs / 1000} s.`,
      results: [
        { name: 'resident', value: memory.rss, unit: 'MB', limit: { kind: 'at-most', value: 75 } },
        { name: 'private', value: memory.private, unit: 'MB', limit: { kind: 'at-most', value: 22 } },
        { name: 'cpu, share of a core', value: share * 100, unit: '%', limit: { kind: 'at-most', value: 0.2 } },
      ],
    };
  } finally {
    agent?.kill('SIGKILL');
    await fleet?.stop();
    await lab.remove();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Beside it the packages that are not bundled, as packaging puts them. */
async function bundleAgent(directory: string): Promise<string> {
  const outFolder = join(directory, 'bundle');
  await mkdir(outFolder);
  await symlink(join(repository, 'node_modules'), join(outFolder, 'node_modules'));
  await bundleProgram({ root: repository, entry: 'agent/src/main.ts', name: 'segwall-agent', outFolder });
  return join(outFolder, 'segwall-agent.js');
}

function startAgent(options: {
  readonly host: LabHost;
  readonly bundle: string;
  readonly state: string;
  readonly directory: string;
}): ChildProcess {
  const flags =
    products.flatMap(({ programs }) => programs).find(({ name }) => name === 'segwall-agent')?.runtimeFlags ?? [];
  const argv = [process.execPath, ...flags, options.bundle, 'run', '--state', options.state, '--log-level', 'warn'];
  const [file = '', ...args] = insideNamespace(options.host.namespace, argv);
  return spawn(file, args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    cwd: options.directory,
    // As the packaged unit has it.
    env: { ...process.env, MALLOC_ARENA_MAX: '1', NODE_COMPILE_CACHE: join(options.directory, 'compile-cache') },
  });
}

function renderPeers(): string {
  return Array.from(
    { length: peers },
    (_, index) => `apiVersion: segwall/v1
kind: Workload
metadata: { name: peer-${index}, labels: { role: peer } }
spec: { kind: external, addresses: [10.${20 + (index >> 8)}.${index & 255}.7] }
`,
  ).join('---\n');
}

/**
 * In MiB. Private is what no file backs: pages of the runtime's own file count as private while no other process runs it, which
 * says nothing of the agent.
 */
async function memoryOf(pid: number): Promise<{ readonly rss: number; readonly private: number }> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1');
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
  return { rss: kib('Rss') / 1024, private: kib('Private_Dirty') / 1024 };
}

/** Fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms. */
async function cpuSeconds(pid: number): Promise<number> {
  const text = Buffer.from((await readIfThere(`/proc/${pid}/stat`)) ?? []).toString('latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
