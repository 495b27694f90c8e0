// The operator API's port as strangers and operators reach it: bytes on a socket that are almost a request, to a control plane in this
// process. Every connection ends, nothing is answered with a fault of the server's own, and nobody without the token gets what is not public.

import { expectedRoutes } from '#test/hostile/support/api-routes.ts';
import { startApiServer } from '#test/hostile/support/api-server.ts';
import { ended, openSocket } from '#test/hostile/support/raw-http.ts';
import { almost, bytesOf } from '../mutations.ts';
import { must } from '../promises.ts';
import type { FuzzTarget } from '../target.ts';

/** Stands for the operator's token in inputs, so that a stored one can be run again against another server. */
const tokenMark = 'segwall_TOKEN';
const portMark = '127.0.0.1:65000';
/** A connection that lives so long after its end is one that nobody will ever end. */
const hangMs = 90_000;

const bodies: Readonly<Record<string, unknown>> = {
  'POST /api/v1/tokens': { labels: { app: 'shop' }, uses: 1, ttlSeconds: 60, addresses: ['10.0.0.0/8'] },
  'POST /api/v1/operators': { name: 'night', ttlSeconds: 60 },
  'POST /api/v1/suggestions': { segment: 'shop' },
  'POST /api/v1/policy/apply': { files: [{ path: 'a.yaml', text: 'apiVersion: segwall/v1\nkind: Segment\n' }] },
  'POST /api/v1/policy/plan': { files: [{ path: 'a.yaml', text: '' }] },
  'POST /api/v1/policy/rollback': { revision: 1 },
  'PATCH /api/v1/workloads/:name/labels': { set: { app: 'shop' }, remove: ['env'] },
  'PUT /api/v1/workloads/:name/quarantine': { reason: 'x', allow: ['10.0.0.1'] },
  'PUT /api/v1/agents/:name/addresses': { add: ['10.0.0.0/8'] },
};

const requests = expectedRoutes.flatMap(([route]) => {
  const [method = '', pattern = ''] = route.split(' ');
  const path = pattern.replace(':revision', '1').replaceAll(/:[a-z]+/g, 'none');
  const body = bodies[route] === undefined ? '' : JSON.stringify(bodies[route]);
  const content = body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${body.length}`];
  const head = (more: readonly string[]) =>
    [`${method} ${path} HTTP/1.1`, `Host: ${portMark}`, 'Connection: close', ...more, ...content].join('\r\n');
  return [[`Authorization: Bearer ${tokenMark}`], []].map((more) => `${head(more)}\r\n\r\n${body}`);
});

const words = [
  ...[
    '\r\n',
    '\r\n\r\n',
    ' HTTP/1.1',
    'Transfer-Encoding: chunked\r\n',
    '0\r\n\r\n',
    'Content-Length: 18446744073709551615\r\n',
  ],
  ...[
    'Expect: 100-continue\r\n',
    'Upgrade: h2c\r\n',
    '%2f',
    '%00',
    '/../',
    '//',
    '?limit=-1',
    '?limit=1e99',
    '&since=',
    '?after=0x10',
  ],
  ...['null', '[]', '{}', '"__proto__":{}', '1e999', '-1', '9007199254740993', 'true', '\\u0000', '[[[[[[[['],
];

export const httpTarget: FuzzTarget = {
  name: 'http',
  what: 'requests to the operator API, byte by byte, with a token and without',
  suiteRuns: 400,
  inputs: almost({ corpus: requests.map(bytesOf), words, longest: 65_536 }),
  async open() {
    const server = await startApiServer();
    const marked = (text: string) =>
      text.replaceAll(tokenMark, server.token).replaceAll(portMark, `127.0.0.1:${server.port}`);
    return {
      async check(input) {
        const text = Buffer.from(input).toString('latin1');
        const answer = await exchangeBytes(server.port, Buffer.from(marked(text), 'latin1'));
        const statuses = [...answer.matchAll(/^HTTP\/1\.[01] (\d{3})/gm)].map(([, status]) => Number(status));
        for (const status of statuses) must(![500, 502, 504].includes(status), () => answer.slice(0, 2000));
        if (!text.includes(tokenMark) && statuses.some((status) => status >= 200 && status < 300))
          must(isPublic(answer), () => `answered without a token: ${answer.slice(0, 2000)}`);
      },
      close: () => server.close(),
    };
  },
};

/** Health, counts and the description of the API, or the heads of answers alone. */
function isPublic(answer: string): boolean {
  const isSecret = /"(segments|files|previousHash|agents|workloads|operators|entries|token|flows|revision)"\s*:/;
  return answer.includes('"openapi":') || !isSecret.test(answer);
}

async function exchangeBytes(port: number, bytes: Uint8Array): Promise<string> {
  const socket = openSocket({ port });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(bytes);
  const hang = Promise.withResolvers<never>();
  const timer = setTimeout(() => hang.reject(new Error('the connection does not end')), hangMs);
  try {
    await Promise.race([ended(socket), hang.promise]);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
  return Buffer.concat(chunks).toString('latin1');
}
