// Notices that a unit's cgroup has appeared, by inotify on the slices it can appear in, and has the table filled again: at once
// for the first, then paced, so that units that crash in a loop cost a bounded share of a CPU. Where the kernel grants no watch, and
// for events it dropped, it looks by itself. Watches nothing while no unit has rules.

import { type FSWatcher, statSync, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type CgroupRoot, listSlices, type OpenCgroups, openUnitCgroups, unitOf } from './cgroup-tree.ts';

/** `unchanged`: there was no new cgroup of a unit. */
export type RefillOutcome = 'filled' | 'unchanged' | 'failed';

/** Since the start. Times are from the notice of a cgroup until its unit's own rules were read back from the kernel. */
export interface UnitWatchCounts {
  readonly placements: number;
  readonly failures: number;
  readonly lastMs: number;
  readonly slowestMs: number;
}

export interface UnitWatch {
  /** The cgroups of these units as they are now. */
  open(units: ReadonlySet<string>): OpenCgroups;
  /** From now on `refill` is called when a cgroup of these units may have appeared, never twice at a time. No units: no watching. */
  follow(units: ReadonlySet<string>, refill: () => Promise<RefillOutcome>): void;
  counts(): UnitWatchCounts;
  close(): void;
}

/**
 * From one's beginning to the next's. A refill costs about 20 ms of CPU, a look that found nothing new far less: a restart is a
 * removal and, at once after it, a creation.
 */
const apartMs: Readonly<Record<RefillOutcome, number>> = { filled: 50, unchanged: 5, failed: 500 };
const lookEveryMs = 10_000;
const lookUnwatchedEveryMs = 50;

export function createUnitWatch(options: {
  /** Undefined: this machine has no cgroup2 tree, and units stay under their host's rules. */
  readonly root: CgroupRoot | undefined;
  readonly log: Logger;
}): UnitWatch {
  const { root, log } = options;
  const watchers = new Map<string, { readonly id: bigint; readonly watcher: FSWatcher }>();
  let wanted: ReadonlySet<string> = new Set();
  let refill: () => Promise<RefillOutcome> = async () => 'unchanged';
  let state: 'idle' | 'working' | 'again' | 'closed' = 'idle';
  let polling: { readonly everyMs: number; readonly timer: NodeJS.Timeout } | undefined;
  let hasWarned = false;
  /** When the first cgroup was heard of that no refill has looked for yet. */
  let heardAt: number | undefined;
  let watchesMade = 0;
  const counts = { placements: 0, failures: 0, lastMs: 0, slowestMs: 0 };

  const wake = () => {
    if (state === 'closed' || wanted.size === 0) return;
    if (state === 'idle') void work();
    else state = 'again';
  };

  const work = async () => {
    state = 'again';
    while (state === 'again') {
      state = 'working';
      const startedAt = performance.now();
      const since = heardAt;
      heardAt = undefined;
      const outcome = await refill();
      note(outcome, since);
      const waitMs = Math.max(0, startedAt + apartMs[outcome] - performance.now());
      await sleep(waitMs, undefined, { ref: false });
      if (outcome === 'failed') wake();
    }
    if (state === 'working') state = 'idle';
  };

  const note = (outcome: RefillOutcome, since: number | undefined) => {
    if (outcome === 'failed') {
      counts.failures += 1;
      heardAt ??= since;
    }
    if (outcome !== 'filled') return;
    counts.placements += 1;
    if (since === undefined) return;
    counts.lastMs = Math.ceil(performance.now() - since);
    counts.slowestMs = Math.max(counts.slowestMs, counts.lastMs);
    log.debug({ tookMs: counts.lastMs }, 'units’ new cgroups are under their own rules');
  };

  const heard = (name: string | null) => {
    const isSlice = name === null || name.endsWith('.slice');
    if (!isSlice && unitOf(name, wanted) === undefined) return;
    heardAt ??= performance.now();
    if (isSlice) watchSlices();
    wake();
  };

  const watchSlices = () => {
    if (root === undefined || state === 'closed') return;
    let isComplete = true;
    // A slice made inside a new one before that one was watched tells nobody: looked for until a look finds nothing new.
    for (let before = -1; before !== watchesMade; ) {
      before = watchesMade;
      const slices = wanted.size === 0 ? [] : listSlices(root).map(({ path }) => path);
      const standing = new Set(slices);
      for (const [path, { watcher }] of watchers) {
        if (standing.has(path)) continue;
        watcher.close();
        watchers.delete(path);
      }
      isComplete = slices.map(watchSlice).every((outcome) => outcome === 'watched');
    }
    if (!isComplete && !hasWarned) {
      hasWarned = true;
      log.warn('the kernel grants no watch on cgroups (fs.inotify.max_user_watches); looking every 50 ms instead');
    }
    pollEvery(wanted.size === 0 ? undefined : isComplete ? lookEveryMs : lookUnwatchedEveryMs);
  };

  const watchSlice = (path: string): 'watched' | 'unwatched' => {
    try {
      const id = statSync(path, { bigint: true }).ino;
      const known = watchers.get(path);
      if (known?.id === id) return 'watched';
      known?.watcher.close();
      watchers.delete(path);
      const watcher = watch(path, { persistent: false }, (_, name) => heard(name));
      watcher.on('error', () => {
        watcher.close();
        if (watchers.get(path)?.watcher === watcher) watchers.delete(path);
      });
      watchers.set(path, { id, watcher });
      watchesMade += 1;
      return 'watched';
    } catch (error) {
      // A slice that is gone needs no watch; its parent tells when it comes again.
      return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'watched' : 'unwatched';
    }
  };

  const pollEvery = (everyMs: number | undefined) => {
    if (polling?.everyMs === everyMs) return;
    clearInterval(polling?.timer);
    polling = undefined;
    if (everyMs === undefined) return;
    const timer = setInterval(() => {
      watchSlices();
      wake();
    }, everyMs).unref();
    polling = { everyMs, timer };
  };

  return {
    open: (units) =>
      root === undefined || units.size === 0 ? { cgroups: [], close: () => undefined } : openUnitCgroups(root, units),
    follow(units, callback) {
      if (state === 'closed') return;
      if (units.size > 0 && root === undefined && !hasWarned) {
        hasWarned = true;
        log.warn('this machine has no cgroup2 tree: its units are under their host’s rules');
      }
      refill = callback;
      const isSame = units.size === wanted.size && [...units].every((unit) => wanted.has(unit));
      if (isSame) return;
      wanted = units;
      watchSlices();
      wake();
    },
    counts: () => ({ ...counts }),
    close() {
      state = 'closed';
      for (const { watcher } of watchers.values()) watcher.close();
      watchers.clear();
      clearInterval(polling?.timer);
    },
  };
}
