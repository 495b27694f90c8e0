// What strangers, and operators who send much, cost the operator API in memory and places. The server is a process of its own; what it
// holds is what it says under /metrics, compared with what it held before: bytes, not time.

import { createConnection, type Socket } from 'node:net';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { connectionLimits } from '#control-plane/api/connections.ts';
import { scratchDirectory } from '../server/scratch-directory.ts';
import { type SpawnedControlPlane, spawnControlPlane } from '../server/spawned-control-plane.ts';
import { ended, exchange, openSocket, requestText } from './support/raw-http.ts';

const mebibyte = 1024 * 1024;

let controlPlane: SpawnedControlPlane;
let port: number;
beforeEach(async () => {
  controlPlane = await spawnControlPlane({ directory: await scratchDirectory() });
  port = Number(new URL(controlPlane.firstStart.apiUrl).port);
});

const asOperator = () => `Authorization: Bearer ${controlPlane.firstStart.adminToken}`;
const ask = (target: string, headers: readonly string[] = []) =>
  exchange({ port }, requestText({ target, headers }, `127.0.0.1:${port}`));

async function residentBytes(): Promise<number> {
  const [answer] = await ask('/metrics');
  const [, bytes] = /^segwall_process_resident_memory_bytes (\d+)$/m.exec(answer?.body ?? '') ?? [];
  if (bytes === undefined) throw new Error('the server does not say what it holds');
  return Number(bytes);
}

function open(): Socket {
  const socket = openSocket({ port });
  onTestFinished(() => void socket.destroy());
  return socket;
}

const post = (length: number, headers: readonly string[] = []) =>
  requestText(
    {
      method: 'POST',
      target: '/api/v1/policy/apply',
      headers: ['Content-Type: application/json', `Content-Length: ${length}`, 'Connection: keep-alive', ...headers],
    },
    `127.0.0.1:${port}`,
  );

/** Sends until all is sent or the other side has closed. */
async function pour(socket: Socket, bytes: number): Promise<void> {
  const chunk = Buffer.alloc(mebibyte, 0x20);
  for (let sent = 0; sent < bytes && !socket.destroyed; sent += chunk.length) {
    if (socket.write(chunk)) continue;
    await new Promise<void>((resolve) => {
      socket.once('drain', resolve);
      socket.once('close', () => resolve());
    });
  }
}

/** The status of the next answer; undefined where the connection ended without one. */
async function nextStatus(socket: Socket): Promise<number | undefined> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(text) ?? [];
      if (status !== undefined) resolve(Number(status));
    });
    socket.once('close', () => resolve(undefined));
  });
}

describe('strangers', () => {
  test('whose bodies of 63 MiB come all at once have none of them kept', async () => {
    const before = await residentBytes();
    const sockets = Array.from({ length: 12 }, open);
    await Promise.all(
      sockets.map(async (socket) => {
        socket.write(post(63 * mebibyte));
        await pour(socket, 63 * mebibyte);
        await ended(socket);
      }),
    );
    expect((await residentBytes()) - before).toBeLessThan(100 * mebibyte);
  });

  test('who open connections and say nothing, or never end their headers, get so many places and no more', async () => {
    const before = await residentBytes();
    const count = 6 * connectionLimits.strangers.places.ofSource;
    const sockets = Array.from({ length: count }, open);
    let closed = 0;
    const thrownOut = new Promise<void>((resolve) => {
      for (const socket of sockets)
        socket.once('close', () => {
          closed += 1;
          if (closed === count - connectionLimits.strangers.places.ofSource) resolve();
        });
    });
    for (const [index, socket] of sockets.entries()) {
      if (index % 2 === 0) socket.write(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(14_000)}`);
    }
    await thrownOut;
    // Whoever has a token is heard beside them, again and again.
    for (let time = 0; time < 20; time += 1) expect((await ask('/api/v1/status', [asOperator()]))[0]?.status).toBe(200);
    expect((await residentBytes()) - before).toBeLessThan(100 * mebibyte);
  });

  test('who never end their headers are told that they took too long', async () => {
    const socket = open();
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n');
    expect(await nextStatus(socket)).toBe(408);
    await ended(socket);
  });

  test('who ask over and over and read no answer fill no buffer without end', async () => {
    const before = await residentBytes();
    const request = requestText({ target: '/metrics', headers: ['Connection: keep-alive'] }, `127.0.0.1:${port}`);
    for (let socket = 0; socket < 20; socket += 1) {
      const deaf = createConnection({ port, host: '127.0.0.1' });
      onTestFinished(() => void deaf.destroy());
      deaf.on('error', () => undefined);
      deaf.pause();
      deaf.write(request.repeat(2000));
    }
    // Answered after the server has had its turns with all of them.
    for (let time = 0; time < 50; time += 1) await ask('/healthz');
    expect((await residentBytes()) - before).toBeLessThan(200 * mebibyte);
  });
});

describe('operators', () => {
  test('share a budget of large bodies; what is over it is told when to come again, and small ones pass', async () => {
    const large = 64 * mebibyte;
    const holding = [open(), open()];
    const answers = holding.map(nextStatus);
    for (const socket of holding) socket.write(post(large, [asOperator(), 'Expect: 100-continue']));
    expect(await Promise.all(answers)).toEqual([100, 100]);

    const [busy] = await exchange({ port }, post(large, [asOperator()]));
    expect(busy?.status).toBe(503);
    expect(busy?.body).toContain('"busy"');
    expect(Number(busy?.headers.get('retry-after'))).toBeGreaterThan(0);
    // In chunks a body tells no length: it is taken to be the largest.
    const chunked = ['Transfer-Encoding: chunked', 'Expect: 100-continue', asOperator()];
    const request = { method: 'POST', target: '/api/v1/policy/apply', headers: chunked };
    const [unknown] = await exchange({ port }, requestText(request, `127.0.0.1:${port}`));
    expect(unknown?.status).toBe(503);
    const small = await controlPlane.segwall(['tokens', 'create', '--labels', 'app=shop']);
    expect(small.exitCode).toBe(0);

    for (const socket of holding) socket.destroy();
    // The places are free once the server has seen the connections end.
    for (;;) {
      const next = open();
      const status = nextStatus(next);
      next.write(post(large, [asOperator(), 'Expect: 100-continue']));
      if ((await status) === 100) break;
    }
  });

  test('who send more than a request may hold are refused from the headers', async () => {
    const [answer] = await exchange({ port }, post(64 * mebibyte + 1, [asOperator()]));
    expect(answer?.status).toBe(413);
  });
});
