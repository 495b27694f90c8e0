// Who comes to the operator API's port in crowds: what each connection costs is bounded before its TLS handshake, who is shaking hands is left
// to it, and who has a token finds a place beside them. And what anybody may ask without a token costs the fleet's size once a second.

import { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type ConnectionLimits, Connections, tlsConnectionLimits } from '#control-plane/api/connections.ts';
import { createListener } from '#control-plane/api/listener.ts';
import { createMetrics } from '#control-plane/api/metrics.ts';
import { PublicCalls } from '#control-plane/api/public-calls.ts';
import type { Fleet } from '#control-plane/fleet/fleet.ts';
import { openPki } from '#control-plane/pki/pki.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest } from '../server/fleet-under-test.ts';

type Fate = 'lives' | 'reset' | 'evicted';

class FakeSocket extends EventEmitter {
  fate: Fate = 'lives';
  readonly remoteAddress: string;
  readonly remotePort: number;
  constructor(remoteAddress: string, remotePort: number) {
    super();
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }
  destroy(): void {
    this.fate = 'evicted';
    this.emit('close');
  }
  resetAndDestroy(): void {
    this.fate = 'reset';
    this.emit('close');
  }
}

const few: ConnectionLimits = {
  strangers: {
    places: { all: 8, ofSource: 4, graceMs: 1000 },
    pace: { ofSource: { burst: 6, everyMs: 1000 }, all: { burst: 12, everyMs: 500 } },
  },
  familiar: { places: { all: 4, ofSource: 4, graceMs: 1000 }, pace: { ofSource: few4(), all: few4() } },
  operators: 2,
};

function few4() {
  return { burst: 4, everyMs: 1000 };
}

describe('under TLS', () => {
  let port = 1;
  const stage = (limits = few) => {
    let at = 0;
    const connections = new Connections(limits, () => at);
    const come = (address: string): FakeSocket => {
      port += 1;
      const socket = new FakeSocket(address, port);
      connections.take(socket as unknown as Socket);
      return socket;
    };
    const crowd = (address: string, count: number) => Array.from({ length: count }, () => come(address));
    return { connections, come, crowd, pass: (ms: number) => (at += ms) };
  };
  const fates = (sockets: readonly FakeSocket[]) => sockets.map(({ fate }) => fate);

  test('who is shaking hands is not thrown out by newcomers, neither of its address nor of others', () => {
    const { come, crowd, connections } = stage();
    const first = come('192.0.2.1');
    expect(fates(crowd('192.0.2.1', 5))).toEqual(['lives', 'lives', 'lives', 'reset', 'reset']);
    crowd('192.0.2.2', 4);
    expect(come('192.0.2.3').fate).toBe('reset');
    expect(first.fate).toBe('lives');
    expect(connections.refused).toMatchObject({ evicted: 0, 'too-many-of-address': 2, 'too-many': 1 });
  });

  test('who sits on a place loses it to the next once its grace is over, the oldest of who has most first', () => {
    const { come, crowd, pass } = stage();
    const one = crowd('192.0.2.1', 4);
    const two = crowd('192.0.2.2', 4);
    pass(1000);
    expect(come('192.0.2.3').fate).toBe('lives');
    expect(fates([...one, ...two]).filter((fate) => fate === 'evicted')).toHaveLength(1);
    expect(one[0]?.fate).toBe('evicted');
  });

  test('an address, and all together, have a pace before any handshake', () => {
    const { crowd, pass, connections } = stage();
    crowd('192.0.2.1', 100);
    expect(connections.refused['too-fast']).toBe(94);
    pass(3000);
    crowd('192.0.2.1', 100);
    expect(connections.refused['too-fast']).toBe(94 + 97);
    for (let host = 10; host < 110; host += 1) crowd(`192.0.2.${host}`, 1);
    // Twelve at once, six of them spent by the first crowd and given back, three more by its second.
    expect(connections.refused['too-fast']).toBe(94 + 97 + 91);
  });

  test('addresses of one IPv6 network are one', () => {
    const { come, connections } = stage();
    for (let host = 0; host < 10; host += 1) come(`2001:db8::${host}`);
    expect(connections.refused).toMatchObject({ 'too-fast': 4, 'too-many-of-address': 2 });
  });

  test('from where a token came lately there are places and a pace that no stranger uses up', () => {
    const { come, crowd, connections, pass } = stage();
    const operator = come('192.0.2.9');
    expect(connections.authenticated(operator as unknown as Socket)).toBe('kept');
    for (let host = 10; host < 60; host += 1) crowd(`192.0.2.${host}`, 10);
    expect(come('192.0.2.70').fate).toBe('reset');
    expect(come('192.0.2.9').fate).toBe('lives');
    expect(operator.fate).toBe('lives');
    pass(1000);
    expect(come('192.0.2.9').fate).toBe('lives');
  });

  test.each([
    ['strangers', tlsConnectionLimits.strangers],
    ['familiar', tlsConnectionLimits.familiar],
  ] as const)('whom the pace lets pass finds a place: %s', (_who, { places, pace }) => {
    if (pace === undefined) throw new Error('no pace');
    const within = ({ burst, everyMs }: { readonly burst: number; readonly everyMs: number }) =>
      burst + places.graceMs / everyMs;
    expect(within(pace.ofSource)).toBeLessThan(places.ofSource);
    expect(within(pace.all)).toBeLessThan(places.all);
  });

  test('a crowd gets so many handshakes and no more, and the next one after it is served', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'segwall-api-tls-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const pki = await openPki({ directory, serverNames: ['127.0.0.1'], now: () => millis(Date.now()) });
    let at = 0;
    const connections = new Connections(tlsConnectionLimits, () => at);
    const server = createListener({ handler: (_, response) => response.end('ok'), connections, tls: pki });
    let handshakes = 0;
    server.on('secureConnection', () => (handshakes += 1));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const shake = () =>
      new Promise<'shaken' | 'reset'>((resolve) => {
        const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => resolve('shaken'));
        onTestFinished(() => void socket.destroy());
        socket.on('error', () => resolve('reset'));
        socket.on('close', () => resolve('reset'));
      });
    const crowd = await Promise.all(Array.from({ length: 300 }, shake));
    const most = tlsConnectionLimits.strangers.pace?.ofSource.burst ?? 0;
    expect(crowd.filter((fate) => fate === 'shaken')).toHaveLength(most);
    expect(handshakes).toBe(most);
    at += 50;
    expect(await shake()).toBe('shaken');
  });
});

describe('what anybody may ask', () => {
  test('is answered so often to one address, and to others still', () => {
    let at = 0;
    const calls = new PublicCalls({ burst: 3, everyMs: 1000 }, () => at);
    const from = (remoteAddress: string) => ({ raw: { socket: { remoteAddress } } }) as never;
    for (let time = 0; time < 3; time += 1) calls.take(from('192.0.2.1'));
    expect(() => calls.take(from('192.0.2.1'))).toThrow(/too often/);
    calls.take(from('192.0.2.2'));
    at += 1000;
    calls.take(from('192.0.2.1'));
  });

  test('numbers are counted once a second, however many ask, and no view of a host is made for them', async () => {
    const { fleet, connect } = await fleetUnderTest();
    await connect('web-1');
    let [at, counts] = [0, 0];
    const watched = new Proxy(fleet, {
      get(target, name) {
        if (name === 'protectionCounts') counts += 1;
        if (name === 'agents') throw new Error('a view of each host was made');
        const value = Reflect.get(target, name, target) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }) as Fleet;
    const admission = () =>
      ({
        agents: 0,
        strangers: 0,
        agentBytes: 0,
        strangerBytes: 0,
        refused: {},
        hellos: 0,
        handshakes: 0,
        handshakesWaiting: 0,
      }) as never;
    const metrics = createMetrics({
      fleet: watched,
      admission,
      disk: () => undefined,
      lostFlows: () => Promise.resolve([]),
      certificates: () => ({ ca: millis(1), server: millis(1) }),
      apiRefused: { evicted: 3 },
      elapsedMs: () => at,
    });
    const texts = new Set<string>();
    for (let time = 0; time < 500; time += 1) texts.add((await metrics.render()).text);
    expect([counts, texts.size]).toEqual([1, 1]);
    at += 1000;
    const { text } = await metrics.render();
    expect(counts).toBe(2);
    expect(text).toMatch(/^segwall_agents_enrolled 1$/m);
    expect(text).toMatch(/^segwall_hosts\{protection="unknown"\} 1$/m);
    expect(text).toMatch(/^segwall_api_connections_refused_total\{cause="evicted"\} 3$/m);
  });
});
