// One request to the kernel that is answered by a list, on a socket of its own so that a long list never stands in the way of
// events. Gives way to the rest of the process between calls; a list that is not whole is an error.

import { nextTurn } from '#clock/next-turn.ts';
import { systemClock } from '#clock/system-clock.ts';
import { err, ok, type Result } from '#model/result.ts';
import { errnoName, netlinkProtocols, openNetlink } from './socket.ts';

/** What a datagram said of the list; `errno` 0 is an acknowledgement. */
export interface DumpProgress {
  readonly dump: 'going-on' | 'done' | 'interrupted';
  readonly errno?: number;
}

/** The kernel fills up to 32 KiB of a list into one datagram if the reader has room. */
const datagramBytes = 32_768;
const bufferBytes = 2 << 20;
const silenceMostMs = 2000;

/** Calls `take` with each datagram; `what` names the list in errors. */
export async function dumpNetfilter(request: {
  readonly what: string;
  readonly message: Uint8Array;
  readonly take: (bytes: Uint8Array) => DumpProgress;
}): Promise<Result<void>> {
  const { what, message, take } = request;
  const opened = openNetlink({
    protocol: netlinkProtocols.netfilter,
    groups: 0,
    receiveBufferBytes: bufferBytes,
    datagramBytes,
    datagramsPerCall: 4,
  });
  if (!opened.ok) return opened;
  const socket = opened.value;
  try {
    const sent = socket.send(message);
    if (!sent.ok) return err(`${what} could not be asked for: ${sent.error}`);
    let ending: string | undefined;
    let heardAt = systemClock.elapsedMs();
    while (ending === undefined) {
      const outcome = socket.receive((bytes) => {
        const told = take(bytes);
        if (told.errno !== undefined && told.errno !== 0) ending ??= errnoName(told.errno);
        else if (told.dump === 'interrupted') ending ??= 'it changed while it was read';
        else if (told.dump === 'done') ending ??= '';
      });
      if (outcome.kind === 'failed') ending = errnoName(outcome.errno);
      else if (outcome.kind === 'overrun') ending = 'it did not fit the buffer';
      else if (outcome.kind === 'received') heardAt = systemClock.elapsedMs();
      else if (systemClock.elapsedMs() - heardAt > silenceMostMs) ending = 'the kernel stopped answering';
      if (ending === undefined) await nextTurn();
    }
    return ending === '' ? ok(undefined) : err(`${what} broke off: ${ending}`);
  } finally {
    socket.close();
  }
}
