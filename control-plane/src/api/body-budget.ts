// How many bytes of requests may be on their way at once. A body takes its place before its first byte is read and gives it back when it
// is answered. Small ones need none, so that a quarantine passes beside any number of policies; one operator may not take all of it.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../answers/api-error.ts';

/** A policy directory at its largest, with room. */
export const mostBodyBytes = 64 * 1024 * 1024;

const budget = { all: 4 * mostBodyBytes, operator: 2 * mostBodyBytes } as const;
const smallBytes = 64 * 1024;
const retryAfterSeconds = 2;

export class BodyBudget {
  #all = 0;
  readonly #ofOperator = new Map<string, number>();

  get bytes(): number {
    return this.#all;
  }

  /** Throws an ApiError where there is no room, or the body is too large to be read at all. */
  take(request: FastifyRequest, reply: FastifyReply): void {
    const bytes = bytesOf(request);
    if (bytes > mostBodyBytes) throw new ApiError('too-large', `a request holds at most ${mostBodyBytes} bytes`);
    if (bytes <= smallBytes) return;
    const { name } = request.operator;
    const own = this.#ofOperator.get(name) ?? 0;
    if (this.#all + bytes > budget.all || own + bytes > budget.operator) {
      throw new ApiError('busy', 'other large requests are on their way; send this one again when they are done', {
        retryAfterSeconds,
      });
    }
    this.#all += bytes;
    this.#ofOperator.set(name, own + bytes);
    reply.raw.once('close', () => {
      this.#all -= bytes;
      const left = (this.#ofOperator.get(name) ?? 0) - bytes;
      if (left > 0) this.#ofOperator.set(name, left);
      else this.#ofOperator.delete(name);
    });
  }
}

/** A body in chunks tells no length: it is taken to be as large as one may be. */
function bytesOf({ headers }: FastifyRequest): number {
  if (headers['transfer-encoding'] !== undefined) return mostBodyBytes;
  return Number(headers['content-length'] ?? 0);
}
