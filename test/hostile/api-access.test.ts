// Who gets what from the operator API: every route of api-routes.ts (test/contract holds that to be
// all the running server has) × every odd spelling of its path × ways to ask, over a bare
// socket. Without a token only what the table below calls public answers, and nothing else tells that it exists.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectedRoutes } from './support/api-routes.ts';
import { type ApiServer, startApiServer } from './support/api-server.ts';
import { exchange, type RawAnswer, type RawRequest, requestText } from './support/raw-http.ts';

let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server.close());

const ask = async (request: RawRequest): Promise<readonly RawAnswer[]> =>
  exchange(server, requestText(request, `127.0.0.1:${server.port}`));
const asOperator = () => `Authorization: Bearer ${server.token}`;

/** A target for the route, its parameters filled in with names of nothing. */
function targetOf(route: string): { readonly method: string; readonly path: string } {
  const [method = '', pattern = ''] = route.split(' ');
  return { method, path: pattern.replace(':revision', '1').replaceAll(/:[a-z]+/g, 'none') };
}

const percent = (text: string) => `%${text.charCodeAt(0).toString(16).padStart(2, '0')}`;
const each = (path: string) => [...path].map((letter) => (letter === '/' ? letter : percent(letter))).join('');
const second = (path: string, to: (letter: string) => string) => `/${to(path.charAt(1))}${path.slice(2)}`;

/** One path, as people who look for a way around a check write it. */
const spellings: Readonly<Record<string, (path: string) => string>> = {
  plain: (path) => path,
  'one letter percent-encoded': (path) => second(path, percent),
  'one letter encoded twice': (path) => second(path, (letter) => percent(letter).replace('%', '%25')),
  'every letter percent-encoded': each,
  'every letter encoded, upper-case digits': (path) => each(path).toUpperCase(),
  'upper case': (path) => path.toUpperCase(),
  'first letter upper case': (path) => second(path, (letter) => letter.toUpperCase()),
  'two slashes first': (path) => `/${path}`,
  'two slashes inside': (path) => path.replace('/v1', '//v1').replace(/^\/(\w+)$/, '//$1'),
  'a dot segment first': (path) => `/.${path}`,
  'a dot segment encoded': (path) => `/%2e${path}`,
  'up and down again': (path) => `/healthz/..${path}`,
  'up and down again, encoded': (path) => `/healthz/%2e%2e${path}`,
  'up out of the root': (path) => `/..${path}`,
  'through a public file': (path) => `/api/v1/openapi.json/../../..${path}`,
  'a parameter after ;': (path) => `${path};x=1`,
  'a parameter after ; in between': (path) => path.replace('/v1', ';x/v1'),
  'a slash at the end': (path) => `${path}/`,
  'a dot at the end': (path) => `${path}.`,
  'a space at the end, encoded': (path) => `${path}%20`,
  backslashes: (path) => path.replaceAll('/', '\\'),
  'a backslash first': (path) => `/\\${path}`,
  'slashes encoded': (path) => `/${path.slice(1).replaceAll('/', '%2f')}`,
  'the first slash encoded': (path) => `%2f${path.slice(1)}`,
  'no slash first': (path) => path.slice(1),
  'a NUL at the end, encoded': (path) => `${path}%00`,
  'a NUL after a public path': (path) => `/healthz%00${path}`,
  'a line end, encoded': (path) => `${path}%0d%0aX:1`,
  'overlong UTF-8 for a slash': (path) => path.replace('/v1', '%c0%afv1'),
  'a broken escape': (path) => `${path}%zz`,
  'a query': (path) => `${path}?x=/healthz`,
  'a query that is a public path': (path) => `${path}?/api/v1/openapi.json`,
  'a public path with the rest as its query': (path) => `/healthz?${path}`,
  'a fragment': (path) => `${path}#/healthz`,
  'an encoded question mark': (path) => `${path}%3f/healthz`,
  'absolute form': (path) => `http://127.0.0.1${path}`,
  'absolute form in upper case': (path) => `HTTP://127.0.0.1${path}`,
  'absolute form of https': (path) => `https://127.0.0.1${path}`,
  'absolute form of another scheme': (path) => `ftp://127.0.0.1${path}`,
  'absolute form with user and password': (path) => `http://a:b@127.0.0.1${path}`,
  'absolute form of another host': (path) => `http://evil.example${path}`,
  'no scheme': (path) => `//127.0.0.1${path}`,
  'very long': (path) => `${path}/${'a'.repeat(4000)}`,
};

/** Ways to ask beside the path. None of them is a token. */
const ways: Readonly<Record<string, Omit<RawRequest, 'target'>>> = {
  plainly: {},
  'with HTTP/1.0': { version: 'HTTP/1.0' },
  'with another method to override it': {
    headers: ['X-HTTP-Method-Override: GET', 'X-HTTP-Method: GET', 'X-Method-Override: GET'],
  },
  'with the path of another in headers': {
    headers: ['X-Original-URL: /healthz', 'X-Rewrite-URL: /healthz', 'X-Forwarded-Prefix: /healthz'],
  },
  'as somebody near': { headers: ['X-Forwarded-For: 127.0.0.1', 'Forwarded: for=127.0.0.1', 'X-Real-IP: 127.0.0.1'] },
  'with an empty token': { headers: ['Authorization: Bearer '] },
  'with a wrong token': { headers: ['Authorization: Bearer segwall_wrong'] },
  'with the name of an object’s property': { headers: ['Authorization: Bearer __proto__'] },
  'with the token of the scheme Basic': { headers: ['Authorization: Basic YWRtaW46YWRtaW4='] },
  'with two wrong tokens': { headers: ['Authorization: Bearer a', 'Authorization: Bearer b'] },
  'with a body': { headers: ['Content-Type: application/json', 'Content-Length: 2'], body: '{}' },
  'with a body in chunks': { headers: ['Transfer-Encoding: chunked'], body: '2\r\n{}\r\n0\r\n\r\n' },
};

/** What a refusal may look like: the request was malformed, or whoever sent it is nobody. */
const refusals = new Set([400, 401, 405, 414, 415, 417, 421, 429, 431, 501, 505]);

function expectRefusal(answers: readonly RawAnswer[], what: string): void {
  for (const { status, body } of answers) {
    expect(refusals, `${what}: ${status} ${body.slice(0, 200)}`).toContain(status);
    expect(body, what).not.toMatch(/segments|"files"|revision|previousHash|enrolled/);
  }
}

describe.each(expectedRoutes)('%s (%s)', (route, access) => {
  const { method, path } = targetOf(route);

  test('with a token it is there', async () => {
    const [answer] = await ask({ method, target: path, headers: [asOperator(), 'Content-Length: 0'] });
    expect([401, 403, 405, 421, 429, 500]).not.toContain(answer?.status);
  });

  test('however its path is spelled, without a token', async () => {
    for (const [spelling, spell] of Object.entries(spellings)) {
      const target = spell(path);
      const what = `${spelling}: ${method} ${target.slice(0, 200)}`;
      for (const answer of await ask({ method, target })) {
        // Which spellings reach a public route is the router's affair; that no other route is reached is ours.
        if (answer.status === 200) expectPublic(method === 'HEAD' ? await ask({ target }) : [answer], what);
        else expectRefusal([answer], what);
        if (access === 'public' && spelling === 'plain') expect(answer.status, what).toBe(200);
      }
    }
  });

  test('however it is asked, without a token', async () => {
    for (const [way, how] of Object.entries(ways)) {
      const answers = await ask({ method, target: path, ...how });
      expect(answers.length, `${way} is answered`).toBeGreaterThan(0);
      if (access === 'operator') expectRefusal(answers, `${way}: ${method} ${path}`);
    }
  });

  test('whatever else the method is, without a token', async () => {
    for (const other of ['OPTIONS', 'TRACE', 'CONNECT', 'PROPFIND', 'get', 'GE', 'POST', 'PUT', 'QUERY']) {
      if (other !== method) expectRefusal(await ask({ method: other, target: path }), `${other} ${path}`);
    }
  });
});

/** Health, numbers and the description: none of them holds anything of the fleet. */
function expectPublic(answers: readonly RawAnswer[], what: string): void {
  for (const { body } of answers) expect(body, what).toMatch(/^(\{"status":"ok"\}|# HELP|\{"openapi")/);
}

describe('whole connections', () => {
  const status = 'GET /api/v1/status HTTP/1.1';
  const host = () => `Host: 127.0.0.1:${server.port}`;

  test.each([
    ['*', 'OPTIONS * HTTP/1.1'],
    ['* with GET', 'GET * HTTP/1.1'],
    ['an authority', `CONNECT 127.0.0.1:80 HTTP/1.1`],
    ['an authority with GET', 'GET 127.0.0.1:80 HTTP/1.1'],
    ['nothing', 'GET  HTTP/1.1'],
    ['a NUL', 'GET /api/v1/status\0 HTTP/1.1'],
    ['letters beyond ASCII', 'GET /\u00e4pi/v1/status HTTP/1.1'],
    ['HTTP/0.9', 'GET /api/v1/status'],
    ['HTTP/2.0', 'GET /api/v1/status HTTP/2.0'],
    ['the preface of HTTP/2', 'PRI * HTTP/2.0'],
  ])('the target %s', async (_name, line) => {
    expectRefusal(await exchange(server, `${line}\r\n${host()}\r\nConnection: close\r\n\r\n`), line);
  });

  test('a request behind an allowed one is judged for itself', async () => {
    const first = `GET /healthz HTTP/1.1\r\n${host()}\r\n\r\n`;
    const answers = await exchange(server, `${first}${status}\r\n${host()}\r\nConnection: close\r\n\r\n`);
    expect(answers[0]?.status).toBe(200);
    expectRefusal(answers.slice(1), 'the second of two');
  });

  test('the token of a request is not that of the next', async () => {
    const first = `${status}\r\n${host()}\r\n${asOperator()}\r\n\r\n`;
    const answers = await exchange(server, `${first}${status}\r\n${host()}\r\nConnection: close\r\n\r\n`);
    expect(answers.map((answer) => answer.status)).toEqual([200, expect.toBeOneOf([401, 429])]);
  });

  test.each([
    ['length and chunks', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
    ['chunks and length', ['Transfer-Encoding: chunked', 'Content-Length: 4']],
    ['two lengths', ['Content-Length: 4', 'Content-Length: 60']],
    ['a coding of two words', ['Transfer-Encoding: chunked, identity']],
    ['a length with a sign', ['Content-Length: +4']],
  ])('a body told of by %s smuggles no request', async (_name, lines) => {
    const smuggled = `${status}\r\n${host()}\r\n${asOperator()}\r\n\r\n`;
    const text = `POST /healthz HTTP/1.1\r\n${host()}\r\n${lines.join('\r\n')}\r\n\r\n0\r\n\r\n${smuggled}`;
    expectRefusal(await exchange(server, text), lines.join(' and '));
  });

  test('of two Authorization headers none counts, in whichever order', async () => {
    for (const lines of [
      [asOperator(), 'Authorization: Bearer x'],
      ['Authorization: Bearer x', asOperator()],
      [asOperator(), asOperator()],
    ]) {
      expect((await ask({ target: '/api/v1/status', headers: lines }))[0]?.status).toBeOneOf([401, 429]);
    }
  });

  test('a path that is not there and one that is answer a stranger alike', async () => {
    const answerTo = async (target: string) => {
      const [answer] = await ask({ target });
      return answer?.body.replaceAll(target, 'PATH');
    };
    expect(await answerTo('/api/v1/none')).toBe(await answerTo('/api/v1/status'));
  });

  test('a body is not waited for: who has no token is answered from the headers alone', async () => {
    for (const target of ['/api/v1/policy/apply', '/api/v1/none', '/none', '/healthz']) {
      const request = { method: 'POST', target, headers: ['Content-Length: 62914560', 'Connection: keep-alive'] };
      expectRefusal(await ask(request), target);
    }
  });

  test('nobody is asked to send on who has no token', async () => {
    const headers = ['Content-Length: 10', 'Expect: 100-continue'];
    expectRefusal(await ask({ method: 'POST', target: '/api/v1/policy/apply', headers }), 'Expect');
  });
});
