// How long a TLS handshake may take. Node's own bound is a timer, and timers run before sockets are read: where the thread was at other work for
// longer than that, a hello that came in time still waits in the kernel. So who seems late is looked at once the sockets were read: where
// something of his came, he has his time once more, and not again.

import type { Socket } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import { socketKey } from './socket-key.ts';

export interface HandshakeTimes {
  readonly mostMs: number;
  /** Before his connection is ended. */
  readonly late?: (socket: Socket) => void;
}

/** What Node is to be told of: beyond what is allowed here. */
export function nodeHandshakeMs({ mostMs }: Pick<HandshakeTimes, 'mostMs'>): number {
  return 4 * mostMs;
}

export function boundHandshakes(server: Pick<Server, 'on'>, { mostMs, late }: HandshakeTimes): void {
  const timers = new Map<string, Timer>();
  const over = (key: string) => {
    timers.get(key)?.cancel();
    timers.delete(key);
  };
  const wait = (socket: Socket, times: 'first' | 'last') => {
    const key = socketKey(socket);
    const timer = systemClock.after(mostMs, () => {
      const before = socket.bytesRead;
      setImmediate(() => {
        if (timers.get(key) !== timer) return;
        if (times === 'first' && socket.bytesRead > before) wait(socket, 'last');
        else {
          over(key);
          late?.(socket);
          socket.destroy();
        }
      });
    });
    timers.set(key, timer.unref());
    return key;
  };
  server.on('connection', (socket: Socket) => {
    const key = wait(socket, 'first');
    socket.once('close', () => over(key));
  });
  server.on('secureConnection', (socket: TLSSocket) => over(socketKey(socket)));
}
