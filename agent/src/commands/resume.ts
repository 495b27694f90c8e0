// `segwall-agent resume`: ends a panic. The running agent puts the newest policy it holds into the kernel, and opens the host again
// if that cuts it off from its control plane; without an agent, the last good revision is loaded here.

import { CommandError } from '#agent/process/command-error.ts';
import { openEventLog } from '#agent/state/event-log.ts';
import { openPanicFlag } from '#agent/state/panic-flag.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { lockOwner } from '#agent/state/state-lock.ts';
import { type AgentStatusDocument, askStatus } from '#agent/status/status-socket.ts';
import { systemClock } from '#clock/system-clock.ts';
import { restoreCommand } from './restore.ts';

/** The agent looks once a second, loads, and tries the control plane for ten seconds. */
const waitMs = 20_000;
const betweenAsksMs = 250;

export async function resumeCommand({ state: path }: { readonly state: string }): Promise<void> {
  const flag = openPanicFlag(path);
  const panic = flag.read();
  if (panic === undefined) {
    process.stdout.write('nothing to resume: nobody opened this host with segwall-agent panic\n');
    return;
  }
  try {
    flag.clear();
  } catch (error) {
    throw new CommandError({
      code: 'panic-not-ended',
      message: `the flag in ${path} cannot be removed: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
    });
  }
  openEventLog(path).record('resumed', new Map([['openSince', new Date(panic.since).toISOString()]]));
  const state = openStateDirectory(path);
  const owner = lockOwner(state.lockPath);
  // Whoever answers runs, whatever the lock says: inside some containers a service sees another boot id than a shell.
  if (owner === undefined && !(await askStatus(state.socketPath)).ok) return restoreCommand({ state: path });
  const until = systemClock.elapsedMs() + waitMs;
  while (systemClock.elapsedMs() < until) {
    const answer = await askStatus(state.socketPath);
    const status = answer.ok ? (answer.value as AgentStatusDocument) : undefined;
    if (status !== undefined && status.panic === undefined && status.isOpened !== true) {
      process.stdout.write(
        status.applied === 0
          ? 'there is no policy yet: the host is open\n'
          : `revision ${status.applied} is in force\n`,
      );
      return;
    }
    if (status?.panic !== undefined) {
      throw new CommandError({
        code: 'resume-undone',
        message: `the agent opened the host again: ${status.panic.reason}`,
      });
    }
    await systemClock.sleep(betweenAsksMs);
  }
  throw new CommandError({
    code: 'agent-not-answering',
    message: `the agent${owner === undefined ? '' : `, process ${owner},`} did not put its rules back within ${waitMs / 1000} s`,
  });
}
