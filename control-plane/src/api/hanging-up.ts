// Whoever asked for work that takes long may be gone before it is done, or his token may have ended.

import type { ServerResponse } from 'node:http';

/** Aborts where the connection ends before the answer is sent, or the right to ask does; then with what `ended` has for a reason. */
export function whenGone(raw: ServerResponse, ended: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const end = () => gone.abort(ended.reason);
  if (ended.aborted) end();
  else ended.addEventListener('abort', end, { once: true });
  raw.once('close', () => {
    ended.removeEventListener('abort', end);
    if (!raw.writableFinished) gone.abort();
  });
  return gone.signal;
}
