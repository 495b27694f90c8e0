// How often one address may call public routes, which anybody can without a token: often enough for every monitor and load balancer, and
// not for keeping the thread that serves operators busy.

import type { FastifyRequest } from 'fastify';
import { systemClock } from '#clock/system-clock.ts';
import { sourceOf } from '#control-plane/notes/repeated-refusals.ts';
import { RateBudget, type RateBudgetOptions } from '#control-plane/rpc/rate-budget.ts';
import { ApiError } from '../answers/api-error.ts';

/** Of one IPv4 address or IPv6 network of 64 bits. */
export const publicPace: RateBudgetOptions = { burst: 1000, everyMs: 10 };

export class PublicCalls {
  readonly #pace: RateBudget;
  readonly #elapsedMs: () => number;

  constructor(pace: RateBudgetOptions = publicPace, elapsedMs: () => number = systemClock.elapsedMs) {
    this.#pace = new RateBudget(pace);
    this.#elapsedMs = elapsedMs;
  }

  /** Throws an ApiError where the address calls too often. */
  take({ raw }: Pick<FastifyRequest, 'raw'>): void {
    const source = sourceOf((raw.socket.remoteAddress ?? '').replace(/^::ffff:/, ''));
    const waitMs = this.#pace.takeMany(source, { at: this.#elapsedMs(), count: 1 });
    if (waitMs > 0)
      throw new ApiError('busy', 'this address asks for health and numbers too often; ask again later', {
        retryAfterSeconds: Math.ceil(waitMs / 1000),
      });
  }
}
