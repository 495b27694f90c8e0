// Keeps what is in force on disk: the last good record, and the fingerprint of the table it made. A disk that cannot be written
// stops nothing: what is in force then is kept under /run, so that it outlives the agent though not a reboot, and is said to be
// missing on disk until it is there.

import type { Logger } from 'pino';
import {
  type FingerprintRecord,
  forgetFingerprint,
  readFingerprint,
  writeFingerprint,
} from '#agent/state/fingerprint-record.ts';
import { digestOfLastGood, removeInterimLastGood, writeInterimLastGood } from '#agent/state/last-good-in-run.ts';
import { type NewestLastGood, readStored } from '#agent/state/read-last-good.ts';
import { diskErrorText, isDiskError } from '#agent/state/run-directory.ts';
import type { StateDirectory, StoredLastGood } from '#agent/state/state-directory.ts';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';

/** How soon what could not be written is tried again. */
const writeAgainMs = 10_000;

/** Addresses of names come and go by the second; what the disk lacks of them costs a start one more epoch. */
const saveSoonMs = 1000;

/** What there is to save now; undefined where nothing is in force. */
export type LastGoodSource = () => { readonly revision: number; readonly bytes: Uint8Array } | undefined;

export interface PolicySaving {
  /** Whether it came to lie on disk is told by `problem`. */
  now(): Promise<void>;
  soon(): void;
  forget(): Promise<void>;
  writeFingerprint(record: FingerprintRecord): Promise<void>;
  readFingerprint(): Promise<FingerprintRecord | undefined>;
  forgetFingerprint(): void;
  /** What a start found. */
  found(last: Extract<NewestLastGood, { kind: 'found' }>): void;
  /** What is in force but not on disk, in words; empty where all is. */
  problem(): string;
  failedWrites(): number;
}

export function createPolicySaving(options: {
  readonly stateDirectory: StateDirectory;
  readonly lastGood: LastGoodSource;
  /** Runs work in the enforcer's turn. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
  readonly log: Logger;
}): PolicySaving {
  const { stateDirectory, lastGood, inTurn, log } = options;
  let failedWrites = 0;
  let revisionOnDisk = 0;
  let unsaved: string | undefined;
  /** The digest of what is kept under /run; undefined where nothing of this process is. */
  let interim: string | undefined;
  let writingAgain: Timer | undefined;

  /** What the disk refuses is counted, and told by its code. */
  const written = async (write: () => Promise<void>): Promise<string | undefined> => {
    try {
      await write();
      return undefined;
    } catch (error) {
      if (!isDiskError(error)) throw error;
      failedWrites += 1;
      return diskErrorText(error);
    }
  };

  /** Written anew only where it changed: the disk is tried again and again. */
  const keepUntilReboot = async (bytes: Uint8Array): Promise<'kept' | 'lost'> => {
    const stored: StoredLastGood = { kind: 'found', bytes };
    const digest = digestOfLastGood(stored);
    if (interim === digest) return 'kept';
    try {
      const follows = digestOfLastGood(await readStored(stateDirectory));
      await writeInterimLastGood(stateDirectory.path, { bytes, follows });
    } catch (error) {
      if (!isDiskError(error)) throw error;
      log.error({ reason: diskErrorText(error) }, 'the policy in force could not be kept under /run either');
      return 'lost';
    }
    interim = digest;
    return 'kept';
  };

  const save = async (): Promise<void> => {
    const record = lastGood();
    if (record === undefined) return;
    writingAgain?.cancel();
    writingAgain = undefined;
    const { revision, bytes } = record;
    const refusal = await written(() => stateDirectory.writeLastGood(bytes));
    if (refusal === undefined) {
      if (unsaved !== undefined) log.info({ revision }, 'the policy in force is on disk again');
      // A copy that stayed behind, of what the disk holds by now or of less, is not taken for newer.
      removeInterimLastGood(stateDirectory.path);
      unsaved = undefined;
      interim = undefined;
      revisionOnDisk = revision;
      return;
    }
    const what = (await keepUntilReboot(bytes)) === 'kept' ? 'a reboot' : 'a restart of the agent or a reboot';
    const instead = revisionOnDisk === 0 ? 'find no policy' : `load revision ${revisionOnDisk}`;
    const problem = `revision ${revision} is in force but not on disk (${refusal}): ${what} would ${instead}`;
    if (unsaved !== problem)
      log.error({ revision, revisionOnDisk, reason: refusal }, 'the policy in force could not be written to disk');
    unsaved = problem;
    writingAgain = systemClock.after(writeAgainMs, () => void inTurn(save)).unref();
  };

  return {
    now: save,
    soon: () => {
      writingAgain ??= systemClock.after(saveSoonMs, () => void inTurn(save)).unref();
    },
    forget: async () => {
      unsaved = undefined;
      interim = undefined;
      writingAgain?.cancel();
      removeInterimLastGood(stateDirectory.path);
      await written(() => stateDirectory.forgetLastGood());
    },
    writeFingerprint: async (record) => {
      await written(() => writeFingerprint(stateDirectory.path, record));
    },
    readFingerprint: () => readFingerprint(stateDirectory.path),
    forgetFingerprint: () => forgetFingerprint(stateDirectory.path),
    found: (last) => {
      revisionOnDisk = last.revisionOnDisk;
    },
    problem: () => unsaved ?? '',
    failedWrites: () => failedWrites,
  };
}
