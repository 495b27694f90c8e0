// The audit log over the operator API: whole entries with their hashes and signed checkpoints, so that the caller can verify the log
// without trusting this process. Pages go by sequence number, which neither moves nor is given twice.

import { z } from 'zod';
import type { AuditCheckpoints } from '../audit-checkpoints.ts';
import type { Api } from './app.ts';
import { auditCheckpoint, auditEntry, auditLog, auditQuery, checkpointQuery } from './audit-schemas.ts';
import type { ApiContext } from './context.ts';

export interface AuditContext extends ApiContext {
  readonly checkpoints: AuditCheckpoints;
}

export function auditRoutes(app: Api, { store, tenant, rows, checkpoints }: AuditContext): void {
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

  app.get(
    '/api/v1/audit/log',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Which log this is, the key that signs it, and from where on it is kept',
        tags: ['audit'],
        response: { 200: auditLog },
      },
    },
    async () => {
      const { log, base: fromSeq } = await store.readAuditHead({ tenant });
      const [base] = fromSeq === 0 ? [] : await store.listAuditCheckpoints({ tenant, fromSeq, limit: 1 });
      return { log, key: checkpoints.key, ...(base === undefined ? {} : { base }) };
    },
  );

  app.get(
    '/api/v1/audit/checkpoints',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Signed checkpoints, oldest first, from a sequence number on; about one in a thousand entries',
        tags: ['audit'],
        querystring: checkpointQuery,
        response: { 200: z.array(auditCheckpoint).readonly() },
      },
    },
    async (request, reply) => {
      const { from, limit } = request.query;
      rows.take(limit, reply.raw);
      return store.listAuditCheckpoints({ tenant, fromSeq: from, limit });
    },
  );

  app.post(
    '/api/v1/audit/checkpoints',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Signs the log as it is now; the same answer again where nothing was written since',
        tags: ['audit'],
        response: { 200: auditCheckpoint },
      },
    },
    () => checkpoints.fresh(),
  );
}
