// Notices that a unit's cgroup has appeared, by inotify on the slices it can appear in, and has it placed: at once for the first, with
// all that are heard of at the same moment, then paced by what placing takes, so that units that crash in a loop cost a bounded share of
// a CPU. Where the kernel grants no watch, and for events it dropped, it looks by itself. Watches nothing while no unit has rules.

import { type FSWatcher, statSync, watch } from 'node:fs';
import type { Logger } from 'pino';
import {
  type CgroupRoot,
  findUnitCgroup,
  findUnitCgroups,
  listSlices,
  type OpenCgroups,
  openUnitCgroups,
  type SliceFolder,
  unitOf,
} from '#agent/host/cgroup-tree.ts';
import type { FoundCgroup } from '#agent-core/change/unit-placement.ts';
import type { Timer } from '#clock/clock.ts';
import { nextTurn } from '#clock/next-turn.ts';
import { systemClock } from '#clock/system-clock.ts';

/** `unchanged`: they were in place already. */
export type PlacingOutcome = 'placed' | 'unchanged' | 'failed';

/** Since the start. Times are from the notice of a cgroup until the kernel has taken it among its unit's. */
export interface UnitWatchCounts {
  readonly placements: number;
  readonly failures: number;
  readonly lastMs: number;
  readonly slowestMs: number;
}

export interface UnitWatch {
  /** The cgroups of these units as they are now. */
  open(units: ReadonlySet<string>): OpenCgroups;
  /** From now on `place` is called with cgroups of these units that may be new, never twice at a time. No units: no watching. */
  follow(units: ReadonlySet<string>, place: (found: readonly FoundCgroup[]) => Promise<PlacingOutcome>): void;
  counts(): UnitWatchCounts;
  close(): void;
}

/** Between one placing and the next: placing takes a third of the time at most. */
const apartLeastMs = 5;
const apartFactor = 2;
const retryMs = 500;
const lookEveryMs = 10_000;
const lookUnwatchedEveryMs = 50;

export function createUnitWatch(options: {
  /** Undefined: this machine has no cgroup2 tree, and units stay under their host's rules. */
  readonly root: CgroupRoot | undefined;
  readonly log: Logger;
}): UnitWatch {
  const { root, log } = options;
  const watchers = new Map<string, { readonly id: bigint; readonly watcher: FSWatcher }>();
  /** By folder, what was found and not handed on yet. */
  const pending = new Map<string, FoundCgroup>();
  let wanted: ReadonlySet<string> = new Set();
  let place: (found: readonly FoundCgroup[]) => Promise<PlacingOutcome> = async () => 'unchanged';
  let state: 'idle' | 'working' | 'closed' = 'idle';
  let polling: { readonly everyMs: number; readonly timer: Timer } | undefined;
  let hasWarned = false;
  /** When the first of the pending was heard of. */
  let heardAt: number | undefined;
  let watchesMade = 0;
  const counts = { placements: 0, failures: 0, lastMs: 0, slowestMs: 0 };

  const wake = () => {
    if (state === 'idle' && pending.size > 0) void work();
  };

  const work = async () => {
    state = 'working';
    // What was heard of at the same moment goes with it.
    await nextTurn();
    while (!isClosed() && pending.size > 0) {
      const since = heardAt;
      const found = [...pending.values()];
      heardAt = undefined;
      pending.clear();
      const startedAt = systemClock.elapsedMs();
      const outcome = await place(found);
      const tookMs = systemClock.elapsedMs() - startedAt;
      note(outcome, since);
      if (outcome === 'unchanged') continue;
      if (outcome === 'failed') {
        heardAt = since;
        for (const cgroup of found) if (!pending.has(cgroup.at)) pending.set(cgroup.at, cgroup);
      }
      const restMs = outcome === 'failed' ? retryMs : Math.max(apartLeastMs, tookMs * apartFactor);
      await new Promise<void>((rested) => systemClock.after(restMs, rested).unref());
    }
    if (!isClosed()) state = 'idle';
  };
  const isClosed = () => state === 'closed';

  const note = (outcome: PlacingOutcome, since: number | undefined) => {
    if (outcome === 'failed') counts.failures += 1;
    if (outcome !== 'placed') return;
    counts.placements += 1;
    if (since === undefined) return;
    counts.lastMs = Math.ceil(systemClock.elapsedMs() - since);
    counts.slowestMs = Math.max(counts.slowestMs, counts.lastMs);
    log.debug({ tookMs: counts.lastMs }, 'new cgroups of units are under the units’ own rules');
  };

  const heard = (slice: Pick<SliceFolder, 'path' | 'level'>, name: string | null) => {
    if (name === null || name.endsWith('.slice')) {
      watchSlices();
      look();
      return;
    }
    const unit = unitOf(name, wanted);
    const found = unit === undefined ? undefined : findUnitCgroup(slice, name, unit);
    if (found !== undefined) add([found]);
  };

  const look = () => {
    if (root !== undefined && wanted.size > 0) add(findUnitCgroups(root, wanted));
  };

  const add = (found: readonly FoundCgroup[]) => {
    if (isClosed() || found.length === 0) return;
    heardAt ??= systemClock.elapsedMs();
    for (const cgroup of found) pending.set(cgroup.at, cgroup);
    wake();
  };

  const watchSlices = () => {
    if (root === undefined || state === 'closed') return;
    let isComplete = true;
    // A slice made inside a new one before that one was watched tells nobody: looked for until a look finds nothing new.
    for (let before = -1; before !== watchesMade; ) {
      before = watchesMade;
      const slices = wanted.size === 0 ? [] : listSlices(root);
      const standing = new Set(slices.map(({ path }) => path));
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

  const watchSlice = ({ path, level }: SliceFolder): 'watched' | 'unwatched' => {
    try {
      const id = statSync(path, { bigint: true }).ino;
      const known = watchers.get(path);
      if (known?.id === id) return 'watched';
      known?.watcher.close();
      watchers.delete(path);
      const watcher = watch(path, { persistent: false }, (_, name) => heard({ path, level }, name));
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
    polling?.timer.cancel();
    polling = undefined;
    if (everyMs === undefined) return;
    const timer = systemClock
      .every(everyMs, () => {
        watchSlices();
        look();
      })
      .unref();
    polling = { everyMs, timer };
  };

  return {
    open: (units) =>
      root === undefined || units.size === 0
        ? { cgroups: [], levels: [], close: () => undefined }
        : openUnitCgroups(root, units),
    follow(units, callback) {
      if (state === 'closed') return;
      if (units.size > 0 && root === undefined && !hasWarned) {
        hasWarned = true;
        log.warn('no cgroup2 tree on this host: its units are under the host’s rules');
      }
      place = callback;
      const isSame = units.size === wanted.size && [...units].every((unit) => wanted.has(unit));
      if (isSame) return;
      wanted = units;
      pending.clear();
      watchSlices();
      look();
    },
    counts: () => ({ ...counts }),
    close() {
      state = 'closed';
      for (const { watcher } of watchers.values()) watcher.close();
      watchers.clear();
      polling?.timer.cancel();
    },
  };
}
