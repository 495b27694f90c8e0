// Has the table follow the time: when a rule ends or a window turns, the rule set in force is loaded again as it is then. Needs no control
// plane. A load that fails is tried again until it holds, and said to be a problem meanwhile.

import type { Logger } from 'pino';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { Millis } from '#model/time.ts';
import type { TableEnforcer } from './enforcer.ts';
import type { PolicyClock } from './policy-clock.ts';

export interface ScheduleWatch {
  /** Looks now: the time may be another, or the rule set. */
  look(): void;
  /** What could not be turned, in words; empty where all is as the time says. */
  problem(): string;
  close(): Promise<void>;
}

/** The own clock may step: it is looked at so often. */
const lookEveryMs = 10_000;
/** How late it is, is written down so often, and at each turn. */
const keepEveryMs = 300_000;
/** A control plane's word that sets time back by more has windows judged again. */
const setBackMs = 60_000;

export function watchSchedules(options: {
  readonly enforcer: Pick<TableEnforcer, 'judged' | 'refresh'>;
  readonly clock: Pick<PolicyClock, 'now' | 'keep'>;
  /** The table was loaded anew. */
  readonly turned: () => void;
  readonly failed: (error: unknown) => void;
  readonly log: Logger;
}): ScheduleWatch {
  const { enforcer, clock, log } = options;
  let timer: Timer | undefined;
  let looking: Promise<void> | undefined;
  let isClosed = false;
  let problem = '';
  let keptAt = systemClock.elapsedMs();

  const isDue = (now: Millis): boolean => {
    const judged = enforcer.judged();
    if (judged?.turnsAt === undefined && judged?.isTimed !== true) return false;
    return (judged.turnsAt !== undefined && now >= judged.turnsAt) || now + setBackMs < judged.at;
  };

  const turn = async (now: Millis): Promise<void> => {
    // First written down, then done: whatever happens between, it stays ended.
    await clock.keep();
    keptAt = systemClock.elapsedMs();
    const outcome = await enforcer.refresh();
    if (outcome?.kind === 'refused') {
      problem = `rules that ended or began by ${new Date(now).toISOString()} could not be loaded: ${outcome.reason}`;
      log.error({ reason: outcome.reason }, 'scheduled rules could not be switched; trying again');
      return;
    }
    problem = '';
    log.info('scheduled rules were switched');
    options.turned();
  };

  const lookOnce = async (): Promise<void> => {
    const now = clock.now();
    if (isDue(now)) await turn(now);
    else if (systemClock.elapsedMs() - keptAt >= keepEveryMs) {
      keptAt = systemClock.elapsedMs();
      await clock.keep();
    }
  };

  const wait = (): void => {
    timer?.cancel();
    if (isClosed) return;
    const turnsAt = problem === '' ? enforcer.judged()?.turnsAt : undefined;
    const leftMs = turnsAt === undefined ? lookEveryMs : Math.max(1, turnsAt - clock.now());
    timer = systemClock.after(Math.min(leftMs, lookEveryMs), look);
    timer.unref();
  };

  const look = (): void => {
    if (isClosed) return;
    looking ??= lookOnce()
      .catch(options.failed)
      .finally(() => {
        looking = undefined;
        wait();
      });
  };

  wait();
  return {
    look,
    problem: () => problem,
    async close() {
      isClosed = true;
      timer?.cancel();
      await looking;
      await clock.keep();
    },
  };
}
