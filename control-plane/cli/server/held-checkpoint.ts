// The last checkpoint of a control plane's audit log that was seen from here, one file a control plane in the user's state directory. The
// first is taken on trust; from then on the log must continue from it. Whoever reads the file sees nothing secret; whoever changes it
// decides what this user is told.

import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { CommandFailure } from '#cli/output/failure.ts';
import { readLastLine } from '#cli/output/last-line.ts';
import { printProgress } from '#cli/output/printing.ts';
import { keepSecretFile } from '#control-plane/pki/secret-file.ts';
import { type AuditCheckpoint, parseCheckpoint } from '#policy/audit/audit-checkpoint.ts';
import type { AuditVerdict } from '#policy/audit/audit-verifier.ts';

export function heldPath(controlPlane: string, environment: NodeJS.ProcessEnv = process.env): string {
  const state = environment['XDG_STATE_HOME'] || join(environment['HOME'] || homedir(), '.local', 'state');
  const name = createHash('sha256').update(controlPlane).digest('hex').slice(0, 16);
  return join(state, 'segwall', `audit-${name}.json`);
}

/** Undefined where there is none yet. */
export async function readHeld(path: string): Promise<AuditCheckpoint | undefined> {
  try {
    return await readCheckpointFile(path);
  } catch (cause) {
    if (cause instanceof CommandFailure && cause.details['reason'] === 'ENOENT') return undefined;
    throw cause;
  }
}

interface Seen {
  readonly verdict: Extract<AuditVerdict, { readonly kind: 'intact' }>;
  readonly held: AuditCheckpoint | undefined;
}

/**
 * What this user saw last, where the one held before could be compared; what was read from later on says nothing of it, so it stays. False,
 * told on standard error, where it cannot be written: the verdict is the same all the same.
 */
export async function keepSeen(path: string, { verdict, held }: Seen): Promise<boolean> {
  const { checkpoint, since } = verdict;
  if (checkpoint === undefined) return false;
  if (held !== undefined && since > held.seq) {
    printProgress(
      `the checkpoint of entry ${held.seq} that was seen before was not compared, since what was read begins after entry ${since}; it is kept. ` +
        'Export without --since; or, where entries were pruned, compare with what was exported of them, and then use "segwall audit --verify --trust-anew"',
    );
    return false;
  }
  try {
    await keepSecretFile(path, `${JSON.stringify(checkpoint)}\n`);
    return true;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    printProgress(`what was seen could not be kept, and later looks have nothing newer to compare with: ${reason}`);
    return false;
  }
}

/** A file of one checkpoint, as JSON, or an export, whose last line is one. */
export async function readCheckpointFile(path: string): Promise<AuditCheckpoint> {
  const text = await readEnd(path);
  const parsed = parseCheckpoint(jsonOf(text));
  if (parsed.ok) return parsed.value;
  throw new CommandFailure(
    2,
    'checkpoint-unreadable',
    `${path} holds no checkpoint: ${parsed.error}; allowed is a file of "segwall audit export" that was written to its end, or its last line alone`,
  );
}

/** The last line, or all of a file that has none with an end. */
async function readEnd(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    return (await readLastLine(file)).text ?? (await file.readFile('utf8'));
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw new CommandFailure(2, 'checkpoint-unreadable', `cannot read the checkpoint in ${path}: ${reason}`, {
      reason,
    });
  } finally {
    await file?.close();
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
