// Routes of the operator API over a fleet in this process, called without a socket, for tests of what they answer: who may call is
// tested elsewhere.

import Fastify from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import type { Api } from '#control-plane/api/app.ts';
import type { Operator } from '#control-plane/api/authentication.ts';
import { containmentRoutes } from '#control-plane/api/containment.ts';
import type { ApiContext } from '#control-plane/api/context.ts';
import { answerError } from '#control-plane/api/error-answers.ts';
import { fleetRoutes } from '#control-plane/api/fleet.ts';
import { flowRoutes } from '#control-plane/api/flows.ts';
import { planRoutes } from '#control-plane/api/plan.ts';
import { RowBudget } from '#control-plane/api/row-budget.ts';
import { Judging } from '#control-plane/judging/judging.ts';
import { millis } from '#model/time.ts';
import { type FleetUnderTest, fleetUnderTest, tenant } from '#test/server/fleet-under-test.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface Answered {
  readonly status: number;
  readonly body: string;
  /** Headers, or ''. */
  readonly link: string;
  readonly skipped: string;
}

export interface ApiUnderTest extends FleetUnderTest {
  /** The answer of a call that must succeed. */
  call<Answer>(method: Method, url: string, payload?: object): Promise<Answer>;
  /** Any answer. */
  ask(url: string): Promise<Answered>;
  /** Where it listens on loopback, from the first call on. */
  listen(): Promise<string>;
}

export async function apiUnderTest(given: Parameters<typeof fleetUnderTest>[0] = {}): Promise<ApiUnderTest> {
  const under = await fleetUnderTest(given);
  const { fleet, store, storePath } = under;
  const now = () => millis(Date.now());
  const context: ApiContext = {
    ...{ fleet, store, tenant, now, rows: new RowBudget(), version: '0' },
    prunedFlows: () => 0,
    disk: () => ({ freeBytes: 3 << 20, leastBytes: 4 << 20, room: 'low' }),
  };
  const judging = new Judging({ fleet, storePath, tenant, now, log: pino({ level: 'silent' }) });
  onTestFinished(() => judging.stop());
  const app = Fastify().withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  const operator: Operator = { name: 'test', ended: new AbortController().signal, holding: () => 'operator/test' };
  app.decorateRequest('operator', null as unknown as Operator);
  app.addHook('onRequest', async (request) => {
    request.operator = operator;
  });
  app.setErrorHandler(answerError as never);
  containmentRoutes(app as unknown as Api, context);
  fleetRoutes(app as unknown as Api, context);
  flowRoutes(app as unknown as Api, context);
  planRoutes(app as unknown as Api, judging);
  await app.ready();
  onTestFinished(() => app.close());
  return {
    ...under,
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
    async ask(url) {
      const { statusCode, headers, body } = await app.inject({ method: 'GET', url });
      const header = (name: string) => String(headers[name] ?? '');
      return { status: statusCode, body, link: header('link'), skipped: header('segwall-skipped-flows') };
    },
    async call<Answer>(method: Method, url: string, payload?: object) {
      const response = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) });
      if (response.statusCode !== 200) throw new Error(`${method} ${url}: ${response.statusCode} ${response.body}`);
      return JSON.parse(response.body) as Answer;
    },
  };
}
