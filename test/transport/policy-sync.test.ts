// The policy stream between the real client and the real server: what is sent when, what a NACK leaves, and who is let in.

import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCertificateRequest, createHostKey } from '#agent/link/certificate-request.ts';
import { openClient } from '#agent/link/control-plane-client.ts';
import type { Identity } from '#agent/link/identity.ts';
import { createPolicySync, type PolicySync, type PolicySyncOptions } from '#agent/policy/policy-sync.ts';
import type { ApplyOutcome, SyncState } from '#agent/table/apply-outcome.ts';
import { openPki } from '#control-plane/pki/pki.ts';
import { type Address, addressFromIpv4Number } from '#model/address.ts';
import { sortedByCodeUnits } from '#model/code-unit-order.ts';
import type { HostEvent } from '#model/host-event.ts';
import type { Grant, HostRuleSet } from '#model/rule-set.ts';
import { millis } from '#model/time.ts';
import {
  type DownMessage,
  decodeDownMessage,
  encodeUpMessage,
  heldOf,
  type UpMessage,
} from '#wire/policy-sync-messages.ts';
import { policySyncService } from '#wire/services.ts';
import { eventually, type Fixture, type SeenStream, silent, startFixture } from './control-plane-fixture.ts';

let fixture: Fixture;
let clock = 0;
let elapsed = 0;
const stops: (() => Promise<void> | void)[] = [];

beforeEach(async () => {
  clock = 0;
  elapsed = 0;
  fixture = await startFixture({
    now: () => millis(Date.now() + clock),
    elapsedMs: () => performance.now() + elapsed,
    times: { heartbeatMs: 50 },
  });
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await fixture.stop();
});

describe('an agent that has nothing', () => {
  test('is sent a snapshot, applies it, and its ACK arrives', async () => {
    fixture.backend.current = ruleSetOf(1, 3);
    const agent = await startAgent();
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 1'));
    expect(agent.enforcer.applied).toEqual([ruleSetOf(1, 3)]);
    expect(agent.states).toEqual(['connecting', 'connected']);
    expect(agent.stream()?.hello).toMatchObject({ revision: 0, agentVersion: '0.1.0', addresses: ['10.0.0.9'] });
    expect(agent.stream()?.identity).toMatchObject({ host: 'web-1', tenant: 'default' });
  });

  test('is connected though there is no rule set for it yet', async () => {
    const agent = await startAgent();
    await eventually('connected', () => agent.states.includes('connected'));
    await eventually('status', () => agent.stream()?.heard.includes('status'));
  });
});

describe('a connected agent', () => {
  test('gets changes as deltas, and what did not change stays the same object', async () => {
    fixture.backend.current = ruleSetOf(1, 1000);
    const agent = await startAgent();
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 1'));
    agent.stream()?.session.send(ruleSetOf(2, 1001));
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 2'));
    const [first, second] = agent.enforcer.applied;
    expect(second).toEqual(ruleSetOf(2, 1001));
    expect(second?.workloads[0]).toBe(first?.workloads[0]);
  });

  test('judges schedules by itself, and is sent them whole; one of before is sent what grants, and again when that turns', async () => {
    const base = ruleSetOf(1, 3);
    const endsAt = millis(Date.now() + 40_000);
    const timed = withGrants(base, [granted('always'), { ...granted('soon'), schedule: { expiresAt: endsAt } }]);
    fixture.backend.current = timed;
    const heardTimes: number[] = [];
    const now = await startAgent({ heardTime: (sentAt) => heardTimes.push(sentAt) });
    await eventually('ACK', () => now.stream()?.heard.includes('acked 1'));
    expect(now.enforcer.applied).toEqual([timed]);
    await eventually('the time', () => heardTimes.length > 0);

    const before = await startAgent();
    await eventually('a rule set', () => before.enforcer.applied.length === 1);
    expect(before.enforcer.applied).toEqual([withGrants(base, [granted('always'), granted('soon')])]);
    clock = 40_000;
    await eventually('the turn', () => before.enforcer.applied.length === 2);
    expect(before.enforcer.applied[1]).toEqual(withGrants(base, [granted('always')]));
    const heard = () => fixture.backend.streams.flatMap((stream) => stream.heard);
    await eventually('its ACK', () => heard().filter((word) => word === 'acked 1').length >= 3);
    expect(heard().filter((word) => word.startsWith('nacked'))).toEqual([]);
  });

  test('is sent only the newest of what came while one was under way', async () => {
    fixture.backend.current = ruleSetOf(1, 1);
    const agent = await startAgent();
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 1'));
    agent.enforcer.hold();
    agent.stream()?.session.send(ruleSetOf(2, 2));
    await eventually('the second under way', () => agent.enforcer.applied.length === 2);
    for (const revision of [3, 4, 5]) agent.stream()?.session.send(ruleSetOf(revision, revision));
    agent.enforcer.release();
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 5'));
    expect(agent.enforcer.applied.map(({ revision }) => revision)).toEqual([1, 2, 5]);
  });

  test('applies a peer more among 10,000, and its ACK is back, again and again', async () => {
    fixture.backend.current = ruleSetOf(1, 10_000);
    const agent = await startAgent();
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 1'));
    for (let revision = 2; revision < 22; revision += 1) {
      const next = ruleSetOf(revision, 10_000 + revision);
      agent.stream()?.session.send(next);
      await eventually('ACK', () => agent.stream()?.heard.includes(`acked ${revision}`));
      expect(agent.enforcer.applied.at(-1)).toMatchObject({ revision });
    }
  });

  test('is not sent more addresses than it would take, and keeps what it has', async () => {
    fixture.backend.current = ruleSetOf(1, 1);
    const agent = await startAgent();
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 1'));
    const addresses = [...Array(100_000).keys()].map((at) => addressFromIpv4Number(0x0a000000 + at));
    const ids = [...Array(11).keys()].map((at) => `set-${at}`);
    const peerSets = new Map(ids.map((id) => [id, { id, addresses, ranges: [] }]));
    agent.stream()?.session.send({ ...ruleSetOf(2, 1), peerSets });
    const said =
      'nacked 2: the rule set has 1100000 addresses in 11 peer sets; allowed are 1000000; use narrower selectors, or the same ones in more rules';
    await eventually('NACK', () => agent.stream()?.heard.includes(said));
    agent.stream()?.session.send(ruleSetOf(3, 3));
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 3'));
    expect(agent.enforcer.applied.map(({ revision }) => revision)).toEqual([1, 3]);
  });

  test('refuses what its enforcer refuses, keeps the last good one, and the next delta builds on that', async () => {
    fixture.backend.current = ruleSetOf(1, 1);
    const agent = await startAgent();
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 1'));
    agent.enforcer.refuse('nft: no such chain');
    agent.stream()?.session.send(ruleSetOf(2, 2));
    await eventually('NACK', () => agent.stream()?.heard.includes('nacked 2: nft: no such chain'));
    expect(agent.enforcer.held()?.revision).toBe(1);
    agent.enforcer.accept();
    agent.stream()?.session.send(ruleSetOf(3, 3));
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 3'));
    expect(agent.enforcer.held()).toEqual(ruleSetOf(3, 3));
  });

  test('whose table is no longer what it acknowledged gets a snapshot', async () => {
    fixture.backend.current = ruleSetOf(1, 5);
    const agent = await startAgent();
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 1'));
    agent.enforcer.forget();
    agent.stream()?.session.send(ruleSetOf(2, 6));
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 2'));
    expect(agent.enforcer.held()).toEqual(ruleSetOf(2, 6));
    expect(agent.stream()?.heard.some((word) => word.startsWith('nacked'))).toBe(false);
  });

  test('reports its host again when that changed, and not when it did not', async () => {
    const agent = await startAgent();
    await eventually('connected', () => agent.states.includes('connected'));
    agent.sync.reportNow();
    agent.addresses.push('10.0.0.10');
    agent.sync.reportNow();
    agent.sync.reportNow();
    await eventually('host report', () => agent.stream()?.heard.filter((word) => word === 'status').length === 4);
    expect(agent.stream()?.heard.filter((word) => word === 'host')).toHaveLength(1);
  });
});

describe('after an interruption', () => {
  test('an agent that holds the current content is not sent it again, and still ACKs the revision', async () => {
    fixture.backend.current = ruleSetOf(1, 100);
    const agent = await startAgent();
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 1'));
    fixture.backend.current = { ...ruleSetOf(1, 100), revision: 7 };
    await fixture.restarted();
    await eventually('the second stream', () => fixture.backend.streams.length === 2);
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 7'));
    expect(agent.stream()?.hello.revision).toBe(1);
    const [first, second] = agent.enforcer.applied;
    expect(second).toEqual({ ...ruleSetOf(1, 100), revision: 7 });
    // Only a delta leaves the parts that it does not name as they were.
    expect(second?.peerSets.get('peers')).toBe(first?.peerSets.get('peers'));
    expect(agent.states).toEqual(['connecting', 'connected', 'disconnected', 'connecting', 'connected']);
  });

  test('one that holds something else gets a snapshot, a lower revision included', async () => {
    fixture.backend.current = ruleSetOf(9, 100);
    const agent = await startAgent();
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 9'));
    fixture.backend.current = ruleSetOf(4, 100);
    await fixture.restarted();
    await eventually('ACK', () => fixture.backend.streams.length === 2 && agent.stream()?.heard.includes('acked 4'));
    expect(agent.enforcer.held()).toEqual(ruleSetOf(4, 100));
  });

  test('a NACK that was lost with the stream is given again, and the rule set is not tried again', async () => {
    fixture.backend.current = ruleSetOf(1, 1);
    const agent = await startAgent();
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 1'));
    agent.enforcer.hold();
    agent.enforcer.refuse('cut off from the control plane');
    fixture.backend.current = ruleSetOf(2, 2);
    agent.stream()?.session.send(ruleSetOf(2, 2));
    await eventually('under way', () => agent.enforcer.applied.length === 2);
    await fixture.restarted();
    agent.enforcer.release();
    await eventually('NACK', () => agent.stream()?.heard.includes('nacked 2: cut off from the control plane'));
    expect(fixture.backend.streams).toHaveLength(2);
    expect(agent.enforcer.applied.map(({ revision }) => revision)).toEqual([1, 2]);
    agent.enforcer.accept();
    agent.stream()?.session.send(ruleSetOf(3, 2));
    await eventually('ACK', () => agent.stream()?.heard.includes('acked 3'));
  });

  test('an agent tries again and again, and is connected when the control plane is back', async () => {
    const agent = await startAgent({ times: { backoffLeastMs: 5, backoffMostMs: 40 } });
    await eventually('connected', () => agent.states.includes('connected'));
    await fixture.server.stop(100);
    await eventually('some tries', () => agent.states.filter((state) => state === 'connecting').length > 4);
    await fixture.restarted();
    await eventually('connected again', () => agent.states.filter((state) => state === 'connected').length === 2);
  });

  test('a control plane that falls silent is taken for gone', async () => {
    await fixture.stop();
    fixture = await startFixture({ times: { heartbeatMs: 60_000 } });
    const agent = await startAgent({ times: { silenceMs: 60 } });
    await eventually('a second stream', () => fixture.backend.streams.length >= 2);
    expect(agent.states.slice(0, 4)).toEqual(['connecting', 'connected', 'disconnected', 'connecting']);
  });

  test('a control plane whose words come ever later is taken for gone, and its next stream is heard', async () => {
    const heardTimes: number[] = [];
    const agent = await startAgent({ heardTime: (sentAt) => heardTimes.push(sentAt) });
    await eventually('the time', () => heardTimes.length > 0);
    // As behind a relay that ends nothing: what comes now was sent a minute and a half before.
    clock = -90_000;
    await eventually('a second stream', () => fixture.backend.streams.length >= 2);
    await eventually('the time', () => heardTimes.some((at) => at < Date.now() - 60_000));
    const heartbeats = heardTimes.length;
    await eventually('more', () => heardTimes.length > heartbeats + 2);
    expect(agent.states.filter((state) => state === 'connected')).toHaveLength(2);
    expect(heardTimes.findIndex((at) => at < Date.now() - 60_000)).toBeGreaterThan(0);
  });

  test('an agent that falls silent is taken for gone', async () => {
    await fixture.stop();
    fixture = await startFixture({ times: { heartbeatMs: 20, silenceMs: 60 } });
    const agent = await startAgent({ times: { statusMs: 60_000 } });
    await eventually('disconnected', () => fixture.backend.streams[0]?.heard.includes('disconnected'));
    await eventually('the agent knows', () => agent.states.includes('disconnected'));
  });
});

describe('of one host', () => {
  test('the second stream replaces the first, which the backend hears end once', async () => {
    const identity = await fixture.enrolled();
    const first = openStream(identity);
    first.send({ kind: 'hello', agentVersion: '1', host: { addresses: [], facts: new Map() } });
    await eventually('the first', () => fixture.backend.streams.length === 1);
    const second = openStream(identity);
    second.send({ kind: 'hello', agentVersion: '1', host: { addresses: [], facts: new Map() } });
    const ending = await first.ended;
    expect(ending).toMatchObject({ code: status.ABORTED, details: expect.stringContaining('replaced') });
    await eventually('disconnected', () => fixture.backend.streams[0]?.heard.includes('disconnected'));
    expect(fixture.backend.streams[0]?.heard).toEqual(['disconnected']);
    expect(fixture.backend.streams[1]?.heard).toEqual([]);
  });

  test('a host that is not enrolled any more is told so', async () => {
    fixture.backend.isClosedToStreams = true;
    const stream = openStream(await fixture.enrolled());
    stream.send({ kind: 'hello', agentVersion: '1', host: { addresses: [], facts: new Map() } });
    expect(await stream.ended).toMatchObject({
      code: status.PERMISSION_DENIED,
      details: expect.stringContaining('not enrolled'),
    });
  });
});

test('an agent that is kept out since another holds its identity knows it until it is let in', async () => {
  fixture.backend.isHeldByAnother = true;
  const agent = await startAgent();
  await eventually('told', () => agent.sync.identityShared() !== undefined);
  const told = agent.sync.identityShared();
  expect(told?.reason).toBe(`another agent is connected as ${agent.identity.host}`);
  await eventually('it tries again', () => agent.states.filter((state) => state === 'connecting').length > 3);
  expect(agent.sync.identityShared()).toEqual(told);
  fixture.backend.isHeldByAnother = false;
  await eventually('it is let in', () => agent.states.at(-1) === 'connected');
  expect(agent.sync.identityShared()).toBeUndefined();
  fixture.backend.isClosedToStreams = true;
  agent.stream()?.session.close('elsewhere');
  await eventually('it is out again', () => agent.states.at(-1) === 'disconnected');
  expect(agent.sync.identityShared()).toBeUndefined();
});

describe('a stream is refused', () => {
  test('without a certificate', async () => {
    const stream = streamOver({ ca: fixture.pki.caPem });
    expect(await stream.ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('no valid client'),
    });
    expect(fixture.backend.streams).toEqual([]);
  });

  test('with a certificate of a foreign CA that names a host of ours', async () => {
    const directory = `${fixture.folder}/foreign`;
    const foreign = await openPki({ directory, serverNames: [], now: () => millis(Date.now()) });
    const stream = streamOver({ ca: fixture.pki.caPem, own: await certificateOf(foreign) });
    expect(await stream.ended).toMatchObject({ code: status.UNAUTHENTICATED });
    expect(fixture.backend.streams).toEqual([]);
  });

  test('with an expired certificate', async () => {
    const directory = `${fixture.folder}/ca`;
    const past = await openPki({ directory, serverNames: [], now: () => millis(Date.now() - 40 * 86_400_000) });
    const stream = streamOver({ ca: fixture.pki.caPem, own: await certificateOf(past) });
    expect(await stream.ended).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  test("with the control plane's own certificate, which is no agent's", async () => {
    const { key, certificate } = fixture.pki.serverTls();
    const stream = streamOver({ ca: fixture.pki.caPem, own: { key, certificate } });
    expect(await stream.ended).toMatchObject({ code: status.UNAUTHENTICATED });
  });

  test('with a revoked certificate', async () => {
    const own = await certificateOf(fixture.pki);
    fixture.backend.revoked.add(own.serial);
    const stream = streamOver({ ca: fixture.pki.caPem, own });
    expect(await stream.ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('revoked'),
    });
  });

  test('and with a good certificate it is not', async () => {
    const stream = streamOver({ ca: fixture.pki.caPem, own: await certificateOf(fixture.pki) });
    stream.send({ kind: 'hello', agentVersion: '1', host: { addresses: [], facts: new Map() } });
    await eventually('connected', () => fixture.backend.streams.length === 1);
  });
});

describe('a live stream ends', () => {
  test('when its certificate is revoked, without waiting for the agent', async () => {
    const agent = await startAgent();
    await eventually('connected', () => agent.states.includes('connected'));
    fixture.backend.revoked.add(agent.stream()?.identity.serial ?? '');
    fixture.server.recheckCertificates();
    await eventually('disconnected', () => fixture.backend.streams[0]?.heard.includes('disconnected'));
    expect(fixture.server.streams()).toBe(0);
  });

  test('when its certificate expires, at the next tick', async () => {
    const stream = openStream(await fixture.enrolled());
    stream.send({ kind: 'hello', agentVersion: '1', host: { addresses: [], facts: new Map() } });
    await eventually('connected', () => fixture.backend.streams.length === 1);
    clock = 31 * 86_400_000;
    expect(await stream.ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      details: expect.stringContaining('expired'),
    });
  });
});

describe('a clock that is set', () => {
  test.each([
    ['an hour forward', 3_600_000],
    ['ten days forward', 10 * 86_400_000],
    ['a day back', -86_400_000],
    ['to 1971', 31_536_000_000 - Date.now()],
  ])('%s ends no stream and keeps no heartbeat away', async (_name, step) => {
    const stream = openStream(await fixture.enrolled());
    stream.send(hello);
    await eventually('connected', () => fixture.backend.streams.length === 1);
    clock = step;
    const before = stream.received.length;
    await eventually('heartbeats go on', () => stream.received.length >= before + 3);
    expect(fixture.server.streams()).toBe(1);
  });

  test('back a day lengthens the life of no agent that has gone silent', async () => {
    const stream = openStream(await fixture.enrolled());
    stream.send(hello);
    await eventually('connected', () => fixture.backend.streams.length === 1);
    clock = -86_400_000;
    elapsed = 60_001;
    expect(await stream.ended).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  });

  test('back a day lengthens the life of no stream without a hello', async () => {
    const stream = openStream(await fixture.enrolled());
    await eventually('open', () => fixture.server.streams() === 1);
    clock = -86_400_000;
    elapsed = 10_001;
    expect(await stream.ended).toMatchObject({
      code: status.DEADLINE_EXCEEDED,
      details: expect.stringContaining('no hello'),
    });
  });
});

const hello: UpMessage = { kind: 'hello', agentVersion: '1', host: { addresses: [], facts: new Map() } };
const violations: readonly (readonly [string, readonly (UpMessage | Uint8Array)[], RegExp])[] = [
  ['an ACK before hello', [{ kind: 'ack', revision: 1 }], /found ack before hello/],
  ['a second hello', [hello, hello], /a second hello/],
  ['an ACK of what was not sent', [hello, { kind: 'ack', revision: 5 }], /ACK\(5\); in flight is nothing/],
  ['a NACK of what was not sent', [hello, { kind: 'nack', revision: 5, reason: '', nack: 'refused' }], /NACK\(5\)/],
  ['bytes that are no message', [Buffer.from('nonsense')], /the bytes are no such message/],
];

describe('an agent that breaks the protocol is told how, by', () => {
  test.each(violations)('%s', async (_, messages, reason) => {
    const stream = openStream(await fixture.enrolled());
    for (const message of messages) stream.send(message);
    const ending = await stream.ended;
    expect(ending.code).toBe(status.INVALID_ARGUMENT);
    expect(ending.details).toMatch(reason);
  });
});

test('events wait for a control plane that takes them, are sent again after a lost stream, and are forgotten once taken', async () => {
  const waiting: HostEvent[] = Array.from({ length: 40 }, (_, at) => ({
    id: `e-${String(at).padStart(2, '0')}`,
    at: millis(at),
    kind: 'table-tampered',
    details: new Map([['changes', '1']]),
  }));
  const taken: string[] = [];
  const agent = await startAgent({
    events: {
      waiting: () => waiting,
      taken: (ids) => {
        taken.push(...ids);
        waiting.splice(0, ids.length);
      },
    },
  });
  await eventually('the first message', () => agent.stream()?.heard.includes('event table-tampered'));
  // Its answer is held back, 50 ms an event: the stream that ends before is followed by one that tells them again.
  await fixture.restarted();
  await eventually(
    'the second stream',
    () => fixture.backend.streams.length === 2 && agent.stream()?.heard.includes('event table-tampered'),
  );
  expect(taken).toEqual([]);
  await eventually('all are taken', () => taken.length === 40);
  expect(new Set(taken).size).toBe(40);
});

test('a rule set that the agent cannot read is NACKed as such, and the stream goes on', async () => {
  const stream = openStream(await fixture.enrolled());
  fixture.backend.current = ruleSetOf(3, 3);
  stream.send(hello);
  await eventually('snapshot', () => stream.received.some(({ kind }) => kind === 'snapshot'));
  stream.send({ kind: 'nack', revision: 0, reason: 'unreadable', nack: 'refused' });
  await eventually('NACK', () => fixture.backend.streams[0]?.heard.includes('nacked 3: unreadable'));
  fixture.backend.streams[0]?.session.send(ruleSetOf(4, 4));
  await eventually('the next', () => stream.received.filter(({ kind }) => kind === 'snapshot').length === 2);
});

test('to hello with the digest of what is current only a delta of nothing is sent', async () => {
  const stream = openStream(await fixture.enrolled());
  fixture.backend.current = ruleSetOf(8, 500);
  stream.send({ ...hello, held: heldOf(ruleSetOf(5, 500)) });
  const delta = await eventually('delta', () => stream.received.find(({ kind }) => kind === 'delta'));
  expect(delta).toMatchObject({
    wire: { delta: { baseRevision: 5, revision: 8, changedPeerSets: [], replacedWorkloads: [] } },
  });
  expect(stream.sizes.every((size) => size < 200)).toBe(true);
});

test('a renewed certificate moves the stream over at once, with the same key and without a wait', async () => {
  fixture.backend.current = ruleSetOf(1, 1);
  const agent = await startAgent();
  await eventually('ACK', () => agent.stream()?.heard.includes('acked 1'));
  const before = agent.stream()?.identity.serial;
  expect((await agent.identity.renew()).ok).toBe(true);
  await eventually('the second stream', () => fixture.backend.streams.length === 2);
  expect(agent.stream()?.identity.serial).not.toBe(before);
  await eventually('connected', () => agent.states.length === 4);
  expect(agent.states).toEqual(['connecting', 'connected', 'connecting', 'connected']);
});

test('renewal happens by itself when two thirds of the lifetime are over, and not before', async () => {
  const identity = await fixture.enrolled();
  const stop = new AbortController();
  const before = identity.times().notAfter;
  clock = 19 * 86_400_000;
  const early = identity.keepRenewed(stop.signal);
  expect(identity.times().notAfter).toBe(before);
  stop.abort();
  await early;
  clock = 21 * 86_400_000;
  const again = new AbortController();
  const late = identity.keepRenewed(again.signal);
  await eventually('renewed', () => identity.times().notAfter > before);
  again.abort();
  await late;
});

// ---- agents

class FakeEnforcer {
  readonly applied: HostRuleSet[] = [];
  #held: HostRuleSet | undefined;
  #refusal: string | undefined;
  #gate: Promise<void> = Promise.resolve();
  #open: () => void = () => undefined;

  held(): HostRuleSet | undefined {
    return this.#held;
  }

  async apply(ruleSet: HostRuleSet): Promise<ApplyOutcome> {
    this.applied.push(ruleSet);
    await this.#gate;
    const { revision } = ruleSet;
    if (this.#refusal !== undefined) return { kind: 'refused', revision, reason: this.#refusal };
    this.#held = ruleSet;
    return { kind: 'applied', revision };
  }

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#open();
  }

  refuse(reason: string): void {
    this.#refusal = reason;
  }

  accept(): void {
    this.#refusal = undefined;
  }

  forget(): void {
    this.#held = undefined;
  }
}

interface TestAgent {
  readonly identity: Identity;
  readonly enforcer: FakeEnforcer;
  readonly sync: PolicySync;
  readonly states: SyncState[];
  readonly addresses: string[];
  /** Its newest stream, as the backend saw it. */
  stream(): SeenStream | undefined;
}

async function startAgent(
  options: Partial<Pick<PolicySyncOptions, 'times' | 'events' | 'heardTime'>> = {},
): Promise<TestAgent> {
  const identity = await fixture.enrolled();
  const enforcer = new FakeEnforcer();
  const states: SyncState[] = [];
  const addresses = ['10.0.0.9'];
  const stop = new AbortController();
  const sync = createPolicySync({
    identity,
    enforcer,
    agentVersion: '0.1.0',
    hostReport: () => ({ addresses: [...addresses], facts: new Map([['os', 'debian']]) }),
    status: () => ({ revision: 0, enforcing: false, lost: 0, spooledBatches: 0, repairs: 0, problem: '' }),
    signal: stop.signal,
    log: silent,
    onState: (state) => states.push(state),
    ...(options.events === undefined ? {} : { events: options.events }),
    ...(options.heardTime === undefined ? {} : { heardTime: options.heardTime }),
    times: { backoffLeastMs: 10, backoffMostMs: 50, ...options.times },
  });
  stops.push(async () => {
    stop.abort();
    await sync.done;
  });
  return { identity, enforcer, sync, states, addresses, stream: () => fixture.backend.streams.at(-1) };
}

interface RawStream {
  readonly received: DownMessage[];
  readonly sizes: number[];
  readonly ended: Promise<{ readonly code: status; readonly details: string }>;
  send(message: UpMessage | Uint8Array): void;
}

function openStream(identity: Identity): RawStream {
  return rawStream(identity.client());
}

function streamOver(tls: Parameters<typeof openClient>[1]): RawStream {
  const [host = '', port] = fixture.server.address.split(':');
  const client = openClient({ host, port: Number(port) }, tls);
  stops.push(() => client.close());
  return rawStream(client);
}

function rawStream(client: ReturnType<typeof openClient>): RawStream {
  const { path, requestSerialize, responseDeserialize } = policySyncService.sync;
  const call = client.makeBidiStreamRequest<Uint8Array, Uint8Array>(path, requestSerialize, responseDeserialize);
  const received: DownMessage[] = [];
  const sizes: number[] = [];
  call.on('data', (bytes: Uint8Array) => {
    const message = decodeDownMessage(bytes);
    if (message.ok) received.push(message.value);
    sizes.push(bytes.length);
  });
  const ended = new Promise<{ readonly code: status; readonly details: string }>((resolve) => {
    call.on('status', ({ code, details }) => resolve({ code, details }));
  });
  call.on('error', () => undefined);
  stops.push(() => call.cancel());
  return {
    received,
    sizes,
    ended,
    send: (message) => call.write(message instanceof Uint8Array ? message : encodeUpMessage(message)),
  };
}

async function certificateOf(pki: Awaited<ReturnType<typeof openPki>>) {
  const key = await createHostKey();
  const csr = await createCertificateRequest(key, 'web-1');
  const issued = await pki.issueAgentCertificate({ csr, tenant: 'default', host: 'web-1', enrolment: 'e1' });
  if (!issued.ok) throw new Error(issued.error);
  const base64 = Buffer.from(issued.value.der).toString('base64');
  const certificate = `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
  return { key, certificate, serial: issued.value.record.serial };
}

function granted(rule: string): Grant {
  return { segment: 'shop', rule, peers: { kind: 'sets', ids: ['peers'] }, local: { kind: 'any' }, services: [] };
}

function withGrants(ruleSet: HostRuleSet, grants: readonly Grant[]): HostRuleSet {
  const workloads = ruleSet.workloads.map((rules) => ({ ...rules, inbound: { ...rules.inbound, grants } }));
  return { ...ruleSet, workloads };
}

function ruleSetOf(revision: number, peers: number): HostRuleSet {
  const numbers = Array.from({ length: peers }, (_, index) => 0x0a00_0000 + index);
  const addresses = sortedByCodeUnits(numbers.map((number): Address => addressFromIpv4Number(number)));
  const direction = { mode: 'enforce', onDeny: 'drop', selective: [], guardrails: [], grants: [] } as const;
  return {
    revision,
    host: 'web-1',
    workloads: [{ workload: 'web-1', kind: 'host', addresses: [], inbound: direction, outbound: direction }],
    peerSets: new Map([['peers', { id: 'peers', addresses, ranges: [] }]]),
  };
}
