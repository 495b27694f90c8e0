// The operator API's frame: who may call, how input is checked and errors are told, and the description of it all at
// /api/v1/openapi.json. The routes themselves are one file a noun beside this.

import swagger from '@fastify/swagger';
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import type { Logger } from 'pino';
import type { OperatorTokens } from '#control-plane/fleet/operator-tokens.ts';
import type { Pki } from '#control-plane/pki/pki.ts';
import type { HostCheck } from './answered-hosts.ts';
import { admit, admitAgain, type Door, invite, type Operator } from './authentication.ts';
import { BodyBudget, mostBodyBytes } from './body-budget.ts';
import type { Connections } from './connections.ts';
import { assertMayHear, endWithToken } from './ended-calls.ts';
import { answerError } from './error-answers.ts';
import type { FailedCalls } from './failed-calls.ts';
import { createListener } from './listener.ts';
import { PublicCalls } from './public-calls.ts';
import { type DeclaredRoute, requireAccess } from './route-access.ts';
import { endUnreadAnswers } from './unread-answers.ts';

export interface ApiFrame {
  readonly log: Logger;
  readonly version: string;
  readonly operators: OperatorTokens;
  readonly isAnsweredHost: HostCheck;
  readonly failures: FailedCalls;
  /** Absent: plain HTTP, for loopback only. */
  readonly tls?: Pick<Pki, 'serverTls' | 'serverTlsNamed'>;
  readonly connections: Connections;
}

export type Api = ReturnType<typeof createApp>;

export interface OperatorApi {
  readonly app: Api;
  readonly routes: readonly DeclaredRoute[];
}

/** In order, of each request: the door, room for its body, the body itself, the door again, its check, the handler, what it may still hear. */
export async function createApi(frame: ApiFrame, routes: (app: Api) => void): Promise<OperatorApi> {
  const { connections } = frame;
  const publicCalls = new PublicCalls();
  const bodies = new BodyBudget();
  const app = createApp(frame, connections);
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest('operator', null as unknown as Operator);
  const declared = requireAccess(app);
  await app.register(swagger, {
    openapi: {
      info: { title: 'Segwall operator API', version: frame.version },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
  });
  app.addHook('onRequest', async (request, reply) => {
    admit(frame, request);
    if (request.operator === null) {
      if (!request.is404) publicCalls.take(request);
      return;
    }
    if (connections.authenticated(request.raw.socket) === 'one-too-many') reply.header('connection', 'close');
    bodies.take(request, reply);
    endWithToken(request, reply);
    invite(request, reply);
  });
  app.addHook('preValidation', async (request) => admitAgain(frame, request));
  app.addHook('onSend', async (request, reply) => assertMayHear(request, reply));
  endUnreadAnswers(app);
  app.setErrorHandler<FastifyError>(answerError);
  // Made once: anybody may ask for it.
  let description: string | undefined;
  app.get('/api/v1/openapi.json', { config: { access: 'public' }, schema: { hide: true } }, async (_request, reply) => {
    description ??= JSON.stringify(app.swagger());
    return reply.type('application/json').send(description);
  });
  routes(app);
  await app.ready();
  return { app, routes: declared };
}

function createApp(frame: ApiFrame & Door, connections: Connections) {
  const app: FastifyInstance = Fastify({
    loggerInstance: frame.log.child({ part: 'api' }, { level: frame.log.level === 'debug' ? 'debug' : 'warn' }),
    bodyLimit: mostBodyBytes,
    routerOptions: { maxParamLength: 128 },
    forceCloseConnections: true,
    // A target that the router cannot read is told from one that it does not know to operators alone.
    frameworkErrors: (error, request, reply) => {
      try {
        admit(frame, request);
        answerError(error, request, reply);
      } catch (refused) {
        answerError(refused, request, reply);
      }
    },
    serverFactory: (handler) => createListener({ handler, connections, tls: frame.tls }),
  }) as unknown as FastifyInstance;
  return app.withTypeProvider<ZodTypeProvider>();
}
