// A policy on trial: its hosts enforce it, nobody else does, and it ends as everybody's or nobody's.

import { describe, expect, test } from 'vitest';
import { chooseHosts } from '#control-plane/publish/canary.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { waitFor } from '#test/support/wait.ts';
import {
  checkedPolicy,
  type FleetUnderTest,
  fleetUnderTest,
  shopPolicy,
  type TestAgent,
  tenant,
} from './fleet-under-test.ts';

const hosts = ['api-1', 'api-2', 'api-3'] as const;
const external = (name: string, address: string) => `---
apiVersion: segwall/v1
kind: Workload
metadata: { name: ${name}, labels: { role: web, app: shop } }
spec: { kind: external, addresses: [${address}] }
`;
/** The mode of `shop` tells the active policy from the one on trial. */
const batches = `---
apiVersion: segwall/v1
kind: Segment
metadata: { name: batches }
spec:
  selector: app == "shop"
  rules:
    - { name: batch-to-shop, from: [{ tenant: 'role == "batch"' }], to: [{ workloads: all() }], services: [tcp/8080] }
`;
const before = shopPolicy({ mode: 'observe', documents: `${external('customer', '203.0.113.5')}${batches}` });
const after = shopPolicy({ mode: 'enforce', documents: external('partner', '203.0.113.9') });

interface Trial extends FleetUnderTest {
  readonly agents: ReadonlyMap<string, TestAgent>;
  start(given?: {
    readonly answerMs?: number;
    readonly holdMs?: number;
    readonly on?: readonly string[];
  }): Promise<number>;
  ended(): Promise<string>;
  /** The mode each host enforces by what it was sent last. */
  modes(): Record<string, string | undefined>;
  actions(): Promise<readonly string[]>;
}

async function threeHosts(answers: Readonly<Record<string, 'ack' | 'nack' | 'silence'>> = {}): Promise<Trial> {
  const under = await fleetUnderTest();
  const agents = new Map<string, TestAgent>();
  await under.apply(before);
  for (const [at, host] of hosts.entries()) {
    const labels = { app: 'shop', role: 'api' };
    const addresses = [`10.0.0.${at + 1}`];
    agents.set(host, await under.connect(host, { labels, addresses, answer: answers[host] ?? 'ack' }));
  }
  const { fleet, store } = under;
  return {
    ...under,
    agents,
    async start({ answerMs = 20_000, holdMs = 20_000, on = ['api-1'] } = {}) {
      const source = { kind: 'files' as const, files: [{ path: 'policy.yaml', text: after }] };
      const limits = { answerMs, holdMs };
      const given = { policy: checkedPolicy(after), source, hosts: on, limits, actor: 'operator/test' };
      return assertOk(await fleet.startCanary(given)).revision;
    },
    async ended() {
      await waitFor(async () => fleet.canary?.state !== 'running', { what: 'the canary has ended' });
      await fleet.quiet();
      return fleet.canary?.state ?? 'none';
    },
    modes: () =>
      Object.fromEntries(hosts.map((host) => [host, agents.get(host)?.sent.at(-1)?.workloads[0]?.inbound.mode])),
    actions: async () => (await store.listAudit({ tenant, afterSeq: 0, limit: 100 })).map(({ action }) => action),
  };
}

function peersOf(agents: Trial['agents'], host: string): readonly string[] {
  return setsOf(agents, host)
    .flatMap((set) => (set.quarantine === undefined ? set.addresses : []))
    .sort();
}

function cutOffFrom(agents: Trial['agents'], host: string): readonly string[] {
  return setsOf(agents, host).flatMap((set) => (set.quarantine === undefined ? [] : set.addresses));
}

const setsOf = (agents: Trial['agents'], host: string) => [...(agents.get(host)?.sent.at(-1)?.peerSets.values() ?? [])];

describe('while it runs', () => {
  test('its hosts enforce it, and the others what is active', async () => {
    const { fleet, start, modes } = await threeHosts();
    const revision = await start({ on: ['api-1', 'api-2'] });
    expect(modes()).toEqual({ 'api-1': 'enforce', 'api-2': 'enforce', 'api-3': 'observe' });
    expect(fleet.canary).toMatchObject({ state: 'running', canary: { revision } });
    expect(fleet.standing.progressOf(revision)).toMatchObject({ acked: ['api-1', 'api-2'], nacked: [], pending: [] });
    expect([...fleet.active.policy.workloads.keys()]).toEqual(['customer']);
  });

  test('changes reach both kinds of hosts, each under its own policy', async () => {
    const { fleet, start, modes, agents, connect } = await threeHosts();
    await start();
    await connect('web-1', { labels: { app: 'shop', role: 'web' }, addresses: ['10.0.0.9'] });
    await fleet.quarantine({ workload: 'api-3', peers: [], actor: 'operator/test' });
    expect(modes()).toEqual({ 'api-1': 'enforce', 'api-2': 'observe', 'api-3': 'observe' });
    expect(peersOf(agents, 'api-1')).toEqual(['10.0.0.9', '203.0.113.9']);
    expect(peersOf(agents, 'api-2')).toEqual(['10.0.0.9', '203.0.113.5']);
    expect([cutOffFrom(agents, 'api-1'), cutOffFrom(agents, 'api-2')]).toEqual([['10.0.0.3'], ['10.0.0.3']]);
    expect(agents.get('api-3')?.sent.at(-1)?.workloads[0]).toMatchObject({ quarantine: expect.anything() });
  });

  test('a change under one of the two is sent to no host of the other', async () => {
    const { fleet, start, connect, agents } = await threeHosts();
    await start();
    const sent = () => hosts.map((host) => agents.get(host)?.sent.length ?? 0);
    const [canary = 0, other = 0] = sent();
    // Only the active policy grants anything to a batch host.
    await connect('batch-1', { labels: { role: 'batch' }, addresses: ['10.0.0.8'] });
    expect(peersOf(agents, 'api-2')).toEqual(['10.0.0.8', '203.0.113.5']);
    await fleet.removeAgent('batch-1', 'operator/test');
    expect(peersOf(agents, 'api-2')).toEqual(['203.0.113.5']);
    expect(peersOf(agents, 'api-1')).toEqual(['203.0.113.9']);
    expect(sent()).toEqual([canary, other + 2, other + 2]);
  });

  test('neither it nor an apply is of a draft that was deleted while it was judged', async () => {
    const { fleet, store, actions } = await threeHosts();
    const note = { at: millis(1), actor: 'operator/test', action: 'draft-saved', target: 'policy' } as const;
    const limits = { drafts: 10, bytes: 1e6 };
    const saved = await store.saveDraft({ tenant, files: [{ path: 'policy.yaml', text: after }], note, limits });
    if (saved.kind !== 'saved') throw new Error('the draft found no room');
    expect(await fleet.deleteDraft({ id: saved.id, actor: 'operator/test' })).toBe('deleted');
    const before = [fleet.canary, fleet.revision, await actions()];
    const judged = { policy: checkedPolicy(after), source: { kind: 'stored' as const, policy: saved.id } };
    const given = { hosts: ['api-1'], limits: { answerMs: 20_000, holdMs: 20_000 }, actor: 'operator/test' };
    const gone = { ok: false, error: 'policy-gone' };
    expect(await fleet.startCanary({ ...given, ...judged })).toEqual(gone);
    const applied = { actor: 'operator/test', action: 'policy-applied', target: 'policy' };
    expect(await fleet.activate({ ...judged, kind: 'apply', note: applied })).toEqual(gone);
    expect([fleet.canary, fleet.revision, await actions()]).toEqual(before);
  });

  test('a host of it that comes back is sent the same policy', async () => {
    const { start, connect, agents } = await threeHosts();
    await start();
    agents.get('api-1')?.connection.disconnected();
    const again = await connect('api-1', { addresses: ['10.0.0.1'] });
    expect(again.sent.at(-1)?.workloads[0]?.inbound.mode).toBe('enforce');
  });

  test('there is no second one, and no host takes the name of a workload of it', async () => {
    const { fleet, start, enrol } = await threeHosts();
    await start();
    await expect(start()).rejects.toThrow();
    expect(fleet.canary?.state).toBe('running');
    await expect(enrol('partner')).rejects.toThrow();
  });
});

describe('it becomes the active policy', () => {
  test('when its hosts have held it', async () => {
    const { fleet, start, ended, modes, actions, store } = await threeHosts();
    const revision = await start({ holdMs: 50 });
    expect(await ended()).toBe('promoted');
    expect(modes()).toEqual({ 'api-1': 'enforce', 'api-2': 'enforce', 'api-3': 'enforce' });
    expect(fleet.active.revision).toBeGreaterThan(revision);
    expect(fleet.canary).toMatchObject({ state: 'promoted', active: fleet.active.revision });
    expect([...fleet.active.policy.workloads.keys()]).toEqual(['partner']);
    expect((await store.listActivations({ tenant, limit: 1 }))[0]?.policy).toBe(fleet.active.id);
    expect((await actions()).slice(-2)).toEqual(['canary-started', 'policy-applied']);
  });

  test('also where a host of it was removed meanwhile', async () => {
    const { fleet, start, ended } = await threeHosts({ 'api-2': 'silence' });
    await start({ on: ['api-1', 'api-2'], holdMs: 50 });
    await fleet.removeAgent('api-2', 'operator/test');
    expect(await ended()).toBe('promoted');
  });
});

describe('it fails, and its hosts are under the active policy again', () => {
  const rows: readonly (readonly [
    name: string,
    given: {
      readonly answers?: Readonly<Record<string, 'nack' | 'silence'>>;
      readonly answerMs?: number;
      readonly meanwhile?: (trial: Trial) => unknown;
    },
    reason: string,
  ])[] = [
    ['where one refuses it', { answers: { 'api-2': 'nack' } }, 'api-2 refused it: nft said no'],
    ['where one does not answer', { answers: { 'api-2': 'silence' }, answerMs: 50 }, 'api-2 did not answer'],
    [
      'where one goes and stays away',
      { answerMs: 50, meanwhile: ({ agents }) => agents.get('api-2')?.connection.disconnected() },
      'api-2 is not connected any more',
    ],
    [
      'where one refuses it while it is held',
      { meanwhile: ({ agents, fleet }) => agents.get('api-1')?.connection.nacked(fleet.revision, 'cut off') },
      'api-1 refused it: cut off',
    ],
    [
      'where an operator ends it',
      { meanwhile: ({ fleet }) => fleet.endCanary({ reason: 'rolled back', actor: 'operator/test' }) },
      'rolled back',
    ],
    [
      'where its hosts are all removed',
      {
        meanwhile: async ({ fleet }) => {
          for (const host of ['api-1', 'api-2']) await fleet.removeAgent(host, 'operator/test');
        },
      },
      'none of its hosts is enrolled any more',
    ],
  ];
  test.each(rows)('%s', async (_name, { answers = {}, answerMs = 20_000, meanwhile }, reason) => {
    const trial = await threeHosts(answers);
    const { fleet, modes, actions } = trial;
    const active = fleet.active.revision;
    const revision = await trial.start({ on: ['api-1', 'api-2'], answerMs });
    await meanwhile?.(trial);
    expect(await trial.ended()).toBe('failed');
    expect(fleet.canary).toMatchObject({ reason });
    expect(fleet.active.revision).toBe(active);
    const gone = [...hosts].filter(
      (host) => fleet.sessions.of(host) === undefined || fleet.hostEntry(host) === undefined,
    );
    for (const [host, mode] of Object.entries(modes())) {
      if (!gone.some((one) => one === host)) expect([host, mode]).toEqual([host, 'observe']);
    }
    expect(fleet.revision).toBeGreaterThan(revision);
    expect(await actions()).toContain('canary-failed');
  });

  test('where another policy is applied, which is everybody’s', async () => {
    const { fleet, apply, start, modes } = await threeHosts();
    await start();
    await apply(shopPolicy({ mode: 'selective', extra: '' }).replace('rules:', 'selective: [tcp/22]\n  rules:'));
    expect(fleet.canary).toMatchObject({ state: 'failed', reason: 'another policy was activated' });
    expect(modes()).toEqual({ 'api-1': 'selective', 'api-2': 'selective', 'api-3': 'selective' });
  });

  test('where the control plane is restarted', async () => {
    const { restart, start } = await threeHosts();
    const revision = await start();
    const again = await restart();
    expect(again.fleet.canary).toBeUndefined();
    const api = await again.connect('api-1', { addresses: ['10.0.0.1'], revision });
    expect(api.sent.at(-1)?.workloads[0]?.inbound.mode).toBe('observe');
  });
});

describe('hosts that nobody names', () => {
  const names = (count: number) => Array.from({ length: count }, (_, at) => `h${String(at).padStart(3, '0')}`);
  const rows = [
    [0, []],
    [1, ['h000']],
    [10, ['h000']],
    [11, ['h000', 'h005']],
    [30, ['h000', 'h010', 'h020']],
  ] as const;
  test.each(rows)('of %i are %j', (count, expected) => {
    expect(chooseHosts(names(count).toReversed())).toEqual(expected);
  });
});
