// What commands demand of --state before they touch anything: a folder that is there. A mistyped path must not become a new folder.

import { existsSync } from 'node:fs';
import { CommandError } from '#agent/process/command-error.ts';

export function assertStateDirectory(path: string): void {
  if (existsSync(path)) return;
  throw new CommandError({
    code: 'no-state-directory',
    message: `${path} is not there: no agent works on it, and nothing on this host was changed`,
  });
}
