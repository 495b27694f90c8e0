// How late the control plane's words come on one stream, by when it says it sent each and by a clock that only goes forward here. Who sits on
// the way and ends nothing, but hands heartbeats on ever later, keeps a stream alive on which the time and every change come late; told by
// how long nothing was heard that was sent since. Pure: readings are given.
//
// The control plane's time never goes back within a run of it, and a run is never shorter than a stream: what lags was held back.

import type { Millis } from '#model/time.ts';

export interface HeardWord {
  readonly sentAt: Millis;
  /** By the clock here. */
  readonly atMs: number;
}

/** What came soonest after it was sent, the first word of a stream at the least, and how much later than that the last one came. */
export interface WordsHeard {
  readonly soonest: HeardWord;
  readonly lateMs: number;
}

/** Two clocks that are slewed apart as fast as kernels do differ by no more than that of the time that passes. */
const drift = 1 / 1000;

/** The first word of a stream is never late: there is nothing to hold it to. */
export function wordHeard(before: WordsHeard | undefined, word: HeardWord): WordsHeard {
  if (before === undefined) return { soonest: word, lateMs: 0 };
  const { soonest } = before;
  const passedMs = Math.max(0, word.atMs - soonest.atMs);
  const lateMs = Math.max(0, soonest.sentAt + passedMs * (1 - drift) - word.sentAt);
  return lateMs === 0 ? { soonest: word, lateMs } : { soonest, lateMs };
}
