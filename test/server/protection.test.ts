// Connected is not protected: what a host is known to enforce, who counts as done for a change, and that a host's first policy waits for nobody.

import { describe, expect, test } from 'vitest';
import type { AgentStatus } from '#control-plane/agents/agent-backend.ts';
import type { LiveAgent } from '#control-plane/publish/agent-sessions.ts';
import { modesInForce, protectionOf } from '#control-plane/publish/protection.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, shopPolicy } from './fleet-under-test.ts';

const enforcing: AgentStatus = { revision: 7, enforcing: true, lost: 0, spooledBatches: 0, repairs: 0, problem: '' };
const bare: AgentStatus = { ...enforcing, revision: 0, enforcing: false };
const opened: AgentStatus = { ...enforcing, enforcing: false, panic: { since: millis(0), reason: '' } };

function ruleSet(revision: number): HostRuleSet {
  return { revision, host: 'h', workloads: [], peerSets: new Map() };
}

function live(given: Partial<LiveAgent>): LiveAgent {
  return {
    host: 'h',
    serial: '1',
    connectedAt: millis(0),
    session: { send: () => undefined, close: () => undefined },
    sent: ruleSet(7),
    sentAt: undefined,
    acked: 7,
    inForce: undefined,
    nacked: undefined,
    status: enforcing,
    ...given,
  };
}

describe('protection', () => {
  const nacked = { revision: 7, reason: 'no' };
  test.each<[name: string, agent: LiveAgent | undefined, due: number, expected: string]>([
    ['an agent that is away', undefined, 7, 'unknown'],
    ['an agent that has not spoken of itself', live({ status: undefined }), 7, 'unknown'],
    ['connected, and nothing in force', live({ status: bare, acked: 0 }), 7, 'none'],
    ['connected, sent nothing, and nothing in force', live({ status: bare, acked: 0, sent: undefined }), 0, 'none'],
    ['refused its first policy', live({ status: bare, acked: 0, nacked }), 7, 'none'],
    ['acknowledged the newest', live({}), 7, 'in-force'],
    ['acknowledged a later one than concerns it', live({}), 3, 'in-force'],
    ['acknowledged it, and was never concerned', live({}), 0, 'in-force'],
    ['the newest is on its way', live({ acked: 6 }), 7, 'behind'],
    ['refused the newest', live({ acked: 6, nacked }), 7, 'behind'],
    ['holds something, sent nothing on this connection', live({ acked: 0, sent: undefined }), 7, 'behind'],
    ['concerned by one that was not sent', live({}), 8, 'behind'],
    ['opened at its console', live({ status: opened }), 7, 'open'],
    ['opened at its console, holding nothing', live({ status: { ...opened, revision: 0 } }), 7, 'open'],
    ['holds policy and says it does not enforce it', live({ status: { ...enforcing, enforcing: false } }), 7, 'open'],
  ])('%s', (_name, agent, due, expected) => {
    expect(protectionOf({ live: agent, due })).toBe(expected);
  });

  test('modes are those of what was acknowledged, and nobody has any who enforces nothing', async () => {
    const { connect, apply, fleet } = await fleetUnderTest();
    await apply(shopPolicy({ mode: 'observe' }));
    const agent = await connect('api-1', { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.2'] });
    agent.connection.statusReported({ ...enforcing, revision: fleet.revision });
    expect(modesInForce(fleet.sessions.of('api-1'))).toEqual({ inbound: 'observe', outbound: 'observe' });
    expect(fleet.agents()[0]).toMatchObject({ protection: 'in-force', modes: { inbound: 'observe' } });
    agent.connection.statusReported(opened);
    expect(modesInForce(fleet.sessions.of('api-1'))).toBeUndefined();
    expect(fleet.agents()[0]).toMatchObject({ state: 'connected', protection: 'open' });
  });
});

const web = { labels: { app: 'shop', role: 'web' }, addresses: ['10.0.0.1'] };
const api = { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.2'] };
const mail = { labels: { app: 'mail' }, addresses: ['10.0.0.3'] };

describe('who counts as done', () => {
  test('a host that never connected is pending for an apply, and not waited for', async () => {
    const { connect, enrol, apply, fleet } = await fleetUnderTest();
    await connect('api-1', api);
    await enrol('web-1', web.labels);
    const revision = await apply(shopPolicy());
    expect(await fleet.standing.waitFor(revision, 60_000)).toEqual({
      acked: ['api-1'],
      nacked: [],
      pending: ['web-1'],
      offline: ['web-1'],
      open: [],
    });
  });

  test('a host that answered and went away is no success any more', async () => {
    const { connect, apply, fleet } = await fleetUnderTest();
    const agent = await connect('api-1', api);
    const revision = await apply(shopPolicy());
    expect(fleet.standing.progressOf(revision)).toMatchObject({ acked: ['api-1'], pending: [] });
    agent.connection.disconnected();
    expect(fleet.standing.progressOf(revision)).toMatchObject({ acked: [], pending: ['api-1'], offline: ['api-1'] });
  });

  test('a label concerns the hosts whose rules it changes, those that are away among them, and no others', async () => {
    const { connect, enrol, apply, fleet, restart } = await fleetUnderTest();
    await apply(shopPolicy());
    await connect('web-1', { ...web, labels: { app: 'shop' } });
    await enrol('api-1', api.labels);
    await enrol('mail-1', mail.labels);
    const label = async (of: typeof fleet, value: string) =>
      (await of.label({ workload: 'web-1', set: new Map([['role', value]]), remove: [], actor: 'operator/test' }))
        ?.revision ?? 0;
    expect(fleet.standing.progressOf(await label(fleet, 'web'))).toMatchObject({ pending: ['api-1'] });
    const again = await restart();
    // Nobody has come back, and nobody has asked for anybody's rules yet.
    const revision = await label(again.fleet, 'other');
    expect(again.fleet.standing.progressOf(revision)).toMatchObject({ acked: [], offline: ['api-1', 'web-1'] });
  });

  test('a host that was opened at its console is told apart from those that enforce', async () => {
    const { connect, apply, fleet } = await fleetUnderTest();
    const agent = await connect('api-1', api);
    agent.connection.statusReported(opened);
    const revision = await apply(shopPolicy());
    expect(fleet.standing.progressOf(revision)).toMatchObject({ acked: ['api-1'], open: ['api-1'] });
  });

  test('a host that connects while it is waited for is waited for, too', async () => {
    const { connect, enrol, apply, fleet } = await fleetUnderTest();
    await connect('api-1', { ...api, answer: 'silence' });
    await enrol('web-1', web.labels);
    const revision = await apply(shopPolicy());
    const waiting = fleet.standing.waitFor(revision, 60_000);
    const agent = await connect('web-1', { ...web, answer: 'silence' });
    const first = fleet.sessions.of('api-1');
    if (first !== undefined) fleet.sessions.acked(first, fleet.revision);
    expect(await Promise.race([waiting, Promise.resolve('still waiting')])).toBe('still waiting');
    agent.connection.acked(agent.sent.at(-1)?.revision ?? 0);
    expect(await waiting).toMatchObject({ acked: ['api-1', 'web-1'], pending: [] });
  });

  test('waiting for protection ends with the acknowledgement, not with the stream', async () => {
    const { connect, enrol, fleet } = await fleetUnderTest();
    await enrol('web-1', web.labels);
    const waiting = fleet.standing.waitForProtection(['web-1'], 60_000);
    const agent = await connect('web-1', { ...web, answer: 'silence' });
    agent.connection.statusReported(bare);
    expect(fleet.standing.protectionOf('web-1')).toBe('none');
    expect(await Promise.race([waiting, Promise.resolve('still waiting')])).toBe('still waiting');
    agent.connection.statusReported(enforcing);
    agent.connection.acked(agent.sent.at(-1)?.revision ?? 0);
    expect(await waiting).toEqual(new Map([['web-1', 'in-force']]));
  });
});

describe('the first policy', () => {
  test('is sent with the stream, whatever the store is busy with', async () => {
    const { enrol, apply, fleet, store } = await fleetUnderTest();
    await apply(shopPolicy());
    await enrol('web-1', web.labels);
    const { updateHost } = store;
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    Object.assign(store, {
      updateHost: async (...args: Parameters<typeof updateHost>) => {
        await held;
        return updateHost.apply(store, args);
      },
    });
    const sent: HostRuleSet[] = [];
    const hello = { addresses: web.addresses, facts: new Map(), agentVersion: '0.1.0', revision: 0 };
    const session = { send: (next: HostRuleSet) => sent.push(next), close: () => undefined };
    expect(fleet.connect({ tenant: 'default', host: 'web-1', serial: '1' }, hello, session).ok).toBe(true);
    expect(sent.at(-1)).toMatchObject({ workloads: [{ workload: 'web-1', inbound: { mode: 'enforce' } }] });
    release();
    await fleet.quiet();
  });

  test('is numbered as it was published, never as a change that is under way', async () => {
    const { enrol, apply, fleet, store } = await fleetUnderTest();
    await apply(shopPolicy({ mode: 'observe' }));
    await enrol('web-1', web.labels);
    const published = fleet.revision;
    const sent: HostRuleSet[] = [];
    const { activatePolicy } = store;
    Object.assign(store, {
      activatePolicy: async (...args: Parameters<typeof activatePolicy>) => {
        const hello = { addresses: [], facts: new Map(), agentVersion: '0.1.0', revision: 0 };
        const session = { send: (next: HostRuleSet) => sent.push(next), close: () => undefined };
        fleet.connect({ tenant: 'default', host: 'web-1', serial: '1' }, hello, session);
        return activatePolicy.apply(store, args);
      },
    });
    const revision = await apply(shopPolicy());
    await fleet.quiet();
    const [first, ...later] = sent;
    expect(first).toMatchObject({ revision: published, workloads: [{ inbound: { mode: 'observe' } }] });
    expect(later.at(-1)).toMatchObject({ workloads: [{ inbound: { mode: 'enforce' } }] });
    expect(Math.min(...later.map((one) => one.revision))).toBeGreaterThanOrEqual(revision);
  });
});
