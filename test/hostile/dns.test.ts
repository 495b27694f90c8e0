// Whoever is not on the way between a host and its resolver teaches it nothing, though he knows every address and port: he would have to
// know the question's number and its very bytes, before the resolver has answered. Programs see every answer all the same.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DnsAnswerOptions, dnsAnswer, dnsQuery } from '#test/names/dns-bytes.ts';
import type { ZoneCommand } from '#test/names/dns-server-process.ts';
import { policy } from '#test/names/live-names.ts';
import { addresses, at, createNamesWorld, type NamesWorld } from '#test/names/world.ts';
import { packet, udp } from '#test/protocols/packets.ts';
import { openRawSockets, type RawSockets } from '#test/protocols/raw-sockets.ts';
import { waitFor } from '#test/support/wait.ts';

let world: NamesWorld;
let sockets: RawSockets;
let lastPort = 40_000;
let lastMarker = 0;
let serial = 0;

const loopback = at('127.0.0.1');
const watched = '*.wild.example';
const markers = '*.marker.example';
const name = 'api.wild.example';
/** An address nobody was told before, so that each answer that is learnt counts. */
const fresh = (owner: string) => {
  serial += 1;
  return [{ owner, address: at(`198.51.100.${serial}`), ttl: 600 }];
};

beforeAll(async () => {
  world = await createNamesWorld('held', {
    resolvers: [addresses.resolver.ipv4, addresses.resolver.ipv6, loopback],
    bounds: { graceMs: 600_000, recheckMs: 1000, perNameMost: 64, addressesMost: 256 },
    holdMs: 2000,
  });
  // Every packet of an exchange is the test's own.
  await world.zone({ silent: true });
  await world.apply(policy({ wild: watched, marker: markers }));
  sockets = await openRawSockets(world.host, world.resolverHost);
});

afterAll(async () => {
  sockets?.close();
  await world?.remove();
});

test('a resolver on the host itself is believed like any other', async () => {
  const program = fileURLToPath(new URL('../names/dns-server-process.ts', import.meta.url));
  const stub = world.host.spawn([process.execPath, program]);
  const heard = () => once(stub.stdout ?? stub, 'data');
  await heard();
  const zone = { 'stub.wild.example': fresh('stub.wild.example') };
  stub.stdin?.write(`${JSON.stringify({ zone } satisfies ZoneCommand)}\n`);
  await heard();
  const { questions } = await world.status();
  // Programs give up after a second, and an answer may wait for a busy table for two.
  const ask = () => world.ask({ name: 'stub.wild.example', server: loopback });
  await waitFor(async () => (await ask()).addresses.length === 1, { what: 'the answer' });
  const status = await world.status();
  expect(status.questions).toBeGreaterThan(questions);
  expect(status.names.find((entry) => entry.name === watched)).toMatchObject({ addresses: 1 });
  stub.kill();
});

describe.each(['ipv4', 'ipv6'] as const)('over %s', (family) => {
  const host = addresses.host[family];
  const resolver = addresses.resolver[family];
  let port = 0;

  /** Gone out, when it resolves. */
  async function ask(message: Buffer, timeoutMs = 30_000): Promise<void> {
    const { questions } = await world.status();
    sockets.leave(packet({ source: host, target: resolver }, udp(port, 53, message), { tag: 1 }));
    await waitFor(async () => (await world.status()).questions > questions, {
      what: 'the question is seen',
      timeoutMs,
    });
  }
  const arrive = (message: Buffer, to = port) =>
    sockets.arrive(packet({ source: resolver, target: host }, udp(53, to, message), { tag: 2 }));
  const forged = (options: DnsAnswerOptions = {}, question = name) => dnsAnswer(question, fresh(question), options);
  const known = async (pattern: string) =>
    (await world.status()).names.find((entry) => entry.name === pattern)?.addresses ?? 0;

  /** What is learnt of all that `work` sends: an exchange of another name comes after it on the same way. */
  async function learnt(work: () => Promise<void>): Promise<number> {
    const before = await known(watched);
    const markersBefore = await known(markers);
    lastPort += 1;
    port = lastPort;
    await work();
    lastMarker += 1;
    const marker = [{ owner: 'm.marker.example', address: at(`203.0.113.${lastMarker}`), ttl: 600 }];
    await waitFor(
      async () => {
        lastPort += 1;
        port = lastPort;
        // A flood may have filled the queue, and the marker passes unseen.
        await ask(dnsQuery('m.marker.example', { id: 9 }), 1000).catch(() => undefined);
        const { answers } = await world.status();
        arrive(dnsAnswer('m.marker.example', marker, { id: 9 }));
        const isSeen = async () => (await world.status()).answers > answers;
        await waitFor(isSeen, { what: 'the marker', timeoutMs: 1000 }).catch(() => undefined);
        return (await known(markers)) > markersBefore;
      },
      { what: 'the marker is learnt', timeoutMs: 30_000 },
    );
    return (await known(watched)) - before;
  }
  const rightAnswer = (options: DnsAnswerOptions) => dnsAnswer(name, fresh(name), options);

  test('another number', async () => {
    const { unasked } = await world.status();
    expect(
      await learnt(async () => {
        await ask(dnsQuery(name, { id: 7 }));
        arrive(forged({ id: 8 }));
      }),
    ).toBe(0);
    expect((await world.status()).unasked).toBe(unasked + 1);
  });

  test('another number first, and then the resolver’s answer', async () => {
    expect(
      await learnt(async () => {
        await ask(dnsQuery(name, { id: 7 }));
        arrive(forged({ id: 8 }));
        arrive(rightAnswer({ id: 7 }));
      }),
    ).toBe(1);
  });

  test('every number, while the question waits and after it was answered', async () => {
    const flood = (every: number) => {
      const one = packet({ source: resolver, target: host }, udp(53, port, forged()), { tag: 2 });
      const at = family === 'ipv4' ? 28 : 48;
      // Number and checksum are neighbours in the sum: what the one gains, the other loses.
      const sum = one.bytes.readUInt16BE(at - 2) + one.bytes.readUInt16BE(at);
      for (let id = 0; id < 65_536; id += every) {
        one.bytes.writeUInt16BE(id, at);
        const rest = sum - id;
        one.bytes.writeUInt16BE(rest < 0 ? rest + 0xffff : rest > 0xffff ? rest - 0xffff : rest, at - 2);
        sockets.arrive(one);
      }
    };
    expect(
      await learnt(async () => {
        await ask(dnsQuery(name, { id: 60_000 }));
        flood(family === 'ipv4' ? 1 : 64);
      }),
    ).toBe(0);
    expect(
      await learnt(async () => {
        await ask(dnsQuery(name, { id: 60_000 }));
        arrive(rightAnswer({ id: 60_000 }));
        await waitFor(async () => (await known(watched)) > 0, { what: 'the answer is learnt' });
        flood(64);
      }),
    ).toBe(1);
  });

  test.each([
    ['another question', () => forged({ id: 7 }, 'other.wild.example')],
    ['the question in other capitals', () => forged({ id: 7 }, 'API.wild.example')],
    ['another type of question', () => forged({ id: 7, type: 28 })],
    ['no question', () => forged({ id: 7, questions: 0 })],
    ['a question, not an answer', () => forged({ id: 7, flags: 0x0100 })],
    ['nothing that can be read', () => Buffer.alloc(40, 7)],
  ])('the right number and %s', async (_, make) => {
    expect(
      await learnt(async () => {
        await ask(dnsQuery(name, { id: 7 }));
        arrive(make());
      }),
    ).toBe(0);
  });

  test('a second answer, after the first', async () => {
    expect(
      await learnt(async () => {
        await ask(dnsQuery(name, { id: 7 }));
        arrive(rightAnswer({ id: 7 }));
        arrive(forged({ id: 7 }));
      }),
    ).toBe(1);
  });

  test('an answer to another port of the host, which asks too', async () => {
    expect(
      await learnt(async () => {
        await ask(dnsQuery(name, { id: 7 }));
        const first = port;
        lastPort += 1;
        port = lastPort;
        await ask(dnsQuery('else.wild.example', { id: 8 }));
        arrive(forged({ id: 7 }));
        arrive(forged({ id: 8 }), first);
      }),
    ).toBe(0);
  });
});
