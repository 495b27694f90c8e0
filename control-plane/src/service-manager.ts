// Tells systemd that we are ready, or about to stop (sd_notify). Node has no datagram sockets of this kind, so systemd's own program speaks
// for us; it waits until it was heard. Where no service manager waits for it (no NOTIFY_SOCKET), nothing happens.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Longer than that nobody waits for. */
const timeoutMs = 10_000;

/** Resolves when it was told; rejects where it could not be, which the manager would take for a start that hangs. */
export async function tellServiceManager(state: 'READY=1' | 'STOPPING=1'): Promise<void> {
  if (!process.env['NOTIFY_SOCKET']) return;
  await promisify(execFile)('systemd-notify', [state], { timeout: timeoutMs });
}
