// The HTTP server below the operator API, with every limit on time and size of what comes in. Limits of Node that are named here keep
// their value when a version of Node changes its own.

import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import type { Pki } from '#control-plane/pki/pki.ts';
import { namedContexts } from '#control-plane/rpc/agent-listener.ts';
import { boundHandshakes, nodeHandshakeMs } from '#control-plane/rpc/handshake-times.ts';
import { answerClientErrors } from './client-errors.ts';
import type { Connections } from './connections.ts';

export const listenerLimits = {
  /** Request line and headers. */
  headerBytes: 16 * 1024,
  headers: 100,
  /** From connecting, or from the answer before, to the end of the headers; a TLS handshake has as long for itself. */
  headersMs: 10_000,
  /** From connecting to the end of the body; answers may take longer. */
  requestMs: 120_000,
  keepAliveMs: 5000,
  /** Without a byte either way: longer than any answer is worked at. An answer that is not read has less (unread-answers.ts). */
  idleMs: 600_000,
  /** Requests of one connection that are not answered yet; more end the connection. */
  pipelined: 8,
  /** How often the times of connections are looked at. */
  lookMs: 1000,
} as const;

export interface ListenerParts {
  readonly handler: RequestListener;
  readonly connections: Connections;
  /** Absent: plain HTTP. */
  readonly tls: Pick<Pki, 'serverTls' | 'serverTlsNamed'> | undefined;
  readonly keepAliveMs?: number;
  readonly headersMs?: number;
}

export function createListener({ handler: unbounded, connections, tls, ...times }: ListenerParts): Server {
  const handler = boundPipelines(unbounded);
  const options: ServerOptions = {
    maxHeaderSize: listenerLimits.headerBytes,
    headersTimeout: times.headersMs ?? listenerLimits.headersMs,
    requestTimeout: listenerLimits.requestMs,
    keepAliveTimeout: times.keepAliveMs ?? listenerLimits.keepAliveMs,
    connectionsCheckingInterval: listenerLimits.lookMs,
    insecureHTTPParser: false,
    requireHostHeader: true,
  };
  const handshakes = { mostMs: options.headersTimeout ?? listenerLimits.headersMs };
  const server =
    tls === undefined
      ? createHttpServer(options, handler)
      : // An https.Server serves as well, but the types know no common parent.
        (createHttpsServer(
          {
            ...options,
            key: tls.serverTls().key,
            cert: tls.serverTls().certificate,
            SNICallback: namedContexts(tls),
            minVersion: 'TLSv1.3',
            handshakeTimeout: nodeHandshakeMs(handshakes),
          },
          handler,
        ) as unknown as Server);
  if (tls !== undefined) boundHandshakes(server as unknown as TlsServer, handshakes);
  server.maxHeadersCount = listenerLimits.headers;
  server.setTimeout(listenerLimits.idleMs);
  server.on('timeout', endIfSilent);
  // Node would invite the body of whoever asks; the handler does once it knows who that is.
  server.on('checkContinue', handler);
  answerClientErrors(server, listenerLimits.requestMs);
  connections.watch(server);
  return server;
}

/**
 * Timers run before sockets are read: where the thread was at other work for longer than a connection may be idle, a request waits on it. So
 * its end is put off until the sockets were read.
 */
function endIfSilent(socket: Socket): void {
  const read = socket.bytesRead;
  setImmediate(() => {
    if (socket.bytesRead === read) socket.destroy();
  });
}

/** One packet may hold hundreds of requests, and Node begins with all of them at once, whether or not an answer is ever read. */
function boundPipelines(handler: RequestListener): RequestListener {
  const unanswered = new WeakMap<Socket, number>();
  return (request, response) => {
    const { socket } = request;
    if (socket.destroyed) return;
    const count = (unanswered.get(socket) ?? 0) + 1;
    if (count > listenerLimits.pipelined) {
      socket.destroy();
      return;
    }
    unanswered.set(socket, count);
    response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
    handler(request, response);
  };
}
