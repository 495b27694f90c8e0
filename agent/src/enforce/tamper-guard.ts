// Repairs our table when another program changes it: at once, and at a bounded rate while the changes go on. Changes less than 2 s
// apart are one incident, reported once, with who changed what and how often.
//
// States: `quiet` → a change is heard → `repairing` → `settling` (another change: `repairing` again, no sooner than the pace allows) →
// nothing for 2 s: the incident is reported → `quiet`. An incident that goes on is reported once a minute.

import type { Logger } from 'pino';
import type { ForeignChange } from '#agent/nft/notices.ts';
import type { RepairOutcome } from '#agent/table/repair.ts';
import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';

export interface TableGuardOptions {
  readonly repair: (cause: 'changed' | 'overrun') => Promise<RepairOutcome>;
  /** Takes a finished incident to the audit log. */
  readonly report: (details: ReadonlyMap<string, string>) => void;
  /** What is known of the incident that goes on, from its first repair. undefined: it is over, and was reported if there was anything to report. */
  readonly goingOn?: (details: ReadonlyMap<string, string> | undefined) => void;
  readonly log: Logger;
  /** An incident is over when nothing changed the table for so long. Default 2,000. */
  readonly quietMs?: number;
}

export interface TableGuard {
  changed(change: ForeignChange): void;
  /** Notices were lost: the table has to be compared. */
  overrun(): void;
  /** `whole`: no change that was heard waits for its repair. */
  state(): 'whole' | 'touched';
  /** Reports an incident that has not ended. */
  close(): void;
}

/** Repairs take at most a fifth of the time, and none waits longer than paceMostMs after the one before it. */
const paceFactor = 4;
const paceLeastMs = 100;
const paceMostMs = 400;
const retryMs = 1000;
const defaultQuietMs = 2000;
const incidentMostMs = 60_000;
/** Processes and kinds of change that a report names one by one. */
const namedMost = 8;

interface Incident {
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
  const now = systemClock.elapsedMs;
  let incident: Incident | undefined;
  /** When the oldest change that is not repaired yet was heard. */
  let dirtySince: number | undefined;
  let cause: 'changed' | 'overrun' = 'overrun';
  let isRepairing = false;
  let isClosed = false;
  let notBefore = Number.NEGATIVE_INFINITY;
  let repairing: Timer | undefined;
  let telling: Timer | undefined;

  const heard = (): Incident => {
    incident ??= {
      startedAt: now(),
      since: systemClock.wall(),
      changes: 0,
      repairs: 0,
      failures: 0,
      overruns: 0,
      slowestMs: 0,
      makers: new Map(),
      what: new Map(),
    };
    dirtySince ??= now();
    return incident;
  };

  const schedule = (): void => {
    if (isRepairing || repairing !== undefined) return;
    const waitMs = Math.max(0, notBefore - now());
    repairing = systemClock.after(waitMs, () => {
      repairing = undefined;
      void run();
    });
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
      incident = undefined;
      dirtySince = undefined;
      options.goingOn?.(undefined);
    } else if (incident !== undefined) {
      if (outcome.kind === 'repaired') {
        incident.repairs += 1;
        for (const what of outcome.found) count(incident.what, what);
        incident.slowestMs = Math.max(incident.slowestMs, endedAt - dirtyAt);
        if (incident.repairs === 1) {
          options.goingOn?.(detailsOf(incident));
          log.warn(Object.fromEntries(detailsOf(incident)), 'another program changed the table; it was repaired');
        }
      } else if (outcome.kind === 'failed') incident.failures += 1;
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
    if (incident === undefined) return;
    telling?.cancel();
    const waitMs = Math.max(0, Math.min(quietMs, incident.startedAt + incidentMostMs - now()));
    telling = systemClock.after(waitMs, tell).unref();
  };

  const tell = (): void => {
    telling = undefined;
    // A repair that waits or runs comes back here when it is done.
    const isBusy = dirtySince !== undefined || isRepairing;
    if (incident === undefined || (isBusy && !isClosed && now() - incident.startedAt < incidentMostMs)) return;
    const told = incident;
    incident = undefined;
    // Notices were lost, and the table turned out unchanged: nobody tampered.
    if (told.changes > 0 || told.repairs > 0 || told.failures > 0) {
      const details = detailsOf(told);
      log.warn(Object.fromEntries(details), 'tampering with the table reported');
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
      repairing?.cancel();
      telling?.cancel();
      isClosed = true;
      tell();
    },
  };
}

function detailsOf(incident: Incident): ReadonlyMap<string, string> {
  const details = new Map([
    ['by', named(incident.makers, 'others')],
    ['what', named(incident.what, 'other changes')],
    ['changes', String(incident.changes)],
    ['repairs', String(incident.repairs)],
    ['slowestRepairMs', String(Math.ceil(incident.slowestMs))],
    ['since', new Date(incident.since).toISOString()],
    ['until', new Date(systemClock.wall()).toISOString()],
  ]);
  if (incident.failures > 0) details.set('failures', String(incident.failures));
  if (incident.overruns > 0) details.set('lostNotices', String(incident.overruns));
  return details;
}

/** What the comparison at the agent's start found, for the audit log. Who made the changes is not known: the kernel names processes only to those who listen. */
export function tamperingWhileAway(found: readonly string[], revision: number): ReadonlyMap<string, string> {
  return new Map([
    ['by', 'unknown: no agent ran'],
    ['what', named(new Map(found.map((what) => [what, 1])), 'other changes')],
    ['repairs', '1'],
    ['until', new Date(systemClock.wall()).toISOString()],
    ['revision', String(revision)],
  ]);
}

/** "nft (pid 7) 3 times, iptables (pid 9), and 12 others" */
function named(counts: ReadonlyMap<string, number>, rest: string): string {
  // A table that was removed comes first; the rules that went with it say less.
  const weight = (name: string, times: number) => (name.startsWith('table ') ? Number.POSITIVE_INFINITY : times);
  const sorted = [...counts].sort(([a, m], [b, n]) =>
    weight(a, m) === weight(b, n) ? 0 : weight(b, n) - weight(a, m),
  );
  const parts = sorted.slice(0, namedMost).map(([name, times]) => (times === 1 ? name : `${name} ${times} times`));
  const left = sorted.length - parts.length;
  if (left > 0) parts.push(`and ${left} ${rest}`);
  return parts.length === 0 ? 'unknown: the notices were lost' : parts.join(', ');
}

/** In a storm every change may come from another process: past a bound they are counted together. */
function count(counts: Map<string, number>, name: string, times = 1): void {
  const key = counts.has(name) || counts.size < 1000 ? name : 'more';
  counts.set(key, (counts.get(key) ?? 0) + times);
}
