// An answer that its reader never takes ends, and gives back what it holds; one that is taken, however late it began, does not.

import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import Fastify from 'fastify';
import { expect, onTestFinished, test } from 'vitest';
import { endUnreadAnswers } from '#control-plane/api/unread-answers.ts';

const large = 'x'.repeat(24 * 2 ** 20);
const request = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

async function server(unreadMs: number) {
  const app = Fastify();
  onTestFinished(() => app.close());
  endUnreadAnswers(app, unreadMs);
  const closed = Promise.withResolvers<'sent' | 'unread'>();
  app.get('/', (_request, reply) => {
    reply.raw.once('close', () => closed.resolve(reply.raw.writableFinished ? 'sent' : 'unread'));
    return large;
  });
  await app.listen({ port: 0 });
  const socket = connect((app.server.address() as AddressInfo).port);
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  socket.write(request);
  return { socket, closed: closed.promise };
}

test('of which nothing is taken: its connection ends, and its places come back', async () => {
  const { socket, closed } = await server(100);
  socket.pause();
  expect(await closed).toBe('unread');
});

test('of which some is taken now and then: it is waited for', async () => {
  const { socket, closed } = await server(60_000);
  let taken = 0;
  while (taken < large.length) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    taken += chunk.length;
    socket.pause();
    await new Promise((resolve) => setImmediate(resolve));
    socket.resume();
  }
  expect(await closed).toBe('sent');
});
