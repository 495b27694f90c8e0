// A change of the fleet is a value: what a live fleet ran, written as JSON and read again, makes the same fleet of an empty state. Each kind
// of change has something here that causes it, or this does not compile.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyChange, type Change, type KindName } from '#control-plane/changes/changes.ts';
import { type FleetState, fleetState } from '#control-plane/changes/fleet-state.ts';
import { inForceOf } from '#control-plane/changes/in-force.ts';
import { rememberedFleet } from '#control-plane/changes/stored-fleet.ts';
import { tokenHash } from '#control-plane/fleet/tokens.ts';
import { AgentSessions } from '#control-plane/publish/agent-sessions.ts';
import { Publication } from '#control-plane/publish/publication.ts';
import { RevisionProofs } from '#control-plane/publish/revision-proofs.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { Secret } from '#model/secret.ts';
import { type Millis, millis } from '#model/time.ts';
import { ruleSetDigest } from '#wire/rule-set-digest.ts';
import {
  checkedPolicy,
  type FleetUnderTest,
  fleetUnderTest,
  shopPolicy,
  type TestAgent,
  tenant,
} from '../server/fleet-under-test.ts';

const operator = 'operator/test';
const proofs = new RevisionProofs(Buffer.alloc(32, 7));
const hosts = ['web-1', 'web-2', 'db-1', 'lb-1'] as const;
const units = ['nginx.service', 'postgresql.service'];
const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.9', 'fd00::9'];
/** The second has the name that a unit has where web-1 discovers one. */
const policies = [
  shopPolicy(),
  shopPolicy({ mode: 'observe', documents: workload('web-1-nginx', 'external', '10.0.0.9') }),
  shopPolicy({ documents: `${workload('vip', 'virtual', '10.0.0.2')}${workload('dns', 'external', 'fd00::9')}` }),
];

function workload(name: string, kind: 'external' | 'virtual', address: string): string {
  const holders = kind === 'virtual' ? ', holders: role == "web"' : '';
  const labels = kind === 'virtual' ? '' : ', labels: { role: web, app: shop }';
  return `---
apiVersion: segwall/v1
kind: Workload
metadata: { name: ${name}${labels} }
spec: { kind: ${kind}, addresses: ["${address}"]${holders} }
`;
}

/** What a step picks by: each cause takes it as it likes. */
interface Picks {
  readonly host: (typeof hosts)[number];
  readonly address: string;
  readonly number: number;
}

class World {
  readonly log: string[] = [];
  readonly agents = new Map<string, TestAgent>();
  readonly #at: { nowMs: number; elapsedMs: number };
  state: Readonly<FleetState> | undefined;
  under!: FleetUnderTest;
  serial = 0;

  constructor() {
    this.#at = { nowMs: 1_700_000_000_000, elapsedMs: 0 };
  }

  static async open(): Promise<World> {
    const world = new World();
    const happened = (change: Change, state: Readonly<FleetState>) => {
      world.log.push(JSON.stringify(change));
      world.state = state;
    };
    const clocks = { now: () => world.now, elapsedMs: () => world.#at.elapsedMs };
    world.under = await fleetUnderTest({ ...clocks, proofs, happened });
    return world;
  }

  get now(): Millis {
    return millis(this.#at.nowMs);
  }

  pass(ms: number): void {
    this.#at.nowMs += ms;
    this.#at.elapsedMs += ms;
  }

  get fleet() {
    return this.under.fleet;
  }

  /** Stored policies, oldest first. */
  async stored(): Promise<readonly number[]> {
    const activations = await this.under.store.listActivations({ tenant, limit: 100 });
    return activations.map(({ policy }) => policy).reverse();
  }

  async activate(text: string, stored?: number): Promise<void> {
    const files = [{ path: 'policy.yaml', text }];
    const source =
      stored === undefined ? ({ kind: 'files', files } as const) : ({ kind: 'stored', policy: stored } as const);
    const note = { actor: operator, action: 'policy-applied', target: 'policy' };
    const policy = stored === undefined ? checkedPolicy(text) : await this.read(stored);
    await this.fleet.activate({ policy, source, kind: stored === undefined ? 'apply' : 'rollback', note });
  }

  async read(id: number) {
    return checkedPolicy((await this.under.store.readPolicy({ tenant, id }))?.files[0]?.text);
  }

  async token(host: string, given: { readonly renews?: string } = {}): Promise<Secret> {
    this.serial += 1;
    const id = `token-${this.serial}`;
    const token = new Secret(id);
    const note = { at: this.now, actor: operator, action: 'token-created', target: host };
    await this.under.store.createJoinToken({
      ...{
        tenant,
        id,
        hash: tokenHash(token),
        labels: { app: 'shop', role: host.slice(0, -2) },
        uses: 1,
        note,
        ...given,
      },
      ...{ expiresAt: millis(this.now + 60_000) },
      ...(this.serial % 2 === 0 ? { ranges: ['10.0.0.0/24', 'fd00::/64'] } : { ephemeralMs: 3_600_000 }),
    });
    return token;
  }

  async enrol(host: string, given: { readonly renews?: string } = {}): Promise<string | undefined> {
    const redeemed = await this.fleet.redeemToken({ token: await this.token(host, given), host });
    return redeemed.ok ? redeemed.value.enrolment : undefined;
  }

  async connect({ host, address, number }: Picks, seenFrom?: string): Promise<TestAgent> {
    if (this.fleet.hostEntry(host) === undefined) await this.enrol(host);
    if (this.fleet.isHostRevoked(host)) await this.enrol(host, { renews: host });
    this.leave(host);
    this.pass(1);
    const from = seenFrom ?? (number % 3 === 0 ? undefined : address);
    const agent = await this.under.connect(host, {
      ...{ addresses: [address], hears: 'nothing' },
      ...(from === undefined ? {} : { seenFrom: from }),
    });
    this.agents.set(host, agent);
    return agent;
  }

  leave(host: string): void {
    this.agents.get(host)?.connection.disconnected();
    this.agents.delete(host);
  }

  async certificate(host: string) {
    const enrolment = (await this.enrol(host, this.fleet.hostEntry(host) === undefined ? {} : { renews: host })) ?? '';
    this.serial += 1;
    const serial = `serial-${this.serial}`;
    const times = { notBefore: this.now, notAfter: millis(this.now + 86_400_000) };
    const record = {
      serial,
      tenant,
      host,
      enrolment,
      fingerprint: serial,
      ...times,
      authority: `ca-${this.serial % 2}`,
    };
    await this.fleet.recordCertificate(record);
    return { identity: { tenant, host, serial }, enrolment, ...times, authority: record.authority };
  }
}

type Cause = (world: World, picks: Picks) => Promise<unknown>;

const causes: { readonly [Kind in KindName]: Cause } = {
  async activated(world, { number }) {
    const stored = (await world.stored())[number];
    return world.activate(policies[number % policies.length] ?? '', number % 2 === 0 ? undefined : stored);
  },
  async 'address-shared'(world, picks) {
    const one = await world.connect(picks, '10.0.0.77');
    const other = hosts[(hosts.indexOf(picks.host) + 1) % hosts.length] ?? 'web-1';
    const two = await world.connect({ ...picks, host: other }, '10.0.0.77');
    const status = { revision: 0, enforcing: true, lost: 0, spooledBatches: 0, repairs: 0, problem: '' };
    for (const { connection } of [one, two, one, two]) {
      world.pass(10);
      connection.statusReported(status);
    }
  },
  async 'addresses-allowed'(world, { host, address, number }) {
    const change =
      number % 3 === 0 ? ({ kind: 'clear' } as const) : ({ kind: 'replace', ranges: [address, '10.0.0.9'] } as const);
    return world.fleet.allowAddresses({ host, change, actor: operator });
  },
  async announced(world, { number }) {
    const { announcements } = world.fleet;
    if (number % 3 === 0) return world.fleet.inTurn(operator, (actor) => announcements.withdraw(actor));
    return world.fleet.inTurn(operator, (actor) => announcements.announce(`cp-${number}:8443`, actor));
  },
  async 'canary-failed'(world, picks) {
    await causes['canary-started'](world, { ...picks, number: picks.number - (picks.number % 2) });
    return world.fleet.endCanary({ reason: 'it was tried enough', actor: operator });
  },
  async 'canary-started'(world, picks) {
    const { number, host } = picks;
    if (world.fleet.sessions.of(host) === undefined) await world.connect(picks);
    const text = policies[number % policies.length] ?? '';
    const limits = { holdMs: number % 2 === 0 ? 60_000 : 0, answerMs: 60_000 };
    const source = { kind: 'files', files: [{ path: 'policy.yaml', text }] } as const;
    return world.fleet.startCanary({ policy: checkedPolicy(text), source, hosts: [host], limits, actor: operator });
  },
  'certificate-issued': (world, { host }) => world.certificate(host),
  async 'certificate-used'(world, { host }) {
    const certificate = await world.certificate(host);
    expect(world.fleet.refusalOf(certificate)).toBeUndefined();
  },
  async 'draft-deleted'(world) {
    const note = { at: world.now, actor: operator, action: 'policy-saved', target: 'policy' };
    const id = await world.under.store.savePolicy({ tenant, files: [{ path: 'a.yaml', text: '' }], note });
    return world.fleet.deleteDraft({ id, actor: operator });
  },
  async enrolled(world, { host, number }) {
    world.serial += 1;
    return world.enrol(number % 2 === 0 ? `spare-${world.serial}` : number % 3 === 0 ? host : `${host}-nginx`);
  },
  async 'hold-began'(world, picks) {
    const { host } = picks;
    if (world.fleet.hostEntry(host) === undefined || world.fleet.isHostRevoked(host)) await world.connect(picks);
    world.leave(host);
    const run = { name: 'ab'.repeat(16), number: 9 };
    const proof = proofs.issue(host, { lineage: 'cd'.repeat(16), run, revision: 1000 });
    const agent = await world.under.connect(host, { addresses: [picks.address], hears: 'nothing', proof });
    world.agents.set(host, agent);
  },
  async 'hold-ended'(world, picks) {
    if (world.fleet.hold === undefined) await causes['hold-began'](world, picks);
    return world.fleet.resume(operator);
  },
  'host-connected': (world, picks) => world.connect(picks),
  async 'host-left'(world, picks) {
    if (!world.agents.has(picks.host)) await world.connect(picks);
    world.leave(picks.host);
  },
  async 'host-reported'(world, picks) {
    const agent = world.agents.get(picks.host) ?? (await world.connect(picks));
    const { number, address } = picks;
    const container = { name: 'cache', addresses: ['172.17.0.2', '10.0.0.50'], reachable: ['10.0.0.50'] };
    agent.connection.hostReported({
      addresses: number % 2 === 0 ? [address] : addresses.slice(0, number),
      facts: new Map([['os', number % 3 === 0 ? 'debian' : 'alpine']]),
      ...(number % 5 === 0 ? {} : { units: units.slice(0, number), containers: number % 2 === 0 ? [] : [container] }),
    });
  },
  async 'host-told'(world, picks) {
    const agent = world.agents.get(picks.host) ?? (await world.connect(picks));
    world.serial += 1;
    const kind = picks.number % 2 === 0 ? 'table-tampered' : 'opened';
    return agent.connection.eventsReported([
      { id: `event-${world.serial}`, at: world.now, kind, details: new Map([['by', 'nft']]) },
    ]);
  },
  async 'identity-renewed'(world, { host }) {
    if (world.fleet.hostEntry(host) === undefined) await world.enrol(host);
    return world.enrol(host, { renews: host });
  },
  async labelled(world, { host, number }) {
    const inside = [...(world.fleet.hostEntry(host)?.units.keys() ?? [])][0] ?? host;
    const set = new Map([
      ['role', number % 2 === 0 ? 'web' : 'api'],
      ['shard', `s-${number}`],
    ]);
    const remove = number % 3 === 0 ? ['app'] : [];
    return world.fleet.label({ workload: number % 4 === 0 ? inside : host, set, remove, actor: operator });
  },
  async 'names-yielded'(world, picks) {
    const agent = await world.connect({ ...picks, host: 'web-1' });
    agent.connection.hostReported({ addresses: ['10.0.0.1'], facts: new Map(), units });
    await world.fleet.quiet();
    return world.activate(policies[1] ?? '');
  },
  async quarantined(world, { host, number }) {
    if (world.fleet.hostEntry(host) === undefined) await world.enrol(host);
    const inside = [...(world.fleet.hostEntry(host)?.containers.keys() ?? [])][0] ?? host;
    const peers = [[], ['10.0.0.9'], ['role == "web"'], ['web-1']][number % 4] ?? [];
    return world.fleet.quarantine({ workload: number % 3 === 0 ? inside : host, peers, actor: operator });
  },
  async released(world, picks) {
    await causes.quarantined(world, picks);
    return world.fleet.quarantine({ workload: picks.host, actor: operator });
  },
  async removed(world, { host }) {
    if (world.fleet.hostEntry(host) === undefined) await world.enrol(host);
    return world.fleet.removeAgent(host, operator);
  },
  async 'revision-advanced'(world, picks) {
    await world.connect(picks);
    await world.fleet.quiet();
    return causes['host-reported'](world, { ...picks, number: picks.number + 1 });
  },
  async revoked(world, { host }) {
    if (world.fleet.hostEntry(host) === undefined) await world.enrol(host);
    return world.fleet.revokeAgent(host, operator);
  },
  async 'time-passed'(world, { number }) {
    world.pass([1000, 60_000, 3_600_000, 90_000_000][number % 4] ?? 0);
    return world.fleet.passTime();
  },
};

/** The changes as a log has them, run over an empty state. A policy is read before the change that names it. */
async function replayed(world: World, log: readonly string[]): Promise<FleetState> {
  const active = { id: 0, revision: 0, policy: checkedPolicy(undefined) };
  const state = fleetState({ active, now: () => millis(0), elapsedMs: () => 0 });
  state.lineage = world.under.fleet.lineage;
  for (const text of log) {
    const change = JSON.parse(text) as Change;
    if (change.kind === 'activated' || change.kind === 'canary-started')
      state.policies.set(change.policy, await world.read(change.policy));
    applyChange(state, change);
  }
  return state;
}

/** What hosts are to enforce, compiled from nothing but the state. */
function compiled(state: FleetState, now: Millis): RuleSets {
  const options = { sessions: new AgentSessions(), now: () => now, timeCame: () => undefined };
  const publication = new Publication(
    options,
    inForceOf(state, () => []),
  );
  publication.stop();
  return (host) => publication.ruleSetOf(host, state.revision);
}

type RuleSets = (host: string) => HostRuleSet | undefined;

/** All that a state says, as plain data; and what each host is to enforce, by its digest. */
function portrait(state: Readonly<FleetState>, ruleSetOf: RuleSets) {
  const { inventory, enrolments, active, canary } = state;
  const { claims } = inventory;
  const names = [...inventory.hostNames()].sort();
  const digestOf = (host: string) => {
    const ruleSet = ruleSetOf(host);
    return ruleSet === undefined ? '' : ruleSetDigest(ruleSet);
  };
  return {
    revision: state.revision,
    active: { id: active.id, revision: active.revision },
    canary: canary && { ...canary, canary: { ...canary.canary, policy: undefined } },
    standing: { lineage: state.lineage, hold: state.hold },
    announcement: state.announcement,
    tamperings: state.tamperings,
    policies: [...state.policies.keys()].sort(),
    history: [...state.history].sort(),
    silenceMs: [...state.silenceMs].sort(),
    hosts: names.map((name) => inventory.host(name)),
    workloads: [...inventory.current().workloads].sort(([one], [other]) => (one < other ? -1 : 1)),
    claims: names.map((name) => [
      ...[name, [...claims.heldBy(name)].sort(), [...claims.virtualHeldBy(name)].sort()],
      ...[claims.pendingOf(name), claims.seenOf(name), claims.absentSinceOf(name)],
    ]),
    conflicts: inventory.conflicts(),
    enrolments: names.map((name) => [enrolments.isRevoked(name), enrolments.casOf(name), enrolments.endOf(name)]),
    digests: names.map((name) => [name, digestOf(name)]),
  };
}

/** What outlives the process. A revision that is owed is paid when the fleet is quiet. */
function kept(state: Readonly<FleetState>) {
  const { inventory, enrolments, revision, lineage, hold, announcement, history, silenceMs } = state;
  const names = [...inventory.hostNames()].sort();
  return {
    ...{ revision, lineage, announcement },
    hold: hold && { kind: hold.kind, since: hold.since, why: hold.why },
    hosts: names.map((name) => inventory.host(name)),
    history: names.map((name) => history.get(name)),
    silenceMs: [...silenceMs].sort(),
    // Of one that is revoked nobody asks when it would have ended.
    enrolments: names.map((name) =>
      enrolments.isRevoked(name) ? 'revoked' : [enrolments.casOf(name), enrolments.endOf(name)],
    ),
  };
}

/** What was written is what was applied. */
async function assertStored({ state, under, now }: World): Promise<void> {
  if (state === undefined) throw new Error('nothing happened');
  const live = kept(state);
  const active = { ...state.active };
  const again = await rememberedFleet({ store: under.store, tenant, active, now: () => now, elapsedMs: () => 0 });
  expect(kept(again.state)).toEqual(live);
}

/** Of the log from `since` on, changes of kind `without` are left out. */
async function replayedPortrait(world: World, without: { readonly kind: KindName; readonly since: number }) {
  const log = world.log.filter((text, at) => at < without.since || JSON.parse(text).kind !== without.kind);
  const again = await replayed(world, log);
  return portrait(again, compiled(again, world.now));
}

async function assertReplayed(world: World): Promise<void> {
  const { state, log, now } = world;
  if (state === undefined) throw new Error('nothing happened');
  // One tick: what the live fleet does in the background would come in between.
  const [live, upTo] = [portrait(state, (host) => world.fleet.ruleSetOf(host)), [...log]];
  const again = await replayed(world, upTo);
  expect(portrait(again, compiled(again, now))).toEqual(live);
}

const kinds = Object.keys(causes) as KindName[];
const picks = fc.record({
  host: fc.constantFrom(...hosts),
  address: fc.constantFrom(...addresses),
  number: fc.nat(11),
});

/** Of a draft nothing is in force, and of time that passed nothing is seen where nobody's lease ended. */
const unseen: ReadonlySet<KindName> = new Set(['draft-deleted', 'time-passed']);

test('each kind of change has happened where it was caused, and replaying them makes the same fleet, and leaving it out another', async () => {
  const world = await World.open();
  for (const kind of kinds) {
    const since = world.log.length;
    await causes[kind](world, { host: 'web-1', address: '10.0.0.1', number: 2 });
    await world.fleet.quiet();
    const caused = world.log.slice(since).map((text) => JSON.parse(text).kind);
    expect(caused, `what was to cause ${kind}`).toContain(kind);
    await assertReplayed(world);
    await assertStored(world);
    if (unseen.has(kind) || world.state === undefined) continue;
    const live = portrait(world.state, (host) => world.fleet.ruleSetOf(host));
    expect(await replayedPortrait(world, { kind, since }), `without ${kind}`).not.toEqual(live);
  }
});

test('any list of changes makes the same fleet again, and the store has what it made', async () => {
  const step = fc.tuple(fc.constantFrom(...kinds), picks);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
      const world = await World.open();
      for (const [kind, picked] of steps) {
        await causes[kind](world, picked);
        if (picked.number % 2 === 0) await world.fleet.quiet();
      }
      await world.fleet.quiet();
      await assertReplayed(world);
      await assertStored(world);
    }),
    { numRuns: 8 },
  );
});
