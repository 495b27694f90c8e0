// How late the control plane's messages arrive on one stream: the time each says it was sent, against a clock here that only goes
// forward. A relay on the way could hand heartbeats on ever later. The stream would stay alive while the time and every change on it
// are late; the lag shows that. Pure: readings are given.
//
// The control plane's time never goes back within one run of it, and a run outlasts a stream. So a message that lags was held back.

import type { Millis } from '#model/time.ts';

export interface HeardMessage {
  readonly sentAt: Millis;
  /** By the clock here. */
  readonly atMs: number;
}

/** The message that arrived soonest after it was sent (first, the stream's first message), and the lag of the last one against it. */
export interface MessageLag {
  readonly soonest: HeardMessage;
  readonly lateMs: number;
}

/** Two clocks that are slewed apart as fast as kernels do differ by no more than that of the time that passes. */
const drift = 1 / 1000;

/** The first message of a stream is never late: there is nothing to compare it with. */
export function lagAfter(before: MessageLag | undefined, message: HeardMessage): MessageLag {
  if (before === undefined) return { soonest: message, lateMs: 0 };
  const { soonest } = before;
  const passedMs = Math.max(0, message.atMs - soonest.atMs);
  const lateMs = Math.max(0, soonest.sentAt + passedMs * (1 - drift) - message.sentAt);
  return lateMs === 0 ? { soonest: message, lateMs } : { soonest, lateMs };
}
