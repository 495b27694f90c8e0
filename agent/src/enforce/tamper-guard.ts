// Answers strangers' changes of our table: puts it back at once, at a bounded rate while they go on, and tells of each bout of
// tampering as one event that says who, what and how often.
//
// States: `quiet` → a change is heard → `repairing` → `settling` (more changes: repairing again, no sooner than the pace lets) →
// quiet for a while: the bout is told → `quiet`. A bout that does not end is told once a minute.

import type { Logger } from 'pino';
import type { ForeignChange } from '#agent/nft/notices.ts';
import type { RepairOutcome } from '#agent/table/repair.ts';

export interface TableGuardOptions {
  readonly repair: (cause: 'changed' | 'overrun') => Promise<RepairOutcome>;
  /** One bout of tampering, for the audit. */
  readonly report: (details: ReadonlyMap<string, string>) => void;
  /** What is known of a bout that goes on, from its first repair; undefined: it is over, and was told if there was anything to tell. */
  readonly goingOn?: (details: ReadonlyMap<string, string> | undefined) => void;
  readonly log: Logger;
  /** How long nobody must touch the table until a bout is over. Default 2,000. */
  readonly quietMs?: number;
}

export interface TableGuard {
  changed(change: ForeignChange): void;
  /** Notices were lost: what stands has to be looked at. */
  overrun(): void;
  /** `whole`: of all that was heard nothing waits to be put back. */
  state(): 'whole' | 'touched';
  /** Tells of a bout that has not ended. */
  close(): void;
}

/** Repairs may take a fifth of the time at most, and none waits longer than paceMostMs for the one before it. */
const paceFactor = 4;
const paceLeastMs = 100;
const paceMostMs = 400;
const retryMs = 1000;
const defaultQuietMs = 2000;
const boutMostMs = 60_000;
/** Distinct makers and kinds of change that are told one by one. */
const namedMost = 8;

interface Bout {
  readonly startedAt: number;
  readonly since: number;
  changes: number;
  repairs: number;
  failures: number;
  overruns: number;
  slowestMs: number;
  readonly makers: Map<string, number>;
  readonly what: Map<string, number>;
}

export function createTableGuard(options: TableGuardOptions): TableGuard {
  const { log, quietMs = defaultQuietMs } = options;
  const now = () => performance.now();
  let bout: Bout | undefined;
  /** When the oldest change that is not put back yet was heard. */
  let dirtySince: number | undefined;
  let cause: 'changed' | 'overrun' = 'overrun';
  let isRepairing = false;
  let isClosed = false;
  let notBefore = Number.NEGATIVE_INFINITY;
  let repairing: NodeJS.Timeout | undefined;
  let telling: NodeJS.Timeout | undefined;

  const heard = (): Bout => {
    bout ??= {
      startedAt: now(),
      since: Date.now(),
      changes: 0,
      repairs: 0,
      failures: 0,
      overruns: 0,
      slowestMs: 0,
      makers: new Map(),
      what: new Map(),
    };
    dirtySince ??= now();
    return bout;
  };

  const schedule = (): void => {
    if (isRepairing || repairing !== undefined) return;
    const waitMs = Math.max(0, notBefore - now());
    repairing = setTimeout(() => {
      repairing = undefined;
      void run();
    }, waitMs);
  };

  const run = async (): Promise<void> => {
    isRepairing = true;
    const dirtyAt = dirtySince ?? now();
    const why = cause;
    dirtySince = undefined;
    cause = 'overrun';
    const startedAt = now();
    const outcome = await options.repair(why);
    const endedAt = now();
    isRepairing = false;
    const tookMs = endedAt - startedAt;
    notBefore = endedAt + Math.min(paceMostMs, Math.max(paceLeastMs, tookMs * paceFactor));
    if (outcome.kind === 'opened') {
      bout = undefined;
      dirtySince = undefined;
      options.goingOn?.(undefined);
    } else if (bout !== undefined) {
      if (outcome.kind === 'repaired') {
        bout.repairs += 1;
        for (const what of outcome.found) count(bout.what, what);
        bout.slowestMs = Math.max(bout.slowestMs, endedAt - dirtyAt);
        if (bout.repairs === 1) {
          options.goingOn?.(detailsOf(bout));
          log.warn(Object.fromEntries(detailsOf(bout)), 'someone else changed the table; it is put back');
        }
      } else if (outcome.kind === 'failed') bout.failures += 1;
    }
    if (outcome.kind === 'failed') {
      notBefore = endedAt + retryMs;
      dirtySince ??= dirtyAt;
      cause = 'changed';
    }
    if (dirtySince !== undefined) schedule();
    tellSoon();
  };

  const tellSoon = (): void => {
    if (bout === undefined) return;
    clearTimeout(telling);
    const waitMs = Math.max(0, Math.min(quietMs, bout.startedAt + boutMostMs - now()));
    telling = setTimeout(tell, waitMs).unref();
  };

  const tell = (): void => {
    telling = undefined;
    // A repair that waits for its turn, or is under way, comes back here.
    const isBusy = dirtySince !== undefined || isRepairing;
    if (bout === undefined || (isBusy && !isClosed && now() - bout.startedAt < boutMostMs)) return;
    const told = bout;
    bout = undefined;
    // Lost notices of what turned out whole are nobody's tampering.
    if (told.changes > 0 || told.repairs > 0 || told.failures > 0) {
      const details = detailsOf(told);
      log.warn(Object.fromEntries(details), 'told of the changes of the table by others');
      options.report(details);
    }
    options.goingOn?.(undefined);
  };

  return {
    changed(change) {
      const current = heard();
      cause = 'changed';
      current.changes += 1;
      count(current.makers, `${change.process} (pid ${change.pid})`);
      for (const [what, times] of change.what) count(current.what, what, times);
      schedule();
    },
    overrun() {
      heard().overruns += 1;
      schedule();
    },
    state: () => (dirtySince === undefined && !isRepairing ? 'whole' : 'touched'),
    close() {
      clearTimeout(repairing);
      clearTimeout(telling);
      isClosed = true;
      tell();
    },
  };
}

function detailsOf(bout: Bout): ReadonlyMap<string, string> {
  const details = new Map([
    ['by', named(bout.makers, 'others')],
    ['what', named(bout.what, 'other changes')],
    ['changes', String(bout.changes)],
    ['repairs', String(bout.repairs)],
    ['slowestRepairMs', String(Math.ceil(bout.slowestMs))],
    ['since', new Date(bout.since).toISOString()],
    ['until', new Date().toISOString()],
  ]);
  if (bout.failures > 0) details.set('failures', String(bout.failures));
  if (bout.overruns > 0) details.set('lostNotices', String(bout.overruns));
  return details;
}

/** What a start found, for the audit: the kernel tells who only to whom listens. */
export function tamperingWhileAway(found: readonly string[], revision: number): ReadonlyMap<string, string> {
  return new Map([
    ['by', 'unknown: no agent ran'],
    ['what', named(new Map(found.map((what) => [what, 1])), 'other changes')],
    ['repairs', '1'],
    ['until', new Date().toISOString()],
    ['revision', String(revision)],
  ]);
}

/** "nft (pid 7) 3 times, iptables (pid 9), and 12 others" */
function named(counts: ReadonlyMap<string, number>, rest: string): string {
  // A table that went as a whole says more than the rules that went with it.
  const weight = (name: string, times: number) => (name.startsWith('table ') ? Number.POSITIVE_INFINITY : times);
  const sorted = [...counts].sort(([a, m], [b, n]) =>
    weight(a, m) === weight(b, n) ? 0 : weight(b, n) - weight(a, m),
  );
  const parts = sorted.slice(0, namedMost).map(([name, times]) => (times === 1 ? name : `${name} ${times} times`));
  const left = sorted.length - parts.length;
  if (left > 0) parts.push(`and ${left} ${rest}`);
  return parts.length === 0 ? 'unknown: the notices were lost' : parts.join(', ');
}

/** A storm's every process is another: past a bound they are counted together. */
function count(counts: Map<string, number>, name: string, times = 1): void {
  const key = counts.has(name) || counts.size < 1000 ? name : 'more';
  counts.set(key, (counts.get(key) ?? 0) + times);
}
