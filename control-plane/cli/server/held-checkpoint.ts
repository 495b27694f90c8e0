// The last checkpoint of a control plane's audit log that was seen from here, one file a control plane in the user's state directory. The
// first is taken on trust; from then on the log must continue from it. Whoever reads the file sees nothing secret; whoever changes it
// decides what this user is told.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { keepSecretFile } from '#control-plane/secret-file.ts';
import { type AuditCheckpoint, parseCheckpoint } from '#policy/audit-checkpoint.ts';
import { CommandFailure } from './failure.ts';

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

export async function keepHeld(path: string, checkpoint: AuditCheckpoint): Promise<void> {
  await keepSecretFile(path, `${JSON.stringify(checkpoint)}\n`);
}

/** A file of one checkpoint, as JSON. */
export async function readCheckpointFile(path: string): Promise<AuditCheckpoint> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const problem = `cannot read the checkpoint in ${path}: ${reason}`;
    throw new CommandFailure(2, 'checkpoint-unreadable', problem, { reason });
  }
  const parsed = parseCheckpoint(jsonOf(text));
  if (parsed.ok) return parsed.value;
  throw new CommandFailure(
    2,
    'checkpoint-unreadable',
    `${path} holds no checkpoint: ${parsed.error}; allowed is a file with one alone, as the last line of "segwall audit export" is`,
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
