// A connection that ends before its answer: the server ends none on which a request waits, and the command asks again what may be asked twice.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openApiClient } from '#cli/server/api-client.ts';
import { Connections, connectionLimits } from '#control-plane/api/connections.ts';
import { createListener } from '#control-plane/api/listener.ts';
import { openPki } from '#control-plane/pki/pki.ts';
import { millis } from '#model/time.ts';
import { scratchDirectory } from './scratch-directory.ts';

const portOf = (server: { address(): string | AddressInfo | null }) => (server.address() as AddressInfo).port;

test('a request that came while the thread was at other work is answered, however long its connection was idle', async () => {
  const server = createListener({
    handler: (_request, response) => response.end('answer'),
    connections: new Connections(connectionLimits),
    tls: undefined,
    keepAliveMs: 1000,
  });
  server.keepAliveTimeoutBuffer = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const client = connect(portOf(server), '127.0.0.1');
  const ask = () => client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  ask();
  const [first] = await once(client, 'data');
  expect(String(first)).toContain('answer');
  // In the kernel's hands before the server has another turn, in which its timers are first.
  ask();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1100);
  const [second] = await once(client, 'data');
  expect(String(second)).toContain('answer');
  await once(client, 'close');
});

describe('where the thread was at other work for longer than a request may take', () => {
  const late = async (first: string) => {
    const server = createListener({
      handler: (request, response) => void request.resume().on('end', () => response.end('answer')),
      connections: new Connections(connectionLimits),
      tls: undefined,
      headersMs: 300,
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const client = connect(portOf(server), '127.0.0.1');
    await Promise.all([once(server, 'connection'), once(client, 'connect')]);
    client.write(first);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1400);
    return client;
  };
  const answerOf = async (client: Socket) => String((await once(client, 'data'))[0]);

  test('one that was sent in time is answered, and the next on its connection', async () => {
    const client = await late('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    expect(await answerOf(client)).toMatch(/^HTTP\/1.1 200 /);
    client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
    expect(await answerOf(client)).toMatch(/^HTTP\/1.1 200 /);
    client.destroy();
  });

  test('one whose body comes after it is answered', async () => {
    const client = await late('POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nab');
    client.write('cd');
    expect(await answerOf(client)).toMatch(/^HTTP\/1.1 200 /);
    client.destroy();
  });

  test.each([
    ['the first', ''],
    ['the one after another', 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'],
  ])('one whose head did not come is refused: %s', async (_which, before) => {
    const client = await late(before === '' ? 'GET / HTTP/1.1\r\n' : before);
    if (before !== '') {
      expect(await answerOf(client)).toMatch(/^HTTP\/1.1 200 /);
      client.write('GET / HTTP/1.1\r\n');
    }
    expect(await answerOf(client)).toMatch(/^HTTP\/1.1 408 /);
    await once(client, 'close');
  });
});

describe('a TLS handshake that waits while the thread is at other work for longer than it may take', () => {
  const late = async (firstBytes: (client: Socket) => void) => {
    const directory = await scratchDirectory();
    const pki = await openPki({ directory, serverNames: ['127.0.0.1'], now: () => millis(Date.now()) });
    const server = createListener({
      handler: (_request, response) => response.end('answer'),
      connections: new Connections(connectionLimits),
      tls: pki,
      headersMs: 400,
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const client = connect(portOf(server), '127.0.0.1');
    await Promise.all([once(server, 'connection'), once(client, 'connect')]);
    firstBytes(client);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    return client;
  };

  test('is served where its hello was sent in time', async () => {
    let secured: Promise<unknown> | undefined;
    await late((socket) => {
      const client = connectTls({ socket, rejectUnauthorized: false });
      onTestFinished(() => void client.destroy());
      secured = once(client, 'secureConnect');
    });
    await secured;
  });

  test.each([
    ['nothing', ''],
    ['the head of a hello', '160301020001'],
  ])('ends where %s came', async (_which, words) => {
    const client = await late((socket) => void socket.write(Buffer.from(words, 'hex')));
    client.on('error', () => undefined).resume();
    await once(client, 'close');
  });
});

async function resetting(times: number) {
  const asked: string[] = [];
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (bytes) => {
      asked.push(String(bytes).split('\r\n', 1)[0] ?? '');
      if (asked.length <= times) socket.resetAndDestroy();
      else socket.end('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const environment = { SEGWALL_SERVER: `http://127.0.0.1:${portOf(server)}`, SEGWALL_TOKEN: 'a-token' };
  return { asked, client: await openApiClient({}, environment) };
}

test.each([
  ['GET', 'call', 3],
  ['PUT', 'call', 3],
  ['PATCH', 'call', 3],
  ['DELETE', 'ensure', 3],
  ['POST', 'ensure', 3],
  // Done twice, they are not the same: a second policy, a second token.
  ['POST', 'call', 1],
  ['DELETE', 'call', 1],
] as const)('%s by %s is asked %i times where connections are reset', async (method, how, times) => {
  const { asked, client } = await resetting(2);
  const answer = client[how](method, '/status');
  if (times === 3) expect(await answer).toEqual({});
  else await expect(answer).rejects.toMatchObject({ code: 'not-http' });
  expect(asked).toEqual(Array.from({ length: times }, () => `${method} /api/v1/status HTTP/1.1`));
});
