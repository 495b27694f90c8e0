// `segwall-agent open`: opens the host on purpose. Removes our table and forgets the last good revision, so that
// neither a restart nor a reboot brings it back; the control plane does, when the agent runs again.

import { createNft } from '#agent/nft/nft.ts';
import { removeTable } from '#agent/nft/remove-table.ts';
import { CommandError } from '#agent/process/command-error.ts';
import { forgetFingerprint } from '#agent/state/fingerprint-record.ts';
import { removeRunCopy } from '#agent/state/last-good-run-copy.ts';
import { diskErrorText, isDiskError } from '#agent/state/run-directory.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { lockOwner } from '#agent/state/state-lock.ts';
import { assertStateDirectory } from './state-argument.ts';

export async function openCommand({ state, yes }: { readonly state: string; readonly yes: boolean }): Promise<void> {
  if (!yes) {
    throw new CommandError({
      code: 'not-confirmed',
      message: 'this removes every rule of segwall from this host and lets all its traffic pass',
    });
  }
  assertStateDirectory(state);
  const stateDirectory = openStateDirectory(state);
  const owner = lockOwner(stateDirectory.lockPath);
  if (owner !== undefined) {
    throw new CommandError({
      code: 'agent-running',
      message: `the agent runs on ${state} as process ${owner} and would put its rules back`,
    });
  }
  const removed = await removeTable(createNft());
  if (!removed.ok) {
    throw new CommandError({
      code: 'table-not-removed',
      message: `nft did not remove the table: ${removed.error}`,
    });
  }
  removeRunCopy(state);
  forgetFingerprint(state);
  try {
    await stateDirectory.forgetLastGood();
  } catch (error) {
    if (!isDiskError(error)) throw error;
    throw new CommandError({
      code: 'last-good-not-forgotten',
      message: `the host is open, but ${state} cannot be written (${diskErrorText(error)}): a boot or a start of the agent would load its last revision again`,
    });
  }
  process.stdout.write('the host is open: no rules of segwall are in its kernel\n');
}
