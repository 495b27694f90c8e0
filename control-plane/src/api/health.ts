// Whether the process lives, whether it can serve, and its numbers: open to whoever reaches the port, and so without names or secrets.

import { z } from 'zod';
import { ApiError } from '../answers/api-error.ts';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';
import type { Metrics } from './metrics.ts';

/** Comes before all other routes: it also times them. */
export function healthRoutes(app: Api, { store, tenant, fleet }: ApiContext, metrics: Metrics): void {
  app.addHook('onResponse', async (request, reply) => {
    metrics.requestDone(request.routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime / 1000);
  });

  const answer = z.object({ status: z.literal('ok') });
  app.get(
    '/healthz',
    {
      config: { access: 'public' },
      schema: { summary: 'The process runs', tags: ['health'], response: { 200: answer } },
    },
    async () => ({
      status: 'ok' as const,
    }),
  );

  app.get(
    '/readyz',
    {
      config: { access: 'public' },
      schema: { summary: 'The store answers and takes what is written', tags: ['health'], response: { 200: answer } },
    },
    async () => {
      try {
        await store.listActivations({ tenant, limit: 1 });
      } catch {
        throw new ApiError('not-ready', 'the store does not answer');
      }
      // Why, an operator's status says: anybody may ask here.
      if (fleet.storeTrouble() !== undefined) throw new ApiError('not-ready', 'the store takes nothing');
      return { status: 'ok' as const };
    },
  );

  app.get('/metrics', { config: { access: 'public' }, schema: { hide: true } }, async (_request, reply) => {
    const { text, contentType } = await metrics.render();
    return reply.type(contentType).send(text);
  });
}
