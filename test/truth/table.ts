// Takes a fleet of hosts through the steps of a scenario and compares every cell of every step with the oracle. A run is
// complete or it has failed: a cell that could not be tried is a mismatch too.

import { createLab, type Lab } from '#test/support/lab.ts';
import {
  allCells,
  type Cell,
  cellText,
  defaultSilenceMs,
  type Expected,
  type HostProbe,
  type ProbedCell,
  probeMatrix,
  shortSilenceMs,
  startProbe,
} from '#test/support/probe.ts';
import { type Scenario, type State, stateOf } from './scenario.ts';
import { createWorld, type World } from './world.ts';

/** What brings a state into the kernels of the lab's hosts, and confirms that it is there before it returns. */
export interface Stage {
  enter(step: { readonly state: State; readonly world: World; readonly revision: number }): Promise<void>;
  /** What the hosts say they saw since `enter`, against what they should have: one line a difference. */
  misreported?(step: { readonly state: State; readonly world: World }): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface Mismatch {
  readonly step: string;
  readonly cell: Cell;
  readonly expected: Expected;
  /** What the oracle says of both ends. */
  readonly because: string;
  readonly seen: string;
}

export interface TableReport {
  readonly scenario: string;
  readonly steps: number;
  readonly cells: number;
  readonly mismatches: readonly Mismatch[];
  /** Where counters, denied sets or reported flows are not what the matrix says, one line each. */
  readonly misreported: readonly string[];
  readonly durationMs: number;
}

export interface TableOptions {
  readonly scenario: Scenario;
  readonly stage: (lab: Lab, scenario: Scenario) => Promise<Stage>;
  /** A mutant of the oracle; the plain oracle where absent. */
  readonly createWorld?: typeof createWorld;
}

export async function runTable(options: TableOptions): Promise<TableReport> {
  const { scenario } = options;
  const startedAt = performance.now();
  const lab = await createLab({ name: 'truth' });
  try {
    const probes = await standUp(lab, scenario);
    const stage = await options.stage(lab, scenario);
    const mismatches: Mismatch[] = [];
    const misreported: string[] = [];
    let cells = 0;
    for (const [at, name] of scenario.steps.entries()) {
      const state = stateOf(scenario, name);
      const world = (options.createWorld ?? createWorld)(scenario, state);
      await stage.enter({ state, world, revision: at + 1 });
      const silenceMs = stage.misreported === undefined ? defaultSilenceMs : shortSilenceMs;
      const probed = await probeStep({ lab, probes, scenario, world, silenceMs });
      cells += probed.length;
      const step = `${at + 1}. ${name}`;
      mismatches.push(...compare({ step, probed, world }));
      for (const line of (await stage.misreported?.({ state, world })) ?? []) misreported.push(`${step}: ${line}`);
    }
    await stage.close();
    return {
      scenario: scenario.name,
      steps: scenario.steps.length,
      cells,
      mismatches,
      misreported,
      durationMs: performance.now() - startedAt,
    };
  } finally {
    await lab.remove();
  }
}

/** All hosts of the scenario, each with its programs listening. */
export async function standUp(lab: Lab, scenario: Scenario): Promise<ReadonlyMap<string, HostProbe>> {
  const started = await Promise.all(
    Object.entries(scenario.hosts).map(async ([name, { ipv4, ipv6 }]) => {
      const probe = await startProbe(await lab.addHost({ name, ipv4, ipv6 }), { rejections: 'swift' });
      await probe.listen(scenario.services);
      return [name, probe] as const;
    }),
  );
  return new Map(started);
}

export async function probeStep(input: {
  readonly lab: Lab;
  readonly probes: ReadonlyMap<string, HostProbe>;
  readonly scenario: Scenario;
  readonly world: World;
  readonly silenceMs?: number;
}): Promise<readonly ProbedCell[]> {
  const hosts = Object.keys(input.scenario.hosts).flatMap((name) => input.lab.hosts.get(name) ?? []);
  const cells = allCells(hosts, input.scenario.services, input.scenario.families);
  if (cells.length === 0) throw new Error(`the scenario "${input.scenario.name}" has no cells`);
  const { probes, silenceMs = defaultSilenceMs } = input;
  return probeMatrix({ probes, cells, silenceMs }, (cell) => input.world.expectationOf(cell).outcome);
}

export function compare(input: {
  readonly step: string;
  readonly probed: readonly ProbedCell[];
  readonly world: World;
}): readonly Mismatch[] {
  return input.probed.flatMap((cell) => {
    const { outcome: expected, because } = input.world.expectationOf(cell);
    if (cell.outcome.kind === expected) return [];
    const seen =
      cell.outcome.detail === undefined ? cell.outcome.kind : `${cell.outcome.kind} (${cell.outcome.detail})`;
    return [{ step: input.step, cell, expected, because, seen }];
  });
}

/** One line a mismatch, the first forty of them. */
export function mismatchText(mismatches: readonly Mismatch[], misreported: readonly string[] = []): string {
  const all = [
    ...mismatches.map(
      ({ step, cell, expected, because, seen }) =>
        `${step}: ${cellText(cell)}: expected ${expected} (${because}), saw ${seen}`,
    ),
    ...misreported,
  ];
  const lines = all.slice(0, 40);
  if (all.length > 40) lines.push(`and ${all.length - 40} more`);
  return lines.join('\n');
}
