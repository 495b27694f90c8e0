// What plans, suggestions and changes of policy cost whoever else the control plane serves: the time in which its thread could not have answered,
// while they run over many flows and hosts; of plans and suggestions against the same work done on that thread itself. The server is a process of its own; this one only asks.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import type { BenchReport, BenchResult } from './bench-report.ts';
import { broadTest, rolesPolicy, type ServerLine, type ServerOrder } from './judging/fleet.ts';

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
    const ask = async (path: string, body: object, method: 'POST' | 'PUT' = 'POST') => {
      const response = await fetch(new URL(path, ready.apiUrl), {
        method,
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
    const quarantine = () => ask('/api/v1/workloads/host-0/quarantine', { allow: [] }, 'PUT');
    const change = async (path: string, body: object): Promise<Change> => {
      // With the first, every host's rule set is known, and is to be kept up.
      await quarantine();
      await order('watch');
      const begunAt = performance.now();
      let changeMs = 0;
      const changing = ask(path, body).then(() => {
        changeMs = performance.now() - begunAt;
      });
      let quarantineMs = 0;
      while (changeMs === 0) {
        const askedAt = performance.now();
        await quarantine();
        quarantineMs = Math.max(quarantineMs, performance.now() - askedAt);
        await Promise.race([changing, setTimeout(50)]);
      }
      const waits = await order('report');
      if (waits.kind !== 'waits') throw new Error('the server gave no waits');
      return { waits, changeMs, quarantineMs };
    };
    const tested = [{ path: 'policy.yaml', text: rolesPolicy('enforce') + broadTest }];
    const apply = await change('/api/v1/policy/apply', { files: tested });
    const rollback = await change('/api/v1/policy/rollback', {});
    return {
      method: `${sizes.hosts} hosts, ${sizes.flows} stored flows; a plan and a suggestion, ${rounds} times; an apply with a PolicyTest over a sixteenth of all pairs, and a rollback, with a quarantine every 50 ms beside them; a wait is what something that comes at a random moment waits for the serving thread.`,
      results: [
        ...resultsOf({ apart, inside, idle }, seconds),
        ...changeResults('an apply', apply),
        ...changeResults('a rollback', rollback),
      ],
    };
  } finally {
    server.stdin.end('stop\n');
    await once(server, 'exit');
    await rm(directory, { recursive: true, force: true });
  }
}

type Waits = Extract<ServerLine, { kind: 'waits' }>;

interface Change {
  readonly waits: Waits;
  readonly changeMs: number;
  /** The longest. */
  readonly quarantineMs: number;
}

function changeResults(what: string, { waits, changeMs, quarantineMs }: Change): readonly BenchResult[] {
  return [
    { name: `${what}: longest wait for the serving thread`, value: waits.mostMs, unit: 'ms' },
    {
      name: `${what}: the thread itself at work, longest`,
      value: waits.ownMostMs,
      unit: 'ms',
      limit: { kind: 'at-most', value: 50 },
    },
    { name: `${what}: a quarantine meanwhile, longest`, value: quarantineMs, unit: 'ms' },
    { name: `${what}: until it is answered`, value: changeMs, unit: 'ms' },
  ];
}

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
