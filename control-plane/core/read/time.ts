// Instants and time windows as policy writes them: `expires`, and `when` with its days, hours and zone.

import { type Millis, millis } from '#model/time.ts';
import type { TimeWindow } from '#policy/policy/policy.ts';
import { weekdays } from '#policy/policy/time-window.ts';
import type { DocumentNode } from '#policy/source/document-node.ts';
import { type ReadContext, readEntries, readFields, readText, readWord, report } from './fields.ts';

const instantPattern =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?(?:[Zz]|[+-](\d{2}):(\d{2}))$/;

/** An RFC 3339 instant, seconds optional; undefined if it is none or its day does not exist. */
export function parseInstant(text: string): Millis | undefined {
  const parts = instantPattern.exec(text);
  if (parts === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zoneHour = 0, zoneMinute = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0));
  const isDay = month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (!isDay || hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return undefined;
  const value = Date.parse(text.toUpperCase());
  return Number.isNaN(value) ? undefined : millis(value);
}

export function readInstant(context: ReadContext, node: DocumentNode, what: string): Millis | undefined {
  const text = readText(context, node, what);
  if (text === undefined) return undefined;
  const instant = parseInstant(text.value);
  if (instant !== undefined) return instant;
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text.value) && parseInstant(`${text.value}T00:00:00Z`) !== undefined;
  return report(context, {
    code: 'bad-time',
    at: node.at,
    message: `"${text.value.slice(0, 60)}" is no instant; ${what} is as 2027-03-01T00:00:00Z, with Z or an offset as +01:00`,
    suggestion: isDay ? `did you mean "${text.value}T00:00:00Z"?` : undefined,
  });
}

/** `days` default to all, `zone` to UTC, and the hours, which come together, to the whole day. */
export function readWindow(context: ReadContext, node: DocumentNode): TimeWindow | undefined {
  const fields = readFields(context, node, { what: 'when', allowed: ['days', 'from', 'to', 'zone'] });
  if (fields === undefined) return undefined;
  const dayList = fields.get('days');
  const days =
    dayList === undefined
      ? weekdays
      : readEntries(context, dayList, {
          what: 'when.days',
          read: (item) => readWord(context, item, { what: 'a day', words: weekdays }),
        });
  const from = fields.get('from');
  const to = fields.get('to');
  if ((from === undefined) !== (to === undefined)) {
    report(context, {
      code: 'missing-field',
      at: (from ?? to ?? node).at,
      message: `when has "${from === undefined ? 'to' : 'from'}" without "${from === undefined ? 'from' : 'to'}"; both or neither are given`,
      suggestion: from === undefined ? 'add from: "00:00"' : 'add to: "24:00"',
    });
  }
  const fromMinute = from === undefined ? 0 : readTimeOfDay(context, from, 'when.from');
  const toMinute = to === undefined ? 1440 : readTimeOfDay(context, to, 'when.to');
  const zoneNode = fields.get('zone');
  const zone = zoneNode === undefined ? 'UTC' : readZone(context, zoneNode);
  if (fromMinute === undefined || toMinute === undefined || zone === undefined) return undefined;
  return { days: new Set(days), fromMinute, toMinute, zone };
}

function readTimeOfDay(context: ReadContext, node: DocumentNode, what: 'when.from' | 'when.to'): number | undefined {
  const text = readText(context, node, what);
  if (text === undefined) return undefined;
  const parts = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text.value);
  if (parts !== null) return Number(parts[1]) * 60 + Number(parts[2]);
  if (text.value === '24:00' && what === 'when.to') return 1440;
  const padded = /^\d:[0-5]\d$/.test(text.value) ? `0${text.value}` : undefined;
  return report(context, {
    code: 'bad-time',
    at: node.at,
    message: `"${text.value.slice(0, 60)}" is no time of day; ${what} is from "00:00" to "${what === 'when.to' ? '24:00' : '23:59'}"`,
    suggestion: padded === undefined ? undefined : `did you mean "${padded}"?`,
  });
}

function readZone(context: ReadContext, node: DocumentNode): string | undefined {
  const text = readText(context, node, 'when.zone');
  if (text === undefined) return undefined;
  if (isZone(text.value)) return text.value;
  return report(context, {
    code: 'bad-zone',
    at: node.at,
    message: `"${text.value.slice(0, 60)}" is no IANA time zone; when.zone is as Europe/Berlin or UTC`,
  });
}

function isZone(text: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(text)) return false;
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}
