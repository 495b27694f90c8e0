// Tells the kernel each second that this process goes on: a packet over loopback of each family, for which a rule of the table keeps
// an element for three seconds (agent/core/table/dns-answer-chains.ts). A process that is stopped or stuck sends none, and then nothing waits for it.

import type { Socket } from 'node:dgram';
import { heartbeatPort } from '#agent-core/table/dns-answer-chains.ts';
import { systemClock } from '#clock/system-clock.ts';

const everyMs = 1000;
const beat = Buffer.from('segwall');
const targets = [
  { type: 'udp4', address: '127.0.0.1' },
  { type: 'udp6', address: '::1' },
] as const;

/** Returns the way to stop. A host without a family's loopback address has no resolver of that family that needs it. */
export function startHeartbeat(): () => void {
  // Not imported: most agents have no names, and would carry it for nothing.
  const { createSocket } = process.getBuiltinModule('node:dgram');
  const sockets = targets.map(({ type, address }): readonly [Socket, string] => {
    const socket = createSocket(type);
    socket.on('error', () => undefined);
    socket.unref();
    return [socket, address];
  });
  const send = () => {
    for (const [socket, address] of sockets) socket.send(beat, heartbeatPort, address, () => undefined);
  };
  send();
  const beating = systemClock.every(everyMs, send).unref();
  return () => {
    beating.cancel();
    for (const [socket] of sockets) socket.close();
  };
}
