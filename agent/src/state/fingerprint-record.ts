// What the kernel showed of our table when nobody but us had touched it, on disk: so that a start can tell whether anyone did while
// no agent ran. Says for which state rule, in which boot and network namespace, and by which nft, since each lists in its own words.

import { readFileSync, readlinkSync, unlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from './durable-file.ts';
import { isDiskError } from './run-directory.ts';

export interface FingerprintRecord {
  /** The words of the state rule. */
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

/** Where the directory is gone, so is what it would be for. */
export async function writeFingerprint(statePath: string, record: FingerprintRecord): Promise<void> {
  try {
    await writeWhole(pathIn(statePath), Buffer.from(JSON.stringify(record)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Whoever opens the host on purpose: that its table is gone is then no tampering. */
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
