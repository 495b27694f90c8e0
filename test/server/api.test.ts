// The operator API over real HTTP on loopback: who may call, what is refused and how, and that refusals change nothing.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ControlPlane, startControlPlane } from '#control-plane/server.ts';
import { readSettings } from '#control-plane/settings/settings.ts';
import { assertOk } from '#model/result.ts';
import { apiBoundsPage, boundedFields, type OpenApi } from './api-bounds-page.ts';
import { shopPolicy } from './fleet-under-test.ts';

let directory: string;
let controlPlane: ControlPlane;
let token: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'segwall-api-'));
  const settings = assertOk(readSettings({ data: directory, agents: '127.0.0.1:0', api: '127.0.0.1:0' }, {}));
  const died = (error: Error) => {
    throw error;
  };
  controlPlane = await startControlPlane({ settings, log: pino({ level: 'silent' }), version: '0.0.0', died });
  token = (JSON.parse(await readFile(join(directory, 'first-start.json'), 'utf8')) as { adminToken: string })
    .adminToken;
});

afterAll(async () => {
  await controlPlane.stop();
  await rm(directory, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of it is what it checks.
  readonly body: any;
}

async function call(
  method: string,
  path: string,
  given: { readonly body?: unknown; readonly headers?: Record<string, string> } = {},
): Promise<Answer> {
  const headers = given.headers ?? { authorization: `Bearer ${token}` };
  const init =
    given.body === undefined
      ? { method, headers }
      : { method, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(given.body) };
  const response = await fetch(new URL(path, controlPlane.apiUrl), init);
  const text = await response.text();
  return {
    status: response.status,
    body: response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text,
  };
}

const policyFile = (text: string) => ({ files: [{ path: 'shop.yaml', text }] });

describe('who may call', () => {
  const cases = [
    { name: 'nobody without a token', headers: {}, status: 401 },
    { name: 'nobody with a wrong one', headers: { authorization: 'Bearer segwall_wrong' }, status: 401 },
    { name: 'nobody with the token in another scheme', headers: { authorization: 'Basic x' }, status: 401 },
  ];
  test.each(cases)('$name', async ({ headers, status }) => {
    for (const path of ['/api/v1/status', '/api/v1/audit', '/api/v1/nothing-here']) {
      expect(await call('GET', path, { headers })).toMatchObject({ status, body: { error: { code: 'unauthorised' } } });
    }
  });

  test('health, readiness and metrics are open, and tell no secrets and no names', async () => {
    await call('POST', '/api/v1/tokens', { body: { labels: { app: 'secret-app' } } });
    expect(await call('GET', '/healthz', { headers: {} })).toEqual({ status: 200, body: { status: 'ok' } });
    expect(await call('GET', '/readyz', { headers: {} })).toEqual({ status: 200, body: { status: 'ok' } });
    const { body } = await call('GET', '/metrics', { headers: {} });
    expect(body).toMatch(/^segwall_revision \d+$/m);
    expect(body).toMatch(/^segwall_agents_connected 0$/m);
    expect(body).toMatch(/^segwall_api_request_seconds_count\{route="\/healthz",status="200"\} 1$/m);
    expect(body).not.toMatch(/secret-app|segwall_[A-Za-z0-9_-]{20,}\.|swj_/);
  });
});

describe('refusals', () => {
  const cases = [
    { name: 'an unknown path', method: 'GET', path: '/api/v1/nothing', status: 404, code: 'not-found' },
    {
      name: 'a host that is not enrolled',
      method: 'PATCH',
      path: '/api/v1/workloads/nobody/labels',
      body: { set: { a: 'b' } },
      status: 404,
      code: 'not-found',
    },
    {
      name: 'a label value that is none',
      method: 'PATCH',
      path: '/api/v1/workloads/x/labels',
      body: { set: { a: 'b c' } },
      status: 400,
      code: 'bad-request',
    },
    {
      name: 'a fact set by hand',
      method: 'PATCH',
      path: '/api/v1/workloads/x/labels',
      body: { set: { 'fact/os': 'x' } },
      status: 422,
      code: 'label-invalid',
    },
    {
      name: 'a fact in a token',
      method: 'POST',
      path: '/api/v1/tokens',
      body: { labels: { 'fact/os': 'x' } },
      status: 422,
      code: 'label-invalid',
    },
    {
      name: 'a word of the selector language as a label',
      method: 'PATCH',
      path: '/api/v1/workloads/x/labels',
      body: { set: { has: 'x' } },
      status: 422,
      code: 'label-invalid',
    },
    {
      name: 'a token for no host',
      method: 'POST',
      path: '/api/v1/tokens',
      body: { uses: 0 },
      status: 400,
      code: 'bad-request',
    },
    {
      name: 'a body that is no object',
      method: 'POST',
      path: '/api/v1/policy/apply',
      body: [],
      status: 400,
      code: 'bad-request',
    },
    {
      name: 'an apply of nothing',
      method: 'POST',
      path: '/api/v1/policy/apply',
      body: {},
      status: 400,
      code: 'bad-request',
    },
    {
      name: 'a draft that is not there',
      method: 'POST',
      path: '/api/v1/policy/apply',
      body: { draft: 77 },
      status: 404,
      code: 'not-found',
    },
    {
      name: 'a rollback to the future',
      method: 'POST',
      path: '/api/v1/policy/rollback',
      body: { to: 999 },
      status: 404,
      code: 'not-found',
    },
    {
      name: 'a revision that is not there yet',
      method: 'GET',
      path: '/api/v1/revisions/999',
      status: 404,
      code: 'not-found',
    },
    {
      name: 'a suggestion for no segment',
      method: 'POST',
      path: '/api/v1/suggestions',
      body: { segment: 'none' },
      status: 404,
      code: 'not-found',
    },
    {
      name: 'a canary where nobody is connected',
      method: 'POST',
      path: '/api/v1/policy/apply',
      body: { ...policyFile(shopPolicy()), canary: {} },
      status: 409,
      code: 'canary-empty',
    },
    {
      name: 'a canary of a selector that is none',
      method: 'POST',
      path: '/api/v1/policy/apply',
      body: { ...policyFile(shopPolicy()), canary: { selector: 'role =' } },
      status: 400,
      code: 'bad-request',
    },
    {
      name: 'a draft as a canary',
      method: 'POST',
      path: '/api/v1/policy/apply',
      body: { ...policyFile(shopPolicy()), mode: 'save-draft', canary: {} },
      status: 400,
      code: 'bad-request',
    },
    {
      name: 'a verdict that is none',
      method: 'GET',
      path: '/api/v1/flows?verdict=maybe',
      status: 400,
      code: 'bad-request',
    },
  ];
  test.each(cases)('$name', async ({ method, path, body, status, code }) => {
    const before = (await call('GET', '/api/v1/audit?limit=10000')).body;
    const answer = await call(method, path, body === undefined ? {} : { body });
    expect(answer).toMatchObject({ status, body: { error: { code, message: expect.any(String) } } });
    expect((await call('GET', '/api/v1/audit?limit=10000')).body).toEqual(before);
  });

  const unknown = [
    ['PUT', '/api/v1/workloads/nobody/quarantine', 'there is no workload "nobody"'],
    ['DELETE', '/api/v1/workloads/nobody/quarantine', 'there is no workload "nobody"'],
    ['POST', '/api/v1/agents/nobody/revoke', 'there is no host "nobody"'],
    ['DELETE', '/api/v1/agents/nobody', 'there is no host "nobody"'],
  ] as const;
  test.each(unknown)('%s %s says "%s"', async (method, path, message) => {
    const body = method === 'PUT' ? { body: {} } : {};
    expect((await call(method, path, body)).body.error).toMatchObject({ code: 'not-found', message });
  });

  test('a body that is not JSON, and one beyond the limit', async () => {
    const send = (body: string) =>
      fetch(new URL('/api/v1/policy/apply', controlPlane.apiUrl), {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body,
      });
    expect((await send('{')).status).toBe(400);
    expect((await send(`"${'x'.repeat(65 * 1024 * 1024)}"`)).status).toBe(413);
  });
});

test('the status counts what is quarantined and who shares an identity', async () => {
  const { body } = await call('GET', '/api/v1/status');
  expect(body).toMatchObject({ agents: { shared: { count: 0, names: [] } }, quarantined: { count: 0, names: [] } });
});

describe('policy', () => {
  test('one with errors is refused with where they stand, and nothing changes', async () => {
    // But for what is free on the disk, which others use as well.
    const standing = async () => {
      const { disk: _, ...body } = (await call('GET', '/api/v1/status')).body;
      return body;
    };
    const before = await standing();
    const answer = await call('POST', '/api/v1/policy/apply', { body: policyFile('kind: Segmnt\n') });
    expect(answer.status).toBe(422);
    expect(answer.body.error.code).toBe('policy-invalid');
    expect(answer.body.error.problems).toContainEqual(
      expect.objectContaining({ severity: 'error', file: 'shop.yaml', line: 1, code: 'unknown-kind' }),
    );
    expect(await standing()).toEqual(before);
  });

  test('one whose tests do not hold is refused, unless they are skipped', async () => {
    const failing = `${shopPolicy()}---
apiVersion: segwall/v1
kind: PolicyTest
metadata: { name: holds }
spec:
  tests:
    - { from: { ip: 10.0.0.1 }, to: { ip: 10.0.0.2 }, service: tcp/80, expect: deny }
`;
    const refused = await call('POST', '/api/v1/policy/apply', { body: policyFile(failing) });
    expect(refused).toMatchObject({
      status: 422,
      body: {
        error: { code: 'policy-tests-failed', failures: [{ policyTest: 'holds', file: 'shop.yaml', line: 15 }] },
      },
    });
    const planned = await call('POST', '/api/v1/policy/plan', { body: policyFile(failing) });
    expect(planned).toMatchObject({ status: 200, body: { testFailures: [{ policyTest: 'holds' }] } });
    expect(
      await call('POST', '/api/v1/policy/apply', { body: { ...policyFile(failing), tests: 'skip' } }),
    ).toMatchObject({ status: 200 });
  });

  test('a policy without any document replaces one with segments only where that is said', async () => {
    const before = await call('POST', '/api/v1/policy/apply', { body: policyFile(shopPolicy({ mode: 'enforce' })) });
    expect(before.status).toBe(200);
    const service = 'apiVersion: segwall/v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [tcp/80] }\n';
    for (const body of [{ files: [] }, policyFile('# nothing yet\n')]) {
      const refused = await call('POST', '/api/v1/policy/apply', { body });
      expect(refused).toMatchObject({ status: 409, body: { error: { code: 'policy-empty' } } });
      expect((await call('GET', '/api/v1/status')).body.revision).toBe(before.body.revision);
    }
    const opened = await call('POST', '/api/v1/policy/apply', { body: { files: [], empty: 'allow' } });
    expect(opened).toMatchObject({ status: 200, body: { revision: before.body.revision + 1 } });
    expect(await call('POST', '/api/v1/policy/apply', { body: policyFile(service) })).toMatchObject({ status: 200 });
    // Whoever wrote a document meant this directory.
    await call('POST', '/api/v1/policy/apply', { body: policyFile(shopPolicy({ mode: 'enforce' })) });
    expect(await call('POST', '/api/v1/policy/apply', { body: policyFile(service) })).toMatchObject({ status: 200 });
  });

  test('a draft changes nothing until it is activated; rolling back goes back, and further back, and then no further', async () => {
    const start = (await call('GET', '/api/v1/status')).body;
    const draft = await call('POST', '/api/v1/policy/apply', {
      body: { ...policyFile(shopPolicy({ mode: 'selective' })), mode: 'save-draft' },
    });
    expect(draft).toMatchObject({ status: 200, body: { state: 'draft', revision: start.revision } });
    expect((await call('GET', '/api/v1/status')).body.policy).toEqual(start.policy);
    const active = await call('POST', '/api/v1/policy/apply', { body: { draft: draft.body.policy } });
    expect(active.body).toMatchObject({ state: 'active', policy: draft.body.policy, revision: start.revision + 1 });
    let policy: number = active.body.policy;
    for (;;) {
      const back = await call('POST', '/api/v1/policy/rollback', { body: {} });
      if (back.status === 409) {
        expect(back.body.error.code).toBe('nothing-to-roll-back');
        break;
      }
      expect(back.status).toBe(200);
      expect(back.body.policy).toBeLessThan(policy);
      policy = back.body.policy;
    }
    expect(policy).toBe(1);
    const forth = await call('POST', '/api/v1/policy/rollback', { body: { to: active.body.revision } });
    expect(forth.body.policy).toBe(draft.body.policy);
    expect((await call('GET', '/api/v1/policy')).body.files).toEqual([
      { path: 'shop.yaml', text: shopPolicy({ mode: 'selective' }) },
    ]);
  });
});

describe('tokens', () => {
  test('one is told once, listed without its text, and revoked once', async () => {
    const made = await call('POST', '/api/v1/tokens', { body: { labels: { app: 'shop' }, uses: 2, ttlSeconds: 60 } });
    expect(made.body.token).toMatch(/^swj_[A-Za-z0-9_-]{43}$/);
    const listed = await call('GET', '/api/v1/tokens');
    expect(JSON.stringify(listed.body)).not.toContain(made.body.token);
    expect(listed.body).toContainEqual(
      expect.objectContaining({ id: made.body.id, uses: 2, spent: 0, state: 'open', labels: { app: 'shop' } }),
    );
    expect((await call('DELETE', `/api/v1/tokens/${made.body.id}`)).status).toBe(200);
    expect((await call('DELETE', `/api/v1/tokens/${made.body.id}`)).status).toBe(404);
  });
});

describe('the description', () => {
  test('names every route, and is itself valid where it counts', async () => {
    const { body } = await call('GET', '/api/v1/openapi.json', { headers: {} });
    expect(body.openapi).toMatch(/^3\./);
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/api/v1/policy/apply',
        '/api/v1/policy/plan',
        '/api/v1/flows',
        '/api/v1/workloads/{name}/labels',
        '/healthz',
      ]),
    );
    expect(body.components.securitySchemes.token).toEqual({ type: 'http', scheme: 'bearer' });
  });

  test('the page on the API lists just the routes there are', async () => {
    const page = await readFile(new URL('../../docs/reference/api.md', import.meta.url), 'utf8');
    const { body } = await call('GET', '/api/v1/openapi.json', { headers: {} });
    const routes = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const written = [...page.matchAll(/`((?:GET|POST|PUT|PATCH|DELETE) \/[^`]*)`/g)].map((match) => match[1]);
    expect([...new Set(written)].sort()).toEqual([...routes, 'GET /metrics', 'GET /api/v1/openapi.json'].sort());
  });
});

describe('what a request may hold', () => {
  const described = async () => (await call('GET', '/api/v1/openapi.json')).body as OpenApi;

  test('is shown in docs/reference/api-bounds.md', async () => {
    expect(await readFile('docs/reference/api-bounds.md', 'utf8')).toBe(apiBoundsPage(await described()));
  });

  test('is bounded in every number and list, and in every text that is not the body’s own', async () => {
    const unbounded = boundedFields(await described()).filter(({ field, schema }) => {
      const { type, maximum, maxItems, maxLength, pattern } = schema;
      if (schema.enum !== undefined || field === 'files[].text') return false;
      return [maximum, maxItems, maxLength, pattern].every((bound) => bound === undefined) && type !== 'boolean';
    });
    expect(unbounded.map(({ request, field }) => `${request} ${field}`)).toEqual([]);
  });
});
