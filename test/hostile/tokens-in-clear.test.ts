// Where the operator's command sends its token: to loopback in clear, elsewhere over TLS to the CA that the token names, and to no server
// that it was not told of. And what is left of a token that is printed by mistake: nothing.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { format, inspect } from 'node:util';
import pino from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openApiClient } from '#cli/server/api-client.ts';
import { resolveConnection } from '#cli/server/connection.ts';
import { Secret } from '#model/secret.ts';

const environment = { SEGWALL_TOKEN: 'segwall_secret.00' };

describe('plain http', () => {
  test.each([
    ...['http://127.0.0.1:7080', 'http://127.1:7080', 'http://127.9.9.9', 'http://localhost:7080', 'http://[::1]:7080'],
    ...['https://198.51.100.7:7080', 'https://segwall.example.com', 'http://2130706433'],
  ])('%s may have the token', async (server) => {
    await expect(resolveConnection({ server }, environment)).resolves.toHaveProperty('server');
  });

  test.each([
    ...[
      'http://198.51.100.7:7080',
      'http://segwall.example.com',
      'http://localhost.example.com',
      'http://0.0.0.0:7080',
    ],
    ...[
      'http://[2001:db8::7]',
      'http://127.0.0.1.example.com',
      'http://127.0.0.1@example.com',
      'http://[::ffff:7f00:1]',
    ],
    ...['HTTP://EXAMPLE.COM', 'http://10.0.0.1'],
  ])('%s may not, and is told what to do', async (server) => {
    await expect(resolveConnection({ server }, environment)).rejects.toMatchObject({
      code: 'token-in-clear',
      exit: 2,
      message: expect.stringMatching(/use https:\/\//),
    });
  });

  test('a server named by a variable or a file is judged alike', async () => {
    const named = { ...environment, SEGWALL_SERVER: 'http://198.51.100.7' };
    await expect(resolveConnection({}, named)).rejects.toMatchObject({ code: 'token-in-clear' });
  });
});

test.each([301, 302, 303, 307, 308])('a redirect with %i is not followed', async (status) => {
  const reached: string[] = [];
  const elsewhere = await listen((answer) => {
    reached.push('elsewhere');
    answer(200, {});
  });
  const server = await listen((answer) => answer(status, { location: `${elsewhere}/api/v1/status` }));
  const client = await openApiClient({ server }, environment);
  await expect(client.call('GET', '/status')).rejects.toMatchObject({ code: 'redirected', exit: 3 });
  expect(reached).toEqual([]);
});

test('a large body is not sent before the server has seen who sends it', async () => {
  let received = 0;
  const http: Server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => (received += chunk.length));
    request.on('end', () => response.end('{}'));
  });
  http.on('checkContinue', (_request, response) => {
    response.writeHead(401, { connection: 'close' }).end('{"error":{"code":"unauthorised","message":"no"}}');
  });
  const client = await openApiClient({ server: await listening(http) }, environment);
  const body = { files: [{ path: 'a', text: 'x'.repeat(10_000_000) }] };
  await expect(client.call('POST', '/policy/apply', body)).rejects.toMatchObject({ code: 'unauthorised' });
  expect(received).toBe(0);
});

async function listen(
  handle: (answer: (status: number, headers: Readonly<Record<string, string>>) => void) => void,
): Promise<string> {
  return listening(
    createServer((_request, response) => {
      handle((status, headers) => void response.writeHead(status, headers).end('{}'));
    }),
  );
}

async function listening(http: Server): Promise<string> {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void http.close(() => resolve())));
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

describe('a Secret', () => {
  const text = 'segwall_do-not-print';
  const secret = new Secret(text);
  const error = Object.assign(new Error(`refused ${secret}`), { request: { token: secret } });
  let logged = '';
  const log = pino({ level: 'trace' }, { write: (line: string) => (logged += line) });
  log.info({ secret, nested: { secret } }, 'with %s and %o', secret, { secret });
  log.error({ err: error }, 'thrown');

  test.each([
    ['text', `${secret}`],
    ['joined text', ['token', secret].join(' ')],
    ['JSON', JSON.stringify({ secret, list: [secret] })],
    ['inspection', inspect({ secret }, { depth: null, showHidden: true })],
    ['a format', format('%s %o %j %O', secret, secret, secret, { secret })],
    ['an error', inspect(error, { depth: null })],
    ['what is logged', logged],
    ['a spread', JSON.stringify({ ...secret })],
    ['a clone', inspect(structuredClone({ ...secret }))],
  ])('is not in %s', (_where, printed) => {
    expect(printed).not.toContain('do-not-print');
  });

  test('says that something was there, and gives it to who asks', () => {
    expect(`${secret}`).toBe('[redacted]');
    expect(JSON.stringify({ secret })).toBe('{"secret":"[redacted]"}');
    expect(logged).toContain('[redacted]');
    expect(secret.reveal()).toBe(text);
  });
});
