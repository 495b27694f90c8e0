// The measuring of ../reach.ts, in a network namespace that is empty at first. Its last line is the report, as JSON.

import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { execa } from 'execa';
import type { BenchReport, BenchResult } from '../bench-report.ts';
import type { HostsAnswer, HostsOrder } from './orders.ts';

type EnrolOrder = Extract<HostsOrder, { kind: 'enrol' }>;

const [, , directory = '', program = ''] = process.argv;
const half = 500;
const ports = { agents: 7443, api: 7444 };
/** Nobody takes an address at a port on which he was before the others. */
const natAddress = '10.99.0.1';
const patienceMs = 300_000;

/** Of 50 hosts each. */
const apps = Array.from({ length: 20 }, (_, at) => `app-${at}`);
const policy = apps
  .map(
    (app) => `apiVersion: segwall/v1
kind: Segment
metadata: { name: ${app} }
spec:
  selector: app == "${app}"
  inbound: enforce
  rules:
    - { name: in, from: [{ workloads: 'app == "${app}"' }], to: [{ workloads: 'app == "${app}"' }], services: [tcp/8080] }
`,
  )
  .join('---\n');

interface ControlPlane {
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
}

function startControlPlane(): ControlPlane {
  const data = join(directory, 'data');
  const args = ['run', '--data', data, '--agents', `0.0.0.0:${ports.agents}`, '--api', `127.0.0.1:${ports.api}`];
  const child = spawn(process.execPath, [program, ...args, '--log-level', 'error'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // As the packaged unit has it.
    env: { ...process.env, NODE_COMPILE_CACHE: join(directory, 'compile-cache') },
  });
  const ready = new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the control plane ended with ${code}`)));
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('CA fingerprint')) resolve();
    });
  });
  ready.catch(() => undefined);
  return { child, ready };
}

/** Two for each core, which never wait for anything. */
function busyProcesses(): () => void {
  const children = Array.from({ length: 2 * availableParallelism() }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  return () => {
    for (const child of children) child.kill('SIGKILL');
  };
}

class Hosts {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;

  constructor() {
    const script = join(import.meta.dirname, 'hosts.ts');
    this.#child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] }) as never;
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async order<K extends HostsAnswer['kind']>(order: HostsOrder, kind: K): Promise<Extract<HostsAnswer, { kind: K }>> {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
    const { value } = await this.#answers.next();
    const answer = JSON.parse(String(value)) as HostsAnswer;
    if (answer.kind !== kind) throw new Error(`asked for ${kind}, was told ${answer.kind}`);
    return answer as Extract<HostsAnswer, { kind: K }>;
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await once(this.#child, 'exit');
  }
}

interface Operator {
  readonly adminToken: string;
  readonly apiUrl: string;
}

async function ask(operator: Operator, { path, body, method }: { path: string; body?: object; method?: string }) {
  const response = await fetch(new URL(path, operator.apiUrl), {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { authorization: `Bearer ${operator.adminToken}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status !== 200 && response.status !== 201) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
}

/** How long an operator waits for an answer, asking again and again until told to stop. */
async function watchAnswers(operator: Operator, signal: AbortSignal): Promise<readonly number[]> {
  const waits: number[] = [];
  while (!signal.aborted) {
    const began = performance.now();
    await ask(operator, { path: '/api/v1/status' });
    waits.push(performance.now() - began);
    await setTimeout(50);
  }
  return waits.sort((one, other) => one - other);
}

async function changeLabel(operator: Operator, value: string): Promise<number> {
  const began = performance.now();
  await ask(operator, { path: '/api/v1/workloads/host-7/labels', method: 'PATCH', body: { set: { round: value } } });
  return performance.now() - began;
}

async function stopped({ child }: ControlPlane): Promise<number> {
  const began = performance.now();
  child.kill('SIGTERM');
  await once(child, 'exit');
  return performance.now() - began;
}

async function measure(): Promise<BenchReport> {
  await execa('ip', ['link', 'set', 'lo', 'up']);
  await execa('ip', ['route', 'add', 'local', '10.66.0.0/16', 'dev', 'lo']);
  await execa('ip', ['route', 'add', 'local', natAddress, 'dev', 'lo']);
  let controlPlane = startControlPlane();
  const [behindOne, apart] = [new Hosts(), new Hosts()];
  try {
    await controlPlane.ready;
    const first = JSON.parse(await readFile(join(directory, 'data/first-start.json'), 'utf8')) as Operator & {
      readonly caFingerprint: string;
    };
    await ask(first, { path: '/api/v1/policy/apply', body: { files: [{ path: 'shop.yaml', text: policy }] } });
    const tokens: string[] = [];
    for (const app of apps) {
      const body = { labels: { app }, uses: 2 * half, ttlSeconds: 3600 };
      tokens.push(String((await ask(first, { path: '/api/v1/tokens', body }))['token']));
    }
    const enrolling = {
      kind: 'enrol',
      directory,
      port: ports.agents,
      caFingerprint: first.caFingerprint,
      tokens,
      patienceMs,
    } as const;
    const all = [behindOne, apart];
    /** Half of them in each process, so that no process is what all of them wait for. */
    const enrol = async (first: number, from: EnrolOrder['from']) => {
      const began = performance.now();
      const each = half / all.length;
      const parts = await Promise.all(
        all.map((hosts, at) => hosts.order({ ...enrolling, first: first + at * each, count: each, from }, 'enrolled')),
      );
      const failures = parts.flatMap((part) => part.failures);
      for (const text of failures.slice(0, 3)) console.error(text);
      return { failures, tookMs: performance.now() - began };
    };
    const nat = await enrol(0, { kind: 'one', address: natAddress });
    const own = await enrol(half, { kind: 'own' });
    await Promise.all([
      behindOne.order({ kind: 'run', directory, first: 0, count: half }, 'connected'),
      apart.order({ kind: 'run', directory, first: half, count: half }, 'connected'),
    ]);

    await Promise.all([behindOne, apart].map((hosts) => hosts.order({ kind: 'mark' }, 'marked')));
    const stopMs = await stopped(controlPlane);
    const began = performance.now();
    controlPlane = startControlPlane();
    await controlPlane.ready;
    const startMs = performance.now() - began;
    await Promise.all(all.map((hosts) => hosts.order({ kind: 'ready' }, 'marked')));
    const readyAt = performance.now();
    const watching = new AbortController();
    const answers = watchAnswers(first, watching.signal);
    const backOf = async (hosts: Hosts) => {
      const { tries, firstMs } = await hosts.order({ kind: 'all-back' }, 'back');
      return { tries, firstMs, tookMs: performance.now() - readyAt };
    };
    const back = Promise.all([backOf(behindOne), backOf(apart)]);
    const labelMs = await changeLabel(first, 'again');
    const [first500, other500] = await back;
    watching.abort();
    const waits = await answers;
    // Last: it takes the machine from all else.
    const endBusy = busyProcesses();
    const busy = await enrol(2 * half, { kind: 'own' }).finally(endBusy);
    return {
      method: `${half} hosts enrol at once behind one address, then ${half} each from its own; with all ${2 * half} connected under a policy of 20 segments the control plane is stopped by SIGTERM and started again, and an operator asks for the status every 50 ms until all are back. At last ${half} more enrol beside two processes for each core that never wait. One run; hosts are the agent's own code in two processes on the same machine. Ready is when the control plane would tell systemd so; tries are counted from then.`,
      results: [
        seconds('500 hosts behind one address have enrolled', nat.tookMs, 60),
        leftOut('… of them left out', nat.failures),
        seconds('500 hosts with addresses of their own have enrolled', own.tookMs, 60),
        leftOut('… of them left out', own.failures),
        seconds('restart with 1,000 agents: from the signal until it is ready again', stopMs + startMs, 3),
        seconds('… of it, until the old process has ended', stopMs),
        seconds('… of it, until the new one is ready', startMs),
        seconds('the first agent is served after it is ready', Math.min(first500.firstMs, other500.firstMs)),
        seconds('all 1,000 agents are back after it is ready', Math.max(first500.tookMs, other500.tookMs), 60),
        {
          ...{ name: 'tries of an agent until it is back', value: (first500.tries + other500.tries) / (2 * half) },
          ...{ unit: 'tries', limit: { kind: 'at-most', value: 1.3 } },
        },
        seconds('an operator’s label meanwhile is taken', labelMs, 2),
        seconds('an operator’s status meanwhile, longest wait', waits.at(-1) ?? Number.NaN, 2),
        seconds('an operator’s status meanwhile, median', waits[waits.length >> 1] ?? Number.NaN),
        seconds('500 more have enrolled beside busy processes', busy.tookMs),
        leftOut('… of them left out', busy.failures),
      ],
    };
  } finally {
    controlPlane.child.kill('SIGKILL');
    await Promise.all([behindOne.end(), apart.end()]);
  }
}

function seconds(name: string, ms: number, limit?: number): BenchResult {
  return {
    ...{ name, value: ms / 1000, unit: 's' },
    ...(limit === undefined ? {} : { limit: { kind: 'at-most' as const, value: limit } }),
  };
}

function leftOut(name: string, failures: readonly string[]): BenchResult {
  return { name, value: failures.length, unit: 'hosts', limit: { kind: 'at-most', value: 0 } };
}

console.log(JSON.stringify(await measure()));
process.exit();
