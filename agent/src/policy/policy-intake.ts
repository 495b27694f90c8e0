// Takes rule sets from policy sync into force, by way of commit-confirm, ends a panic, and remembers what was offered and what went wrong.

import type { Logger } from 'pino';
import type { TableEnforcer } from '#agent/enforce/enforcer.ts';
import type { ControlPlaneReach } from '#agent/link/control-plane-reach.ts';
import type { Enforcer } from '#agent/table/apply-outcome.ts';
import { type CommitConfirm, createCommitConfirm } from './commit-confirm.ts';
import type { WatchedTry } from './watched-try.ts';

export interface PolicyIntake extends Enforcer {
  /** The end of a panic: what is held goes into force. The reason, where that cut the control plane off and the host is to be opened again. */
  resume(): Promise<{ readonly undone: string } | undefined>;
  /** The newest revision that came. */
  offered(): number;
  /** The last thing that went wrong and still holds, or empty. */
  problem(): string;
}

export function createPolicyIntake(options: {
  readonly enforcer: TableEnforcer;
  readonly reach: Pick<ControlPlaneReach, 'tryConnect' | 'way' | 'resolve'>;
  readonly watchedTry: (signal: AbortSignal) => Promise<WatchedTry>;
  readonly heard: (signal: AbortSignal) => Promise<void>;
  /** Of the start. */
  readonly problem: string;
  /** A rule set was tried, whatever came of it. */
  readonly tried: () => void;
  readonly log: Logger;
}): PolicyIntake {
  const { enforcer, reach, tried, log } = options;
  const confirmed: CommitConfirm = createCommitConfirm({
    enforcer,
    reach: (until) => reach.tryConnect(until),
    watchedTry: options.watchedTry,
    heard: options.heard,
    log,
  });
  let { problem } = options;
  let offered = enforcer.held()?.revision ?? 0;
  return {
    held: () => enforcer.held(),
    async apply(ruleSet) {
      offered = ruleSet.revision;
      // A name that nobody could tell at the start is known by now, or no rule set would have come: none is refused for being early.
      if (reach.way().addresses.length === 0) await reach.resolve();
      const outcome = await confirmed.apply(ruleSet);
      tried();
      const { revision } = outcome;
      if (outcome.kind === 'applied') {
        problem = '';
        if (enforcer.isOpened()) log.warn({ revision }, 'revision kept; the host is open until resume');
        else log.info({ revision }, 'revision in force');
      } else {
        problem = `revision ${revision} refused: ${outcome.reason}`;
        log.error({ revision, reason: outcome.reason }, 'revision refused; the last good one stays');
      }
      return outcome;
    },
    async resume() {
      const outcome = await confirmed.resume();
      if (outcome.kind === 'in-force') log.info({ revision: outcome.revision }, 'resumed: revision in force');
      else if (outcome.kind === 'nothing-held') log.info('resumed: there is no policy yet');
      else if (outcome.kind === 'failed') problem = `resuming failed: ${outcome.problem}`;
      return outcome.kind === 'undone' ? { undone: outcome.reason } : undefined;
    },
    offered: () => offered,
    problem: () => [problem, enforcer.problem()].filter((text) => text !== '').join('; '),
  };
}
