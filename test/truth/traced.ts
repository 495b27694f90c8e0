// The second level of a truth table: enforcers with their real transactions over a kernel in memory, and every cell followed
// through the tables that stand there; so are the connections that earlier steps opened, both ways, under the marks they got.
// What decided must be what the oracle names, not only its verdict. Fast enough for every order of states.

import { mkdtempSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createEnforcer, type TableEnforcer } from '#agent/enforce/enforcer.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { endTowards } from '#agent-core/judge/decision.ts';
import { defaultMarks } from '#agent-core/marks/mark-layout.ts';
import type { Address } from '#model/address.ts';
import { ok } from '#model/result.ts';
import { protocolNumbers } from '#model/service.ts';
import type { Direction, Verdict } from '#model/verdict.ts';
import { createFakeNft, type FakeNft } from '#test/support/fake-nft.ts';
import { type Cell, cellText, type Expected } from '#test/support/probe.ts';
import { type Script, scriptOf, type TraceOutcome, trace } from '#test/support/trace-script.ts';
import { endText } from './decided.ts';
import { isEvenName } from './enforcer-stage.ts';
import { addressOf, cellsOf, managedHosts, type Scenario, stateOf } from './scenario.ts';
import type { Mismatch, TableReport } from './table.ts';
import { createWorld, type World } from './world.ts';

/** A host whose kernel is in memory. `marks` is its conntrack: by connection, what this host stamped on it. */
interface TracedHost {
  readonly nft: FakeNft;
  readonly enforcer: TableEnforcer;
  readonly marks: Map<string, number>;
  script: Script;
}

export interface TracedOptions {
  /** A mutant: what stands in a host's table in place of what was loaded. */
  readonly tamper?: (script: Script) => Script;
}

export async function runTraced(scenario: Scenario, options: TracedOptions = {}): Promise<TableReport> {
  const startedAt = performance.now();
  const directory = await mkdtemp(join(stateDirectories(), 'run-'));
  const hosts = new Map<string, TracedHost>();
  const conntracks = new Map<string, Map<string, number>>();
  const mismatches: Mismatch[] = [];
  const cells = cellsOf(scenario);
  for (const [at, name] of scenario.steps.entries()) {
    const state = stateOf(scenario, name);
    const world = createWorld(scenario, state);
    const managed = new Set(managedHosts(scenario, state));
    // A machine that leaves the fleet is left without rules and memory, but its kernel goes on knowing its connections.
    for (const gone of [...hosts.keys()].filter((host) => !managed.has(host))) hosts.delete(gone);
    const ruleSetOf = world.compile(at + 1);
    await Promise.all(
      [...managed].map(async (host) => {
        const ruleSet = ruleSetOf(host);
        if (ruleSet === undefined) throw new Error(`the compiler has no rule set for ${host}`);
        const traced = hosts.get(host) ?? (await startHost({ directory, name: host, conntracks }));
        hosts.set(host, traced);
        const outcome = await traced.enforcer.apply(ruleSet);
        if (outcome.kind !== 'applied') throw new Error(`${host} refused: ${outcome.reason}`);
        const table = traced.nft.table();
        if (table === undefined) throw new Error(`${host} has no table`);
        traced.script = (options.tamper ?? ((same) => same))(scriptOf(table));
      }),
    );
    const step = `${at + 1}. ${name}`;
    for (const cell of cells) mismatches.push(...tryCell({ scenario, world, hosts, step, cell }));
  }
  return {
    scenario: scenario.name,
    steps: scenario.steps.length,
    cells: cells.length * scenario.steps.length,
    mismatches,
    misreported: [],
    durationMs: performance.now() - startedAt,
  };
}

let root: string | undefined;

/** An enforcer looks at its table in a quiet moment after a change and writes what it saw, so its directory stays as long as the process. */
function stateDirectories(): string {
  if (root !== undefined) return root;
  const made = mkdtempSync(join(tmpdir(), 'segwall-traced-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  root = made;
  return made;
}

async function startHost(input: {
  readonly directory: string;
  readonly name: string;
  readonly conntracks: Map<string, Map<string, number>>;
}): Promise<TracedHost> {
  const { directory, name, conntracks } = input;
  const nft = createFakeNft();
  const marks = conntracks.get(name) ?? new Map<string, number>();
  conntracks.set(name, marks);
  const enforcer = createEnforcer({
    nft,
    stateDirectory: openStateDirectory(await mkdtemp(join(directory, `${name}-`))),
    essentials: () => [],
    log: pino({ level: 'silent' }),
    ...(isEvenName(name) ? {} : { mostWalks: 0 }),
    sweepMarks: async ({ bits, but }) => {
      for (const [connection, mark] of marks)
        if ((mark & bits) >>> 0 !== but) marks.set(connection, (mark & ~bits) >>> 0);
      return ok(marks.size);
    },
  });
  await enforcer.start();
  return { nft, enforcer, marks, script: { chains: new Map(), maps: new Map() } };
}

type Hop = { readonly direction: Direction; readonly way: 'original' | 'reply'; readonly state: 'new' | 'established' };

function tryCell(input: {
  readonly scenario: Scenario;
  readonly world: World;
  readonly hosts: ReadonlyMap<string, TracedHost>;
  readonly step: string;
  readonly cell: Cell;
}): readonly Mismatch[] {
  const { scenario, world, hosts, step, cell } = input;
  const verdict = world.verdictOf(cell);
  const { outcome: expected, because } = world.expectationOf(cell);
  const found: Mismatch[] = [];
  const wrong = (seen: string) => found.push({ step, cell, expected, because, seen });
  const hostOf = (direction: Direction) => hosts.get(direction === 'outbound' ? cell.from : cell.to);
  const hop = (connection: string, { direction, way, state }: Hop): TraceOutcome['verdict'] => {
    const host = hostOf(direction);
    if (host === undefined) return 'accept';
    const before = host.marks.get(connection) ?? 0;
    const outcome = trace(host.script, {
      hook: (direction === 'outbound') === (way === 'original') ? 'output' : 'input',
      state,
      way,
      client: addressOf(scenario, cell.from, cell),
      server: addressOf(scenario, cell.to, cell),
      protocol: protocolNumbers[cell.transport],
      port: cell.port,
      mark: before,
    });
    host.marks.set(connection, outcome.mark);
    // Without a new epoch nothing was revoked, and what let the connection in goes on naming it.
    const isJudged = state === 'new' || outcome.mark !== before;
    if (!isJudged && outcome.verdict === 'accept' && verdict[direction].verdict !== 'deny') return 'accept';
    const peer = addressOf(scenario, direction === 'outbound' ? cell.to : cell.from, cell);
    const seen = decidedBy(host, outcome, peer);
    const said = endText(verdict[direction]);
    if (seen !== said) wrong(`${direction} ${way} ${state}: ${seen} where the oracle says ${said}`);
    return outcome.verdict;
  };
  const isHeld = hostOf('outbound')?.marks.has(heldName(cell)) ?? hostOf('inbound')?.marks.has(heldName(cell)) ?? false;
  // What an earlier step opened goes on, or is cut at the very end that denies it, both ways.
  if (isHeld)
    for (const way of ['original', 'reply'] as const)
      for (const direction of ['outbound', 'inbound'] as const)
        hop(heldName(cell), { direction, way, state: 'established' });

  const fresh = isHeld ? `${step} ${cellText(cell)}` : heldName(cell);
  const outcome = opened(verdict, (next) => hop(fresh, next));
  if (outcome !== expected) wrong(outcome);
  // A connection that never stood is not one to go on with, and conntrack forgets what is over.
  if (fresh !== heldName(cell) || outcome !== 'allowed')
    for (const direction of ['outbound', 'inbound'] as const) hostOf(direction)?.marks.delete(fresh);
  return found;
}

function heldName(cell: Cell): string {
  return `held ${cellText(cell)}`;
}

/** The first packet and its answer, as far as they come. */
function opened(verdict: Verdict, hop: (next: Hop) => TraceOutcome['verdict']): Expected {
  const path: readonly Hop[] = [
    { direction: 'outbound', way: 'original', state: 'new' },
    { direction: 'inbound', way: 'original', state: 'new' },
    { direction: 'inbound', way: 'reply', state: 'established' },
    { direction: 'outbound', way: 'reply', state: 'established' },
  ];
  for (const next of path) {
    const went = hop(next);
    if (went !== 'accept') return went === 'drop' ? 'dropped' : 'rejected';
    if (verdict[next.direction].verdict === 'deny') return 'allowed';
  }
  return 'allowed';
}

/** What the mark says, which is what a flow is attributed to. */
function decidedBy(host: TracedHost, { verdict, mark }: TraceOutcome, peer: Address): string {
  const decision = host.enforcer.decisionOf(defaultMarks.numberOf(mark));
  const peerSets = host.enforcer.held()?.peerSets ?? new Map();
  const end = decision === undefined ? undefined : endTowards(decision.end, peer, peerSets);
  const { epoch } = host.enforcer.counts();
  const stamped = defaultMarks.epochOf(mark);
  if (end === undefined) return `${verdict} by nothing`;
  if (stamped !== (verdict === 'accept' ? epoch : 0)) return `${verdict} under epoch ${stamped} of ${epoch}`;
  if ((verdict === 'accept') !== (end.verdict !== 'deny')) return `${verdict} though ${endText(end)}`;
  return endText(end);
}
