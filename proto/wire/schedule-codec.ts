// When a grant holds, between the model and its message. What is no time of day, no day or no zone's name is refused; whether a host's
// tables know the zone is the host's to say.

import { latestInstant } from '#model/counts.ts';
import { type Schedule, type TimeWindow, type Weekday, weekdays } from '#model/schedule.ts';
import { millis } from '#model/time.ts';
import type { segwall } from './generated.js';
import { refuse, refuseUnless, safeCount } from './refusal.ts';

const dayMinutes = 1440;
const allDays = 2 ** weekdays.length - 1;
const zonePattern = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/;

export function encodeSchedule({ expiresAt, when }: Schedule): segwall.v1.Schedule.$Properties {
  return {
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(when === undefined ? {} : { when: encodeWindow(when) }),
  };
}

export function decodeSchedule(message: segwall.v1.Schedule.$Properties, where: string): Schedule {
  const expiresAt = safeCount(message.expiresAt ?? 0, `${where}, expires`);
  refuseUnless(expiresAt <= latestInstant, where, () => `an end at ${expiresAt}`, `instants up to ${latestInstant}`);
  const when = message.when ? decodeWindow(message.when, `${where}, when`) : undefined;
  if (expiresAt === 0 && when === undefined) return refuse(where, 'an empty schedule', 'an end or a window');
  return {
    ...(expiresAt === 0 ? {} : { expiresAt: millis(expiresAt) }),
    ...(when === undefined ? {} : { when }),
  };
}

function encodeWindow({ days, fromMinute, toMinute, zone }: TimeWindow): segwall.v1.TimeWindow.$Properties {
  const bits = weekdays.reduce((sum, day, at) => (days.has(day) ? sum + 2 ** at : sum), 0);
  return { days: bits, fromMinute, toMinute, zone };
}

function decodeWindow(message: segwall.v1.TimeWindow.$Properties, where: string): TimeWindow {
  const { days = 0, fromMinute = 0, toMinute = 0, zone = '' } = message;
  const bits = days ?? 0;
  const [from, to] = [fromMinute ?? 0, toMinute ?? 0];
  refuseUnless(bits >= 1 && bits <= allDays, where, () => `days ${bits}`, `1 to ${allDays}`);
  refuseUnless(from < dayMinutes, where, () => `from minute ${from}`, `0 to ${dayMinutes - 1}`);
  refuseUnless(to <= dayMinutes, where, () => `to minute ${to}`, `0 to ${dayMinutes}`);
  const isZone = zonePattern.test(zone ?? '');
  refuseUnless(isZone, where, () => `zone "${(zone ?? '').slice(0, 80)}"`, 'a name such as Europe/Berlin');
  const named = weekdays.filter((_, at) => Math.floor(bits / 2 ** at) % 2 === 1);
  return { days: new Set<Weekday>(named), fromMinute: from, toMinute: to, zone: zone ?? '' };
}
