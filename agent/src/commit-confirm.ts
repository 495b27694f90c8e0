// The guard against locking oneself out: a change that took something away is undone if it, and nothing else, keeps the host from its
// control plane. A try that fails proves nothing by itself, since anyone who drops our packets or takes our ports can make it fail:
// what counts is that our own table denied it. Stands between policy sync and the enforcer; agent/core/lock-out.ts decides.
//
//   applied ──nothing was taken away, or a quarantine came──► kept
//   applied ──something was taken away──► trying ──reached─────────────────────────► kept
//                                           ├──failed, and our table denied nothing──► kept, and told in the log
//                                           └──limit passed, our table denied it─────► previous revision again ─► refused
//
// A control plane that answers with a refusal is reached: its process is away, its network is not.

import { setTimeout } from 'node:timers/promises';
import type { Logger } from 'pino';
import { changeOf, judgeLockOut } from '#agent-core/lock-out.ts';
import type { Result } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import type { ResumeOutcome, TableEnforcer } from './enforcer.ts';
import type { ApplyOutcome, Enforcer } from './ports.ts';

export interface CommitConfirmOptions {
  readonly enforcer: Pick<TableEnforcer, 'apply' | 'held' | 'open' | 'resume'> & {
    counts(): Pick<ReturnType<TableEnforcer['counts']>, 'epoch'>;
  };
  /** Opens a connection of its own to the control plane and closes it: one try. The error says what stood in the way. */
  readonly reach: (signal: AbortSignal) => Promise<Result<void>>;
  /** Packets that our own table has denied so far on the way to the control plane. */
  readonly denials: () => Promise<Result<number>>;
  readonly log: Logger;
  /** How long the new rules have to let the control plane be reached. Default 10 s; 2 s to 5 min are sensible. */
  readonly limitMs?: number;
  readonly tryMs?: number;
}

/** `undone`: what is held cuts the control plane off; the host is to be opened again. */
export type ConfirmedResume = ResumeOutcome | { readonly kind: 'undone'; readonly reason: string };

export interface CommitConfirm extends Enforcer {
  /** The end of a panic. A control plane that could not be reached before is not waited for. */
  resume(): Promise<ConfirmedResume>;
}

const defaultLimitMs = 10_000;
/** A dropped SYN is sent again after a second: one try must outlast that. */
const defaultTryMs = 2_500;
const betweenTriesMs = 200;

export function createCommitConfirm(options: CommitConfirmOptions): CommitConfirm {
  const { enforcer, log, limitMs = defaultLimitMs, tryMs = defaultTryMs } = options;

  /** What stood in the way, where our own table did; undefined where the control plane was reached or the fault is not the table's. */
  const lockedOut = async (): Promise<string | undefined> => {
    const giveUpAt = performance.now() + limitMs;
    let before: Result<number> | undefined;
    let reason = 'no try was finished';
    while (performance.now() < giveUpAt) {
      const left = giveUpAt - performance.now();
      const outcome = await options.reach(AbortSignal.timeout(Math.ceil(Math.min(left, tryMs))));
      if (outcome.ok) return undefined;
      reason = outcome.error;
      const now = await options.denials();
      if (before !== undefined) {
        const denials = now.ok && before.ok && now.value > before.value ? 'some' : 'none';
        if (judgeLockOut({ change: 'ordinary', tries: 'failed', denials }) === 'kept') {
          log.warn({ reason }, 'the control plane cannot be reached, and not for our rules: they stay in force');
          return undefined;
        }
      } else {
        before = now;
      }
      await setTimeout(Math.min(betweenTriesMs, Math.max(0, giveUpAt - performance.now())));
    }
    return reason;
  };

  const putBack = async (previous: HostRuleSet | undefined): Promise<ApplyOutcome | undefined> => {
    if (previous !== undefined) return enforcer.apply(previous);
    await enforcer.open();
    return undefined;
  };

  return {
    held: () => enforcer.held(),
    async resume() {
      const wasReached = (await options.reach(AbortSignal.timeout(tryMs))).ok;
      const outcome = await enforcer.resume();
      if (outcome.kind !== 'in-force' || !wasReached) return outcome;
      const held = enforcer.held();
      if (held !== undefined && changeOf(undefined, held) === 'contains') return outcome;
      const failure = await lockedOut();
      if (failure === undefined) return outcome;
      const { revision } = outcome;
      return {
        kind: 'undone',
        reason: `the control plane could not be reached through revision ${revision} within ${limitMs / 1000} s (${failure})`,
      };
    },
    async apply(ruleSet) {
      const previous = enforcer.held();
      const epochBefore = enforcer.counts().epoch;
      const outcome = await enforcer.apply(ruleSet);
      if (outcome.kind !== 'applied' || enforcer.counts().epoch === epochBefore) return outcome;
      if (changeOf(previous, ruleSet) === 'contains') return outcome;
      const failure = await lockedOut();
      if (failure === undefined) return outcome;
      const { revision } = ruleSet;
      log.error(
        { revision, reason: failure },
        'the control plane cannot be reached through the new rules; putting the previous ones back',
      );
      const restored = await putBack(previous);
      const after =
        previous === undefined ? 'the host is open again' : `revision ${previous.revision} is in force again`;
      const state =
        restored?.kind === 'refused' ? `putting the previous revision back failed too: ${restored.reason}` : after;
      return {
        kind: 'refused',
        revision,
        reason: `lock-out: the control plane could not be reached through the new rules within ${limitMs / 1000} s (${failure}); ${state}`,
      };
    },
  };
}
