// The last good policy: which one was in force last, and where it is kept. It lies in the state directory; if that
// cannot be written, a copy under /run holds it until a reboot.
//
// Which of the two is newer: a copy that was made while the present file lay on disk is newer than that file, whatever
// the revisions say, because a control plane that was restored from a backup counts from an older revision again. If
// the disk holds another file by now, the higher revision wins, and at one revision the disk.

import { ok, type Result } from '#model/result.ts';
import { decodeLastGood, type LastGoodRecord } from './last-good-codec.ts';
import { digestOfLastGood, readRunCopy, removeRunCopy, writeRunCopy } from './last-good-run-copy.ts';
import { diskErrorText, isDiskError } from './run-directory.ts';
import type { StateDirectory, StoredLastGood } from './state-directory.ts';

/**
 * `none`: never had a policy. `damaged`: had one, and nothing readable is left. `problem`: what was skipped on the way
 * to this one.
 */
export type LastGood =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'found';
      readonly record: LastGoodRecord;
      /** `until-reboot`: under /run; a boot would find `revisionOnDisk` (0: nothing). */
      readonly place: 'disk' | 'until-reboot';
      readonly revisionOnDisk: number;
      readonly problem?: string;
    }
  | { readonly kind: 'damaged'; readonly problem: string };

/** Where a record was written. `refusal`: why not to the disk; `runRefusal`: why not under /run either. */
export type WrittenLastGood =
  | { readonly place: 'disk' }
  | { readonly place: 'until-reboot'; readonly refusal: string }
  | { readonly place: 'nowhere'; readonly refusal: string; readonly runRefusal: string };

export interface LastGoodStore {
  read(): Promise<LastGood>;
  /** Takes an encoded record. Throws only errors that are not the disk's. */
  write(bytes: Uint8Array): Promise<WrittenLastGood>;
  /** Removes the record from disk and from /run. Returns why the disk refused, if it did. */
  forget(): Promise<string | undefined>;
}

export function openLastGoodStore(stateDirectory: StateDirectory): LastGoodStore {
  /**
   * The digest of the copy under /run, if this process made it: writes are repeated, and an equal copy is not written
   * again.
   */
  let copied: string | undefined;

  const copyToRun = async (bytes: Uint8Array): Promise<string | undefined> => {
    const digest = digestOfLastGood({ kind: 'found', bytes });
    if (copied === digest) return undefined;
    const refusal = await diskRefusal(async () => {
      const follows = digestOfLastGood(await readStored(stateDirectory));
      await writeRunCopy(stateDirectory.path, { bytes, follows });
    });
    if (refusal === undefined) copied = digest;
    return refusal;
  };

  return {
    async read() {
      const stored = await readStored(stateDirectory);
      const onDisk = decodeStored(stored);
      const copy = await readCopiedRecord(stateDirectory.path);
      if (!copy.ok) return withProblem(onDisk, copy.error);
      if (copy.value === undefined) return onDisk;
      const { record, follows } = copy.value;
      const revisionOnDisk = onDisk.kind === 'found' ? onDisk.revisionOnDisk : 0;
      const isNewer = follows === digestOfLastGood(stored) || record.ruleSet.revision > revisionOnDisk;
      if (!isNewer) return onDisk;
      const problem = onDisk.kind === 'none' || onDisk.problem === undefined ? {} : { problem: onDisk.problem };
      return { kind: 'found', record, place: 'until-reboot', revisionOnDisk, ...problem };
    },
    async write(bytes) {
      const refusal = await diskRefusal(() => stateDirectory.writeLastGood(bytes));
      if (refusal !== undefined) {
        const runRefusal = await copyToRun(bytes);
        return runRefusal === undefined
          ? { place: 'until-reboot', refusal }
          : { place: 'nowhere', refusal, runRefusal };
      }
      // The disk holds this record now: an older copy must not be taken for newer.
      removeRunCopy(stateDirectory.path);
      copied = undefined;
      return { place: 'disk' };
    },
    async forget() {
      copied = undefined;
      removeRunCopy(stateDirectory.path);
      return diskRefusal(() => stateDirectory.forgetLastGood());
    },
  };
}

/** Why the disk refused; undefined if it did not. Other errors are thrown. */
export async function diskRefusal(write: () => Promise<void>): Promise<string | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    if (!isDiskError(error)) throw error;
    return diskErrorText(error);
  }
}

/** A copy that cannot be read proves that there was a policy, whatever the disk says. */
function withProblem(onDisk: LastGood, problem: string): LastGood {
  if (onDisk.kind === 'none') return { kind: 'damaged', problem };
  return { ...onDisk, problem: onDisk.problem === undefined ? problem : `${onDisk.problem}; ${problem}` };
}

function decodeStored(stored: StoredLastGood): LastGood {
  if (stored.kind !== 'found') return stored;
  const record = decodeLastGood(stored.bytes);
  if (!record.ok) return { kind: 'damaged', problem: record.error };
  const { problem } = stored;
  return {
    kind: 'found',
    record: record.value,
    place: 'disk',
    revisionOnDisk: record.value.ruleSet.revision,
    ...(problem !== undefined && { problem }),
  };
}

/** If the disk is unreadable, the copy under /run still counts. */
async function readStored(stateDirectory: StateDirectory): Promise<StoredLastGood> {
  try {
    return await stateDirectory.readLastGood();
  } catch (error) {
    if (!isDiskError(error)) throw error;
    return { kind: 'damaged', problem: `${stateDirectory.path} cannot be read (${diskErrorText(error)})` };
  }
}

async function readCopiedRecord(
  statePath: string,
): Promise<Result<{ readonly record: LastGoodRecord; readonly follows: string } | undefined>> {
  const copy = await readRunCopy(statePath);
  if (!copy.ok || copy.value === undefined) return copy.ok ? ok(undefined) : copy;
  const record = decodeLastGood(copy.value.bytes);
  return record.ok ? ok({ record: record.value, follows: copy.value.follows }) : record;
}
