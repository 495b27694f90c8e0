// The agent's one folder on disk: the last good rule set, the flow sequence, the spool, the identity, the status
// socket. What is read back here is whole or is said to be damaged: a torn last good file gives the one before it.
// Bytes in, bytes out: what they mean is the enforcer's.

import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type DenialCounts, noDenials } from '#agent-core/flows/unrecorded-denials.ts';
import { type Millis, millis } from '#model/time.ts';
import { readIfThere, seal, syncFolder, unseal, writeWhole } from './durable-file.ts';
import { isDiskError } from './run-directory.ts';

/**
 * `none`: this host never had a policy. `found` with a `problem`: the newest file was damaged and this is the one
 * before it. `damaged`: there were files, and none is whole.
 */
export type StoredLastGood =
  | { readonly kind: 'none' }
  | { readonly kind: 'found'; readonly bytes: Uint8Array; readonly problem?: string }
  | { readonly kind: 'damaged'; readonly problem: string };

/**
 * The sequence that the next flow batch takes, the end of the last window that was spooled, and the counters it told
 * of.
 */
export interface FlowProgress {
  readonly nextSequence: number;
  readonly seenUntil: Millis;
  readonly unrecorded: DenialCounts;
}

export interface StateDirectory {
  readonly path: string;
  readonly identityPath: string;
  readonly spoolPath: string;
  readonly socketPath: string;
  readonly lockPath: string;
  /** The newest whole file. */
  readLastGood(): Promise<StoredLastGood>;
  /** On disk, synced, when it resolves. The one before stays as the fallback. */
  writeLastGood(bytes: Uint8Array): Promise<void>;
  /** No policy: the host is open on purpose (`segwall-agent open`). */
  forgetLastGood(): Promise<void>;
  /** Undefined if none was ever kept, or it is damaged. */
  readFlowProgress(): Promise<FlowProgress | undefined>;
  writeFlowProgress(progress: FlowProgress): Promise<void>;
}

/** Makes the folder (mode 0700) where it is missing; one that is ours alone by then is closed to others. */
export function openStateDirectory(path: string): StateDirectory {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  closeToOthers(path);
  const lastGoodPath = join(path, 'last-good');
  const current = join(lastGoodPath, 'current');
  const previous = join(lastGoodPath, 'previous');
  const progressPath = join(path, 'flow-progress');

  return {
    path,
    identityPath: join(path, 'identity'),
    spoolPath: join(path, 'spool'),
    socketPath: join(path, 'agent.sock'),
    lockPath: join(path, 'agent.lock'),

    async readLastGood() {
      const problems: string[] = [];
      for (const file of [current, previous]) {
        const sealed = await readIfThere(file);
        if (sealed === undefined) continue;
        const bytes = unseal(sealed);
        if (!bytes.ok) {
          problems.push(`${file}: ${bytes.error}`);
          continue;
        }
        return { kind: 'found', bytes: bytes.value, ...(problems.length > 0 && { problem: problems.join('; ') }) };
      }
      return problems.length > 0 ? { kind: 'damaged', problem: problems.join('; ') } : { kind: 'none' };
    },

    async writeLastGood(bytes) {
      // A damaged current must not displace the whole file behind it. Between the two renames there is no current, and
      // the reader takes the previous one: that is the revision which was in force a moment ago.
      const held = await readIfThere(current);
      await removeLeftovers(lastGoodPath);
      const next = join(lastGoodPath, 'next');
      await writeWhole(next, seal(bytes));
      if (held !== undefined && unseal(held).ok) await rename(current, previous);
      await rename(next, current);
      await syncFolder(lastGoodPath);
    },

    async forgetLastGood() {
      // The newer one last, and both for good: what a power cut left would be loaded by the next start.
      for (const file of [previous, current]) {
        await unlink(file).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error;
        });
      }
      await syncFolder(lastGoodPath);
    },

    async readFlowProgress() {
      const bytes = await readIfThere(progressPath);
      const [nextSequence, seenUntil, inbound = 0, outbound = 0] = Buffer.from(bytes ?? [])
        .toString('latin1')
        .split(' ')
        .map(Number);
      if (!isPositive(nextSequence) || !isPositive(seenUntil)) return undefined;
      const unrecorded = [inbound, outbound].every((count) => Number.isSafeInteger(count) && count >= 0)
        ? { inbound, outbound }
        : noDenials;
      return { nextSequence, seenUntil: millis(seenUntil), unrecorded };
    },

    async writeFlowProgress({ nextSequence, seenUntil, unrecorded: { inbound, outbound } }) {
      await writeWhole(progressPath, Buffer.from(`${nextSequence} ${seenUntil} ${inbound} ${outbound}`, 'latin1'));
    },
  };
}

/**
 * One that somebody made before us may be open: whoever puts a file there decides what this host enforces. Only one
 * that is empty or holds an identity is closed; anything else (`--state /var/lib`) is others' as well.
 */
function closeToOthers(path: string): void {
  const { uid, mode } = statSync(path);
  if (uid !== process.geteuid?.() || (mode & 0o077) === 0) return;
  try {
    const names = readdirSync(path);
    if (names.length === 0 || names.includes('identity')) chmodSync(path, 0o700);
  } catch (error) {
    if (!isDiskError(error)) throw error;
  }
}

/** What an agent that was killed while it wrote has left. */
async function removeLeftovers(path: string): Promise<void> {
  const names = await readdir(path).catch(() => []);
  for (const name of names) if (name.endsWith('.tmp')) await unlink(join(path, name)).catch(() => undefined);
}

/** With one more to come: a sequence at the end of all numbers could not go on. */
function isPositive(value: number | undefined): value is number {
  return value !== undefined && Number.isSafeInteger(value + 1) && value > 0;
}
