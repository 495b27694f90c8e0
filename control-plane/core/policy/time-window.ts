// Whether a rule is in force at an instant: not expired, and inside its `when`, judged by the wall clock of its zone.

import type { Millis } from '#model/time.ts';
import type { Rule, TimeWindow, Weekday } from './policy.ts';

export const weekdays: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

export type RuleTime = 'in-force' | 'expired' | 'outside-window';

export function ruleTimeAt(rule: Pick<Rule, 'expiresAt' | 'when'>, at: Millis): RuleTime {
  if (rule.expiresAt !== undefined && at >= rule.expiresAt) return 'expired';
  if (rule.when !== undefined && !windowHolds(rule.when, at)) return 'outside-window';
  return 'in-force';
}

/** [from, to) of the days; where it passes midnight, its early hours belong to the day before. */
export function windowHolds(window: TimeWindow, at: Millis): boolean {
  const { day, minute } = wallClock(window.zone, at);
  if (window.fromMinute < window.toMinute) {
    return window.days.has(day) && window.fromMinute <= minute && minute < window.toMinute;
  }
  return (
    (window.days.has(day) && minute >= window.fromMinute) ||
    (window.days.has(dayBefore(day)) && minute < window.toMinute)
  );
}

interface WallClock {
  readonly day: Weekday;
  readonly minute: number;
}

/** One formatter per zone, and its last answer: formatting costs some microseconds, and queries come in bunches of one time. */
const formatters = new Map<
  string,
  { readonly format: Intl.DateTimeFormat; lastMinute: number; last: WallClock | undefined }
>();

export function wallClock(zone: string, at: Millis): WallClock {
  let entry = formatters.get(zone);
  if (entry === undefined) {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    entry = { format, lastMinute: Number.NaN, last: undefined };
    formatters.set(zone, entry);
  }
  const wholeMinute = Math.floor(at / 60_000);
  if (entry.last !== undefined && entry.lastMinute === wholeMinute) return entry.last;
  const parts = new Map(entry.format.formatToParts(at).map((part) => [part.type, part.value]));
  const name = (parts.get('weekday') ?? '').toLowerCase();
  const day = weekdays.find((candidate) => candidate === name) ?? 'mon';
  entry.lastMinute = wholeMinute;
  entry.last = { day, minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')) };
  return entry.last;
}

function dayBefore(day: Weekday): Weekday {
  return weekdays[(weekdays.indexOf(day) + 6) % 7] ?? 'sun';
}
