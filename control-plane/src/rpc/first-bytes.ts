// The first bytes of a connection, kept for TLS, which reads them when its turn comes. A connection that sends more than one TLS record
// before it is answered, or nothing in time, is not kept.

import type { Socket } from 'node:net';
import { systemClock } from '#clock/system-clock.ts';

/** A TLS record, its head included. A ClientHello has some hundred bytes. */
const mostBytes = 5 + 16_384;

export interface FirstBytes {
  /** Settles once. `gone`: the other end closed before it said anything. */
  readonly first: Promise<'words' | 'silent' | 'gone'>;
  /** What was said is the socket's to read again, and it is read no more here. */
  take(): void;
}

/** `overflowed` is called where it says too much while it waits. */
export function untilFirstBytes(
  socket: Socket,
  { silentMs, overflowed }: { readonly silentMs: number; readonly overflowed: () => void },
): FirstBytes {
  const { promise, resolve } = Promise.withResolvers<'words' | 'silent' | 'gone'>();
  const said: Buffer[] = [];
  let bytes = 0;
  const silent = systemClock.after(silentMs, () => resolve('silent')).unref();
  const gone = () => {
    silent.cancel();
    resolve('gone');
  };
  const hear = (words: Buffer) => {
    silent.cancel();
    said.push(words);
    bytes += words.length;
    if (bytes > mostBytes) overflowed();
    else resolve('words');
  };
  // Read on while it waits, or nobody would see that it has gone.
  socket.on('data', hear);
  socket.once('close', gone);
  return {
    first: promise,
    take() {
      socket.off('data', hear);
      socket.off('close', gone);
      socket.pause();
      socket.unshift(Buffer.concat(said.splice(0)));
    },
  };
}
