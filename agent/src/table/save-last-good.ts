// Keeps the last good record on disk while policy changes, and the fingerprint of the table it made. A disk that cannot
// be written stops nothing: the record is kept under /run, the status reports that it is not on disk, and the write is
// tried again.

import type { Logger } from 'pino';
import {
  type FingerprintRecord,
  forgetFingerprint,
  readFingerprint,
  writeFingerprint,
} from '#agent/state/fingerprint-record.ts';
import { diskRefusal, type LastGood, type LastGoodStore } from '#agent/state/last-good-store.ts';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';

/** How soon a refused write is tried again. */
const writeAgainMs = 10_000;

/** Addresses of names come and go by the second; if the disk lacks the last of them, a start costs one more epoch. */
const saveSoonMs = 1000;

/** What there is to save now; undefined where nothing is in force. */
export type LastGoodSource = () => { readonly revision: number; readonly bytes: Uint8Array } | undefined;

export interface PolicySaving {
  /** `problem` says whether it is on disk. */
  now(): Promise<void>;
  soon(): void;
  forget(): Promise<void>;
  writeFingerprint(record: FingerprintRecord): Promise<void>;
  readFingerprint(): Promise<FingerprintRecord | undefined>;
  forgetFingerprint(): void;
  /** The record that a start found. */
  found(last: Extract<LastGood, { kind: 'found' }>): void;
  /** What is in force but not on disk, in words; empty where all is. */
  problem(): string;
  failedWrites(): number;
}

export function createPolicySaving(options: {
  readonly statePath: string;
  readonly store: LastGoodStore;
  readonly lastGood: LastGoodSource;
  /** Runs work in the enforcer's turn. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
  readonly log: Logger;
}): PolicySaving {
  const { statePath, store, lastGood, inTurn, log } = options;
  let failedWrites = 0;
  let revisionOnDisk = 0;
  let unsaved: string | undefined;
  let writingAgain: Timer | undefined;

  const save = async (): Promise<void> => {
    const record = lastGood();
    if (record === undefined) return;
    writingAgain?.cancel();
    writingAgain = undefined;
    const { revision, bytes } = record;
    const written = await store.write(bytes);
    if (written.place === 'disk') {
      if (unsaved !== undefined) log.info({ revision }, 'the policy in force is on disk again');
      unsaved = undefined;
      revisionOnDisk = revision;
      return;
    }
    failedWrites += 1;
    const { refusal } = written;
    if (written.place === 'nowhere')
      log.error({ reason: written.runRefusal }, 'the policy in force could not be kept under /run either');
    const what = written.place === 'until-reboot' ? 'a reboot' : 'a restart of the agent or a reboot';
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
      writingAgain?.cancel();
      if ((await store.forget()) !== undefined) failedWrites += 1;
    },
    writeFingerprint: async (record) => {
      if ((await diskRefusal(() => writeFingerprint(statePath, record))) !== undefined) failedWrites += 1;
    },
    readFingerprint: () => readFingerprint(statePath),
    forgetFingerprint: () => forgetFingerprint(statePath),
    found: (last) => {
      revisionOnDisk = last.revisionOnDisk;
    },
    problem: () => unsaved ?? '',
    failedWrites: () => failedWrites,
  };
}
