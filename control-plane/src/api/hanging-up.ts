// Whoever asked for work that takes long may be gone before it is done.

import type { ServerResponse } from 'node:http';

/** Aborts where the connection ends before the answer is sent. */
export function whenGone(raw: ServerResponse): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort();
  });
  return gone.signal;
}
