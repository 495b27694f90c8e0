// Brings a state about the way an agent does: one enforcer a host, in this process, each with its own numbering, epochs and
// transactions from what stands in the kernel to what should. Only nft's library works inside the host.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { createEnforcer, type TableEnforcer } from '#agent/enforce/enforcer.ts';
import type { Nft } from '#agent/nft/nft.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { endTowards } from '#agent-core/judge/decision.ts';
import { parseDeniedSets } from '#agent-core/table/denied-listing.ts';
import { err, ok } from '#model/result.ts';
import { nftIn, sweepMarksIn } from '#test/support/inside.ts';
import type { Lab, LabHost } from '#test/support/lab.ts';
import { waitFor } from '#test/support/wait.ts';
import { endText } from './decided.ts';
import { loadedRevision } from './rendered-stage.ts';
import { differences, expectedReports, type Report, reportText } from './reports.ts';
import { managedHosts, type Scenario } from './scenario.ts';
import type { Stage } from './table.ts';

/** nft inside a host of the lab, without its process. As the agent's, it never rejects: a host that is gone is a failure told. */
export function labNft(host: LabHost): Nft {
  const nft = async (args: readonly string[], input: string) => {
    try {
      const result = await nftIn(host, args, input);
      return result.exitCode === 0 ? ok(result.stdout) : err(result.stderr.trim());
    } catch (error) {
      return err((error as Error).message);
    }
  };
  const discard = async (args: readonly string[], input: string) => {
    const result = await nft(args, input);
    return result.ok ? ok(undefined) : result;
  };
  return {
    apply: (script) => discard(['-f', '-'], script),
    check: (script) => discard(['-c', '-f', '-'], script),
    list: (args) => nft(args, ''),
  };
}

export async function startEnforcer(host: LabHost, directory: string): Promise<TableEnforcer> {
  const enforcer = createEnforcer({
    nft: labNft(host),
    stateDirectory: openStateDirectory(await mkdtemp(join(directory, `${host.name}-`))),
    essentials: () => [],
    log: pino({ level: 'silent' }),
    // On one half of the hosts every peer map answers with tags; in the kernel in memory (traced.ts) on the other.
    ...(isEvenName(host.name) ? { mostWalks: 0 } : {}),
    sweepMarks: (sweep) => sweepMarksIn(host, sweep),
  });
  await enforcer.start();
  return enforcer;
}

/** Halves the hosts of a scenario. */
export function isEvenName(name: string): boolean {
  return [...name].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 2 === 0;
}

export function enforcerStage() {
  return async (lab: Lab, scenario: Scenario): Promise<Stage> => {
    const directory = await mkdtemp(join(tmpdir(), 'segwall-truth-'));
    const enforcers = new Map<string, TableEnforcer>();
    const started: TableEnforcer[] = [];
    let before: ReadonlyMap<string, number> = new Map();
    return {
      enter: async ({ state, world, revision }) => {
        const managed = new Set(managedHosts(scenario, state));
        const ruleSetOf = world.compile(revision);
        await Promise.all(
          [...lab.hosts.values()].map(async (host) => {
            if (!managed.has(host.name)) return leave(host, enforcers);
            const enforcer = enforcers.get(host.name) ?? (await startEnforcer(host, directory));
            if (!enforcers.has(host.name)) started.push(enforcer);
            enforcers.set(host.name, enforcer);
            const ruleSet = ruleSetOf(host.name);
            if (ruleSet === undefined) throw new Error(`the compiler has no rule set for ${host.name}`);
            const outcome = await enforcer.apply(ruleSet);
            if (outcome.kind !== 'applied') throw new Error(`${host.name} refused: ${outcome.reason}`);
            const loaded = await loadedRevision(host);
            if (loaded !== revision) throw new Error(`${host.name}: applied ${revision}, and ${loaded} read back`);
          }),
        );
        before = await countsOf(lab, enforcers);
      },
      misreported: async ({ state, world }) => {
        const now = await countsOf(lab, enforcers);
        const moved = [...now].flatMap(([what, packets]) => (packets > (before.get(what) ?? 0) ? [what] : []));
        const reports = expectedReports({ scenario, state, world });
        return differences({
          what: 'counters and denied sets',
          expected: reports.flatMap((report) => [
            counterText(report),
            ...(report.end.verdict === 'deny' ? [reportText(report)] : []),
          ]),
          seen: moved,
        });
      },
      // An enforcer looks at its loaded table in a quiet moment after a change; what it sees then is written to the directory.
      close: async () => {
        await waitFor(() => started.every((enforcer) => enforcer.counts().settled === 'yes'), {
          what: 'every enforcer has written what it saw',
          timeoutMs: 20_000,
        });
        await rm(directory, { recursive: true, force: true, maxRetries: 10 });
      },
    };
  };
}

/** Every decision's counter and every element of the denied sets, named as the oracle names them, with its packets. */
async function countsOf(lab: Lab, enforcers: ReadonlyMap<string, TableEnforcer>): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const add = (what: string, packets: number) => counts.set(what, (counts.get(what) ?? 0) + packets);
  for (const [name, enforcer] of enforcers) {
    const host = lab.hosts.get(name);
    if (host === undefined) throw new Error(`the lab has no host ${name}`);
    const listing = await nftIn(host, ['-n', 'list', 'table', 'inet', 'segwall']);
    for (const [, number, packets] of listing.stdout.matchAll(/counter n_(\d+) \{\s+packets (\d+)/g)) {
      const decision = enforcer.decisionOf(Number(number));
      if (decision !== undefined) add(counterText({ host: name, ...decision }), Number(packets));
    }
    for (const { decision, packets, bytes: _, ...connection } of parseDeniedSets(listing.stdout)) {
      const decided = enforcer.decisionOf(decision)?.end;
      if (decided === undefined) continue;
      const peer = connection.direction === 'inbound' ? connection.client : connection.server;
      const end = endTowards(decided, peer, enforcer.held()?.peerSets ?? new Map());
      add(reportText({ host: name, ...connection, end }), packets);
    }
  }
  return counts;
}

/** One decision cuts off from all quarantined peers, so a counter names no quarantine. */
function counterText({ host, direction, end }: Pick<Report, 'host' | 'direction' | 'end'>): string {
  const { quarantine: _whose, ...counted } = end;
  return `the counter of ${host} ${direction} ${endText(counted)}`;
}

/** The workload has left the fleet: its machine stays, without rules and without memory of them. */
async function leave(host: LabHost, enforcers: Map<string, TableEnforcer>): Promise<void> {
  if (!enforcers.delete(host.name)) return;
  await nftIn(host, ['delete', 'table', 'inet', 'segwall']);
}
