// What is answered to who is no HTTP client, or a slow one. Node looks at the times of connections by a timer, and timers run before sockets
// are read: where the thread was at other work for longer than a request may take, one that was sent in time still waits in the kernel. So
// who seems late is ended once the sockets were read, and not where the request has come by then.

import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemClock } from '#clock/system-clock.ts';

/** `requestMs`: how long the rest of a request may take that came so; Node looks no more at its time. */
export function answerClientErrors(server: Server, requestMs: number): void {
  /** The newest of each connection. */
  const requests = new WeakMap<Duplex, IncomingMessage>();
  const begun = (request: IncomingMessage) => void requests.set(request.socket, request);
  server.on('request', begun);
  server.on('checkContinue', begun);
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code !== 'ERR_HTTP_REQUEST_TIMEOUT') {
      refuse(socket, error);
      return;
    }
    const before = requests.get(socket);
    const wasComplete = before?.complete ?? true;
    setImmediate(() => {
      const request = requests.get(socket);
      const hasCome = request !== before || (request?.complete === true && !wasComplete);
      if (!hasCome) refuse(socket, error);
      else if (request?.complete === false) endUnlessComplete(request, { error, requestMs });
    });
  });
}

function endUnlessComplete(
  request: IncomingMessage,
  { error, requestMs }: { readonly error: Error; readonly requestMs: number },
): void {
  const timer = systemClock
    .after(requestMs, () => {
      if (!request.complete) refuse(request.socket, error);
    })
    .unref();
  request.once('close', () => timer.cancel());
}

function refuse(socket: Duplex, error: NodeJS.ErrnoException): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, message] = statusOf(error);
  const label = STATUS_CODES[status];
  const body = JSON.stringify({ error: label, message, statusCode: status });
  const head = `HTTP/1.1 ${status} ${label}\r\nContent-Length: ${body.length}\r\nContent-Type: application/json\r\n\r\n`;
  if (socket.writable) socket.write(head + body);
  socket.destroy(error);
}

function statusOf({ code }: NodeJS.ErrnoException): readonly [number, string] {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'Client Timeout'];
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'Exceeded maximum allowed HTTP header size'];
    default:
      return [400, 'Client Error'];
  }
}
