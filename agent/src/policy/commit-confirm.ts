// The guard against locking oneself out: a change that took something away is undone if it, and nothing else, keeps the host from its
// control plane. A try that fails proves nothing by itself, since anyone who drops our packets or takes our ports can make it fail:
// what counts is that our own table denied it. Stands between policy sync and the enforcer; agent/core/table/lock-out.ts decides.
//
//   asked for ──the table itself would deny the way──► refused, nothing loaded (agent/core/table/own-way.ts, in the enforcer)
//   asked for ──a quarantine comes──► applied ─► kept
//   asked for ──nothing is taken away──► applied ─► kept
//   asked for ──something is taken away──► baseline: one try ─► applied ──the baseline failed──► kept
//                                                                └─► trying ──reached, or heard on the stream─────► kept
//                                                                      ├──failed, and our table denied nothing──► kept, and told in the log
//                                                                      └──limit passed, our table denied it─────► previous revision again ─► refused
//
// A control plane that answers with a refusal is reached: its process is away, its network is not.

import type { Logger } from 'pino';
import type { ResumeOutcome, TableEnforcer } from '#agent/enforce/enforcer.ts';
import type { ApplyOutcome, Enforcer } from '#agent/table/apply-outcome.ts';
import { changeOf, judgeLockOut, type LockOutEvidence } from '#agent-core/table/lock-out.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { Result } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import type { WatchedTry } from './watched-try.ts';

export interface CommitConfirmOptions {
  readonly enforcer: Pick<TableEnforcer, 'apply' | 'held' | 'open' | 'resume'>;
  /** Opens a connection of its own to the control plane and closes it: one try. The error says what stood in the way. */
  readonly reach: (signal: AbortSignal) => Promise<Result<void>>;
  /** The same, and whether our own table denied that very try. */
  readonly watchedTry: (signal: AbortSignal) => Promise<WatchedTry>;
  /** Resolves with the next message on the policy stream, of those that are sent from now on; never after the signal. */
  readonly heard: (signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
  /**
   * How long the new rules have to let the control plane be reached. Default 12 s, in which a heartbeat comes; 2 s to 5 min are sensible.
   */
  readonly limitMs?: number;
  readonly tryMs?: number;
}

/** `undone`: what is held cuts the control plane off; the host is to be opened again. */
export type ConfirmedResume = ResumeOutcome | { readonly kind: 'undone'; readonly reason: string };

export interface CommitConfirm extends Enforcer {
  /** The end of a panic. A control plane that could not be reached before is not waited for. */
  resume(): Promise<ConfirmedResume>;
}

const defaultLimitMs = 12_000;
/** A dropped SYN is sent again after a second: one try must outlast that. */
const defaultTryMs = 2_500;
/** Whoever drops the baseline's packets holds a change up for so long; who could not be reached in it is no witness. */
const baselineMs = 1000;
/** Too short for a packet to leave, the last try would see no denial and keep what is to be undone. */
const leastTryMs = 1000;
const betweenTriesMs = 1000;

export function createCommitConfirm(options: CommitConfirmOptions): CommitConfirm {
  const { enforcer, log, limitMs = defaultLimitMs, tryMs = defaultTryMs } = options;

  const within = (ms: number, signal?: AbortSignal): AbortSignal => {
    const limit = systemClock.limit(Math.max(1, Math.ceil(ms)));
    return signal === undefined ? limit : AbortSignal.any([limit, signal]);
  };

  /** What stood in the way, where our own table did; undefined where the control plane was reached or the fault is not the table's. */
  const lockedOut = async (baseline: LockOutEvidence['baseline']): Promise<string | undefined> => {
    if (baseline === 'failed') {
      log.warn('the control plane could not be reached before the change either: the new rules stay in force');
      return undefined;
    }
    const over = new AbortController();
    const heard = options.heard(over.signal).then(() => 'heard' as const);
    try {
      return await tryUntilHeard(heard, over);
    } finally {
      over.abort();
    }
  };

  const tryUntilHeard = async (heard: Promise<'heard'>, over: AbortController): Promise<string | undefined> => {
    const giveUpAt = systemClock.elapsedMs() + limitMs;
    const orHeard = async <T>(trying: Promise<T>): Promise<T | 'heard'> => {
      const first = await Promise.race([heard, trying]);
      if (first !== 'heard') return first;
      over.abort();
      await trying;
      return 'heard';
    };
    const first = await orHeard(options.reach(within(tryMs, over.signal)));
    if (first === 'heard' || first.ok) return undefined;
    for (;;) {
      const leftMs = Math.max(leastTryMs, Math.min(giveUpAt - systemClock.elapsedMs(), tryMs));
      const watched = await orHeard(options.watchedTry(within(leftMs, over.signal)));
      if (watched === 'heard' || watched.tried.ok) return undefined;
      const reason = watched.tried.error;
      const { denials } = watched;
      const evidence = { change: 'ordinary', baseline: 'reached', stream: 'silent', tries: 'failed', denials } as const;
      if (judgeLockOut(evidence) === 'kept') {
        log.warn({ reason }, 'the control plane cannot be reached, and not for our rules: they stay in force');
        return undefined;
      }
      if (systemClock.elapsedMs() >= giveUpAt) return reason;
      const pauseMs = Math.min(betweenTriesMs, Math.max(0, giveUpAt - systemClock.elapsedMs()));
      const paused = await Promise.race([heard, systemClock.sleep(pauseMs)]);
      if (paused === 'heard') return undefined;
    }
  };

  const putBack = async (previous: HostRuleSet | undefined): Promise<ApplyOutcome | undefined> => {
    if (previous !== undefined) return enforcer.apply(previous);
    await enforcer.open();
    return undefined;
  };

  return {
    held: () => enforcer.held(),
    async resume() {
      const wasReached = (await options.reach(systemClock.limit(tryMs))).ok;
      const outcome = await enforcer.resume();
      if (outcome.kind !== 'in-force' || !wasReached) return outcome;
      const held = enforcer.held();
      if (held !== undefined && changeOf(undefined, held) === 'contains') return outcome;
      const failure = await lockedOut('reached');
      if (failure === undefined) return outcome;
      const { revision } = outcome;
      return {
        kind: 'undone',
        reason: `the control plane could not be reached through revision ${revision} within ${limitMs / 1000} s (${failure})`,
      };
    },
    async apply(ruleSet) {
      const previous = enforcer.held();
      if (changeOf(previous, ruleSet) === 'contains') return enforcer.apply(ruleSet);
      let baseline: LockOutEvidence['baseline'] | undefined;
      const outcome = await enforcer.apply(ruleSet, async () => {
        baseline = (await options.reach(within(baselineMs))).ok ? 'reached' : 'failed';
      });
      if (outcome.kind !== 'applied' || baseline === undefined) return outcome;
      const failure = await lockedOut(baseline);
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
