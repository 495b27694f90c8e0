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
      log.warn('this host never had a policy: it is open until one comes');
      return;
    case 'adopted':
    case 'loaded': {
      const { revision, kind, problem } = outcome;
      if (problem !== undefined)
        log.error({ problem }, 'a last good file is damaged; the newest that is whole is used');
      log.info({ revision }, kind === 'adopted' ? 'found its rules in the kernel' : 'last good revision loaded');
      if (kind === 'adopted' || outcome.tampering === undefined) return;
      log.warn(
        { what: outcome.tampering.slice(0, 8) },
        'someone else changed the table while no agent ran; it is put back',
      );
      events.record('table-tampered', tamperingWhileAway(outcome.tampering, revision));
      return;
    }
    case 'panic':
      log.warn({ revision: outcome.revision }, 'opened at the console: nothing is enforced until segwall-agent resume');
      return;
    case 'unknown-table':
      log.warn({ revision: outcome.revision }, 'the kernel holds a table of which nothing is known here; it stays');
      return;
    case 'failed':
      log.error({ problem: outcome.problem }, 'the last good revision could not be loaded');
  }
}
