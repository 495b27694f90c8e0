// The audit log over the operator API: whole entries with their hashes, so that the caller can verify the chain without trusting
// this process.

import { z } from 'zod';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';
import { auditEntry, auditQuery } from './schemas.ts';

export function auditRoutes(app: Api, { store, tenant, rows }: ApiContext): void {
  app.get(
    '/api/v1/audit',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Audit entries, oldest first, from after a sequence number',
        tags: ['audit'],
        querystring: auditQuery,
        response: { 200: z.array(auditEntry).readonly() },
      },
    },
    async (request, reply) => {
      const { after, limit } = request.query;
      rows.take(limit, reply.raw);
      return store.listAudit({ tenant, afterSeq: after, limit });
    },
  );
}
