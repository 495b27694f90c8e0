// A server that speaks TLS where http:// was said, or none where https:// was: told in our own words, with what to say instead.

import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { execa } from 'execa';
import { afterEach, expect, test } from 'vitest';
import { programPath } from '#test/support/programs.ts';

const program = programPath('segwall');
const token = `x.${'ab'.repeat(32)}`;
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** The TLS library's words hold the name of its source files. */
const foreignWords = /openssl|SSL routines|\.c:\d+/i;

const rows: readonly (readonly [string, string, () => Server, string, RegExp])[] = [
  ['https against plain HTTP', 'https', () => createHttpServer(), 'not-a-control-plane', /plain text.*http:\/\//],
  [
    'https against a port that hangs up',
    'https',
    () => createTcpServer((socket) => socket.destroy()),
    'not-a-control-plane',
    /closed the connection/,
  ],
  [
    'http against TLS, which answers with an alert',
    'http',
    () => createTcpServer((socket) => socket.end(Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46]))),
    'not-http',
    /https:\/\/127\.0\.0\.1:\d+/,
  ],
  [
    'http against a port that hangs up',
    'http',
    () => createTcpServer((socket) => socket.once('data', () => socket.destroy())),
    'not-http',
    /https:\/\/127\.0\.0\.1:\d+/,
  ],
];

test.each(rows)('%s', async (_, scheme, make, code, message) => {
  const port = await listen(make());
  const env = { SEGWALL_SERVER: `${scheme}://127.0.0.1:${port}`, SEGWALL_TOKEN: token };
  const result = await execa(process.execPath, [program, 'agents'], { env, reject: false });
  expect(result.exitCode).toBe(3);
  expect(result.stderr).toContain(`error: ${code}: `);
  expect(result.stderr).toMatch(message);
  expect(result.stderr).not.toMatch(foreignWords);
});
