// Brings a state about the way an operator does: a real control plane, real agents that enrolled with it, and the operator's
// command for policy, labels, quarantine and hosts that go. The flows that the agents report of a step must be the matrix.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import type { End } from '#model/verdict.ts';
import { commandError, type Fleet, startFleet, writePolicy } from '#test/support/fleet.ts';
import type { Lab } from '#test/support/lab.ts';
import { loadedRevision } from './rendered-stage.ts';
import { differences, expectedReports, reportText } from './reports.ts';
import { inventoryDocument, managedHosts, type Scenario, type State } from './scenario.ts';
import type { Stage } from './table.ts';

/** Of `segwall flows --json`, what tells one end of one cell. */
interface FlowRow extends End {
  readonly host: string;
  readonly direction: 'inbound' | 'outbound';
  readonly from: { readonly address: string; readonly workload?: string };
  readonly to: { readonly address: string; readonly workload?: string };
  readonly protocol: number;
  readonly port: number;
  readonly connections: number;
}

/** An agent's window and its way to the store; far above both. */
const reportedWithinMs = 20_000;
/** Once the matrix is complete, nothing more may come in this time. */
const quietMs = 1500;

/** Lost hosts are left out: what a whole fleet makes of one is in test/hostile/contained-packets.test.ts. */
export function withoutLost(scenario: Scenario): Scenario {
  const steps = scenario.steps.filter((step) => scenario.states[step]?.lost === undefined);
  return { ...scenario, steps };
}

export function wholeStage() {
  return async (lab: Lab, scenario: Scenario): Promise<Stage> => {
    const directory = await mkdtemp(join(tmpdir(), 'segwall-whole-'));
    const controlPlane = await lab.addHost({ name: 'control', ipv4: '10.70.0.1', ipv6: 'fd70::1' });
    const fleet = await startFleet({ controlPlane, directory });
    const now: Standing = { labels: new Map(), quarantined: new Set() };
    let step = 0;
    let before: ReadonlyMap<string, number> = new Map();
    return {
      enter: async ({ state }) => {
        step += 1;
        const came = await bringHosts({ lab, fleet, scenario, state, now });
        await bringQuarantine({ fleet, state, now });
        const policy = await writePolicy(join(directory, `policy-${step}`), {
          ...(state.policy === '' ? {} : { 'policy.yaml': state.policy }),
          ...externals(scenario, state),
        });
        const means = state.policy === '' ? ['--empty'] : [];
        const applied = await fleet.segwallJson<Applied>(['apply', policy, '--wait', ...means]);
        if (applied.nacked.length > 0 || applied.pending.length > 0)
          throw new Error(`not every agent took revision ${applied.revision}: ${JSON.stringify(applied)}`);
        for (const { host } of fleet.agents.values()) {
          const loaded = await loadedRevision(host);
          if (loaded !== applied.revision)
            throw new Error(`${host.name}: applied ${applied.revision}, and ${loaded} read back`);
        }
        // An agent that starts reports what its kernel knew before; that is not of this step.
        if (came > 0 && step > 1) await pause(3 * quietMs);
        before = await reportedFlows(fleet, scenario);
      },
      misreported: async ({ state, world }) => {
        const expected = expectedReports({ scenario, state, world }).map(reportText);
        const compared = async () => {
          const flows = await reportedFlows(fleet, scenario);
          const seen = [...flows].flatMap(([what, count]) => (count > (before.get(what) ?? 0) ? [what] : []));
          return differences({ what: 'reported flows', expected, seen });
        };
        const deadline = performance.now() + reportedWithinMs;
        while ((await compared()).length > 0 && performance.now() < deadline) await pause(250);
        await pause(quietMs);
        return compared();
      },
      close: async () => {
        await fleet.stop();
        await rm(directory, { recursive: true, force: true, maxRetries: 10 });
      },
    };
  };
}

interface Applied {
  readonly revision: number;
  readonly nacked: readonly unknown[];
  readonly pending: readonly unknown[];
}

/** What the fleet was last told. */
interface Standing {
  readonly labels: Map<string, Readonly<Record<string, string>>>;
  readonly quarantined: Set<string>;
}

/** Hosts that come are enrolled, hosts that go are removed and left without rules, labels that differ are changed. Gives how many came. */
async function bringHosts(input: {
  readonly lab: Lab;
  readonly fleet: Fleet;
  readonly scenario: Scenario;
  readonly state: State;
  readonly now: Standing;
}): Promise<number> {
  const { lab, fleet, scenario, state, now } = input;
  let came = 0;
  const managed = new Set(managedHosts(scenario, state));
  for (const name of [...now.labels.keys()].filter((name) => !managed.has(name))) {
    const agent = fleet.agents.get(name);
    if (agent === undefined) throw new Error(`${name} has no agent`);
    await agent.kill('SIGKILL');
    await agent.host.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
    await rm(agent.stateDirectory, { recursive: true, force: true });
    await fleet.segwallJson(['agents', 'remove', name]);
    fleet.forget(name);
    now.labels.delete(name);
  }
  for (const name of managed) {
    const wanted = state.labels?.[name] ?? scenario.hosts[name]?.labels ?? {};
    const known = now.labels.get(name);
    now.labels.set(name, wanted);
    const host = lab.hosts.get(name);
    if (host === undefined) throw new Error(`the lab has no host ${name}`);
    if (known === undefined) {
      await fleet.enrol(host, wanted);
      came += 1;
    } else {
      const edits = [
        ...Object.entries(wanted).flatMap(([key, value]) => (known[key] === value ? [] : [`${key}=${value}`])),
        ...Object.keys(known).flatMap((key) => (key in wanted ? [] : [`${key}-`])),
      ];
      if (edits.length > 0) await fleet.segwallJson(['label', name, ...edits, '--wait']);
    }
  }
  await fleet.connected(managed.size);
  return came;
}

async function bringQuarantine(input: {
  readonly fleet: Fleet;
  readonly state: State;
  readonly now: Standing;
}): Promise<void> {
  const { fleet, state, now } = input;
  for (const name of [...now.quarantined].filter((name) => state.quarantine?.[name] === undefined)) {
    const released = await fleet.segwall(['release', name, '--wait']);
    if (released.exitCode !== 0) throw commandError(['segwall', 'release', name], released);
    now.quarantined.delete(name);
  }
  for (const [name, allowed] of Object.entries(state.quarantine ?? {})) {
    const held = await fleet.segwall(['quarantine', name, '--allow', ...allowed, '--wait']);
    if (held.exitCode !== 0) throw commandError(['segwall', 'quarantine', name], held);
    now.quarantined.add(name);
  }
}

function externals(scenario: Scenario, state: State): Readonly<Record<string, string>> {
  const documents = Object.entries(scenario.hosts).flatMap(([name, host]) =>
    host.kind === 'external' ? (inventoryDocument(scenario, state, name) ?? []) : [],
  );
  return documents.length === 0 ? {} : { 'externals.yaml': documents.join('\n---\n') };
}

/** Connections between the scenario's own hosts so far, by what they were reported as. */
async function reportedFlows(fleet: Fleet, scenario: Scenario): Promise<ReadonlyMap<string, number>> {
  const own = new Set(
    Object.values(scenario.hosts).flatMap(({ ipv4, ipv6 }) => [
      assertOk(parseAddress(ipv4)),
      assertOk(parseAddress(ipv6)),
    ]),
  );
  const counts = new Map<string, number>();
  for (const row of (await fleet.flows('')) as readonly FlowRow[]) {
    const { host, direction, from, to, protocol, port, connections } = row;
    const [client, server] = [assertOk(parseAddress(from.address)), assertOk(parseAddress(to.address))];
    if (!own.has(client) || !own.has(server)) continue;
    const workload = (direction === 'outbound' ? from : to).workload ?? host;
    const what = reportText({ host, direction, client, server, protocol, port, end: { ...row, workload } });
    counts.set(what, (counts.get(what) ?? 0) + connections);
  }
  return counts;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
