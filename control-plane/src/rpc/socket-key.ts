// Names a connection: the same for a TLS socket and for the TCP socket below it.

import type { Socket } from 'node:net';

export function socketKey({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
