// From where on the audit log is kept, beside the key and outside of the store: whoever writes to the store's file can move it there, and not
// here. A pruning is announced before it and concluded after, so that one that was interrupted is told apart from one that nobody asked for.

import { join } from 'node:path';
import { keepSecretFile, readFileIfThere } from '#control-plane/pki/secret-file.ts';
import { type AuditCheckpoint, parseCheckpoint } from '#policy/audit/audit-checkpoint.ts';

export interface AuditBase {
  /** Entries up to this one were pruned; absent: none were. */
  readonly base?: AuditCheckpoint;
  /** Where it may be by now. */
  readonly pending?: AuditCheckpoint;
}

/** Undefined where none was kept yet, or what is there cannot be read. */
export async function readAuditBase(directory: string): Promise<AuditBase | undefined> {
  const text = await readFileIfThere(basePath(directory));
  if (text === undefined) return undefined;
  try {
    const { base, pending } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const [read, announced] = [base, pending].map((one) => (one === undefined ? undefined : parseCheckpoint(one)));
    if (read?.ok === false || announced?.ok === false) return undefined;
    return {
      ...(read === undefined ? {} : { base: read.value }),
      ...(announced === undefined ? {} : { pending: announced.value }),
    };
  } catch {
    return undefined;
  }
}

export async function keepAuditBase(directory: string, base: AuditBase): Promise<void> {
  await keepSecretFile(basePath(directory), `${JSON.stringify(base)}\n`);
}

function basePath(directory: string): string {
  return join(directory, 'base.json');
}
