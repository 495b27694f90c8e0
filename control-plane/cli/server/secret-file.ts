// A new file for one secret, readable by its owner alone. It is never written over one that is there: that may be a token in use.

import { open, rm } from 'node:fs/promises';
import { CommandFailure } from '#cli/output/failure.ts';
import type { Secret } from '#model/secret.ts';

export interface SecretFile {
  keep(secret: Secret): Promise<void>;
  discard(): Promise<void>;
}

export async function openSecretFile(path: string): Promise<SecretFile> {
  try {
    const file = await open(path, 'wx', 0o600);
    return {
      async keep(secret) {
        await file.writeFile(`${secret.reveal()}\n`);
        await file.sync();
        await file.close();
      },
      async discard() {
        await file.close();
        await rm(path, { force: true });
      },
    };
  } catch (cause) {
    const isThere = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    const reason = isThere
      ? 'it is there already; name a new file'
      : cause instanceof Error
        ? cause.message
        : `${cause}`;
    throw new CommandFailure(2, 'cannot-write', `cannot make ${path}: ${reason}`);
  }
}
