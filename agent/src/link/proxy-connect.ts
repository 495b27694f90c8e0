// A connection through an HTTP proxy (CONNECT), as hosts without a way of their own have it to the control plane. TLS is spoken
// through it, end to end: the proxy sees names and bytes counted, nothing else.

import { request } from 'node:http';
import type { Socket } from 'node:net';
import { err, ok, type Result } from '#model/result.ts';
import type { ControlPlaneAddress } from '#wire/control-plane-address.ts';

/** `unreached`: no proxy there. `refused`: it answered, with something else than a connection. */
export interface ProxyError {
  readonly kind: 'unreached' | 'refused';
  readonly reason: string;
}

/** The socket is the caller's to close. */
export function connectThroughProxy(given: {
  readonly proxy: ControlPlaneAddress;
  readonly target: ControlPlaneAddress;
  readonly signal: AbortSignal;
}): Promise<Result<Socket, ProxyError>> {
  const { proxy, target, signal } = given;
  const at = `proxy ${proxy.host}:${proxy.port}`;
  const path = target.host.includes(':') ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
  return new Promise((resolve) => {
    const asking = request({
      ...proxy,
      method: 'CONNECT',
      path,
      headers: { host: path },
      agent: false,
      signal,
    });
    asking.once('connect', (response, socket: Socket) => {
      socket.on('error', () => socket.destroy());
      if (response.statusCode === 200) return resolve(ok(socket));
      socket.destroy();
      resolve(err({ kind: 'refused', reason: `${at} answered ${response.statusCode} for ${path}` }));
    });
    asking.once('response', (response) => {
      response.destroy();
      resolve(err({ kind: 'refused', reason: `${at} answered ${response.statusCode} for ${path}` }));
    });
    asking.once('error', (error: NodeJS.ErrnoException) => {
      resolve(err({ kind: 'unreached', reason: `${at}: ${error.code ?? error.message}` }));
    });
    asking.end();
  });
}
