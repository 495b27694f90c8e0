// What plans and suggestions cost whoever else the control plane serves: the time in which its thread could not have answered, while they run
// over many flows and hosts, against the same work done on that thread itself. The server is a process of its own; this one only asks.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import type { BenchReport, BenchResult } from './bench-report.ts';
import { rolesPolicy, type ServerLine, type ServerOrder } from './judging/fleet.ts';

const sizes = { hosts: 3000, flows: 120_000 };
const rounds = 3;

export async function run(): Promise<BenchReport> {
  const directory = await mkdtemp(join(tmpdir(), 'segwall-bench-judging-'));
  const script = new URL('./judging/server.ts', import.meta.url).pathname;
  const server = spawn(process.execPath, [script, directory, JSON.stringify(sizes)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const next = async (): Promise<ServerLine> => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error('the server under measurement ended');
      return JSON.parse(value) as ServerLine;
    };
    const order = async (what: ServerOrder) => {
      server.stdin.write(`${what}\n`);
      return next();
    };
    const ready = await next();
    if (ready.kind !== 'ready') throw new Error('the server did not say that it is ready');
    const ask = async (path: string, body: object) => {
      const response = await fetch(new URL(path, ready.apiUrl), {
        method: 'POST',
        headers: { authorization: `Bearer ${ready.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text.slice(0, 500)}`);
    };
    const files = [{ path: 'policy.yaml', text: rolesPolicy('enforce') }];
    await ask('/api/v1/policy/apply', { files: [{ path: 'policy.yaml', text: rolesPolicy('observe') }] });
    const work = async () => {
      for (let round = 0; round < rounds; round += 1) {
        await ask('/api/v1/policy/plan', { files });
        await ask('/api/v1/suggestions', { segment: 'app-0' });
      }
    };
    await work();
    await order('watch');
    const startedAt = performance.now();
    await work();
    const seconds = (performance.now() - startedAt) / 1000 / rounds;
    const apart = await order('report');
    await order('watch');
    await setTimeout(3000);
    const idle = await order('report');
    const inside = await order('judge-here');
    if (apart.kind !== 'waits' || inside.kind !== 'waits' || idle.kind !== 'waits')
      throw new Error('the server gave no waits');
    return {
      method: `${sizes.hosts} hosts, ${sizes.flows} stored flows; a plan and a suggestion, ${rounds} times; a wait is what something that comes at a random moment waits for the serving thread.`,
      results: resultsOf({ apart, inside, idle }, seconds),
    };
  } finally {
    server.stdin.end('stop\n');
    await once(server, 'exit');
    await rm(directory, { recursive: true, force: true });
  }
}

type Waits = Extract<ServerLine, { kind: 'waits' }>;

function resultsOf(
  { apart, inside, idle }: Readonly<Record<'apart' | 'inside' | 'idle', Waits>>,
  seconds: number,
): readonly BenchResult[] {
  const against = (key: 'p99Ms' | 'mostMs' | 'ownP99Ms') => {
    const value = inside[key];
    return { name: 'the same on the serving thread', value, ratio: apart[key] / value };
  };
  return [
    {
      name: 'wait for the serving thread, 99th percentile',
      value: apart.p99Ms,
      unit: 'ms',
      limit: { kind: 'at-most', value: 20 },
      reference: against('p99Ms'),
    },
    {
      name: 'of it, while the thread itself was at work',
      value: apart.ownP99Ms,
      unit: 'ms',
      limit: { kind: 'at-most', value: 20 },
      reference: against('ownP99Ms'),
    },
    { name: 'the same wait while nothing is asked', value: idle.p99Ms, unit: 'ms' },
    { name: 'longest wait', value: apart.mostMs, unit: 'ms', reference: against('mostMs') },
    { name: 'a plan and a suggestion', value: seconds, unit: 's' },
  ];
}
