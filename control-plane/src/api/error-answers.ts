// What a request that fails is answered with: the catalogue's code, a sentence, and the headers that go with it.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { AuthorityEnded } from '#control-plane/fleet/asker.ts';
import { QueueFull } from '#control-plane/fleet/change-queue.ts';
import { ApiError } from '../answers/api-error.ts';
import { StoreError } from '../store/store.ts';
import { mostBodyBytes } from './body-budget.ts';

/** Ends the connection where a body is left unread, or its sender is nobody: neither may keep a place. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const known = knownError(error);
  if (known.status >= 500 && known.code === 'internal') request.log.error({ err: error }, 'request failed');
  const { retryAfterSeconds } = known.details;
  if (typeof retryAfterSeconds === 'number') reply.header('retry-after', String(retryAfterSeconds));
  if (!request.raw.complete || request.operator === null) reply.header('connection', 'close');
  if (known.status === 401) reply.header('www-authenticate', 'Bearer');
  const body = { error: { code: known.code, message: known.message, ...known.details } };
  void reply.status(known.status).serializer(JSON.stringify).type('application/json').send(body);
}

/** In SQLite’s words. */
function isUnwritable({ message }: StoreError): boolean {
  return /database or disk is full|disk I\/O error|readonly database|unable to open database file/.test(message);
}

function knownError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof AuthorityEnded) return new ApiError('unauthorised', error.message, { reason: error.reason });
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = error.validation.map(
      (problem) => `${problem.instancePath.replace(/^\//, '') || 'body'}: ${problem.message}`,
    );
    return new ApiError('bad-request', problems.join('; '));
  }
  if (error instanceof StoreError && isUnwritable(error)) {
    return new ApiError(
      'store-unwritable',
      `the control plane cannot write its data directory (${error.message}); nothing was changed, and hosts go on enforcing. Make room on its disk, then do this again`,
    );
  }
  if (error instanceof QueueFull)
    return new ApiError('busy', `${error.message}; nothing was changed. Ask again when they are done`, {
      retryAfterSeconds: 1,
    });
  const status = statusOf(error);
  if (status === 413) return new ApiError('too-large', `a request holds at most ${mostBodyBytes} bytes`);
  if (status !== undefined && status < 500)
    return new ApiError('bad-request', error instanceof Error ? error.message : 'bad request');
  return new ApiError('internal', 'the control plane could not do this; its log says why');
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}
