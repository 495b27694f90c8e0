// What a change of a large table takes in the kernel: one peer, or a thousand, that come and go among 100,000, as the elements that the agent
// gives to the kernel and, beside it, as the script that nft would load; until the kernel tells that the transaction is in force. What the
// agent computes before it is in the rows of its own.

import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { elementChanges } from '#agent-core/change/element-changes.ts';
import { bootstrapScript, changeScript } from '#agent-core/change/transaction.ts';
import { emptyNumbering } from '#agent-core/judge/numbers.ts';
import { buildTable } from '#agent-core/table/build-table.ts';
import type { Table } from '#agent-core/table/table.ts';
import { nothingStanding } from '#agent-core/table/table-listing.ts';
import { stateText, type TableState } from '#agent-core/table/table-state.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { startLineProcess } from '#test/resilience/line-process.ts';
import { createLab, type LabHost } from '#test/support/lab.ts';
import { products } from '../../../packaging/products.ts';
import { median } from './new-connections.ts';
import { ipv4Crowd } from './peers.ts';

export interface ChangeTime {
  readonly name: string;
  readonly elements: number;
  /** Until it is in force, as elements that the agent gives to the kernel. */
  readonly milliseconds: number;
  /** The same by a script, from the start of nft's process. */
  readonly byNftMs: number;
}

export interface ChangeTimes {
  readonly changes: readonly ChangeTime[];
  /** Until open connections are judged by another epoch: all lines that carry it, by nft. */
  readonly epochMs: number;
}

interface Took {
  readonly inForceMs: number;
  readonly endedMs: number;
}

const size = 100_000;
const epoch = 'another epoch';
const repeats = 8;

export async function measureChanges(): Promise<ChangeTimes> {
  const lab = await createLab({ name: 'changes' });
  const directory = mkdtempSync(join(tmpdir(), 'segwall-bench-'));
  try {
    const host = await lab.addHost({ name: 'host', ipv4: '10.66.0.1' });
    const [before, one, thousand] = [crowd(0), crowd(1), crowd(1000)];
    await load(host, bootstrapScript(before, state(0), nothingStanding));
    const notices = await listen(host);
    const loader = startLineProcess(host, [process.execPath, join(import.meta.dirname, 'nft-process.ts')], 'silent');
    const path = join(directory, 'script');
    const times = new Map<string, Took[]>();
    let revision = 0;
    const go = async (name: string, by: 'nft' | 'elements', textFor: (state: TableState) => string) => {
      revision += 1;
      writeFileSync(path, textFor(state(revision)));
      const { startedAt, endedAt } = await loader.ask<{ startedAt: number; endedAt: number }>({ by, path });
      const took = { inForceMs: (await notices.next()) - startedAt, endedMs: endedAt - startedAt };
      times.set(`${name} by ${by}`, [...(times.get(`${name} by ${by}`) ?? []), took]);
    };
    const script = (previous: Table, next: Table) => (state: TableState) =>
      changeScript({ previous, next, isNewEpoch: false, state });
    const elements = (previous: Table, next: Table) => (state: TableState) =>
      JSON.stringify({ changes: elementChanges(previous, next), state: stateText(state) });
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      for (const [name, previous, next] of [
        ['1 peer comes', before, one],
        ['1 peer goes', one, before],
        ['1,000 peers come', before, thousand],
        ['1,000 peers go', thousand, before],
      ] as const) {
        // Back, and then the same the other way.
        await go(name, 'elements', elements(previous, next));
        await load(host, script(next, previous)(state(revision)));
        await notices.next();
        await go(name, 'nft', script(previous, next));
      }
      await go(epoch, 'nft', (state) => changeScript({ previous: before, next: before, isNewEpoch: true, state }));
    }
    const taken = (name: string) => median((times.get(name) ?? []).map((took) => took.inForceMs));
    return {
      changes: ['1 peer comes', '1 peer goes', '1,000 peers come', '1,000 peers go'].map((name) => ({
        name,
        elements: name.startsWith('1,000') ? 1000 : 1,
        milliseconds: taken(`${name} by elements`),
        byNftMs: taken(`${name} by nft`),
      })),
      epochMs: taken(`${epoch} by nft`),
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await lab.remove();
  }

  function crowd(more: number): Table {
    const ruleSet = hostRuleSet(ipv4Crowd(size, more));
    const table = buildTable({ ruleSet, essentials: [], numbering: emptyNumbering });
    if (table === undefined) throw new Error('the crowd needs too many decisions');
    return table;
  }
}

export interface AgentChange {
  readonly change: 'comes' | 'goes';
  readonly milliseconds: number;
  /** Of these, what was not waiting for nft or the kernel. */
  readonly ownMs: number;
}

/** The same by the agent's enforcement, from a delta's bytes decoded to what the agent would acknowledge. */
export async function measureAgentChanges(): Promise<readonly AgentChange[]> {
  const lab = await createLab({ name: 'agent-changes' });
  const directory = mkdtempSync(join(tmpdir(), 'segwall-bench-'));
  try {
    const host = await lab.addHost({ name: 'host', ipv4: '10.66.0.1' });
    const agent = products.flatMap(({ programs }) => programs).find(({ name }) => name === 'segwall-agent');
    const { stdout, stderr, exitCode } = await host.exec(
      [
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        ...(agent?.runtimeFlags ?? []),
        join(import.meta.dirname, 'agent-changes.ts'),
        String(size),
        directory,
      ],
      { timeoutMs: 120_000 },
    );
    if (exitCode !== 0) throw new Error(stderr.slice(0, 500));
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AgentChange);
  } finally {
    rmSync(directory, { recursive: true, force: true });
    await lab.remove();
  }
}

function state(revision: number) {
  return { revision, epoch: 1 + (revision % 4000), digest: 'bench' };
}

async function load(host: LabHost, input: string): Promise<void> {
  const result = await host.exec(['nft', '-f', '-'], { input, timeoutMs: 60_000 });
  if (result.exitCode !== 0) throw new Error(result.stderr.slice(0, 500));
}

/** Ready to tell of each transaction when it came into force. */
async function listen(host: LabHost) {
  const clock: ChildProcess = host.spawn([process.execPath, join(import.meta.dirname, 'commit-clock.ts')], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (clock.stdout === null) throw new Error('the clock has no output');
  const lines = createInterface(clock.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the clock has stopped');
    return value;
  };
  await next();
  return { next: async () => Number(await next()) };
}
