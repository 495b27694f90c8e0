// The audit log over the operator API: whole entries with their hashes and signed checkpoints, so that the caller can verify the log
// without trusting this process. Pages go by sequence number, which neither moves nor is given twice.

import { z } from 'zod';
import type { AuditCheckpoints } from '#control-plane/audit/audit-checkpoints.ts';
import type { AuditPruner } from '#control-plane/audit/audit-pruning.ts';
import { millis } from '#model/time.ts';
import { ApiError } from '../answers/api-error.ts';
import {
  auditCheckpoint,
  auditEntry,
  auditLog,
  auditPrune,
  auditPruneAnswer,
  auditQuery,
  checkpointQuery,
} from '../answers/audit-schemas.ts';
import { mostAuditBytes } from '../store/audit.ts';
import type { Api } from './app.ts';
import type { ApiContext } from './context.ts';

/** What a page by its bytes weighs in rows of flows, of some 500 bytes each. */
const pageWeight = mostAuditBytes / 500;

export interface AuditContext extends ApiContext {
  readonly checkpoints: AuditCheckpoints;
  readonly pruner: AuditPruner;
}

export function auditRoutes(app: Api, { fleet, store, tenant, rows, checkpoints, pruner }: AuditContext): void {
  app.get(
    '/api/v1/audit',
    {
      config: { access: 'operator' },
      schema: {
        summary:
          'Audit entries, oldest first, from after a sequence number: fewer than `limit` where they are large; none where there are no more',
        tags: ['audit'],
        querystring: auditQuery,
        response: { 200: z.array(auditEntry).readonly() },
      },
    },
    async (request, reply) => {
      const { after, limit } = request.query;
      rows.take(Math.max(limit, pageWeight), { operator: request.operator, answer: reply.raw });
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
      const { log } = await store.readAuditHead({ tenant });
      const { base } = checkpoints;
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
      rows.take(limit, { operator: request.operator, answer: reply.raw });
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

  app.post(
    '/api/v1/audit/prune',
    {
      config: { access: 'operator' },
      schema: {
        summary: 'Drops the entries up to a checkpoint that was signed here',
        tags: ['audit'],
        body: auditPrune,
        response: { 200: auditPruneAnswer },
      },
    },
    async (request) => {
      const { checkpoint } = request.body;
      const upTo = { ...checkpoint, at: millis(checkpoint.at) };
      const pruned = await fleet.inTurn(request.operator, (actor) => pruner.prune(upTo, actor));
      if (pruned.kind === 'pruned') return { through: pruned.through, entries: pruned.entries };
      if (pruned.kind === 'unknown')
        throw new ApiError(
          'checkpoint-unknown',
          `the checkpoint of entry ${checkpoint.seq} is not of the log that is here, or not signed by its key; take one that "segwall audit export" wrote of this control plane`,
        );
      throw new ApiError(
        'audit-too-young',
        `entry ${checkpoint.seq} is younger than ${pruner.keepDays} days (keepAuditDays), and stays; take an older checkpoint`,
      );
    },
  );
}
