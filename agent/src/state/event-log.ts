// What happened on this host and waits for the control plane to write it down: a file an event, so that commands may
// add some while the agent runs or is dead; under /run where the state directory cannot be written. Bounded; what had
// to go, or could not be kept on disk, is counted.

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { systemClock } from '#clock/system-clock.ts';
import { type HostEvent, type HostEventKind, hostEventKinds } from '#model/host-event.ts';
import { millis } from '#model/time.ts';
import { fallbackDirectory, isDiskError, makeFallbackDirectory, removeIfPossible } from './run-directory.ts';

export interface EventLog {
  record(kind: HostEventKind, details: ReadonlyMap<string, string>): void;
  /**
   * What is still going on, so that it is not lost with this process: told by nobody until a later one finds it
   * (`tellUnfinished`). Takes the place of the one before; undefined: it is over.
   */
  begin(event: { readonly kind: HostEventKind; readonly details: ReadonlyMap<string, string> } | undefined): void;
  /** Records what a process before this one had begun and did not end. */
  tellUnfinished(): void;
  /** Oldest first; looks into the folder, for commands write there too. */
  waiting(): readonly HostEvent[];
  /** Written down by the control plane. */
  taken(ids: readonly string[]): void;
  /** `lost`: went for want of room, or was damaged. `unwritten`: held in memory only. */
  counts(): { readonly waiting: number; readonly lost: number; readonly unwritten: number };
}

/** One event is some hundred bytes; a month of one an hour fits. */
const eventsMost = 1000;
const suffix = '.json';
const unfinishedName = 'under-way';

export function openEventLog(statePath: string, now: () => number = systemClock.wall): EventLog {
  const kept = join(statePath, 'events');
  const untilReboot = join(fallbackDirectory(statePath), 'events');
  /** Where each lies; held in memory only where it is not named. */
  const paths = new Map<string, string>();
  const events = new Map<string, HostEvent>();
  /** Taken, but their files could not be removed. */
  const gone = new Set<string>();
  let lost = 0;
  let made = 0;

  const remove = (id: string): void => {
    events.delete(id);
    const path = paths.get(id);
    paths.delete(id);
    if (path === undefined) return;
    if (removeIfPossible(path) === 'stays') gone.add(id);
  };

  const letOldestGo = (): void => {
    for (const id of [...events.keys()].sort().slice(0, Math.max(0, events.size - eventsMost))) {
      remove(id);
      lost += 1;
    }
  };

  /** Where it was written; undefined where neither folder takes it. */
  const write = (fileName: string, { at, kind, details }: Omit<HostEvent, 'id'>): string | undefined => {
    const text = JSON.stringify({ at, kind, details: [...details] });
    for (const directory of [kept, untilReboot]) {
      try {
        if (directory === untilReboot) makeFallbackDirectory(statePath);
        makeFolder(directory);
        writeSynced(join(directory, fileName), text);
        return join(directory, fileName);
      } catch (error) {
        if (!isDiskError(error)) throw error;
      }
    }
    return undefined;
  };

  const keep = (event: Omit<HostEvent, 'id'>): void => {
    made += 1;
    const id = `${String(event.at).padStart(15, '0')}-${process.pid}-${made}`;
    events.set(id, { id, ...event });
    const path = write(`${id}${suffix}`, event);
    if (path !== undefined) paths.set(id, path);
    letOldestGo();
  };

  const unfinished = [kept, untilReboot].map((directory) => join(directory, unfinishedName));

  return {
    record: (kind, details) => keep({ at: millis(now()), kind, details }),
    begin(event) {
      if (event === undefined) for (const path of unfinished) removeIfPossible(path);
      else write(unfinishedName, { at: millis(now()), ...event });
    },
    tellUnfinished() {
      for (const path of unfinished) {
        const event = readEvent(path, unfinishedName);
        if (event !== undefined) keep({ at: event.at, kind: event.kind, details: event.details });
        removeIfPossible(path);
      }
    },
    waiting() {
      for (const path of [kept, untilReboot].flatMap(listed)) {
        const id = basename(path, suffix);
        if (!path.endsWith(suffix) || events.has(id) || gone.has(id)) continue;
        paths.set(id, path);
        const event = readEvent(path, id);
        if (event !== undefined) events.set(id, event);
        else {
          remove(id);
          lost += 1;
        }
      }
      letOldestGo();
      return [...events.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    taken: (ids) => ids.forEach(remove),
    counts: () => ({ waiting: events.size, lost, unwritten: events.size - paths.size }),
  };
}

function listed(directory: string): readonly string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Not recursively: on a read-only disk that would report a missing parent. */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function writeSynced(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } catch (error) {
    closeSync(file);
    unlinkSync(temporary);
    throw error;
  }
  closeSync(file);
  renameSync(temporary, path);
}

function readEvent(path: string, id: string): HostEvent | undefined {
  try {
    const { at, kind, details } = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly at: number;
      readonly kind: HostEventKind;
      readonly details: readonly (readonly [string, string])[];
    };
    if (!Number.isSafeInteger(at) || !hostEventKinds.includes(kind)) return undefined;
    return { id, at: millis(at), kind, details: new Map(details.map(([key, value]) => [String(key), String(value)])) };
  } catch {
    return undefined;
  }
}
