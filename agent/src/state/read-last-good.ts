// Which policy was in force last: what the state directory holds, or the copy under /run of what it could not take. A copy that
// followed what lies on disk now is the newer one, whatever the revisions say: a control plane put back from a backup counts from
// an older one again. Where the disk holds something else by now, the higher revision wins, and at one revision the disk.

import { ok, type Result } from '#model/result.ts';
import { decodeLastGood, type LastGoodRecord } from './last-good-codec.ts';
import { digestOfLastGood, readInterimLastGood } from './last-good-in-run.ts';
import { diskErrorText, isDiskError } from './run-directory.ts';
import type { StateDirectory, StoredLastGood } from './state-directory.ts';

/** `none`: never had a policy. `damaged`: had one, and nothing whole is left. `problem`: what was passed over on the way here. */
export type NewestLastGood =
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

export async function readNewestLastGood(stateDirectory: StateDirectory): Promise<NewestLastGood> {
  const stored = await readStored(stateDirectory);
  const onDisk = decodeStored(stored);
  const interim = await readInterimRecord(stateDirectory.path);
  if (!interim.ok) return withProblem(onDisk, interim.error);
  if (interim.value === undefined) return onDisk;
  const { record, follows } = interim.value;
  const revisionOnDisk = onDisk.kind === 'found' ? onDisk.revisionOnDisk : 0;
  const isNewer = follows === digestOfLastGood(stored) || record.ruleSet.revision > revisionOnDisk;
  if (!isNewer) return onDisk;
  const problem = onDisk.kind === 'none' || onDisk.problem === undefined ? {} : { problem: onDisk.problem };
  return { kind: 'found', record, place: 'until-reboot', revisionOnDisk, ...problem };
}

/** With a copy that cannot be read there was a policy, whatever the disk says. */
function withProblem(onDisk: NewestLastGood, problem: string): NewestLastGood {
  if (onDisk.kind === 'none') return { kind: 'damaged', problem };
  return { ...onDisk, problem: onDisk.problem === undefined ? problem : `${onDisk.problem}; ${problem}` };
}

function decodeStored(stored: StoredLastGood): NewestLastGood {
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
export async function readStored(stateDirectory: StateDirectory): Promise<StoredLastGood> {
  try {
    return await stateDirectory.readLastGood();
  } catch (error) {
    if (!isDiskError(error)) throw error;
    return { kind: 'damaged', problem: `${stateDirectory.path} cannot be read (${diskErrorText(error)})` };
  }
}

async function readInterimRecord(
  statePath: string,
): Promise<Result<{ readonly record: LastGoodRecord; readonly follows: string } | undefined>> {
  const interim = await readInterimLastGood(statePath);
  if (!interim.ok || interim.value === undefined) return interim.ok ? ok(undefined) : interim;
  const record = decodeLastGood(interim.value.bytes);
  return record.ok ? ok({ record: record.value, follows: interim.value.follows }) : record;
}
