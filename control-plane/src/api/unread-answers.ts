// An answer that nobody reads holds memory, a connection, and its operator's places in the budgets, and only its reader gives them back. Once it is
// made, its connection ends where none of it is taken for so long. Who reads slowly is waited for, within his own share.

import type { FastifyInstance } from 'fastify';

const defaultUnreadMs = 30_000;

/** `unreadMs`: sensible 5,000 to 120,000, which a reader on a bad line is away for. */
export function endUnreadAnswers(app: Pick<FastifyInstance, 'addHook'>, unreadMs = defaultUnreadMs): void {
  app.addHook('onSend', async (_request, reply, payload) => {
    // What is taken puts it off, and the next request of the connection begins its time anew. What comes in meanwhile cannot for long: of requests
    // that wait for this answer there are a few.
    const { raw } = reply;
    raw.setTimeout(unreadMs, () => raw.destroy());
    return payload;
  });
}
