// The fingerprint of our table, on disk: the digest of its listing when only the agent had written it. A start compares
// it to find out whether anyone changed the table while no agent ran. It names the state rule, the boot and network
// namespace, and the version of nft, because each version lists a table in its own form.

import { readFileSync, readlinkSync, unlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from './durable-file.ts';
import { isDiskError } from './run-directory.ts';

export interface FingerprintRecord {
  /** The text of the state rule. */
  readonly state: string;
  /** SHA-256, hex, of the listing; empty where the table was loaded and not listed yet. */
  readonly listing: string;
  /** As nft tells it. */
  readonly nftVersion: string;
  /** Of one boot and one network namespace: in any other no table of ours is missing. */
  readonly place: string;
}

/** Undefined where there is none, or an older agent wrote it. */
export async function readFingerprint(statePath: string): Promise<FingerprintRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(pathIn(statePath), 'utf8')) as Partial<Record<string, unknown>> | null;
    const { state, listing, nftVersion, place } = record ?? {};
    if (typeof state !== 'string' || typeof listing !== 'string') return undefined;
    if (typeof nftVersion !== 'string' || typeof place !== 'string') return undefined;
    return { state, listing, nftVersion, place };
  } catch {
    return undefined;
  }
}

/** Does nothing if the state directory is gone. */
export async function writeFingerprint(statePath: string, record: FingerprintRecord): Promise<void> {
  try {
    await writeWhole(pathIn(statePath), Buffer.from(JSON.stringify(record)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Called when the host is opened on purpose, so that a missing table is not reported as tampering. */
export function forgetFingerprint(statePath: string): void {
  try {
    unlinkSync(pathIn(statePath));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!isDiskError(error) && !['ENOENT', 'ENOTDIR'].includes(code)) throw error;
  }
}

/** Where this process's tables are: they outlive neither a boot nor their network namespace. */
export function placeOfTables(): string {
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()} ${readlinkSync('/proc/self/ns/net')}`;
  } catch {
    // Without it nothing is known to be missing.
    return '';
  }
}

function pathIn(statePath: string): string {
  return join(statePath, 'last-good', 'fingerprint');
}
