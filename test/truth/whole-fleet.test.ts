// The truth tables over the whole system: a real control plane and real agents, driven by the operator's command, compared cell
// by cell with the oracle; through label changes, restarts, a control plane that is away, and a rule set that nft refuses.

import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { commandError, type Fleet, startFleet, writePolicy } from '#test/support/fleet.ts';
import { createLab } from '#test/support/lab.ts';
import type { HostProbe } from '#test/support/probe.ts';
import { waitFor } from '#test/support/wait.ts';
import { loadedRevision } from './rendered-stage.ts';
import type { Scenario, State } from './scenario.ts';
import { compare, mismatchText, probeStep, standUp } from './table.ts';
import { createWorld } from './world.ts';

const shop = { app: 'shop', env: 'prod' } as const;

/** A port that only the rule set that is to be refused names, so that refusing it changes no cell. */
const refusedPort = 4444;

function ring(mode: string, rules: string, more = ''): string {
  return `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: ${mode}
  outbound: ${mode}
  selective: [tcp/5432]
  rules:${rules === '' ? ' []' : `\n${rules}`}
${more}`;
}

const webToApi = `    - { name: web-to-api, from: [{ workloads: 'role == "web"' }], to: [{ workloads: 'role == "api"' }], services: [tcp/8080, udp/8080] }\n`;
const apiToDb = `    - { name: api-to-db, from: [{ workloads: 'role == "api"' }], to: [{ workloads: 'role == "db"' }], services: [tcp/5432] }\n`;
const unusedRule = `    - { name: unused, from: [any], to: [{ workloads: all() }], services: [tcp/${refusedPort}] }\n`;
const guardrail = `---
apiVersion: segwall/v1
kind: Guardrail
metadata: { name: web-not-api }
spec:
  mode: enforce
  deny:
    - { from: [{ workloads: 'role == "web"' }], to: [{ workloads: 'role == "api"' }], services: [udp/8080] }
`;

const asWeb = { 'dev-1': { ...shop, role: 'web' } };
const two = ring('enforce', webToApi + apiToDb);

const scenario: Scenario = {
  name: 'a whole fleet',
  tags: ['whole'],
  hosts: {
    'web-1': { ipv4: '10.79.0.1', ipv6: 'fd79::1', labels: { ...shop, role: 'web' } },
    'api-1': { ipv4: '10.79.0.2', ipv6: 'fd79::2', labels: { ...shop, role: 'api' } },
    'db-1': { ipv4: '10.79.0.3', ipv6: 'fd79::3', labels: { ...shop, role: 'db' } },
    'dev-1': { ipv4: '10.79.0.4', ipv6: 'fd79::4', labels: { role: 'dev' } },
    outsider: { ipv4: '203.0.113.9', ipv6: '2001:db8:9::9' },
  },
  services: [
    { transport: 'tcp', port: 8080 },
    { transport: 'udp', port: 8080 },
    { transport: 'tcp', port: 5432 },
  ],
  states: {
    'no policy': { policy: '' },
    off: { policy: ring('off', webToApi) },
    observe: { policy: ring('observe', webToApi) },
    selective: { policy: ring('selective', webToApi) },
    'one rule': { policy: ring('enforce', webToApi) },
    'two rules': { policy: two },
    'two rules and a new web': { policy: two, labels: asWeb },
    guardrail: { policy: ring('enforce', webToApi + apiToDb, guardrail) },
    'dev gone': { policy: two, gone: ['dev-1'] },
  },
  steps: [],
};

/** An nft that spoils any script naming the refused port, so that the real nft refuses it in its own words. */
const spoilingNft = `#!/bin/sh
real=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v nft)
case " $* " in
  *" -f "*) sed 's/\\b${refusedPort}\\b/no-such-port/' | exec "$real" "$@" ;;
  *) exec "$real" "$@" ;;
esac
`;

interface Applied {
  readonly revision: number;
  readonly acked: readonly string[];
  readonly nacked: readonly { readonly host: string; readonly reason: string }[];
  readonly pending: readonly string[];
}

test('a whole fleet decides every cell as the oracle does, whatever happens to it', { timeout: 300_000 }, async () => {
  const lab = await createLab({ name: 'whole' });
  const directory = await mkdtemp(join(tmpdir(), 'segwall-whole-'));
  lab.alsoRemove(directory);
  try {
    const [probes, controlPlane] = await Promise.all([
      standUp(lab, scenario),
      lab.addHost({ name: 'control', ipv4: '10.79.1.1', ipv6: 'fd79:1::1' }),
    ]);
    const fleet = await startFleet({ controlPlane, directory });
    const managed = Object.entries(scenario.hosts).filter(([, { labels }]) => labels !== undefined);
    await writeFile(join(directory, 'nft'), spoilingNft);
    await chmod(join(directory, 'nft'), 0o755);
    await Promise.all(
      managed.map(async ([name, { labels }]) => {
        const host = lab.hosts.get(name);
        if (host === undefined) throw new Error(`the lab has no host ${name}`);
        const token = await fleet.token(labels ?? {}, 1);
        const env = name === 'api-1' ? { PATH: `${directory}:${process.env['PATH']}` } : {};
        await fleet.enrolWithToken(host, token, { env });
      }),
    );
    await fleet.connected(managed.length);

    const { apply, holds, stateOf } = play({ fleet, probes, lab, directory });
    await holds('no policy');
    for (const name of ['off', 'observe', 'selective', 'one rule', 'two rules']) {
      await apply(stateOf(name));
      await holds(name);
    }

    const label = await fleet.segwall(['label', 'dev-1', 'app=shop', 'env=prod', 'role=web', '--wait']);
    if (label.exitCode !== 0) throw commandError(['segwall', 'label'], label);
    await holds('two rules and a new web');
    await fleet.segwallJson(['label', 'dev-1', 'app-', 'env-', 'role=dev', '--wait']);
    await holds('two rules');

    const api = fleet.agents.get('api-1');
    if (api === undefined) throw new Error('api-1 has no agent');
    await api.kill('SIGKILL');
    await holds('two rules');
    api.start();
    await fleet.connected(managed.length);
    await holds('two rules');

    const refused = await applyOf(
      fleet,
      await writePolicy(join(directory, 'refused'), {
        'policy.yaml': ring('enforce', webToApi + apiToDb + unusedRule),
      }),
    );
    expect(refused.nacked.map(({ host }) => host)).toEqual(['api-1']);
    expect(refused.nacked[0]?.reason).toContain('no-such-port');
    expect(await loadedRevision(api.host)).toBeLessThan(refused.revision);
    await holds('two rules');

    await apply(stateOf('guardrail'));
    await holds('guardrail');

    await fleet.killControlPlane();
    await holds('guardrail');
    await api.kill('SIGKILL');
    api.start();
    await waitFor(async () => (await api.status())?.connected === false, { what: 'the agent is up and on its own' });
    await holds('guardrail');
    await fleet.startControlPlane();
    await fleet.connected(managed.length);
    await apply(stateOf('two rules'));
    await holds('two rules');

    await fleet.agents.get('dev-1')?.kill('SIGKILL');
    await lab.hosts.get('dev-1')?.exec(['nft', 'delete', 'table', 'inet', 'segwall']);
    await fleet.segwallJson(['agents', 'remove', 'dev-1']);
    await holds('dev gone');
    await fleet.stop();
  } finally {
    await lab.remove();
  }
});

function play(input: {
  readonly fleet: Fleet;
  readonly probes: ReadonlyMap<string, HostProbe>;
  readonly lab: Awaited<ReturnType<typeof createLab>>;
  readonly directory: string;
}) {
  const { fleet, probes, lab, directory } = input;
  let step = 0;
  const stateOf = (name: string): State => {
    const state = scenario.states[name];
    if (state === undefined) throw new Error(`no state is named ${name}`);
    return state;
  };
  return {
    stateOf,
    apply: async (state: State) => {
      step += 1;
      const files = { 'policy.yaml': state.policy };
      const applied = await applyOf(fleet, await writePolicy(join(directory, `policy-${step}`), files));
      expect(applied).toMatchObject({ nacked: [], pending: [] });
      // A table that did not load lets everything pass, so the kernels are asked before the cells are tried.
      for (const { host } of fleet.agents.values()) expect(await loadedRevision(host)).toBe(applied.revision);
    },
    holds: async (name: string) => {
      const world = createWorld(scenario, stateOf(name));
      const probed = await probeStep({ lab, probes, scenario, world });
      expect(mismatchText(compare({ step: `${step}. ${name}`, probed, world })), fleet.logs()).toBe('');
    },
  };
}

/** Exit code 1 says that an agent refused; what refused is in the document either way. */
async function applyOf(fleet: Fleet, directory: string): Promise<Applied> {
  const result = await fleet.segwall(['apply', directory, '--wait', '--json']);
  if (result.exitCode > 1 || result.stdout.trim() === '') throw commandError(['segwall', 'apply'], result);
  return JSON.parse(result.stdout) as Applied;
}
