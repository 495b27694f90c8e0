// Real daemons in a lab, run the way an operator runs them: segwall-control-plane in one host, segwall-agent in others, and
// the segwall command beside the control plane. Processes are ended by their own pid; logs are kept for messages.

import type { ChildProcess } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LabHost } from './lab.ts';
import type { HostProbe } from './probe.ts';
import { startProbe } from './probe.ts';
import type { HttpResponse } from './probe-protocol.ts';
import { programPath } from './programs.ts';
import type { RunResult } from './run-command.ts';
import { waitFor } from './wait.ts';

export interface FirstStart {
  readonly apiUrl: string;
  readonly adminToken: string;
  readonly caFingerprint: string;
  readonly agents: string;
}

/** What `segwall-agent status --json` promises at least. */
export interface AgentStatusView {
  readonly host: string;
  readonly revision: number;
  readonly applied: unknown;
  readonly mode: unknown;
  readonly connected: boolean;
  readonly lost: unknown;
}

export interface FleetAgent {
  readonly host: LabHost;
  readonly stateDirectory: string;
  pid(): number;
  /** Starts `segwall-agent run` unless it runs. */
  start(): void;
  /** Returns once the process is gone, with its exit code, or the signal that ended it. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<ProcessEnd>;
  status(): Promise<AgentStatusView | undefined>;
  log(): string;
}

export type ProcessEnd = number | NodeJS.Signals | undefined;

export interface AgentOptions {
  /** Of `segwall-agent run`; for a test that puts another nft in its PATH. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Fleet {
  readonly directory: string;
  readonly agents: ReadonlyMap<string, FleetAgent>;
  readonly controlPlane: LabHost;
  readonly firstStart: FirstStart;
  /** The operator's command, beside the control plane, with its token. */
  segwall(args: readonly string[], options?: { readonly timeoutMs?: number }): Promise<RunResult>;
  /** The same with --json, which must succeed; throws with what the command said otherwise. */
  segwallJson<T>(args: readonly string[], options?: { readonly timeoutMs?: number }): Promise<T>;
  /** The operator's API without the time it takes to start a command. */
  api(request: { readonly method: string; readonly path: string; readonly body?: unknown }): Promise<HttpResponse>;
  /** Every flow that the query of the API asks for, from all its pages. */
  flows(query: string): Promise<readonly unknown[]>;
  /** A token for `labels`, `segwall-agent enroll`, then `run`; returns once the agent is up. */
  enrol(host: LabHost, labels: Readonly<Record<string, string>>): Promise<FleetAgent>;
  /** One token for several hosts. */
  token(labels: Readonly<Record<string, string>>, uses: number): Promise<string>;
  enrolWithToken(host: LabHost, token: string, options?: AgentOptions): Promise<FleetAgent>;
  /** No longer counts a host whose agent was ended and removed. */
  forget(name: string): void;
  /** Returns once that many agents are connected: what they enforce by then is another question. */
  connected(count: number): Promise<void>;
  /** Returns once the newest policy is in force at these hosts. */
  inForce(hosts: readonly string[]): Promise<void>;
  killControlPlane(signal?: 'SIGKILL' | 'SIGTERM'): Promise<ProcessEnd>;
  startControlPlane(): Promise<void>;
  controlPlaneLog(): string;
  /** The last lines of every process. */
  logs(): string;
  stop(): Promise<void>;
}

export const repository = fileURLToPath(new URL('../..', import.meta.url));
const node = process.execPath;
const programs = {
  controlPlane: [node, programPath('segwall-control-plane')],
  agent: [node, programPath('segwall-agent')],
  operator: [node, programPath('segwall')],
} as const;
/** Short windows, so that flows are seen soon. Every second host, by the last letter of its name, keeps its marks in scattered bits. */
function agentSettings(name: string): string {
  const markMask = (name.at(-1) ?? '').charCodeAt(0) % 2 === 0 ? '0xa5ff5ff0' : '0x0fffffff';
  return `flows: { windowSeconds: 1 }\nconnections: { markMask: ${markMask} }\n`;
}
/** What comes late on a busy machine comes; agents alone try again only after up to half a minute. */
export const patienceMs = 180_000;
const agentsPort = 7443;
const apiPort = 7080;

/** `controlPlane` needs an IPv4 address. `directory` is where state, policy and logs go; it must exist. */
export async function startFleet(input: {
  readonly controlPlane: LabHost;
  readonly directory: string;
}): Promise<Fleet> {
  const { controlPlane, directory } = input;
  const dataDirectory = join(directory, 'control-plane');
  const logFile = join(directory, 'control-plane.log');
  const agents = new Map<string, FleetAgent>();
  const probe: HostProbe = await startProbe(controlPlane);
  let process_: ChildProcess | undefined;
  let firstStart: FirstStart | undefined;

  const startControlPlane = async () => {
    const log = openSync(logFile, 'a');
    const child = controlPlane.spawn(
      [
        ...programs.controlPlane,
        'run',
        ...['--data', dataDirectory],
        ...['--agents', `${controlPlane.ipv4}:${agentsPort}`],
        ...['--api', `127.0.0.1:${apiPort}`],
      ],
      { stdio: ['ignore', log, log], cwd: directory },
    );
    process_ = child;
    await waitFor(
      async () => {
        if (hasEnded(child)) throw new Error(`the control plane ended:\n${tail(logFile)}`);
        firstStart ??= await readJson<FirstStart>(join(dataDirectory, 'first-start.json'));
        if (firstStart === undefined) return false;
        const answer = await probe
          .http({ method: 'GET', url: `http://127.0.0.1:${apiPort}/readyz`, headers: {} })
          .catch(() => undefined);
        return answer?.status === 200;
      },
      { what: 'the control plane is ready', timeoutMs: patienceMs, explain: () => tail(logFile) },
    );
  };
  await mkdir(dataDirectory, { recursive: true });
  await startControlPlane();
  if (firstStart === undefined) throw new Error('the control plane left no first-start.json');
  const known: FirstStart = firstStart;

  const environment = {
    SEGWALL_SERVER: known.apiUrl,
    SEGWALL_TOKEN: known.adminToken,
    XDG_STATE_HOME: join(directory, 'operator'),
  };
  const fleet: Fleet = {
    directory,
    agents,
    controlPlane,
    firstStart: known,
    segwall: (args, options = {}) =>
      controlPlane.exec([...programs.operator, ...args], {
        env: environment,
        timeoutMs: options.timeoutMs ?? patienceMs,
      }),
    segwallJson: async <T>(args: readonly string[], options: { readonly timeoutMs?: number } = {}) => {
      const result = await fleet.segwall([...args, '--json'], options);
      if (result.exitCode !== 0) throw commandError(['segwall', ...args], result);
      return JSON.parse(result.stdout) as T;
    },
    api: ({ method, path, body }) =>
      probe.http({
        method,
        url: `${known.apiUrl}${path}`,
        headers: { authorization: `Bearer ${known.adminToken}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    flows: async (query) => {
      const flows: unknown[] = [];
      let path: string | undefined = `/api/v1/flows?${query}`;
      while (path !== undefined) {
        const { status, body, link }: HttpResponse = await fleet.api({ method: 'GET', path });
        if (status !== 200) throw new Error(`the flows were refused (${status}): ${body.slice(0, 300)}`);
        flows.push(...(JSON.parse(body) as readonly unknown[]));
        path = /<([^>]+)>; rel="next"/.exec(link)?.[1];
      }
      return flows;
    },
    token: async (labels, uses) => {
      const list = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
      const args = ['tokens', 'create', '--uses', String(uses), '--ttl', '1h'];
      if (list.length > 0) args.push('--labels', list.join(','));
      return (await fleet.segwallJson<{ token: string }>(args)).token;
    },
    enrol: async (host, labels) => fleet.enrolWithToken(host, await fleet.token(labels, 1)),
    enrolWithToken: async (host, token, options = {}) => {
      const agent = createAgent({ host, directory, env: options.env ?? {} });
      await mkdir(agent.stateDirectory, { recursive: true });
      await writeFile(join(agent.stateDirectory, 'agent.yaml'), agentSettings(host.name));
      const result = await host.exec([
        ...programs.agent,
        'enroll',
        ...['--control-plane', `${controlPlane.ipv4}:${agentsPort}`],
        ...['--ca-fingerprint', known.caFingerprint],
        ...['--token', token],
        ...['--state', agent.stateDirectory],
        ...['--name', host.name],
      ]);
      if (result.exitCode !== 0) throw commandError(['segwall-agent', 'enroll', '--name', host.name], result);
      agent.start();
      agents.set(host.name, agent);
      return agent;
    },
    forget: (name) => void agents.delete(name),
    connected: async (count) => {
      await waitFor(
        async () => {
          const { body } = await fleet.api({ method: 'GET', path: '/api/v1/status' });
          return (JSON.parse(body) as { readonly agents: { readonly connected: number } }).agents.connected === count;
        },
        { what: `${count} agents are connected`, timeoutMs: patienceMs, explain: () => fleet.logs() },
      );
    },
    inForce: async (hosts) => {
      const args = ['agents', 'wait', ...hosts, '--timeout', `${patienceMs}ms`];
      const result = await fleet.segwall(args, { timeoutMs: 2 * patienceMs });
      if (result.exitCode !== 0)
        throw new Error(`${commandError(['segwall', ...args], result).message}\n${fleet.logs()}`);
    },
    logs: () =>
      [
        `--- control plane\n${tail(logFile)}`,
        ...[...agents].map(([name, agent]) => `--- agent of ${name}\n${agent.log()}`),
      ].join('\n'),
    killControlPlane: async (signal = 'SIGKILL') => (process_ === undefined ? undefined : endProcess(process_, signal)),
    startControlPlane,
    controlPlaneLog: () => tail(logFile),
    stop: async () => {
      await Promise.all([...agents.values()].map((agent) => agent.kill('SIGKILL')));
      if (process_ !== undefined) await endProcess(process_, 'SIGKILL');
      await probe.stop();
    },
  };
  return fleet;
}

function createAgent(input: {
  readonly host: LabHost;
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
}): FleetAgent {
  const { host } = input;
  const stateDirectory = join(input.directory, 'agents', host.name);
  const logFile = join(input.directory, `agent-${host.name}.log`);
  let child: ChildProcess | undefined;
  return {
    host,
    stateDirectory,
    pid: () => {
      if (child?.pid === undefined || hasEnded(child)) throw new Error(`the agent of ${host.name} does not run`);
      return child.pid;
    },
    start: () => {
      if (child !== undefined && !hasEnded(child)) return;
      const log = openSync(logFile, 'a');
      child = host.spawn([...programs.agent, 'run', '--state', stateDirectory], {
        stdio: ['ignore', log, log],
        cwd: input.directory,
        env: input.env,
      });
    },
    kill: async (signal) => (child === undefined ? undefined : endProcess(child, signal)),
    status: async () => {
      const result = await host.exec([...programs.agent, 'status', '--state', stateDirectory, '--json']);
      return result.exitCode === 0 ? (JSON.parse(result.stdout) as AgentStatusView) : undefined;
    },
    log: () => tail(logFile),
  };
}

export function commandError(argv: readonly string[], result: RunResult): Error {
  const said = [result.stdout.trim(), result.stderr.trim()].filter((text) => text !== '').join('\n');
  return new Error(`${argv.join(' ')} ended with ${result.exitCode}:\n${said}`);
}

/** Writes a policy directory anew and returns its path. */
export async function writePolicy(directory: string, files: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(directory, { recursive: true });
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(directory, name), text)));
  return directory;
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function endProcess(child: ChildProcess, signal: 'SIGKILL' | 'SIGTERM'): Promise<ProcessEnd> {
  if (!hasEnded(child)) {
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await gone;
  }
  return child.exitCode ?? child.signalCode ?? undefined;
}

async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .slice(-12)
      .map((line) => line.slice(0, 400))
      .join('\n');
  } catch {
    return '(no log)';
  }
}
