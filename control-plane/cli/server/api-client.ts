// Requests to the operator API. Over https the control plane is known by the CA whose fingerprint is the end of the token, and by
// nothing else. What the API refuses becomes a CommandFailure, or an ApiRefusal where the command has more to say about it.

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { checkServerIdentity } from 'node:tls';
import { apiExit } from '#cli/output/api-exit.ts';
import { CommandFailure } from '#cli/output/failure.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { ApiErrorCode } from '#control-plane/answers/api-error.ts';
import type { Secret } from '#model/secret.ts';
import { type Connection, type ConnectionOptions, resolveConnection } from './connection.ts';

const connectTimeoutMs = 10_000;
/** Once more, and once more after that: what ended the first connection is over by then, or it is no accident. */
const mostResets = 2;
/** To ask them twice is to ask them once. */
const repeatable: ReadonlySet<Method> = new Set(['GET', 'PUT', 'PATCH']);
/** A body beyond it is sent once the server has read the headers and wants it. */
const largeBytes = 64 * 1024;

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ApiClient {
  /** What tells this control plane from others: its CA's fingerprint where the token names it, else where it was asked. */
  readonly controlPlane: string;
  /** The answer's body. `path` is without the /api/v1. */
  call<Answer>(method: Method, path: string, body?: unknown): Promise<Answer>;
}

export interface Page<Entry> {
  readonly entries: readonly Entry[];
  /** Stored rows that are read nowhere, since they are bad. */
  readonly skipped: number;
  /** Of the filters, what nobody has. */
  readonly unknown: readonly string[];
}

export interface PagingClient extends ApiClient {
  /** For what is the same where it is done twice, whatever its method: asked again where the connection is reset before an answer. */
  ensure<Answer>(method: Method, path: string): Promise<Answer>;
  /** The pages of a listing, each asked for when the one before is done with. */
  pages<Entry>(path: string): AsyncGenerator<Page<Entry>>;
}

/** The API understood and said no. `details` is the error object as it came. */
export class ApiRefusal extends CommandFailure {
  readonly status: number;

  constructor(status: number, details: Readonly<Record<string, unknown>>) {
    // A newer control plane may have codes that this command does not know: they are shown as they come.
    const code = typeof details['code'] === 'string' ? (details['code'] as ApiErrorCode) : 'refused';
    const message =
      typeof details['message'] === 'string' ? details['message'] : `the control plane answered ${status}`;
    super(apiExit(status, code), code, message, details);
    this.status = status;
  }
}

export async function openApiClient(
  options: ConnectionOptions,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<PagingClient> {
  const connection = await resolveConnection(options, environment);
  const tls = connection.server.protocol === 'https:' ? await pinnedTls(connection) : undefined;
  const ask = async (
    method: Method,
    path: string,
    body?: unknown,
    resets = repeatable.has(method) ? mostResets : 0,
  ) => {
    const url = new URL(`/api/v1${path}`, connection.server);
    const response = await exchange({ url, method, token: connection.token, body, tls }, resets);
    const answer = parseBody(response.text);
    if (response.status >= 200 && response.status < 300)
      return { answer, next: response.next, skipped: response.skipped, unknown: response.unknown };
    if (response.status >= 300 && response.status < 400) throw redirected(url, response.status);
    throw new ApiRefusal(response.status, response.status === 401 ? tokenRefused(url, answer) : errorOf(answer));
  };
  return {
    controlPlane: fingerprintOf(connection.token) ?? connection.server.origin,
    call: async <Answer>(method: Method, path: string, body?: unknown) =>
      (await ask(method, path, body)).answer as Answer,
    ensure: async <Answer>(method: Method, path: string) =>
      (await ask(method, path, undefined, mostResets)).answer as Answer,
    async *pages<Entry>(path: string) {
      let at: string | undefined = path;
      while (at !== undefined) {
        const { answer, next, skipped, unknown }: Awaited<ReturnType<typeof ask>> = await ask('GET', at);
        yield { entries: answer as readonly Entry[], skipped, unknown };
        if (next === at)
          throw new CommandFailure(
            3,
            'same-page',
            `${connection.server.origin} leads from a page to itself; no control plane does that`,
          );
        at = next;
      }
    },
  };
}

interface PinnedTls {
  readonly caPem: string;
  readonly name: string;
  /** Which CA's certificate is asked for. */
  readonly asked: string;
}

async function pinnedTls({ server, token }: Connection): Promise<PinnedTls> {
  const fingerprint = fingerprintOf(token);
  if (fingerprint === undefined) {
    throw new CommandFailure(
      2,
      'bad-token',
      'this token does not end in the fingerprint of a CA, which https needs; use the token as it was given out',
    );
  }
  const { controlPlaneName, fetchPinnedCa, serverNameFor } = await import('#control-plane/pinned-api.ts');
  const pinned = await fetchPinnedCa({
    host: server.hostname.replace(/^\[|\]$/g, ''),
    port: Number(server.port || '443'),
    fingerprint,
    timeoutMs: connectTimeoutMs,
  });
  if (!pinned.ok) throw new CommandFailure(3, pinned.error.code, pinned.error.message);
  return { caPem: pinned.value.caPem, name: controlPlaneName, asked: serverNameFor(fingerprint) };
}

/** The end of every token that a control plane gives out. */
function fingerprintOf(token: Secret): string | undefined {
  return token.reveal().split('.')[1];
}

interface Exchange {
  readonly url: URL;
  readonly method: Method;
  readonly token: Secret;
  readonly body: unknown;
  readonly tls: PinnedTls | undefined;
}

interface Exchanged {
  readonly status: number;
  readonly text: string;
  /** Of the next page, without the /api/v1. */
  readonly next: string | undefined;
  readonly skipped: number;
  readonly unknown: readonly string[];
}

/** Only a path of this API is followed: the token goes to no other server. */
export function nextPath(link: string | string[] | undefined): string | undefined {
  return /<\/api\/v1(\/[^>\s]*)>; *rel="next"/.exec(String(link ?? ''))?.[1];
}

/** What is not as the control plane writes it is left out: it only explains. */
function textsIn(header: string | string[] | undefined): readonly string[] {
  try {
    const texts: unknown = JSON.parse(decodeURIComponent(String(header ?? '[]')));
    return Array.isArray(texts) ? texts.map(String) : [];
  } catch {
    return [];
  }
}

/** `resets`: how many connections may be reset before it is given up. */
async function exchange(asked: Exchange, resets: number): Promise<Exchanged> {
  for (let left = resets; ; left -= 1) {
    try {
      return await exchangeOnce(asked);
    } catch (cause) {
      if (left === 0 || codeOf(cause) !== 'ECONNRESET') throw unreachable(asked, cause);
    }
  }
}

async function exchangeOnce({ url, method, token, body, tls }: Exchange): Promise<Exchanged> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const isLarge = payload !== undefined && payload.length > largeBytes;
  const headers = {
    authorization: `Bearer ${token.reveal()}`,
    accept: 'application/json',
    ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.length }),
    ...(isLarge ? { expect: '100-continue' } : {}),
  };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request =
      tls === undefined
        ? httpRequest(url, { method, headers, agent: false }, resolve)
        : httpsRequest(
            url,
            {
              method,
              headers,
              agent: false,
              ca: tls.caPem,
              servername: tls.asked,
              checkServerIdentity: (_host, certificate) => checkServerIdentity(tls.name, certificate),
            },
            resolve,
          );
    request.once('error', reject);
    // Only connecting is timed: an answer may take as long as a large policy takes to compile.
    const timer = systemClock.after(connectTimeoutMs, () =>
      request.destroy(new Error(`no connection within ${connectTimeoutMs / 1000} s`)),
    );
    request.once('socket', (socket) => {
      if (!socket.connecting) timer.cancel();
      socket.once('connect', () => timer.cancel());
    });
    request.once('close', () => timer.cancel());
    // Whoever refuses from the headers alone would otherwise end the connection under the body, and the reason be lost.
    if (isLarge) {
      request.once('continue', () => request.end(payload));
      request.flushHeaders();
    } else request.end(payload);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const skipped = Number(response.headers['segwall-skipped-flows'] ?? 0);
  const unknown = textsIn(response.headers['segwall-unknown-names']);
  return { status: response.statusCode ?? 0, text, next: nextPath(response.headers['link']), skipped, unknown };
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : '';
}

function unreachable({ url, tls }: Exchange, cause: unknown): CommandFailure {
  const code = codeOf(cause);
  if (tls === undefined && (code === 'ECONNRESET' || code.startsWith('HPE_')))
    return new CommandFailure(
      3,
      'not-http',
      `${url.origin} answers, but not in plain HTTP; if it speaks TLS, say https://${url.host}`,
    );
  const reason = cause instanceof Error ? cause.message || code || cause.name : String(cause);
  return new CommandFailure(
    3,
    'unreachable',
    `cannot reach the control plane at ${url.origin}: ${reason}; is it running, and is this its address?`,
  );
}

/** Never followed: the token is for the server that was named. */
function redirected({ origin }: URL, status: number): CommandFailure {
  return new CommandFailure(
    3,
    'redirected',
    `${origin} answers ${status} and wants this asked elsewhere; no control plane does that, and the token goes to no other server. Name the control plane itself with --server`,
  );
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorOf(answer: unknown): Readonly<Record<string, unknown>> {
  if (
    typeof answer === 'object' &&
    answer !== null &&
    'error' in answer &&
    typeof answer.error === 'object' &&
    answer.error !== null
  ) {
    return answer.error as Record<string, unknown>;
  }
  return {};
}

/** The API speaks of its header; whoever types a command has a file or a variable. */
function tokenRefused({ origin }: URL, answer: unknown): Readonly<Record<string, unknown>> {
  const { reason, message: why } = errorOf(answer);
  const state = reason === 'token-expired' || reason === 'token-revoked' ? ` (${String(why)})` : '';
  const message = `the control plane at ${origin} does not take this token${state}; give one of its operator tokens with --token-file FILE or SEGWALL_TOKEN (the first is adminToken in its first-start.json)`;
  return { ...errorOf(answer), message };
}
