// How long a stranger's change of our table stands: from the transaction that made it to the one that put it back, on a host that is left
// alone and on one whose every core is busy; and what a storm of such changes costs the agent.

import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { type DrivenHost, driveHost } from '#test/enforcer/driven-host.ts';
import type { HostPolicy } from '#test/enforcer/rule-sets.ts';
import { stormOf } from '#test/enforcer/storm.ts';
import { nftIn } from '#test/support/inside.ts';
import { createLab, type LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import type { BenchReport, BenchResult } from './bench-report.ts';

const rounds = 30;
const address = '10.77.1.1';
const policy: HostPolicy = {
  revision: 2,
  addresses: [address],
  peers: { web: Array.from({ length: 1000 }, (_, at) => `10.78.${at >> 8}.${at & 255}`) },
  allowIn: ['web: tcp/80'],
};
/** A hole, and how a listing of its chain shows it. */
const hole = {
  script: 'insert rule inet segwall input counter accept\n',
  chain: 'input',
  mark: /\t\tcounter packets \d+ bytes \d+ accept/,
};

export async function run(): Promise<BenchReport> {
  const lab = await createLab({ name: 'tampering' });
  const busy: ChildProcess[] = [];
  let driven: DrivenHost | undefined;
  try {
    const host = await lab.addHost({ name: 'h1', ipv4: address });
    driven = driveHost(host);
    await driven.ask({ do: 'start' });
    await driven.ask({ do: 'apply', policy });
    const alone = await standingMs(host, driven);
    const storm = await stormShare(host, driven);
    for (let core = 0; core < availableParallelism(); core += 1)
      busy.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
    const beside = await standingMs(host, driven);
    return {
      method: `${rounds} times a rule that lets everything in is put at the top of the input chain, 1,000 peers: from then until it is gone.`,
      results: [
        ...figures('machine left alone', alone, 1000),
        ...figures('every core busy', beside),
        {
          name: 'a storm of some hundred changes a second: share of a core',
          value: storm,
          unit: '',
          limit: { kind: 'at-most', value: 0.5 },
        },
      ],
    };
  } finally {
    for (const child of busy) child.kill('SIGKILL');
    driven?.stop();
    await lab.remove();
  }
}

/** Of the agent's process, from the first change until all is put back. */
async function stormShare(host: LabHost, driven: DrivenHost): Promise<number> {
  const cpuMs = async () => {
    const { user, system } = (await driven.ask({ do: 'cpu' })) as { user: number; system: number };
    return (user + system) / 1000;
  };
  const before = { cpuMs: await cpuMs(), startedAt: performance.now() };
  await stormOf(host, 600, () => 'insert rule inet segwall input accept');
  await waitFor(async () => (await driven.ask({ do: 'counts' }))['settled'] === 'yes', { what: 'the storm is over' });
  return ((await cpuMs()) - before.cpuMs) / (performance.now() - before.startedAt);
}

async function standingMs(host: LabHost, driven: DrivenHost): Promise<readonly number[]> {
  const took: number[] = [];
  while (took.length < rounds) {
    await waitFor(async () => (await driven.ask({ do: 'counts' }))['settled'] === 'yes', {
      what: 'the repair before is over',
    });
    const made = await nftIn(host, ['-f', '-'], hole.script);
    const startedAt = performance.now();
    if (made.exitCode !== 0) throw new Error(`the stranger was refused: ${made.stderr}`);
    const stands = async () =>
      hole.mark.test((await nftIn(host, ['list', 'chain', 'inet', 'segwall', hole.chain])).stdout);
    while (await stands()) await new Promise((resolve) => setTimeout(resolve, 2));
    took.push(performance.now() - startedAt);
  }
  return took.toSorted((a, b) => a - b);
}

function figures(where: string, sorted: readonly number[], mostMs?: number): readonly BenchResult[] {
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  const spread = { low: at(0.25), high: at(0.75) };
  return [
    { name: `a hole in the table stands, ${where}, median`, value: at(0.5), unit: 'ms', spread },
    {
      name: `a hole in the table stands, ${where}, longest`,
      value: at(1),
      unit: 'ms',
      ...(mostMs !== undefined && { limit: { kind: 'at-most', value: mostMs } as const }),
    },
  ];
}
