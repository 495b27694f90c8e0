// What the operator API says to strangers besides no: which hosts it answers for (DNS rebinding), how failed calls are limited and told,
// and that a route nobody decided on does not start the server.

import { hostname } from 'node:os';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHostCheck } from '#control-plane/api/answered-hosts.ts';
import { createApi } from '#control-plane/api/app.ts';
import { Connections, connectionLimits } from '#control-plane/api/connections.ts';
import { FailedCalls } from '#control-plane/api/failed-calls.ts';
import { OperatorTokens } from '#control-plane/fleet/operator-tokens.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import { type Millis, millis } from '#model/time.ts';
import { type ApiServer, startApiServer } from './support/api-server.ts';
import { exchange, requestText } from './support/raw-http.ts';

describe('the hosts it answers for', () => {
  const isAnswered = createHostCheck(['Segwall.example.com', '192.0.2.80', 'segwall-control-plane']);
  const here = '198.51.100.7';
  const cases = [
    { host: here, at: here, says: 'answered' },
    { host: `${here}:7080`, at: here, says: 'answered' },
    { host: here, at: `::ffff:${here}`, says: 'answered' },
    { host: '[2001:db8::7]:7080', at: '2001:db8::7', says: 'answered' },
    { host: '[2001:DB8:0::7]', at: '2001:db8::7', says: 'answered' },
    { host: 'segwall.example.com', at: here, says: 'answered' },
    { host: 'SEGWALL.example.com.:443', at: here, says: 'answered' },
    { host: '192.0.2.80', at: here, says: 'answered' },
    { host: hostname(), at: here, says: 'answered' },
    { host: 'localhost:7080', at: '127.0.0.1', says: 'answered' },
    { host: '[::1]:7080', at: '::1', says: 'answered' },
    { host: 'localhost', at: '::1', says: 'answered' },
    { host: 'localhost', at: here, says: 'refused' },
    { host: '127.0.0.1', at: here, says: 'refused' },
    { host: '198.51.100.8', at: here, says: 'refused' },
    { host: 'evil.example', at: here, says: 'refused' },
    { host: 'evil.example', at: '127.0.0.1', says: 'refused' },
    { host: 'segwall.example.com.evil.example', at: here, says: 'refused' },
    { host: 'localhost.evil.example', at: '127.0.0.1', says: 'refused' },
    { host: '127.0.0.1@evil.example', at: '127.0.0.1', says: 'refused' },
    { host: 'evil.example@127.0.0.1', at: '127.0.0.1', says: 'refused' },
    { host: '127.1', at: '127.0.0.1', says: 'refused' },
    { host: '2130706433', at: '127.0.0.1', says: 'refused' },
    { host: '', at: '127.0.0.1', says: 'refused' },
    { host: 'localhost:80:80', at: '127.0.0.1', says: 'refused' },
    { host: 'localhost/', at: '127.0.0.1', says: 'refused' },
  ] as const;
  test.each(cases)('$host at $at: $says', ({ host, at, says }) => {
    expect(isAnswered({ hosts: [host], target: '/', localAddress: at }).kind).toBe(says);
  });

  test.each([
    { name: 'two Host headers', hosts: ['localhost', 'localhost'], target: '/' },
    { name: 'none', hosts: [], target: '/' },
    { name: 'an absolute target of another host', hosts: ['localhost'], target: 'http://evil.example/' },
    { name: 'another host behind an absolute target', hosts: ['evil.example'], target: 'http://localhost/' },
    { name: 'another scheme', hosts: ['localhost'], target: 'ftp://localhost/' },
  ])('$name: refused', ({ hosts, target }) => {
    expect(isAnswered({ hosts, target, localAddress: '127.0.0.1' }).kind).toBe('refused');
  });

  test('an absolute target of a host that it answers for is answered', () => {
    const request = { hosts: ['localhost:1'], target: 'http://LOCALHOST:80/x', localAddress: '127.0.0.1' };
    expect(isAnswered(request).kind).toBe('answered');
  });
});

describe('failed calls', () => {
  let at = millis(1_000_000);
  const told: AuditNote[] = [];
  const create = () => {
    told.length = 0;
    const log = pino({ level: 'silent' });
    const audit = async (note: AuditNote) => void told.push(note);
    return new FailedCalls({ now: () => at, elapsedMs: () => at, log, audit });
  };
  const take = (failures: FailedCalls, address: string, times: number): boolean => {
    let isLimited = false;
    for (let time = 0; time < times; time += 1)
      isLimited = failures.take({ address, reason: 'token-unknown' }).retryAfterSeconds !== undefined;
    return isLimited;
  };

  test('an address may fail 60 times a minute, another one still, and the first again after it', () => {
    const failures = create();
    expect(take(failures, '192.0.2.1', 60)).toBe(false);
    expect(failures.take({ address: '192.0.2.1', reason: 'no-token' })).toEqual({ retryAfterSeconds: 60 });
    expect(take(failures, '192.0.2.2', 1)).toBe(false);
    at = (at + 60_000) as Millis;
    expect(take(failures, '192.0.2.1', 60)).toBe(false);
    failures.stop();
  });

  test('addresses of one IPv6 network of 64 bits are one', () => {
    const failures = create();
    for (let host = 0; host < 60; host += 1) take(failures, `2001:db8::${host.toString(16)}`, 1);
    expect(take(failures, '2001:db8::ffff', 1)).toBe(true);
    expect(take(failures, '2001:db8:0:1::1', 1)).toBe(false);
    failures.stop();
  });

  test('however many fail from wherever, the audit log hears a bounded number of entries', () => {
    const failures = create();
    let limited = 0;
    for (let host = 0; host < 20_000; host += 1)
      if (take(failures, `10.${host >> 16}.${(host >> 8) & 255}.${host & 255}`, 1)) limited += 1;
    expect(limited).toBeGreaterThan(18_000);
    failures.stop();
    expect(told.length).toBeLessThan(40);
    expect(told[0]).toMatchObject({ action: 'api-call-refused', details: { address: '10.0.0.0', times: 1 } });
    expect(told.reduce((sum, { details }) => sum + Number(details?.['times']), 0)).toBe(20_000);
  });
});

describe('a server', () => {
  let server: ApiServer;
  beforeAll(async () => {
    server = await startApiServer({ settings: { apiNames: ['segwall.example.com'] } });
  });
  afterAll(() => server.close());
  const ask = (host: string, headers: readonly string[] = []) =>
    exchange(server, requestText({ target: '/api/v1/status', headers: [`Host: ${host}`, ...headers] }, host));

  test('refuses a name it does not have with what to do, also to who has a token', async () => {
    const [answer] = await ask('evil.example', [`Authorization: Bearer ${server.token}`]);
    expect(answer?.status).toBe(421);
    expect(answer?.body).toContain('"misdirected"');
    expect(answer?.body).toContain('apiNames');
    const named = await ask('segwall.example.com', [`Authorization: Bearer ${server.token}`]);
    expect(named[0]?.status).toBe(200);
  });

  test('limits who fails and never who has a token, and tells of it in log and audit log', async () => {
    const statuses = new Set<number | undefined>();
    for (let time = 0; time < 80; time += 1) {
      const [answer] = await ask('localhost', ['Authorization: Bearer segwall_wrong']);
      statuses.add(answer?.status);
      if (answer?.status === 429) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect(statuses).toEqual(new Set([401, 429]));
    const response = await fetch(`${server.controlPlane.apiUrl}/api/v1/audit`, {
      headers: { authorization: `Bearer ${server.token}` },
    });
    expect(response.status).toBe(200);
    const entries = (await response.json()) as readonly { readonly action: string; readonly details: string }[];
    const refused = entries.filter(({ action }) => action === 'api-call-refused').map(({ details }) => details);
    expect(refused).toContain('{"address":"127.0.0.1","reason":"token-unknown","times":1}');
    expect(refused.length).toBeLessThan(10);
    expect(server.logged()).toContain('an operator API call was refused');
    expect(server.logged()).not.toContain('segwall_wrong');
    expect(server.logged()).not.toContain(server.token);
  });
});

test.each([
  ['without an access', { method: 'GET' as const, config: {} }, /GET \/x does not say who may call it/],
  [
    'that is public and changes something',
    { method: 'POST' as const, config: { access: 'public' as const } },
    /public/,
  ],
])('a route %s does not start the server', async (_name, route, error) => {
  const now = () => millis(Date.now());
  const log = pino({ level: 'silent' });
  const failures = new FailedCalls({ now, log, audit: async () => undefined });
  const operators = new OperatorTokens([], { now, used: () => undefined });
  const connections = new Connections(connectionLimits);
  const frame = { log, version: '0', operators, failures, connections, isAnsweredHost: createHostCheck([]) };
  const starting = createApi(frame, (app) => {
    app.route({ ...route, url: '/x', handler: async () => 'x' });
  });
  await expect(starting).rejects.toThrow(error);
});
