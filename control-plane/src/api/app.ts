// The operator API's frame: who may call, how input is checked and errors are told, and the description of it all at
// /api/v1/openapi.json. The routes themselves are one file a noun beside this.

import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyError, type FastifyInstance, type FastifyRequest } from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import type { ServerTls } from '../pki.ts';
import { StoreError } from '../store/store.ts';
import { tokenHash } from '../tokens.ts';
import { ApiError } from './errors.ts';

/** A policy directory at its largest, with room. */
const mostBodyBytes = 64 * 1024 * 1024;

/** A name for the operator, as it stands in the audit log. */
export interface Operator {
  readonly actor: string;
}

export interface ApiFrame {
  readonly log: Logger;
  readonly version: string;
  /** Names of operators by the hash of their token. */
  readonly operators: ReadonlyMap<string, string>;
  /** Absent: plain HTTP, for loopback only. */
  readonly tls?: ServerTls;
}

export type Api = ReturnType<typeof createApp>;

declare module 'fastify' {
  interface FastifyRequest {
    operator: Operator;
  }
}

/** Routes under /api/v1 need a token, but for the description; those beside it do not. */
export async function createApi(frame: ApiFrame, routes: (app: Api) => void): Promise<Api> {
  const app = createApp(frame);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest('operator', null as unknown as Operator);
  await app.register(swagger, {
    openapi: {
      info: { title: 'Segwall operator API', version: frame.version },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
  });
  app.addHook('onRequest', async (request) => {
    const path = request.url.split('?')[0] ?? '';
    if (!path.startsWith('/api/') || path === '/api/v1/openapi.json') return;
    request.operator = authenticate(request, frame.operators);
  });
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const { status, body } = errorAnswer(error);
    if (status >= 500) request.log.error({ err: error }, 'request failed');
    void reply.status(status).serializer(JSON.stringify).type('application/json').send(body);
  });
  app.setNotFoundHandler((request, reply) => {
    const message = `there is no ${request.method} ${request.url.split('?')[0]}`;
    void reply.status(404).send({ error: { code: 'not-found', message } });
  });
  app.get('/api/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  routes(app);
  await app.ready();
  return app;
}

function createApp(frame: ApiFrame) {
  const { tls } = frame;
  const app: FastifyInstance = Fastify({
    loggerInstance: frame.log.child({ part: 'api' }, { level: frame.log.level === 'debug' ? 'debug' : 'warn' }),
    bodyLimit: mostBodyBytes,
    routerOptions: { maxParamLength: 128 },
    forceCloseConnections: true,
    // From connecting to the end of the request; answers may take longer.
    requestTimeout: 120_000,
    serverFactory: (handler) =>
      tls === undefined
        ? createHttpServer(handler)
        : // An https.Server serves as well, but the types know no common parent.
          (createHttpsServer(
            { key: tls.key, cert: tls.certificate, minVersion: 'TLSv1.3' },
            handler,
          ) as unknown as ReturnType<typeof createHttpServer>),
  }) as unknown as FastifyInstance;
  return app.withTypeProvider<ZodTypeProvider>();
}

function authenticate(request: FastifyRequest, operators: ReadonlyMap<string, string>): Operator {
  const [scheme, token, ...rest] = (request.headers.authorization ?? '').split(' ');
  const name =
    scheme?.toLowerCase() === 'bearer' && token !== undefined && rest.length === 0
      ? operators.get(tokenHash(token))
      : undefined;
  if (name === undefined)
    throw new ApiError('unauthorised', 'this needs an operator token: Authorization: Bearer TOKEN');
  return { actor: `operator/${name}` };
}

/** In SQLite’s words. */
function isUnwritable({ message }: StoreError): boolean {
  return /database or disk is full|disk I\/O error|readonly database|unable to open database file/.test(message);
}

function errorAnswer(error: unknown): { readonly status: number; readonly body: unknown } {
  const answer = (known: ApiError) => ({
    status: known.status,
    body: { error: { code: known.code, message: known.message, ...known.details } },
  });
  if (error instanceof ApiError) return answer(error);
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map(
      (problem) => `${problem.instancePath.replace(/^\//, '') || 'body'}: ${problem.message}`,
    );
    return answer(new ApiError('bad-request', problems.join('; ')));
  }
  if (error instanceof StoreError && isUnwritable(error)) {
    return answer(
      new ApiError(
        'store-unwritable',
        `the control plane cannot write its data directory (${error.message}); nothing was changed, and hosts go on enforcing. Make room on its disk, then do this again`,
      ),
    );
  }
  const status = statusOf(error);
  if (status === 413) return answer(new ApiError('too-large', `a request holds at most ${mostBodyBytes} bytes`));
  if (status !== undefined && status < 500)
    return answer(new ApiError('bad-request', error instanceof Error ? error.message : 'bad request'));
  return answer(new ApiError('internal', 'the control plane could not do this; its log says why'));
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
