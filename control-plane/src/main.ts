// `segwall-control-plane`: reads its settings, runs the control plane until it is told to stop. Exit codes: 0 stopped as asked, 1 could
// not start, 2 wrong use. Logs go to standard error, one JSON object a line; what the operator needs next to standard output.

import { fstatSync } from 'node:fs';
import pino from 'pino';
import { systemClock } from '#clock/system-clock.ts';
import { badSettingText, type Settings } from '#control-plane/settings/settings.ts';
import { loadSettings } from '#control-plane/settings/settings-files.ts';
import type { ControlPlaneErrorCode } from '#model/control-plane-errors.ts';
import { isJournal, journalLine } from '#model/journal-line.ts';
import { err, type Result } from '#model/result.ts';
import { safeText } from '#model/safe-text.ts';
import { effectiveText, type SettingProblem } from '#model/settings-file.ts';
import packageFile from '../../package.json' with { type: 'json' };
import { renderNextSteps, renderRunning } from './first-start.ts';
import { createProgram, type RunFlags } from './program.ts';
import { tellServiceManager } from './service-manager.ts';

/** Below what the service manager waits before it kills. */
const stopMostMs = 15_000;

async function run(flags: RunFlags): Promise<void> {
  const settings = await settingsOf(flags);
  if (settings === undefined) {
    process.exitCode = 2;
    return;
  }
  const destination = pino.destination({ dest: 2, sync: false });
  const framed = isJournal(process.env['JOURNAL_STREAM'], fstatSync(2)) ? journalLine : (line: string) => line;
  const log = pino(
    { level: settings.logLevel, base: { program: 'segwall-control-plane' } },
    { write: (line: string) => destination.write(framed(safeText(line))) },
  );
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
  });
  try {
    // Only now: wrong use is to be told of without loading all there is.
    const { startControlPlane } = await import('./server.ts');
    const died = (error: Error) => {
      log.fatal({ err: error }, 'the store is gone');
      destination.flushSync();
      process.exit(1);
    };
    const controlPlane = await startControlPlane({ settings, log, version: packageFile.version, died });
    process.stdout.write(renderRunning(controlPlane));
    if (controlPlane.start === 'first') process.stdout.write(renderNextSteps(settings.data, controlPlane));
    log.info({ agents: controlPlane.agents, api: controlPlane.apiUrl }, 'started');
    await tellServiceManager('READY=1');
    const signal = await stopped;
    log.info({ signal }, 'stopping');
    void tellServiceManager('STOPPING=1').catch((cause: unknown) =>
      log.debug({ err: cause }, 'could not notify the service manager'),
    );
    systemClock
      .after(stopMostMs, () => {
        log.error({ afterMs: stopMostMs }, 'stopping took too long; exiting now; what was stored is safe');
        destination.flushSync();
        process.exit(1);
      })
      .unref();
    await controlPlane.stop();
    log.info('stopped');
    destination.flushSync();
    // Whatever a request still waits for, or a peer that is gone holds open, is no reason to stay.
    process.exit();
  } catch (cause) {
    process.stderr.write(`error: cannot-start: ${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exitCode = 1;
  }
}

async function backup({ data, to }: { readonly data: string; readonly to: string }): Promise<void> {
  const { takeBackup } = await import('#control-plane/data/backup.ts');
  const taken = await told('cannot-back-up', () => takeBackup({ data, to, now: systemClock.wall() }));
  if (taken !== undefined)
    process.stdout.write(
      `backed up to ${to}, as of revision ${taken.revision}. Whoever has it has the fleet: keep it encrypted, and elsewhere.\n`,
    );
}

async function restore({ from, data }: { readonly from: string; readonly data: string }): Promise<void> {
  const { restoreBackup } = await import('#control-plane/data/backup.ts');
  const restored = await told('cannot-restore', () => restoreBackup({ from, data, now: systemClock.wall() }));
  if (restored !== undefined)
    process.stdout.write(
      [
        `restored to ${data}: a backup of ${new Date(restored.at).toISOString()}, as of revision ${restored.revision}.`,
        'Start the control plane. Agents keep what they have; "segwall status" says who was told more than this store knows.',
        'When it may speak for the fleet: segwall resume, or segwall apply DIR.',
        '',
      ].join('\n'),
    );
}

async function newCa({ data }: { readonly data: string }): Promise<void> {
  const { makeLostCa } = await import('#control-plane/data/lost-ca.ts');
  const made = await told('cannot-make-ca', () => makeLostCa({ data, now: systemClock.wall() }));
  if (made !== undefined)
    process.stdout.write(
      [
        ...(made.keptKey === undefined
          ? []
          : [
              `A key without its certificate lay there, and is kept: ${made.keptKey}. With its ca.pem, from a backup, it is the CA that hosts trust.`,
            ]),
        `CA fingerprint ${made.fingerprint}. Start the control plane; no host trusts this CA yet, and each keeps what it has.`,
        'Enrol each anew: segwall tokens create --renews NAME, and on the host segwall-agent enroll --renew-identity.',
        '',
      ].join('\n'),
    );
}

async function takeTheirKeys({ data }: { readonly data: string }): Promise<void> {
  const { takeKeys } = await import('#control-plane/data/strange-keys.ts');
  const taken = await told('cannot-take-keys', () => takeKeys({ data, now: systemClock.wall() }));
  if (taken === undefined) return;
  const ca = taken.caFingerprint === undefined ? '' : `, the CA with fingerprint ${taken.caFingerprint} among them`;
  process.stdout.write(`the keys in ${data} are its store’s own${ca}. Start the control plane.\n`);
}

/** The error, for people, where there is one. */
async function told<T>(code: ControlPlaneErrorCode, run: () => Promise<Result<T>>): Promise<T | undefined> {
  const result = await run().catch((cause: unknown) => err(cause instanceof Error ? cause.message : String(cause)));
  if (result.ok) return result.value;
  process.stderr.write(`error: ${code}: ${safeText(result.error)}\n`);
  process.exitCode = 1;
  return undefined;
}

async function settingsOf({ config, ...flags }: RunFlags): Promise<Settings | undefined> {
  const loaded = await loadSettings(config, { ...flags });
  if (loaded.ok) return loaded.value.settings;
  complain(loaded.error);
  return undefined;
}

function complain(problems: readonly SettingProblem[]): void {
  process.stderr.write(problems.map((problem) => `${safeText(badSettingText(problem))}\n`).join(''));
}

async function settings({ json, config, ...flags }: RunFlags & { readonly json: boolean }): Promise<void> {
  const loaded = await loadSettings(config, { ...flags });
  const { effective, passedOver } = loaded.ok ? loaded.value : { effective: [], passedOver: [] };
  const problems = loaded.ok ? [] : loaded.error;
  if (json) process.stdout.write(`${JSON.stringify({ settings: effective, passedOver, problems })}\n`);
  else {
    for (const setting of effective) process.stdout.write(`${effectiveText(setting)}\n`);
    for (const path of passedOver)
      process.stderr.write(`warning: ${path} is not read: the name of a drop-in ends in .yaml\n`);
    complain(problems);
  }
  if (!loaded.ok) process.exitCode = 1;
}

// Nobody may read what it says, and it goes on all the same.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

// Everything this process writes is for its own user.
process.umask(0o077);

// `npm run` starts a script in the package's own folder; paths are meant from where the operator stands.
if (process.env['npm_lifecycle_event'] === 'segwall-control-plane' && process.env['INIT_CWD'] !== undefined) {
  process.chdir(process.env['INIT_CWD']);
}

await createProgram({ run, settings, backup, restore, newCa, takeKeys: takeTheirKeys }).parseAsync();
