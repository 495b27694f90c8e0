// `segwall-agent restore`: the boot unit's work. Puts the last good revision into the kernel before the network is up, with
// the essential entries and the bits of the connection mark it was last loaded with. Needs no network, no control plane and no settings.

import { existsSync } from 'node:fs';
import { insertOpenSockets } from '#agent/conntrack/insert-open-connections.ts';
import { livePeersAmong } from '#agent/conntrack/live-peers.ts';
import { sweepMarks } from '#agent/conntrack/mark-sweep.ts';
import { createNames } from '#agent/dns/names.ts';
import { createEnforcer } from '#agent/enforce/enforcer.ts';
import { openPolicyClock } from '#agent/enforce/policy-clock.ts';
import { tamperingWhileAway } from '#agent/enforce/tamper-guard.ts';
import { readDhcpUsers } from '#agent/host/dhcp-users.ts';
import { createNft } from '#agent/nft/nft.ts';
import { readStateRule } from '#agent/nft/state-rule.ts';
import { CommandError } from '#agent/process/command-error.ts';
import { createAgentLog } from '#agent/process/log.ts';
import { namesMost } from '#agent/settings/settings.ts';
import { defaultSettings } from '#agent/settings/settings-reader.ts';
import { openEventLog } from '#agent/state/event-log.ts';
import { openLastGoodStore } from '#agent/state/last-good-store.ts';
import { openPanicFlag } from '#agent/state/panic-flag.ts';
import { isDiskError } from '#agent/state/run-directory.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { acquireStateLock, type StateLock } from '#agent/state/state-lock.ts';
import { readUnitDropIns } from '#agent/units/unit-drop-ins.ts';
import { defaultMarks, markLayoutOf } from '#agent-core/marks/mark-layout.ts';
import { ok, type Result } from '#model/result.ts';

export async function restoreCommand({ state }: { readonly state: string }): Promise<void> {
  if (!existsSync(state)) return say('this host is not enrolled and has no policy: it is open');
  const stateDirectory = openStateDirectory(state);
  const lock = lockIfWritable(stateDirectory.lockPath);
  if (!lock.ok) return say(`nothing to restore: ${lock.error}`);
  try {
    const stored = await openLastGoodStore(stateDirectory).read();
    const essentials = stored.kind === 'found' ? stored.record.essentials : [];
    const layout = stored.kind === 'found' ? markLayoutOf(stored.record.markMask) : undefined;
    const marks = layout?.ok === true ? layout.value : defaultMarks;
    // Others that use these marks may come later in the boot.
    const whileObserving = stored.kind === 'found' && stored.record.unswept !== undefined ? 'withhold' : 'stamp';
    const nft = createNft();
    const log = createAgentLog('warn');
    // What was known of names still holds until its time is up; nothing is learnt before there is a network.
    const names = createNames({
      settings: { ...defaultSettings.names, bounds: { ...defaultSettings.names.bounds, ...namesMost } },
      stateDirectory: state,
      nft,
      log,
      liveAmong: (addresses) => livePeersAmong(addresses, { marks, stamps: enforcer.stamps() }),
      learning: 'off',
    });
    const clock = await openPolicyClock(state);
    await clock.keep();
    const enforcer = createEnforcer({
      nft,
      stateDirectory,
      essentials: () => essentials,
      log,
      marks,
      sweepMarks,
      stateRule: readStateRule,
      namedUnits: () => readUnitDropIns(),
      dhcpUsers: readDhcpUsers,
      // At boot there are none; after a panic there may be, and unknown to conntrack they would be cut.
      beforeFirstTable: async () => {
        const entered = await insertOpenSockets();
        if (!entered.ok) log.warn({ reason: entered.error }, 'conntrack does not know the open connections');
      },
      names,
      policyTime: clock.now,
      markUse: { whileObserving: () => whileObserving, wereLeft: () => undefined },
      panic: openPanicFlag(state),
    });
    const outcome = await enforcer.start();
    switch (outcome.kind) {
      case 'open':
        return say('this host never had a policy: it is open');
      case 'adopted':
        return say(`revision ${outcome.revision} was in the kernel already`);
      case 'loaded':
        if (outcome.tampering !== undefined)
          openEventLog(state).record('table-tampered', tamperingWhileAway(outcome.tampering, outcome.revision));
        if (enforcer.problem() !== '') process.stderr.write(`warning: ${enforcer.problem()}\n`);
        return say(`revision ${outcome.revision} is in force`);
      case 'panic':
        return say('this host was opened with segwall-agent panic: it stays open until segwall-agent resume');
      case 'unknown-table':
        return say('the kernel holds a table of which this state directory knows nothing; it stays');
      case 'failed':
        throw new CommandError({
          code: 'last-good-not-restored',
          message: `the last good revision in ${state} could not be loaded: ${outcome.problem}`,
        });
    }
  } finally {
    lock.value.release();
  }
}

/** Where neither the state directory nor /run can be written, nobody else can have started either. */
function lockIfWritable(path: string): Result<StateLock> {
  try {
    return acquireStateLock(path);
  } catch (error) {
    if (!isDiskError(error)) throw error;
    return ok({ release: () => undefined });
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
