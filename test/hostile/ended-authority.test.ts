// An operator's token that ends while what was asked for with it is under way: its body still comes, it is judged, or it waits for its turn.
// Every route that is not read from is here, and none changes anything any more.

import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ChangeQueue } from '#control-plane/fleet/change-queue.ts';
import { FleetStanding } from '#control-plane/fleet/fleet-standing.ts';
import { expectedRoutes } from './support/api-routes.ts';
import { type ApiServer, startApiServer } from './support/api-server.ts';
import { enrolFakeAgent } from './support/fake-agent.ts';
import { type Operator, operatorOf } from './support/operator.ts';
import { ended, openSocket, splitAnswers } from './support/raw-http.ts';

let server: ApiServer;
let admin: Operator;
beforeAll(async () => {
  server = await startApiServer();
  admin = operatorOf(server);
  const token = await admin.joinToken({ app: 'shop' });
  const { agents: controlPlane, caFingerprint } = server.controlPlane;
  const agent = await enrolFakeAgent({
    controlPlane,
    caFingerprint,
    token,
    name: 'web-1',
    directory: server.directory,
  });
  agent.close();
  await admin.call('PUT', '/api/v1/workloads/web-1/quarantine', { allow: [] });
});
afterAll(() => server.close());

async function operator(name: string): Promise<string> {
  const { body, status } = await admin.call('POST', '/api/v1/operators', { name });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return (body as { readonly token: string }).token;
}

const endings: Readonly<Record<string, (name: string) => ReturnType<Operator['call']>>> = {
  revoked: (name) => admin.call('DELETE', `/api/v1/operators/${name}`),
  rotated: (name) => admin.call('POST', `/api/v1/operators/${name}/rotate`, { overlapSeconds: 0 }),
};

/** What the token's name stands beside in the audit log. */
async function doneBy(name: string): Promise<readonly string[]> {
  const { body } = await admin.call('GET', '/api/v1/audit?limit=1000');
  const entries = body as readonly { readonly actor: string; readonly action: string }[];
  return entries.filter(({ actor }) => actor === `operator/${name}`).map(({ action }) => action);
}

const files = [{ path: 'none.yaml', text: '' }];
const checkpoint = async () => (await admin.call('POST', '/api/v1/audit/checkpoints')).body;

/** A body with which each route comes as far as the change that it makes; `reads` changes nothing. */
const routes: Readonly<Record<string, { readonly path?: string; readonly body?: () => unknown } | 'reads'>> = {
  'POST /api/v1/agents/:name/revoke': {},
  'DELETE /api/v1/agents/:name': {},
  // What it removes must be offline for a minute: test/server/late-turns.test.ts has its turns.
  'POST /api/v1/agents/remove-offline': 'reads',
  'PUT /api/v1/agents/:name/addresses': { body: () => ({ change: 'clear' }) },
  'PATCH /api/v1/workloads/:name/labels': { body: () => ({ set: { role: 'web' }, remove: [] }) },
  'PUT /api/v1/workloads/:name/quarantine': { body: () => ({ allow: ['10.0.0.1'] }) },
  'DELETE /api/v1/workloads/:name/quarantine': {},
  'POST /api/v1/policy/apply': { body: () => ({ files, empty: 'allow' }) },
  'DELETE /api/v1/policy/drafts/:policy': { path: '/api/v1/policy/drafts/1' },
  'POST /api/v1/policy/plan': 'reads',
  'POST /api/v1/policy/rollback': { body: () => ({ to: 1 }) },
  'POST /api/v1/suggestions': 'reads',
  'POST /api/v1/labels/check': 'reads',
  'POST /api/v1/resume': { body: () => ({}) },
  'PUT /api/v1/control-planes': { body: () => ({ addresses: 'next.example:9443' }) },
  'DELETE /api/v1/control-planes': {},
  'POST /api/v1/ca/rotate': {},
  'POST /api/v1/ca/retire': { body: () => ({}) },
  'POST /api/v1/tokens': { body: () => ({ labels: {} }) },
  'DELETE /api/v1/tokens/:id': {},
  'POST /api/v1/operators': { body: () => ({ name: 'friend' }) },
  'POST /api/v1/operators/:name/rotate': { path: '/api/v1/operators/admin/rotate', body: () => ({}) },
  'DELETE /api/v1/operators/:name': { path: '/api/v1/operators/admin' },
  // Signs the log as it is, whoever asks.
  'POST /api/v1/audit/checkpoints': 'reads',
  'POST /api/v1/audit/prune': { body: async () => ({ checkpoint: await checkpoint() }) },
};
const changing = Object.entries(routes).flatMap(([route, given]) => (given === 'reads' ? [] : [{ route, ...given }]));
const pathOf = (route: string) => (route.split(' ')[1] ?? '').replaceAll(/:[a-z]+/g, 'web-1');

test('the table has every route that is not read from', () => {
  const asked = expectedRoutes.map(([route]) => route).filter((route) => !/^(GET|HEAD) /.test(route));
  expect(Object.keys(routes).sort()).toEqual(asked.sort());
});

/** Headers were read, the token is good, and the body is wanted; it comes but for its last byte. */
async function heldCall(route: string, token: string) {
  const [method] = route.split(' ');
  const body = '{"name":"friend","labels":{},"files":[],"empty":"allow"}';
  const socket: Socket = openSocket(server);
  let heard = '';
  const invited = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString('latin1');
      if (heard.startsWith('HTTP/1.1 100')) resolve();
    });
    socket.once('close', () => resolve());
  });
  socket.write(
    [
      `${method} ${pathOf(route)} HTTP/1.1`,
      `Host: 127.0.0.1:${server.port}`,
      `Authorization: Bearer ${token}`,
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      'Expect: 100-continue',
      'Connection: close',
      '\r\n',
    ].join('\r\n'),
  );
  await invited;
  socket.write(body.slice(0, -1));
  return async () => {
    socket.write(body.slice(-1));
    await ended(socket);
    const last = splitAnswers(heard, false).at(-1);
    return { route, status: last?.status, body: last?.body.replaceAll(/\d{4}-\S+Z/g, 'TIME').slice(0, 90) };
  };
}

describe.each(Object.keys(endings))('a token that is %s', (ending) => {
  test('while bodies of its requests come: whichever route it was, nothing is done and the connection is closed', async () => {
    const name = `body-${ending}`;
    const token = await operator(name);
    const calls = [];
    for (const route of Object.keys(routes)) calls.push(await heldCall(route, token));
    expect((await endings[ending]?.(name))?.status).toBe(200);
    const answers = await Promise.all(calls.map((finish) => finish()));
    const refused = `{"error":{"code":"unauthorised","message":"this token of operator ${name} was revoked`;
    expect(answers).toEqual(Object.keys(routes).map((route) => ({ route, status: 401, body: refused.slice(0, 90) })));
    expect(await doneBy(name)).toEqual([]);
  });

  test('while an answer is waited for: it is not told, and the connection is closed', async () => {
    const name = `wait-${ending}`;
    const token = await operator(name);
    const gate = Promise.withResolvers<void>();
    const came = Promise.withResolvers<void>();
    const { waitForProtection } = FleetStanding.prototype;
    const spy = vi.spyOn(FleetStanding.prototype, 'waitForProtection').mockImplementation(async function (
      this: FleetStanding,
      ...asked
    ) {
      came.resolve();
      await gate.promise;
      return waitForProtection.apply(this, asked);
    });
    onTestFinished(() => spy.mockRestore());
    const headers = { authorization: `Bearer ${token}` };
    const answer = fetch(`${server.controlPlane.apiUrl}/api/v1/protection`, { headers });
    await came.promise;
    await endings[ending]?.(name);
    gate.resolve();
    const { status, headers: told } = await answer;
    expect([status, told.get('connection'), await (await answer).text()]).toEqual([
      401,
      'close',
      expect.stringMatching(new RegExp(`this token of operator ${name} was revoked`)),
    ]);
  });

  test('while its changes wait for their turn: none of them is done', async () => {
    const name = `turn-${ending}`;
    const token = await operator(name);
    const before = (await admin.call('GET', '/api/v1/status')).body as { readonly policy: unknown };
    const gate = Promise.withResolvers<void>();
    let waiting = 0;
    const all = Promise.withResolvers<void>();
    const { run } = ChangeQueue.prototype;
    const spy = vi.spyOn(ChangeQueue.prototype, 'run').mockImplementation(async function (
      this: ChangeQueue,
      change,
      by,
    ) {
      if (by !== 'hosts' && (by?.who === name || by?.who === `operator/${name}`)) {
        waiting += 1;
        // Of apply and rollback one waits here: changes of policy have turns of their own before.
        if (waiting === changing.length - 1) all.resolve();
        await gate.promise;
      }
      return run.call(this, change, by) as never;
    });
    onTestFinished(() => spy.mockRestore());
    const { call } = operatorOf({ controlPlane: server.controlPlane, token });
    const answers = changing.map(async ({ route, path = pathOf(route), body }) => {
      const answer = await call(route.split(' ')[0] ?? '', path, await body?.());
      return `${route}: ${answer.status} ${(answer.body as { readonly error?: { readonly reason?: string } }).error?.reason}`;
    });
    // Whoever is answered before its turn is no change, or is not where the table says.
    expect(await Promise.race([all.promise.then(() => 'all wait'), ...answers])).toBe('all wait');
    await endings[ending]?.(name);
    gate.resolve();
    expect(await Promise.all(answers)).toEqual(changing.map(({ route }) => `${route}: 401 token-revoked`));
    expect(await doneBy(name)).toEqual([]);
    const after = (await admin.call('GET', '/api/v1/status')).body as { readonly policy: unknown };
    expect(after.policy).toEqual(before.policy);
  });
});
