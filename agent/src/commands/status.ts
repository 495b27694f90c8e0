// `segwall-agent status`: asks the running agent; without one, says so and tells what the disk knows.

import { existsSync } from 'node:fs';
import { readIdentityFiles } from '#agent/link/identity-files.ts';
import { openLastGoodStore } from '#agent/state/last-good-store.ts';
import { openPanicFlag } from '#agent/state/panic-flag.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { type AgentStatusDocument, askStatus } from '#agent/status/status-socket.ts';
import { modesOf, quarantinesOf, statusRows } from '#agent/status/status-view.ts';

/** The exit code: 0, or 3 where no agent answers. */
export async function statusCommand(options: { readonly state: string; readonly json: boolean }): Promise<0 | 3> {
  const isThere = existsSync(options.state);
  const state = isThere ? openStateDirectory(options.state) : undefined;
  const answer = state === undefined ? undefined : await askStatus(state.socketPath);
  if (answer?.ok === true) {
    await print(answer.value as AgentStatusDocument, options.json);
    return 0;
  }
  await print(await fromDisk(options.state), options.json);
  const reason = answer === undefined ? 'there is no such directory' : answer.error;
  const isEnrolled = isThere && (await readIdentityFiles(options.state)).ok;
  process.stderr.write(
    `error: agent-not-running: no agent answers on ${options.state}: ${reason}\n` +
      '  What is shown is what the disk knows; rules that were in the kernel are still there.\n' +
      (isEnrolled
        ? '  Start the agent: systemctl start segwall-agent\n'
        : '  Name the state directory of this host’s agent with --state; a host that has none is enrolled first (segwall-agent enroll).\n'),
  );
  return 3;
}

async function fromDisk(path: string): Promise<Partial<AgentStatusDocument>> {
  if (!existsSync(path)) return { revision: 0, applied: 0, mode: 'open', connected: false, lost: 0, running: false };
  const identity = await readIdentityFiles(path);
  const stored = await openLastGoodStore(openStateDirectory(path)).read();
  const ruleSet = stored.kind === 'found' ? stored.record.ruleSet : undefined;
  const revision = ruleSet?.revision ?? 0;
  const panic = openPanicFlag(path).read();
  const problem = stored.kind === 'damaged' ? stored.problem : '';
  return {
    ...(identity.ok && { host: identity.value.host, controlPlane: identity.value.controlPlane }),
    revision,
    applied: revision,
    ...modesOf(panic === undefined ? ruleSet : undefined),
    quarantines: quarantinesOf(panic === undefined ? ruleSet : undefined),
    ...(panic !== undefined && { panic: { since: new Date(panic.since).toISOString(), reason: panic.reason } }),
    connected: false,
    lost: 0,
    running: false,
    problem: identity.ok ? problem : identity.error.message,
  };
}

async function print(status: Partial<AgentStatusDocument>, json: boolean): Promise<void> {
  if (json) {
    process.stdout.write(`${JSON.stringify(status)}\n`);
    return;
  }
  const { default: Table } = await import('cli-table3');
  const table = new Table({ style: { head: [], border: [] } });
  for (const [name, value] of statusRows(status)) table.push({ [name]: value });
  process.stdout.write(`${table.toString()}\n`);
}
