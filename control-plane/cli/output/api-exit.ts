// With which exit code a command ends that the operator API refuses.

import type { ErrorExit } from '#model/error-entry.ts';

/** What was typed, and can be no label or peer whatever the fleet holds, is wrong use, like what can be no number. */
const wrongUseCodes: ReadonlySet<string> = new Set(['label-invalid', 'peer-invalid']);

export function apiExit(status: number, code: string): ErrorExit {
  if (status === 401 || status === 403 || status >= 500) return 3;
  return status === 400 || status === 413 || wrongUseCodes.has(code) ? 2 : 1;
}
