// The directory that holds everything the control plane must not lose, for one process at a time.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { err, ok, type Result } from '#model/result.ts';

export interface DataDirectory {
  readonly path: string;
  readonly storePath: string;
  readonly pkiPath: string;
  /** Of the key that signs the audit log. */
  readonly auditPath: string;
  /** Other keys. */
  readonly keysPath: string;
  release(): void;
}

/** Creates it where missing (mode 0700) and takes it; the kernel gives it back however the process ends. */
export function openDataDirectory(path: string): Result<DataDirectory> {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    // SQLite's own file lock is the only one that node offers, and it is gone with the process.
    const lock = new DatabaseSync(join(path, 'lock'));
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE;');
    const inside = {
      storePath: join(path, 'store.db'),
      pkiPath: join(path, 'pki'),
      auditPath: join(path, 'audit'),
      keysPath: join(path, 'keys'),
    };
    return ok({ path, ...inside, release: () => lock.close() });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    if (/locked/.test(message)) return err(`${path} is in use by another control plane`);
    return err(`cannot use ${path}: ${message}`);
  }
}
