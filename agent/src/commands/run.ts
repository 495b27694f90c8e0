// `segwall-agent run`: one agent on one state directory, until SIGTERM or SIGINT.

import { CommandError } from '#agent/process/command-error.ts';
import { createAgentLog, type LogLevel } from '#agent/process/log.ts';
import { loadSettings } from '#agent/settings/settings-files.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { acquireStateLock } from '#agent/state/state-lock.ts';
import { systemClock } from '#clock/system-clock.ts';
import { settingProblemText } from '#model/settings-file.ts';
import { assertStateDirectory } from './state-argument.ts';

export interface RunOptions {
  readonly state: string;
  readonly config?: string;
  readonly logLevel: LogLevel;
}

/** Below what the service manager waits before it kills. */
const stopMostMs = 10_000;

export async function runCommand({ state: path, config, logLevel }: RunOptions): Promise<void> {
  assertStateDirectory(path);
  const state = openStateDirectory(path);
  const loaded = await loadSettings({ state: path, ...(config !== undefined && { config }) });
  if (!loaded.ok) {
    throw new CommandError({
      code: 'settings-invalid',
      message: loaded.error.map(settingProblemText).join('\n  '),
    });
  }
  const lock = acquireStateLock(state.lockPath);
  if (!lock.ok) {
    throw new CommandError({
      code: 'state-in-use',
      message: `another agent works on ${path}: ${lock.error}`,
    });
  }
  const stop = new AbortController();
  const log = createAgentLog(logLevel);
  const onSignal = () => {
    if (stop.signal.aborted) return;
    stop.abort();
    systemClock
      .after(stopMostMs, () => {
        log.error({ afterMs: stopMostMs }, 'stopping took too long; exiting now; the rules stay in the kernel');
        process.exit(1);
      })
      .unref();
  };
  // Not `once`: where nobody listens any more, execa's signal-exit, which does while a program of ours runs, ends the process by the signal.
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  try {
    const { runAgent } = await import('../agent.ts');
    await runAgent({ state, settings: loaded.value.settings, log, signal: stop.signal });
  } finally {
    lock.value.release();
  }
  // A connection to a peer that is gone is no reason to stay until the kernel gives it up.
  process.exit();
}
