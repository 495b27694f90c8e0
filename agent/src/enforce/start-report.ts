// Says in the log, and for the audit, what a start found on this host.

import type { Logger } from 'pino';

import type { EventLog } from '#agent/state/event-log.ts';
import type { StartOutcome } from '#agent/table/start.ts';
import { tamperingWhileAway } from './tamper-guard.ts';

export function reportStart(
  outcome: StartOutcome,
  { log, events }: { readonly log: Logger; readonly events: Pick<EventLog, 'record'> },
): void {
  switch (outcome.kind) {
    case 'open':
      log.warn('no policy yet: this host is open until its first one');
      return;
    case 'adopted':
    case 'loaded': {
      const { revision, kind, problem } = outcome;
      if (problem !== undefined)
        log.error({ problem }, 'a last good file is damaged; using the newest one that is whole');
      log.info({ revision }, kind === 'adopted' ? 'found its rules in the kernel' : 'last good revision loaded');
      if (kind === 'adopted' || outcome.tampering === undefined) return;
      log.warn(
        { what: outcome.tampering.slice(0, 8) },
        'another program changed the table while no agent ran; it was repaired',
      );
      events.record('table-tampered', tamperingWhileAway(outcome.tampering, revision));
      return;
    }
    case 'panic':
      log.warn({ revision: outcome.revision }, 'panic: nothing is enforced until segwall-agent resume');
      return;
    case 'unknown-table':
      log.warn({ revision: outcome.revision }, 'the kernel holds a table that this agent has no record of; it is kept');
      return;
    case 'failed':
      log.error({ problem: outcome.problem }, 'the last good revision could not be loaded');
  }
}
