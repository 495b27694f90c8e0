// When a rule grants: not after it expires, and only inside its `when`. The control plane and every host judge by it. Wall clocks
// follow the window's zone, summer time included: an hour that is skipped is never inside a window, an hour that repeats is inside
// twice. Knows time zones through the language's own Intl and no clock.

import { type Millis, millis } from './time.ts';

export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

/**
 * Minutes of the day in `zone` (IANA), fromMinute inclusive, toMinute exclusive (up to 1440). Where toMinute ≤ fromMinute the
 * window passes midnight and belongs to the day it starts on.
 */
export interface TimeWindow {
  readonly days: ReadonlySet<Weekday>;
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly zone: string;
}

/** At least one of them. */
export interface Schedule {
  /** From this instant on nothing is granted. */
  readonly expiresAt?: Millis;
  readonly when?: TimeWindow;
}

const minuteMs = 60_000;
const dayMinutes = 1440;
const weekMinutes = 7 * dayMinutes;
export const weekdays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** Summer time can swallow one opening of a weekly window; two weeks later it has opened. */
const horizonMs = 3 * weekMinutes * minuteMs;

/** `nextChangeAt` is the first later instant at which `grants` may turn; absent when it never will. */
export interface Activity {
  readonly grants: 'now' | 'not-now';
  readonly nextChangeAt?: Millis;
}

export function activityOf({ expiresAt, when }: Schedule, now: Millis): Activity {
  if (expiresAt !== undefined && now >= expiresAt) return { grants: 'not-now' };
  const turnsAt = when === undefined ? undefined : nextTurnOf(when, now);
  if (when === undefined || isInside(when, now)) {
    const endsAt = earliest([expiresAt, turnsAt]);
    return { grants: 'now', ...(endsAt === undefined ? {} : { nextChangeAt: endsAt }) };
  }
  const opensInTime = turnsAt !== undefined && (expiresAt === undefined || turnsAt < expiresAt);
  return { grants: 'not-now', ...(opensInTime ? { nextChangeAt: turnsAt } : {}) };
}

export function earliest(instants: Iterable<Millis | undefined>): Millis | undefined {
  let first: Millis | undefined;
  for (const instant of instants) {
    if (instant !== undefined && (first === undefined || instant < first)) first = instant;
  }
  return first;
}

function isInside(window: TimeWindow, at: Millis): boolean {
  return holdsAt(window, minuteOfWeek(window.zone, at));
}

/** A window that passes midnight belongs to the day it starts on. `minute` counts from Monday 00:00. */
function holdsAt({ days, fromMinute, toMinute }: TimeWindow, minute: number): boolean {
  const today = weekdays[Math.floor(minute / dayMinutes)];
  const yesterday = weekdays[(Math.floor(minute / dayMinutes) + 6) % 7];
  const minuteOfDay = minute % dayMinutes;
  const isToday = today !== undefined && days.has(today);
  if (fromMinute < toMinute) return isToday && fromMinute <= minuteOfDay && minuteOfDay < toMinute;
  const isYesterday = yesterday !== undefined && days.has(yesterday);
  return (isToday && fromMinute <= minuteOfDay) || (isYesterday && minuteOfDay < toMinute);
}

/** Steps from boundary to boundary of the wall clock, and over each change of the zone's offset, until the window has turned. */
function nextTurnOf(window: TimeWindow, now: Millis): Millis | undefined {
  const isOpen = isInside(window, now);
  let at = now;
  while (at - now <= horizonMs) {
    const boundary = nextBoundary(window, at);
    const next = firstOffsetChange(window.zone, at, boundary) ?? boundary;
    if (isInside(window, next) !== isOpen) return next;
    at = next;
  }
  return undefined;
}

/** The next instant whose wall clock shows midnight, fromMinute or toMinute, as long as the offset stays what it is. */
function nextBoundary({ fromMinute, toMinute, zone }: TimeWindow, at: Millis): Millis {
  const minuteOfDay = minuteOfWeek(zone, at) % dayMinutes;
  const waits = [dayMinutes, fromMinute, toMinute, fromMinute + dayMinutes, toMinute + dayMinutes]
    .map((boundary) => boundary - minuteOfDay)
    .filter((wait) => wait > 0);
  const startOfMinute = at - ((((at + offsetMs(zone, at)) % minuteMs) + minuteMs) % minuteMs);
  return millis(startOfMinute + Math.min(...waits) * minuteMs);
}

/** The instant in (from, to] from which the zone's offset is another, to the second; absent when it is the same at both. */
function firstOffsetChange(zone: string, from: Millis, to: Millis): Millis | undefined {
  const offset = offsetMs(zone, from);
  if (offsetMs(zone, to) === offset) return undefined;
  let low = Math.floor(from / 1000);
  let high = Math.ceil(to / 1000);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMs(zone, millis(middle * 1000)) === offset) low = middle;
    else high = middle;
  }
  return millis(high * 1000);
}

function minuteOfWeek(zone: string, at: Millis): number {
  // 1970-01-01 was a Thursday: three days after the Monday that weeks are counted from.
  const minute = Math.floor((at + offsetMs(zone, at)) / minuteMs) + 3 * dayMinutes;
  return ((minute % weekMinutes) + weekMinutes) % weekMinutes;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** What the zone's wall clock is ahead of UTC at the instant. */
function offsetMs(zone: string, at: Millis): number {
  if (zone === 'UTC') return 0;
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  const part = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const wall = Date.UTC(
    part.get('year') ?? 0,
    (part.get('month') ?? 1) - 1,
    part.get('day') ?? 1,
    part.get('hour') ?? 0,
    part.get('minute') ?? 0,
    part.get('second') ?? 0,
  );
  return wall - Math.floor(at / 1000) * 1000;
}

/** Whether this machine's own tables tell the zone's wall clock. */
export function isKnownZone(zone: string): boolean {
  try {
    offsetMs(zone, millis(0));
    return true;
  } catch {
    return false;
  }
}
