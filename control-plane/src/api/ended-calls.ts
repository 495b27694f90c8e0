// What becomes of a call whose token ends while it is under way. Whose body is still coming is answered at once, and its connection closed;
// what only reads is told nothing more; what changes something finds out in its turn (asker.ts), and is answered what came of it.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerError } from './error-answers.ts';

/** For a request that was admitted. */
export function endWithToken(request: FastifyRequest, reply: FastifyReply): void {
  const { ended } = request.operator;
  const end = () => {
    if (!request.raw.complete && !reply.sent) answerError(ended.reason, request, reply);
    else if (isRead(request) && reply.sent) request.raw.socket.destroy();
  };
  ended.addEventListener('abort', end, { once: true });
  reply.raw.once('close', () => ended.removeEventListener('abort', end));
}

/** Before an answer is sent. Throws where nothing of it is to be told any more. */
export function assertMayHear(request: FastifyRequest, reply: FastifyReply): void {
  if (request.operator?.ended.aborted !== true) return;
  reply.header('connection', 'close');
  if (isRead(request) && reply.statusCode === 200) throw request.operator.ended.reason;
}

function isRead({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}
