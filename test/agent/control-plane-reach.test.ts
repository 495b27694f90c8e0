// What a name of the control plane stands for, answer by answer: what is in use and what was, for a time, whoever answers; and one address
// that does not answer delays nobody.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ControlPlaneReach, openControlPlaneReach, reachNames } from '#agent/link/control-plane-reach.ts';
import {
  addressesKeptMs,
  type KeptAddresses,
  keepAddresses,
  keptAddressesMost,
} from '#agent-core/addresses/kept-addresses.ts';
import type { Address } from '#model/address.ts';
import { rangeText } from '#model/address-range.ts';

const some = (first: number, count = 1): readonly Address[] =>
  Array.from({ length: count }, (_, at) => `10.0.0.${first + at}` as Address);
const at = (nowMs: number, ...addresses: readonly Address[]): KeptAddresses =>
  new Map(addresses.map((address) => [address, nowMs]));
const now = 2 * addressesKeptMs;
const longAgo = now - addressesKeptMs;
const lately = now - addressesKeptMs + 1;

describe('of the addresses of a name are kept', () => {
  test.each<[string, KeptAddresses, readonly Address[], Address | undefined, readonly Address[]]>([
    ['those of the first answer', at(0), some(1, 2), undefined, some(1, 2)],
    ['those of an answer with others, and the earlier ones', at(lately, ...some(1)), some(2), undefined, some(1, 2)],
    ['no earlier ones after their time', at(longAgo, ...some(1)), some(2), undefined, some(2)],
    ['the one in use after any time', at(longAgo, ...some(1)), some(2), some(1)[0], some(1, 2)],
    ['the one in use, which no answer had', at(lately, ...some(1)), some(2), some(3)[0], some(1, 3)],
    ['all after no answer, however old', at(longAgo, ...some(1, 3)), [], undefined, some(1, 3)],
    ['the one in use after no answer', at(longAgo, ...some(1)), [], some(2)[0], some(1, 2)],
    [
      'the one in use and earlier ones, whatever a forged answer names',
      at(lately, ...some(1, 7)),
      some(100, 100),
      some(1)[0],
      [...some(1, 7), ...some(100, 9)],
    ],
    [
      'the latest, of more than there is room for',
      at(lately, ...some(1, 16)),
      some(50),
      undefined,
      [...some(1, 15), ...some(50)],
    ],
  ])('%s', (_, known, found, inUse, expected) => {
    const kept = keepAddresses({ known, found, inUse, nowMs: now });
    expect([...kept.keys()].sort()).toEqual([...expected].sort());
    expect(kept.size).toBeLessThanOrEqual(keptAddressesMost);
  });
});

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'segwall-reach-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const essential = (reach: ControlPlaneReach): readonly string[] =>
  reach
    .essentials()
    .flatMap(({ name, peers }) =>
      name === reachNames.connection && peers.kind === 'ranges' ? peers.ranges.map(rangeText) : [],
    );

test('a name with another address in each answer keeps the way to the one in use, and to the earlier ones', async () => {
  let answer: readonly string[] = [];
  const reach = await openControlPlaneReach({
    controlPlanes: [{ host: 'cp.test', port: 8443 }],
    stateDirectory: directory,
    owner: { uid: 0 },
    lookUp: async () => answer,
  });
  const told: string[] = [];
  const resolve = async (...addresses: readonly string[]) => {
    answer = addresses;
    told.push(`${await reach.resolve()}: ${essential(reach).join(' ')}`);
  };
  await resolve('10.0.0.1');
  reach.streamIsWith('10.0.0.1:8443');
  await resolve('10.0.0.2');
  await resolve('10.0.0.2', '10.0.0.1');
  await resolve();
  // gRPC asked for itself, and was told something else.
  reach.streamIsWith('[fd00::9]:8443');
  await resolve('10.0.0.1');
  expect(told).toEqual([
    'changed: 10.0.0.1',
    'changed: 10.0.0.1-10.0.0.2',
    'same: 10.0.0.1-10.0.0.2',
    'same: 10.0.0.1-10.0.0.2',
    'changed: 10.0.0.1-10.0.0.2 fd00::9',
  ]);
  const next = await openControlPlaneReach({
    controlPlanes: [{ host: 'cp.test', port: 8443 }],
    stateDirectory: directory,
    owner: { uid: 0 },
    lookUp: async () => [],
  });
  expect(essential(next)).toEqual(essential(reach));
});

test('an address that never answers delays no try, and is let go when another was reached', async () => {
  const listen = (host: string, port: number, taken: (socket: Socket) => void): Promise<Server> =>
    new Promise((resolve) => {
      const server = createServer((socket) => taken(socket.on('error', () => undefined)));
      server.listen(port, host, () => resolve(server));
    });
  const held: Socket[] = [];
  const isHeld = Promise.withResolvers<void>();
  const silent = await listen('127.0.0.2', 0, (socket) => {
    held.push(socket);
    isHeld.resolve();
  });
  const address = silent.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  // The other answers only once this one is tried, so that nobody wins by being early.
  const answering = await listen('127.0.0.1', port, (socket) => {
    void isHeld.promise.then(() => socket.end('HTTP/1.1 503 not now\r\n\r\n'));
  });
  try {
    const reach = await openControlPlaneReach({
      controlPlanes: [{ host: 'cp.test', port: 8443 }],
      proxy: { host: 'proxy.test', port },
      stateDirectory: directory,
      owner: { uid: 0 },
      lookUp: async () => ['127.0.0.1', '127.0.0.2'],
    });
    await reach.resolve();
    expect(await reach.tryConnect(new AbortController().signal)).toEqual({ ok: true, value: undefined });
    const [socket] = held;
    if (socket?.closed === false) await once(socket.resume(), 'close');
    expect(held).toHaveLength(1);
  } finally {
    for (const socket of held) socket.destroy();
    silent.close();
    answering.close();
  }
});

test('where no address answers, the error names each', async () => {
  const reach = await openControlPlaneReach({
    controlPlanes: [{ host: 'cp.test', port: 8443 }],
    stateDirectory: directory,
    owner: { uid: 0 },
    lookUp: async () => ['127.0.0.1', '127.0.0.2'],
  });
  await reach.resolve();
  const tried = await reach.tryConnect(AbortSignal.abort());
  expect(tried.ok ? '' : tried.error).toBe('127.0.0.1: ABORT_ERR; 127.0.0.2: ABORT_ERR');
});

test('of several control planes each is opened at its own port alone, and a way to any of them is a way', async () => {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const first = { host: '127.0.0.3', port: 9 };
  const reach = await openControlPlaneReach({
    controlPlanes: [first, { host: '10.0.0.1', port: 9 }, { host: '127.0.0.1', port }],
    stateDirectory: directory,
    owner: { uid: 0 },
  });
  const entries = reach.essentials().map(({ name, peers, services, owner }) => ({
    entry: `${name}: ${peers.kind === 'ranges' ? peers.ranges.map(rangeText).join(' ') : 'any'}`,
    services,
    owner,
  }));
  const at = (one: number) => [{ kind: 'ports', protocol: 'tcp', low: one, high: one }];
  expect(entries).toEqual([
    { entry: 'control-plane: 10.0.0.1 127.0.0.3', services: at(9), owner: { uid: 0 } },
    { entry: `control-plane-${port}: 127.0.0.1`, services: at(port), owner: { uid: 0 } },
  ]);
  expect(reach.way()).toMatchObject({ host: '127.0.0.3', port: 9, addresses: ['127.0.0.3'] });
  expect(await reach.tryConnect(new AbortController().signal)).toMatchObject({ ok: true });
  server.close();
});
