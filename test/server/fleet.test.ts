// The fleet's state: who is sent what and when, and that it is all still so after a restart.

import { describe, expect, test, vi } from 'vitest';
import { tokenHash } from '#control-plane/fleet/tokens.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { Secret } from '#model/secret.ts';
import { millis } from '#model/time.ts';
import { checkedPolicy, fleetUnderTest, shopPolicy, tenant } from './fleet-under-test.ts';
import { flowRecord, nothingLost } from './flow-records.ts';

const web = { labels: { app: 'shop', role: 'web' }, addresses: ['10.0.0.1', 'fd00::1'] };
const api = { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.2', 'fd00::2'] };
const other = { labels: { app: 'mail' }, addresses: ['10.0.0.3'] };

/** Who may reach the host's port 8080, by the first grant of its inbound direction. */
function admitted(ruleSet: HostRuleSet | undefined): readonly string[] {
  const peers = ruleSet?.workloads[0]?.inbound.grants[0]?.peers;
  if (ruleSet === undefined || peers?.kind !== 'sets') return [];
  return peers.ids.flatMap((id) => ruleSet.peerSets.get(id)?.addresses ?? []);
}

describe('sending', () => {
  test('an agent is sent its rule set when it connects, before any policy too', async () => {
    const { connect } = await fleetUnderTest();
    const { sent } = await connect('web-1', web);
    expect(sent.at(-1)).toMatchObject({
      host: 'web-1',
      workloads: [{ workload: 'web-1', inbound: { mode: 'observe' } }],
    });
  });

  test('an activation goes to every agent, also where nothing changes for it', async () => {
    const { connect, apply } = await fleetUnderTest();
    const agents = [await connect('web-1', web), await connect('mail-1', other)];
    const revision = await apply(shopPolicy());
    expect(agents.map(({ sent }) => sent.at(-1)?.revision)).toEqual([revision, revision]);
  });

  test('a label change goes to the agents that it changes something for, and to no other', async () => {
    const { connect, apply, fleet } = await fleetUnderTest();
    await apply(shopPolicy());
    const [atApi, atWeb, atMail] = [
      await connect('api-1', api),
      await connect('web-1', { ...web, labels: { app: 'shop' } }),
      await connect('mail-1', other),
    ];
    const before = { api: atApi.sent.length, mail: atMail.sent.length };
    expect(admitted(atApi.sent.at(-1))).toEqual([]);
    const change = await fleet.label({
      workload: 'web-1',
      set: new Map([['role', 'web']]),
      remove: [],
      actor: 'operator/test',
    });
    expect(admitted(atApi.sent.at(-1))).toEqual(['10.0.0.1', 'fd00::1']);
    expect(atApi.sent.at(-1)?.revision).toBe(change?.revision);
    expect(atApi.sent).toHaveLength(before.api + 1);
    expect(atMail.sent).toHaveLength(before.mail);
    expect(await fleet.standing.waitFor(change?.revision ?? 0, 1000)).toMatchObject({
      acked: expect.arrayContaining(['api-1']),
      pending: [],
    });
    expect(atWeb.closed).toEqual([]);
  });

  test('a host that comes is let in by its peers at once', async () => {
    const { connect, apply } = await fleetUnderTest();
    await apply(shopPolicy());
    const atApi = await connect('api-1', api);
    await connect('web-1', web);
    expect(admitted(atApi.sent.at(-1))).toEqual(['10.0.0.1', 'fd00::1']);
  });

  test('a host that disconnects stays in force, one that is removed does not', async () => {
    const { connect, apply, fleet } = await fleetUnderTest();
    await apply(shopPolicy());
    const atApi = await connect('api-1', api);
    const atWeb = await connect('web-1', web);
    atWeb.connection.disconnected();
    await fleet.quiet();
    expect(admitted(atApi.sent.at(-1))).toEqual(['10.0.0.1', 'fd00::1']);
    await fleet.removeAgent('web-1', 'operator/test');
    expect(admitted(atApi.sent.at(-1))).toEqual([]);
  });

  test('a rule that expires ends at its instant', async () => {
    const start = Date.parse('2027-01-01T00:00:00Z');
    let now = start;
    const { connect, apply, fleet } = await fleetUnderTest({ now: () => millis(now) });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await apply(shopPolicy({ extra: ', expires: 2027-01-01T01:00:00Z' }));
      await connect('web-1', web);
      const atApi = await connect('api-1', api);
      now = start + 3_599_999;
      vi.advanceTimersByTime(3_599_000);
      await fleet.quiet();
      expect(admitted(atApi.sent.at(-1))).toEqual(['10.0.0.1', 'fd00::1']);
      const before = atApi.sent.at(-1)?.revision ?? 0;
      now = start + 3_600_000;
      vi.advanceTimersByTime(1_000);
      await fleet.quiet();
      expect(admitted(atApi.sent.at(-1))).toEqual([]);
      expect(atApi.sent.at(-1)?.revision).toBeGreaterThan(before);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('a change is in force though the store fails at what follows from it', () => {
  const start = Date.parse('2027-01-01T00:00:00Z');
  const broken = () => Promise.reject(new Error('database or disk is full'));

  /** Two hosts of the shop under enforcement, and a store whose calls of that name fail until they are mended. */
  const shop = async (extra = '') => {
    let now = start;
    const under = await fleetUnderTest({ now: () => millis(now) });
    await under.apply(shopPolicy({ extra }));
    const atWeb = await under.connect('web-1', web);
    const atApi = await under.connect('api-1', api);
    const { setRevision, appendAudit } = under.store;
    return {
      ...under,
      atWeb,
      atApi,
      passTo: (instant: number) => {
        now = instant;
      },
      breakStore: (names: readonly ('setRevision' | 'appendAudit')[]) =>
        Object.assign(under.store, Object.fromEntries(names.map((name) => [name, broken]))),
      mendStore: () => Object.assign(under.store, { setRevision, appendAudit }),
      storedRevision: async () => (await under.store.loadFleet({ tenant, now: millis(now) })).revision,
      actions: async () =>
        (await under.store.listAudit({ tenant, afterSeq: 0, limit: 100 })).map(({ action }) => action),
    };
  };
  const report = (addresses: readonly string[]) => ({ addresses, facts: new Map([['os', 'debian']]) });

  test.each([['setRevision'], ['appendAudit']] as const)('new addresses of a host, at %s', async (name) => {
    const { fleet, atWeb, atApi, breakStore, mendStore, storedRevision, actions } = await shop();
    breakStore([name]);
    // A claim that is pending is an audit entry too.
    atWeb.connection.hostReported(report(['10.0.0.7', '10.0.0.2']));
    await fleet.quiet();
    await fleet.passTime();
    expect(admitted(atApi.sent.at(-1))).toEqual(['10.0.0.7']);
    mendStore();
    atApi.connection.nacked(fleet.revision, 'nft said no');
    await fleet.quiet();
    expect(await storedRevision()).toBe(fleet.revision);
    expect((await actions()).slice(-2)).toEqual(['address-claims-pending', 'revision-refused']);
  });

  test('a policy that is applied, where what follows from it cannot be audited', async () => {
    const { fleet, apply, atApi, atWeb, breakStore, mendStore, actions } = await shop();
    atWeb.connection.hostReported(report(['10.0.0.1', '10.0.0.2']));
    await fleet.quiet();
    breakStore(['appendAudit']);
    const documents = `---\napiVersion: segwall/v1\nkind: Workload\nmetadata: { name: partner }\nspec: { kind: external, addresses: ['fd00::1'] }\n`;
    const revision = await apply(shopPolicy({ documents }));
    await fleet.passTime();
    expect(atApi.sent.at(-1)?.revision).toBe(revision);
    expect(admitted(atApi.sent.at(-1))).toEqual(['10.0.0.1']);
    mendStore();
    atApi.connection.nacked(revision, 'nft said no');
    await fleet.quiet();
    expect((await actions()).slice(-2)).toEqual(['address-claims-pending', 'revision-refused']);
  });

  test('a host that has enrolled: its token is spent, and its name its own', async () => {
    const { fleet, enrol, connect, breakStore } = await shop();
    breakStore(['setRevision']);
    await enrol('api-2', api.labels);
    expect(fleet.hostEntry('api-2')).toBeDefined();
    expect((await connect('api-2', { addresses: ['10.0.0.8'] })).sent).not.toHaveLength(0);
  });

  test('a rule that expires', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { fleet, atApi, breakStore, mendStore, passTo, storedRevision } = await shop(
        ', expires: 2027-01-01T01:00:00Z',
      );
      expect(admitted(atApi.sent.at(-1))).toEqual(['10.0.0.1', 'fd00::1']);
      breakStore(['setRevision']);
      passTo(start + 3_600_000);
      vi.advanceTimersByTime(3_600_000);
      await fleet.quiet();
      expect(admitted(atApi.sent.at(-1))).toEqual([]);
      expect(await storedRevision()).toBeLessThan(fleet.revision);
      mendStore();
      vi.advanceTimersByTime(5000);
      await fleet.quiet();
      expect(await storedRevision()).toBe(fleet.revision);
    } finally {
      vi.useRealTimers();
    }
  });

  test('an agent that holds a later revision than the store knows is welcomed', async () => {
    const { fleet, connect, breakStore } = await shop();
    breakStore(['setRevision']);
    const agent = await connect('web-1', { ...web, revision: fleet.revision + 10 });
    expect(agent.sent.at(-1)?.revision).toBe(fleet.revision);
  });
});

describe('answers', () => {
  test('a refusal is kept with its reason, and the next acknowledgement ends it', async () => {
    const { connect, apply, fleet } = await fleetUnderTest();
    await connect('web-1', { ...web, answer: 'nack' });
    await connect('api-1', api);
    await connect('mail-1', { ...other, answer: 'silence' });
    const revision = await apply(shopPolicy());
    expect(await fleet.standing.waitFor(revision, 20)).toEqual({
      acked: ['api-1'],
      nacked: [{ host: 'web-1', reason: 'nft said no' }],
      pending: ['mail-1'],
      offline: [],
      open: [],
    });
    const live = fleet.sessions.of('web-1');
    if (live !== undefined) fleet.sessions.acked(live, revision + 1);
    expect(fleet.agents().find(({ host }) => host === 'web-1')).not.toHaveProperty('nack');
  });

  test('waiting ends as soon as the last one answers', async () => {
    const { connect, apply, fleet } = await fleetUnderTest();
    const agent = await connect('web-1', { ...web, answer: 'silence' });
    const revision = await apply(shopPolicy());
    const waiting = fleet.standing.waitFor(revision, 10_000);
    agent.connection.acked(revision);
    expect(await waiting).toEqual({ acked: ['web-1'], nacked: [], pending: [], offline: [], open: [] });
  });

  test('an agent that goes away is waited for no longer, and is no success', async () => {
    const { connect, apply, fleet } = await fleetUnderTest();
    const agent = await connect('web-1', { ...web, answer: 'silence' });
    const revision = await apply(shopPolicy());
    const waiting = fleet.standing.waitFor(revision, 10_000);
    agent.connection.disconnected();
    expect(await waiting).toEqual({ acked: [], nacked: [], pending: ['web-1'], offline: ['web-1'], open: [] });
  });
});

describe('streams', () => {
  test('a second stream of one host takes the place of the first', async () => {
    const { connect, fleet } = await fleetUnderTest();
    const first = await connect('web-1', web);
    const second = await connect('web-1', web);
    expect(first.closed).toHaveLength(1);
    first.connection.disconnected();
    expect(fleet.sessions.size).toBe(1);
    expect(second.sent).not.toHaveLength(0);
  });

  test('two agents with one identity do not take turns: the connected one stays, and it is told', async () => {
    const begunAt = Date.now();
    let at = begunAt;
    const { connect, fleet, store } = await fleetUnderTest({ now: () => millis(at), elapsedMs: () => at - begunAt });
    const copy = { ...web, addresses: ['10.0.0.9'] };
    for (const agent of [web, copy, web]) {
      at += 400;
      await connect('web-1', agent);
    }
    const revision = fleet.revision;
    for (let turn = 0; turn < 20; turn += 1, at += 400) {
      await expect(connect('web-1', copy)).rejects.toThrow(/another agent is connected as web-1/);
    }
    expect(fleet.revision).toBe(revision);
    expect(fleet.hostEntry('web-1')?.addresses).toEqual(web.addresses);
    expect(fleet.agents().find(({ host }) => host === 'web-1')?.problem).toMatch(/second agent with this identity/);
    expect(fleet.sharedIdentities()).toEqual(['web-1']);
    await fleet.quiet();
    const entries = await store.listAudit({ tenant, afterSeq: 0, limit: 100 });
    const told = entries.filter(({ action }) => action === 'identity-shared');
    expect(told.map(({ target, details }) => [target, JSON.parse(details)])).toEqual([
      ['web-1', { connected: web.addresses, keptOut: copy.addresses }],
    ]);
    at += 180_000;
    expect(fleet.sharedIdentities()).toEqual([]);
    expect(fleet.agents().find(({ host }) => host === 'web-1')?.problem).toBe('');
    await connect('web-1', web);
  });

  test('an agent that connects while the store cannot write is sent its rules, and its report is taken later', async () => {
    const { connect, enrol, fleet, store } = await fleetUnderTest();
    await enrol('web-1', web.labels);
    const { updateHost } = store;
    Object.assign(store, { updateHost: () => Promise.reject(new Error('database or disk is full')) });
    const agent = await connect('web-1', web);
    expect(agent.sent).not.toHaveLength(0);
    expect(fleet.hostEntry('web-1')?.addresses).toEqual([]);
    Object.assign(store, { updateHost });
    const status = { revision: 1, enforcing: true, lost: 0, spooledBatches: 0, repairs: 0, problem: '' };
    agent.connection.statusReported(status);
    await fleet.quiet();
    expect(fleet.hostEntry('web-1')?.addresses).toEqual(web.addresses);
  });

  test('a revoked host is closed at once and refused from then on', async () => {
    const { connect, fleet } = await fleetUnderTest();
    const agent = await connect('web-1', web);
    await fleet.revokeAgent('web-1', 'operator/test');
    expect(agent.closed).toEqual([expect.stringMatching(/revoked/)]);
    expect(fleet.isHostRevoked('web-1')).toBe(true);
    await expect(connect('web-1', web)).rejects.toThrow(/revoked/);
    expect(fleet.hostEntry('web-1')).toBeDefined();
  });

  test('a host of another tenant, or none, is refused', async () => {
    const { fleet } = await fleetUnderTest();
    const hello = { addresses: [], facts: new Map(), agentVersion: '', revision: 0 };
    const session = { send: () => undefined, close: () => undefined };
    expect(fleet.connect({ tenant: 'else', host: 'web-1', serial: '1' }, hello, session)).toMatchObject({ ok: false });
    expect(fleet.connect({ tenant, host: 'web-1', serial: '1' }, hello, session)).toMatchObject({ ok: false });
  });

  test('what an agent says it holds moves no revision of ours, and is shown until it acknowledges one of them', async () => {
    const { connect, fleet, apply } = await fleetUnderTest();
    const before = (await fleetUnderTest()).fleet.revision;
    const agent = await connect('web-1', { ...web, answer: 'silence', revision: Number.MAX_SAFE_INTEGER });
    expect(fleet.revision).toBeLessThan(before + 10);
    expect(fleet.agents()).toMatchObject([{ host: 'web-1', ahead: Number.MAX_SAFE_INTEGER }]);
    const revision = await apply(shopPolicy());
    expect(revision).toBeLessThan(before + 10);
    agent.connection.acked(revision);
    expect(fleet.agents()[0]).not.toHaveProperty('ahead');
  });
});

describe('addresses', () => {
  test('one that two hosts claim stays with the first, and the audit says so', async () => {
    const { connect, apply, fleet, store } = await fleetUnderTest();
    await apply(shopPolicy());
    const atApi = await connect('api-1', api);
    await connect('web-1', web);
    const second = await connect('web-2', { labels: web.labels, addresses: ['10.0.0.1', '10.0.0.9'] });
    expect(admitted(atApi.sent.at(-1))).toEqual(['10.0.0.1', '10.0.0.9', 'fd00::1']);
    expect(fleet.conflicts()).toEqual([{ address: '10.0.0.1', holder: 'web-1', claimants: ['web-2'] }]);
    await fleet.passTime();
    second.connection.hostReported({ addresses: ['10.0.0.9'], facts: new Map([['os', 'debian']]) });
    await fleet.quiet();
    expect(fleet.conflicts()).toEqual([]);
    const audit = await store.listAudit({ tenant, afterSeq: 0, limit: 100 });
    expect(audit.map(({ action }) => action).filter((action) => action.startsWith('address'))).toEqual([
      'address-claims-pending',
    ]);
  });

  test('what names another host on every host is no address of one', async () => {
    const { connect, fleet } = await fleetUnderTest();
    await connect('web-1', {
      addresses: [
        '127.0.0.1',
        '::1',
        'fe80::1',
        '169.254.1.1',
        '224.0.0.1',
        'ff02::1',
        '0.0.0.0',
        'nonsense',
        '10.0.0.1',
        '10.0.0.1',
        '23.4.5.6',
      ],
    });
    expect(fleet.hostEntry('web-1')?.addresses).toEqual(['10.0.0.1', '23.4.5.6']);
  });

  test('an external workload of the policy claims its addresses, and waits for those that a host has', async () => {
    const { connect, apply, fleet } = await fleetUnderTest();
    await connect('web-1', web);
    const external = `---
apiVersion: segwall/v1
kind: Workload
metadata: { name: partner, labels: { app: partner } }
spec: { kind: external, addresses: [10.0.0.1, 10.9.9.9] }
`;
    await apply(shopPolicy({ documents: external }));
    expect(fleet.conflicts()).toEqual([{ address: '10.0.0.1', holder: 'web-1', claimants: ['partner'] }]);
    expect(fleet.inventory().workloads.get('partner')?.addresses).toEqual(['10.9.9.9']);
    await apply(shopPolicy());
    expect(fleet.conflicts()).toEqual([]);
    expect(fleet.inventory().workloads.has('partner')).toBe(false);
  });
});

describe('quarantine', () => {
  test('goes to the host with its peers, and ends', async () => {
    const { connect, fleet } = await fleetUnderTest();
    await connect('web-1', web);
    const atApi = await connect('api-1', api);
    await fleet.quarantine({
      workload: 'api-1',
      peers: ['web-1', '10.9.0.0/16', 'role == "admin"'],
      actor: 'operator/test',
    });
    expect(atApi.sent.at(-1)?.workloads[0]?.quarantine).toMatchObject({ name: 'api-1', peers: { kind: 'sets' } });
    expect(fleet.quarantined()).toEqual(['api-1']);
    await fleet.quarantine({ workload: 'api-1', actor: 'operator/test' });
    expect(fleet.quarantined()).toEqual([]);
    expect(atApi.sent.at(-1)?.workloads[0]).not.toHaveProperty('quarantine');
  });

  test('a peer that is none is refused and changes nothing', async () => {
    const { connect, fleet } = await fleetUnderTest();
    await connect('api-1', api);
    const before = fleet.revision;
    expect(
      await fleet.quarantine({ workload: 'api-1', peers: ['no-such-host'], actor: 'operator/test' }),
    ).toMatchObject({ ok: false });
    expect(fleet.revision).toBe(before);
  });
});

describe('enrolment', () => {
  test('a name that the policy gives to an external workload is taken', async () => {
    const { apply, fleet, store } = await fleetUnderTest();
    await apply(
      shopPolicy({
        documents: `---\napiVersion: segwall/v1\nkind: Workload\nmetadata: { name: partner }\nspec: { kind: external, addresses: [10.9.9.9] }\n`,
      }),
    );
    // Whoever has no token is told nothing of names.
    expect(await fleet.redeemToken({ token: new Secret('t'), host: 'partner' })).toEqual({
      ok: false,
      error: 'token-unknown',
    });
    const note = { at: millis(Date.now()), actor: 'operator/test', action: 'token-created', target: '1' } as const;
    const expiresAt = millis(Date.now() + 60_000);
    await store.createJoinToken({
      tenant,
      id: '1',
      hash: tokenHash(new Secret('good')),
      labels: {},
      uses: 1,
      expiresAt,
      note,
    });
    expect(await fleet.redeemToken({ token: new Secret('good'), host: 'partner' })).toEqual({
      ok: false,
      error: 'name-taken',
    });
    expect(await fleet.redeemToken({ token: new Secret('good'), host: 'web-1' })).toMatchObject({ ok: true });
    expect(await fleet.redeemToken({ token: new Secret('t'), host: 'Web_1' })).toEqual({
      ok: false,
      error: 'name-invalid',
    });
    expect(await fleet.redeemToken({ token: new Secret('t'), host: 'web-1' })).toEqual({
      ok: false,
      error: 'token-unknown',
    });
  });
});

test('everything is as it was after a restart', async () => {
  const before = await fleetUnderTest();
  await before.connect('web-1', web);
  await before.connect('api-1', api);
  const policyRevision = await before.apply(shopPolicy());
  await before.fleet.label({ workload: 'web-1', set: new Map([['zone', 'a']]), remove: [], actor: 'operator/test' });
  await before.fleet.quarantine({ workload: 'web-1', peers: ['api-1'], actor: 'operator/test' });
  const { inventory, revision } = { inventory: before.fleet.inventory(), revision: before.fleet.revision };
  const after = await before.restart();
  expect(after.fleet.inventory()).toEqual(inventory);
  expect(after.fleet.revision).toBe(revision);
  expect(after.fleet.active).toMatchObject({ revision: policyRevision, policy: checkedPolicy(shopPolicy()) });
  const atApi = await after.connect('api-1', { addresses: api.addresses });
  expect(admitted(atApi.sent[0])).toEqual(['10.0.0.1', 'fd00::1']);
  expect(after.fleet.agents().map(({ host, state }) => `${host} ${state}`)).toEqual([
    'api-1 connected',
    'web-1 offline',
  ]);
});

test('flows are stored with the workload that held the peer address', async () => {
  const { connect, fleet, store } = await fleetUnderTest();
  await connect('web-1', web);
  await connect('api-1', api);
  const identity = { tenant, host: 'api-1', serial: '1' };
  const batch = {
    sequence: 1,
    startedAt: millis(0),
    endedAt: millis(1),
    records: ['10.0.0.1', '10.0.0.77'].map((peer) => flowRecord({ peer, lastSeenAt: millis(Date.now()) })),
    lost: nothingLost,
  };
  expect(await fleet.ingestFlows(identity, batch)).toMatchObject({ ok: true, value: { sequence: 1, kind: 'taken' } });
  expect(await fleet.ingestFlows(identity, batch)).toMatchObject({
    ok: true,
    value: { sequence: 1, kind: 'duplicate' },
  });
  const rows = await store.listFlows({ tenant, since: millis(0), limit: 10 });
  expect(rows.map(({ peer, peer_workload }) => [peer, peer_workload]).sort()).toEqual([
    ['10.0.0.1', 'web-1'],
    ['10.0.0.77', ''],
  ]);
});

describe('a host that is given a new identity', () => {
  test.each(['free', 'revoked'] as const)('%s, keeps its labels, loses what it had, and is in again', async (was) => {
    const given = await fleetUnderTest();
    const first = await given.enrol('web-1', { app: 'shop' });
    await given.enrol('web-2', { app: 'other' });
    const agent = await given.connect('web-1');
    if (was === 'revoked') await given.fleet.revokeAgent('web-1', 'operator/test');
    const of = (enrolment: string) => ({
      identity: { tenant, host: 'web-1', serial: '0a' },
      enrolment,
      notBefore: millis(Date.now() - 1000),
      notAfter: millis(Date.now() + 86_400_000),
      authority: 'ca',
    });
    const token = new Secret('a token for one host');
    await given.store.createJoinToken({
      tenant,
      id: 'renewing',
      hash: tokenHash(token),
      labels: {},
      uses: 1,
      expiresAt: millis(Date.now() + 60_000),
      renews: 'web-1',
      note: { at: millis(Date.now()), actor: 'operator/test', action: 'token-created', target: 'renewing' },
    });
    expect(await given.fleet.redeemToken({ token, host: 'web-2' })).toMatchObject({ error: 'token-unknown' });
    const renewed = assertOk(await given.fleet.redeemToken({ token, host: 'web-1' }));
    expect(agent.closed.length).toBeGreaterThan(0);
    for (const { fleet } of [given, await given.restart()]) {
      expect(fleet.refusalOf(of(first))).toMatch(/revoked|earlier enrolment/);
      expect(
        fleet.refusalOf({ ...of(renewed.enrolment), identity: { tenant, host: 'web-1', serial: '0b' } }),
      ).toBeUndefined();
      expect(fleet.revoked()).toEqual([]);
      expect(Object.fromEntries(fleet.inventory().workloads.get('web-1')?.labels ?? [])).toMatchObject({ app: 'shop' });
    }
  });
});
