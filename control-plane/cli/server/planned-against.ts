// What a checkout was planned against: the revision of the active policy that `plan DIR` compared it with, one file a control plane and
// directory in the user's state directory. The next apply of that directory expects it, so that what somebody else applied meanwhile
// is not undone unseen. Without a plan nothing is expected.

import { createHash } from 'node:crypto';
import { readFile, realpath, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { printProgress } from '#cli/output/printing.ts';
import { keepSecretFile } from '#control-plane/pki/secret-file.ts';

export interface PlannedPlace {
  readonly controlPlane: string;
  readonly directory: string;
}

export async function rememberPlanned(place: PlannedPlace, revision: number): Promise<void> {
  try {
    await keepSecretFile(await pathOf(place), `${revision}\n`);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    printProgress(`which policy this was planned against could not be kept, and apply will not ask for it: ${reason}`);
  }
}

/** Undefined where it was not planned since it was applied last. */
export async function plannedRevision(place: PlannedPlace): Promise<number | undefined> {
  const text = await readFile(await pathOf(place), 'utf8').catch(() => '');
  const revision = Number(text.trim());
  return text !== '' && Number.isSafeInteger(revision) && revision > 0 ? revision : undefined;
}

export async function forgetPlanned(place: PlannedPlace): Promise<void> {
  await rm(await pathOf(place), { force: true }).catch(() => undefined);
}

async function pathOf({ controlPlane, directory }: PlannedPlace): Promise<string> {
  const { env } = process;
  const state = env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state');
  const whole = await realpath(directory).catch(() => directory);
  const name = createHash('sha256').update(`${controlPlane}\0${whole}`).digest('hex').slice(0, 16);
  return join(state, 'segwall', `planned-${name}`);
}
