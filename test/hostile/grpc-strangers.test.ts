// Who reaches the agents' port, without a certificate or with one, and what of the control plane's memory and places he can take.

import pino from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { Identity } from '#agent/link/identity.ts';
import { createPolicySync } from '#agent/policy/policy-sync.ts';
import { type AdmissionLimits, admissionLimits } from '#control-plane/rpc/admission-limits.ts';
import type { RefusedConnection } from '#control-plane/rpc/agent-listener.ts';
import { limits } from '#wire/limits.ts';
import { encodeUpMessage } from '#wire/policy-sync-messages.ts';
import { enrolmentService, flowReportService, policySyncService } from '#wire/services.ts';
import { eventually, type Fixture, startFixture } from '../transport/control-plane-fixture.ts';
import {
  callHeaders,
  data,
  flags,
  frame,
  frameTypes,
  messagePrefix,
  openCall,
  openRaw,
  openTcp,
  type RawConnection,
} from './support/raw-http2.ts';

const enrolPath = enrolmentService.enrol.path;
const stops: (() => Promise<void> | void)[] = [];
const refused: RefusedConnection[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  refused.length = 0;
});

async function start(given: Partial<AdmissionLimits> = {}): Promise<Fixture> {
  const fixture = await startFixture({
    admission: {
      limits: { ...admissionLimits, ...given },
      connectionRefused: (one) => void refused.push(one),
    },
  });
  stops.push(() => fixture.stop());
  return fixture;
}

async function stranger(fixture: Fixture): Promise<RawConnection> {
  const connection = await openRaw(fixture.server.address);
  stops.push(() => void connection.socket.destroy());
  return connection;
}

/** The agent's own TLS, on which the test then speaks. */
async function asAgent(fixture: Fixture, name: string): Promise<RawConnection> {
  const { key, certificate } = await fixture.agentTls(name);
  const connection = await openRaw(fixture.server.address, { key, cert: certificate });
  stops.push(() => void connection.socket.destroy());
  return connection;
}

/** How long a real agent means to wait after it was sent away. */
async function waitsOf(identity: Identity): Promise<number> {
  const stop = new AbortController();
  const delays: number[] = [];
  const log = pino({}, { write: (line: string) => void delays.push(JSON.parse(line).delayMs) });
  const sync = createPolicySync({
    identity,
    enforcer: { held: () => undefined, apply: async ({ revision }) => ({ kind: 'applied', revision }) },
    agentVersion: '0.1.0',
    hostReport: () => ({ addresses: [], facts: new Map() }),
    status: () => ({ revision: 0, enforcing: false, lost: 0, spooledBatches: 0, repairs: 0, problem: '' }),
    signal: stop.signal,
    log,
    onState: () => undefined,
    times: { backoffLeastMs: 1, backoffMostMs: 2 },
  });
  const delay = await eventually('it was sent away', () => delays.at(0));
  stop.abort();
  await sync.done;
  return delay;
}

const hello = encodeUpMessage({ kind: 'hello', agentVersion: '0.1.0', host: { addresses: [], facts: new Map() } });
const greeting = Buffer.concat([messagePrefix(hello.length), hello]);

describe('a stranger', () => {
  test('who says that messages of 4 MiB follow is refused at their first bytes, on each of twenty connections', async () => {
    const fixture = await start();
    for (let at = 0; at < 20; at += 1) {
      const connection = await stranger(fixture);
      connection.send(
        ...[1, 3].flatMap((stream) => [openCall(stream, enrolPath), data(stream, messagePrefix(4 * 1024 * 1024))]),
      );
      for (const stream of [1, 3]) await connection.until(frameTypes.headers, stream);
    }
    expect(fixture.server.counts().strangerBytes).toBe(0);
  });

  test('who never ends his messages takes what a request may hold, on two streams, and no more', async () => {
    const fixture = await start();
    const connections: RawConnection[] = [];
    for (let at = 0; at < 20; at += 1) {
      const connection = await stranger(fixture);
      connections.push(connection);
      const begun = [1, 3, 5, 7].flatMap((stream) => [
        openCall(stream, enrolPath),
        data(stream, Buffer.concat([messagePrefix(16_000), Buffer.alloc(8000)])),
      ]);
      connection.send(...begun);
      for (const stream of [5, 7]) await connection.until(frameTypes.reset, stream);
    }
    await eventually('all held', () => fixture.server.counts().strangerBytes >= 20 * 2 * 8000);
    expect(fixture.server.counts().strangerBytes).toBeLessThanOrEqual(20 * 2 * 16_384);
    for (const { socket } of connections) socket.destroy();
    await eventually('all given back', () => fixture.server.counts().strangerBytes === 0);
  });

  test('who sends a message byte by byte is stopped after a few', async () => {
    const fixture = await start();
    const connection = await stranger(fixture);
    connection.send(openCall(1, enrolPath), data(1, messagePrefix(16_000)));
    connection.send(...Array<Uint8Array>(200).fill(data(1, Buffer.from([1]))));
    await connection.until(frameTypes.headers, 1);
    expect(fixture.server.counts().strangerBytes).toBe(0);
  });

  test('gets no word to any call but Enrol', async () => {
    const fixture = await start();
    const connection = await stranger(fixture);
    connection.send(openCall(1, policySyncService.sync.path), data(1, messagePrefix(4 * 1024 * 1024)));
    await connection.until(frameTypes.headers, 1);
    connection.send(openCall(3, flowReportService.report.path), data(3, messagePrefix(4 * 1024 * 1024)));
    await connection.until(frameTypes.headers, 3);
    expect(fixture.backend.streams).toEqual([]);
    expect(fixture.server.counts().strangerBytes).toBe(0);
  });

  test.each([
    { how: 'that is read', messages: admissionLimits.stranger.messages },
    { how: 'that is held up for its pace', messages: { burst: 1, everyMs: 3_600_000 } },
  ])('who resets a call $how, while it is worked on, ends that call alone', async ({ messages }) => {
    const fixture = await start({ stranger: { ...admissionLimits.stranger, messages } });
    const reset = (stream: number) => frame({ type: frameTypes.reset, stream, payload: Buffer.alloc(4) });
    for (let at = 0; at < 4; at += 1) {
      const connection = await stranger(fixture);
      for (const stream of [1, 3, 5]) {
        connection.send(openCall(stream, enrolPath));
        connection.send(data(stream, messagePrefix(0)), data(stream, Buffer.alloc(1)), reset(stream));
      }
      connection.send(openCall(7, enrolPath), reset(7));
      connection.send(openCall(9, '/nobody/knows'), reset(9));
      connection.send(frame({ type: frameTypes.ping, payload: Buffer.alloc(8) }));
      await Promise.race([connection.until(frameTypes.ping, 0), connection.closed]);
    }
    await fixture.enrolled('web-1');
  });

  test('who opens streams and leaves them is shown out when his time is up', async () => {
    const fixture = await start({ stranger: { ...admissionLimits.stranger, lifeMs: 200 } });
    const connection = await stranger(fixture);
    connection.send(openCall(1, enrolPath));
    await connection.closed;
    expect(refused).toEqual([{ address: '127.0.0.1', reason: 'too-long' }]);
    await eventually('his place is free', () => fixture.server.counts().strangers === 0);
  });

  test('who does not end his handshake is shown out', async () => {
    const fixture = await start({ handshakeMs: 200 });
    const silent = await openTcp(fixture.server.address);
    const half = await openTcp(fixture.server.address);
    // The head of a ClientHello of 512 bytes.
    half.socket.write(Buffer.from('160301020001', 'hex'));
    await Promise.all([silent.closed, half.closed]);
    expect(refused.map(({ reason }) => reason)).toEqual(['handshake', 'handshake']);
    await eventually('the places are free', () => fixture.server.counts().strangers === 0);
  });

  const floods: readonly (readonly [string, () => readonly Uint8Array[]])[] = [
    ['pings', () => Array<Uint8Array>(2000).fill(frame({ type: frameTypes.ping, payload: Buffer.alloc(8) }))],
    ['settings', () => Array<Uint8Array>(2000).fill(frame({ type: frameTypes.settings }))],
    [
      'streams that it resets at once',
      () =>
        [...Array(2000).keys()].flatMap((at) => [
          openCall(2 * at + 1, enrolPath),
          frame({ type: frameTypes.reset, stream: 2 * at + 1, payload: Buffer.from([0, 0, 0, 8]) }),
        ]),
    ],
    ['streams beyond its two', () => [...Array(2000).keys()].map((at) => openCall(2 * at + 1, enrolPath))],
    [
      'headers without end',
      () => [
        frame({ type: frameTypes.headers, stream: 1, payload: callHeaders(enrolPath) }),
        ...Array<Uint8Array>(2000).fill(
          frame({ type: frameTypes.continuation, stream: 1, payload: callHeaders(enrolPath) }),
        ),
      ],
    ],
    [
      'more headers than a call has',
      () => {
        const many = [...Array(400).keys()].map((at) => [`x-${at}`, 'x'.repeat(100)] as const);
        const [head, tail] = [callHeaders(enrolPath, many).subarray(0, 16_000), Buffer.alloc(0)];
        const one = () => frame({ type: frameTypes.headers, flags: flags.endHeaders, stream: 1, payload: head });
        return [one(), tail, ...Array<Uint8Array>(40).fill(one())];
      },
    ],
    [
      'padding',
      () => [
        openCall(1, enrolPath),
        data(1, messagePrefix(16_000)),
        ...Array<Uint8Array>(400).fill(
          frame({
            type: frameTypes.data,
            flags: flags.padded,
            stream: 1,
            payload: Buffer.concat([Buffer.from([254]), Buffer.alloc(255)]),
          }),
        ),
      ],
    ],
  ];
  test.each(floods)(
    'who sends %s without end loses his connection, and an agent keeps its own',
    async (_what, sent) => {
      const fixture = await start();
      const agent = await asAgent(fixture, 'web-1');
      agent.send(openCall(1, policySyncService.sync.path), data(1, greeting));
      await agent.until(frameTypes.data, 1);
      const connection = await stranger(fixture);
      connection.send(...sent());
      await connection.closed;
      expect(fixture.server.streams()).toBe(1);
      await eventually('nothing is kept of it', () => fixture.server.counts().strangers === 0);
      expect(fixture.server.counts().strangerBytes).toBe(0);
    },
  );
});

describe('many connections of strangers', () => {
  const few = { all: 8, ofSource: 4, graceMs: 0 };

  test('take the places of an address and no more, the oldest making way, and hosts still enrol from there', async () => {
    const fixture = await start({ strangerPlaces: few });
    const sitting = [];
    for (let at = 0; at < 40; at += 1) sitting.push(await openTcp(fixture.server.address));
    for (const { closed } of sitting.slice(0, 36)) await closed;
    expect(fixture.server.counts().strangers).toBe(4);
    expect(fixture.server.counts().refused['evicted']).toBe(36);
    await fixture.enrolled('web-1');
    for (const { socket } of sitting) socket.destroy();
  });

  test('that come all at once are let finish what they began, and later ones told to come again', async () => {
    const fixture = await start({ strangerPlaces: { ...few, graceMs: 60_000 } });
    const first = [];
    for (let at = 0; at < 4; at += 1) first.push(await openTcp(fixture.server.address));
    await eventually('the places are taken', () => fixture.server.counts().strangers === 4);
    await (await openTcp(fixture.server.address)).closed;
    expect(refused).toEqual([{ address: '127.0.0.1', reason: 'too-many-of-address' }]);
    expect(fixture.server.counts().strangers).toBe(4);
    for (const { socket } of first) socket.destroy();
  });

  test('of hosts that enrol from one address, far more than have places there, all come to their turn', async () => {
    const fixture = await start({ strangerPlaces: { all: 64, ofSource: 3, graceMs: 60_000 } });
    const names = [...Array(9).keys()].map((at) => `web-${at}`);
    await Promise.all(names.map((name) => fixture.enrolled(name)));
    expect(fixture.backend.certificates.map(({ host }) => host).sort()).toEqual(names);
    expect(fixture.server.counts().refused['too-many-of-address']).toBeGreaterThan(0);
  });

  test('leave the connections of agents alone, and the place of an agent that comes from where a host is at home', async () => {
    const fixture = await start({ strangerPlaces: { all: 4, ofSource: 4, graceMs: 60_000 } });
    const { key, certificate } = await fixture.agentTls('web-1');
    const sitting = [];
    for (let at = 0; at < 4; at += 1) sitting.push(await openTcp(fixture.server.address));
    await eventually('the places are taken', () => fixture.server.counts().strangers === 4);
    await expect(openRaw(fixture.server.address, { key, cert: certificate })).rejects.toThrow('in its handshake');
    fixture.backend.homes.add('127.0.0.1');
    const agent = await openRaw(fixture.server.address, { key, cert: certificate });
    agent.send(openCall(1, policySyncService.sync.path), data(1, greeting));
    await agent.until(frameTypes.data, 1);
    expect(fixture.server.counts()).toMatchObject({ agents: 1, strangers: 4 });
    for (const { socket } of [...sitting, agent]) socket.destroy();
  });

  test('that come faster than one address may are refused before their handshake', async () => {
    const fixture = await start({ connectionsOfSource: { burst: 3, everyMs: 3_600_000 } });
    const all = [];
    for (let at = 0; at < 6; at += 1) all.push(await openTcp(fixture.server.address));
    for (const { closed } of all.slice(3)) await closed;
    expect(fixture.server.counts().strangers).toBe(3);
    expect(refused.map(({ reason }) => reason)).toEqual(['too-fast', 'too-fast', 'too-fast']);
    for (const { socket } of all) socket.destroy();
  });
});

describe('an enrolled host', () => {
  test('that never ends its messages takes its own share, and others still report', async () => {
    const bytes = { all: 2 * limits.agentMessageBytes, each: limits.agentMessageBytes };
    const fixture = await start({ agent: { ...admissionLimits.agent, bytes } });
    const greedy = await asAgent(fixture, 'web-1');
    const piece = Buffer.alloc(16_000);
    const streams = [1, 3, 5];
    greedy.send(
      ...streams.flatMap((stream) => [
        openCall(stream, flowReportService.report.path),
        data(stream, messagePrefix(limits.agentMessageBytes)),
      ]),
    );
    for (let at = 0; at < 16; at += 1) greedy.send(...streams.map((stream) => data(stream, piece)));
    await eventually('held', () => fixture.server.counts().agentBytes >= 3 * 16 * 16_000);
    // It has 256 KiB of each stream's window; more is its own to be given, and it never asks.
    expect(fixture.server.counts().agentBytes).toBeLessThanOrEqual(bytes.each);
    const other = await asAgent(fixture, 'web-2');
    other.send(openCall(1, flowReportService.report.path), data(1, messagePrefix(0)));
    await other.until(frameTypes.headers, 1);
    greedy.socket.destroy();
    await eventually('given back', () => fixture.server.counts().agentBytes === 0);
  });

  test('gets no more connections than it needs, those at work are kept, and idle ones make way', async () => {
    const fixture = await start({ agentsOfHost: 2 });
    const tls = await fixture.agentTls('web-1');
    const open = () => openRaw(fixture.server.address, { key: tls.key, cert: tls.certificate });
    const working = await open();
    working.send(openCall(1, policySyncService.sync.path), data(1, greeting));
    await working.until(frameTypes.data, 1);
    const idle = await open();
    await eventually('both are in', () => fixture.server.counts().agents === 2);
    const third = await open();
    await idle.closed;
    third.send(openCall(1, flowReportService.report.path), data(1, messagePrefix(1000)));
    await eventually('it is at work', () => fixture.server.counts().agents === 2);
    third.send(data(1, Buffer.alloc(10)));
    await eventually('it is at work', () => fixture.server.counts().agentBytes > 0);
    const fourth = await open();
    await fourth.closed;
    expect(refused).toEqual([{ address: '127.0.0.1', host: 'web-1', reason: 'too-many-of-host' }]);
    expect(fixture.server.streams()).toBe(1);
    for (const { socket } of [working, third]) socket.destroy();
  });

  test('has two places among those that are greeted, however often it calls', async () => {
    const fixture = await start({ hellosAtOnce: 8 });
    const greedy = await asAgent(fixture, 'web-1');
    greedy.send(...[1, 3, 5, 7].map((stream) => openCall(stream, policySyncService.sync.path)));
    await greedy.until(frameTypes.headers, 7);
    expect(fixture.server.counts().hellos).toBe(2);
    const other = await asAgent(fixture, 'web-2');
    other.send(openCall(1, policySyncService.sync.path), data(1, greeting));
    await other.until(frameTypes.data, 1);
    greedy.socket.destroy();
    await eventually('its places are free again', () => fixture.server.counts().hellos === 0);
  });

  test('that says hello over and over is greeted as often as it may, is then told when to come, and others are greeted', async () => {
    const fixture = await start({ hellosOfHost: { burst: 3, everyMs: 60_000 } });
    let streams = 0;
    // Over and over on a new connection, as one that resets each.
    for (let at = 0; at < 12; at += 1) {
      const connection = await asAgent(fixture, 'web-1');
      connection.send(openCall(1, policySyncService.sync.path), data(1, greeting));
      await connection.until(frameTypes.headers, 1);
      streams = fixture.backend.streams.length;
      connection.socket.destroy();
      await eventually('it is gone', () => fixture.server.counts().agents === 0);
    }
    expect(streams).toBe(3);
    expect(fixture.backend.refusedHellos).toHaveLength(9);
    const other = await asAgent(fixture, 'web-2');
    other.send(openCall(1, policySyncService.sync.path), data(1, greeting));
    await other.until(frameTypes.data, 1);
  });

  test('that sends more than is read of one host is read no further, on whatever stream, and others are', async () => {
    const fixture = await start({ streamBytesOfHost: { burst: 2000, everyMs: 1000, patienceMs: 10_000 } });
    const units = Array.from({ length: 100 }, (_, at) => `unit-of-a-long-name-${at}.service`);
    const report = encodeUpMessage({ kind: 'host-report', host: { addresses: [], facts: new Map(), units } });
    const message = data(1, Buffer.concat([messagePrefix(report.length), report]));
    const greedy = await asAgent(fixture, 'web-1');
    greedy.send(openCall(1, policySyncService.sync.path), data(1, greeting), message, message, message);
    await eventually('one was read', () => fixture.backend.streams[0]?.heard.includes('host') === true);
    const again = await asAgent(fixture, 'web-1');
    again.send(openCall(1, policySyncService.sync.path), data(1, greeting));
    await again.until(frameTypes.headers, 1);
    const other = await asAgent(fixture, 'web-2');
    other.send(openCall(1, policySyncService.sync.path), data(1, greeting));
    await other.until(frameTypes.data, 1);
    expect(fixture.backend.streams.map(({ identity }) => identity.host)).toEqual(['web-1', 'web-2']);
    expect(fixture.backend.streams[0]?.heard.filter((told) => told === 'host')).toHaveLength(1);
  });

  test('whose certificate is revoked is a stranger from then on', async () => {
    const fixture = await start();
    const tls = await fixture.agentTls('web-1');
    const before = await openRaw(fixture.server.address, { key: tls.key, cert: tls.certificate });
    await eventually('it is in', () => fixture.server.counts().agents === 1);
    for (const { serial } of fixture.backend.certificates) fixture.backend.revoked.add(serial);
    fixture.server.recheckCertificates();
    await before.closed;
    const after = await openRaw(fixture.server.address, { key: tls.key, cert: tls.certificate });
    await eventually('it is in', () => fixture.server.counts().strangers === 1);
    expect(fixture.server.counts().agents).toBe(0);
    after.socket.destroy();
  });
});

describe('a fleet that comes back at once', () => {
  test('is greeted a few at a time, and the rest are told when to come', async () => {
    const fixture = await start({ hellosAtOnce: 1 });
    const first = await asAgent(fixture, 'web-1');
    first.send(openCall(1, policySyncService.sync.path));
    await eventually('it is being greeted', () => fixture.server.counts().hellos === 1);
    const second = await asAgent(fixture, 'web-2');
    second.send(openCall(1, policySyncService.sync.path), data(1, greeting));
    await second.until(frameTypes.headers, 1);
    expect(fixture.backend.streams).toEqual([]);
    const waits = await waitsOf(await fixture.enrolled('web-3'));
    expect(waits).toBeGreaterThanOrEqual(1000);
    first.send(data(1, greeting));
    await eventually('it is greeted', () => fixture.server.counts().hellos === 0);
    second.send(openCall(3, policySyncService.sync.path), data(3, greeting));
    await second.until(frameTypes.data, 3);
    expect(fixture.server.streams()).toBe(2);
  });
});
