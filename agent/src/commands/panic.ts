// `segwall-agent panic`: opens the host from its console, at once, whatever the agent is doing: a flag that every agent
// and boot heeds until `resume`, and the table taken out of the kernel here. Needs neither agent nor control plane.

import { createNft } from '#agent/nft/nft.ts';
import { removeTable } from '#agent/nft/remove-table.ts';
import { CommandError } from '#agent/process/command-error.ts';
import { openEventLog } from '#agent/state/event-log.ts';
import { forgetFingerprint } from '#agent/state/fingerprint-record.ts';
import { openPanicFlag } from '#agent/state/panic-flag.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { lockOwner } from '#agent/state/state-lock.ts';
import { type AgentStatusDocument, askStatus } from '#agent/status/status-socket.ts';
import { tableName } from '#agent-core/table/table.ts';
import { systemClock } from '#clock/system-clock.ts';
import { assertStateDirectory } from './state-argument.ts';

export interface PanicOptions {
  readonly state: string;
  readonly reason?: string;
}

/** A transaction that was under way when the flag went up may still put the table back; it is looked for so long. */
const watchMs = 2000;
const betweenLooksMs = 200;

export async function panicCommand({ state, reason = '' }: PanicOptions): Promise<void> {
  assertStateDirectory(state);
  const flag = openPanicFlag(state);
  const earlier = flag.read();
  let holds: 'kept' | 'until-reboot' | 'nowhere' = 'nowhere';
  let refusal = '';
  try {
    holds = flag.raise({
      since: earlier?.since ?? systemClock.wall(),
      reason: reason === '' ? (earlier?.reason ?? '') : reason,
    });
  } catch (error) {
    refusal = (error as NodeJS.ErrnoException).code ?? String(error);
  }
  // So that the missing table is not reported as tampering.
  forgetFingerprint(state);
  const removed = await removeTable(createNft());
  if (!removed.ok) {
    throw new CommandError({
      code: 'table-not-removed',
      message: `nft did not remove the table: ${removed.error}`,
    });
  }
  if (earlier === undefined) {
    const user = process.env['SUDO_USER'] ?? process.env['USER'] ?? '';
    openEventLog(state).record(
      'opened',
      new Map([['reason', reason], ...(user === '' ? [] : [['user', user] as const])]),
    );
  }
  process.stdout.write('the host is open: no rules of segwall are in its kernel\n');
  if (holds === 'nowhere') {
    throw new CommandError({
      code: 'panic-not-kept',
      message: `neither ${state} nor /run can be written (${refusal}): an agent that runs will put its rules back`,
    });
  }
  await keepOpen(state);
  process.stdout.write(
    holds === 'kept'
      ? 'it stays open, also after a reboot, until: segwall-agent resume\n'
      : `it stays open until the next reboot or segwall-agent resume; ${state} cannot be written\n`,
  );
}

/** Until the agent says that it knows, if one runs. */
async function keepOpen(path: string): Promise<void> {
  const nft = createNft();
  const state = openStateDirectory(path);
  const until = systemClock.elapsedMs() + watchMs;
  while (systemClock.elapsedMs() < until) {
    if ((await nft.list(['-t', 'list', 'table', ...tableName.split(' ')])).ok) await removeTable(nft);
    const answer = await Promise.race([askStatus(state.socketPath), systemClock.sleep(betweenLooksMs)]);
    if (answer?.ok === true && (answer.value as AgentStatusDocument).isOpened) return;
    if (answer?.ok === false && lockOwner(state.lockPath) === undefined) return;
    await systemClock.sleep(betweenLooksMs);
  }
}
