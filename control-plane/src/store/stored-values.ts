// Values are parsed where they leave the store, not trusted: an earlier version, a backup put back or a hand wrote some of them. Of what
// cannot be read the least is taken (no address, no range, nobody let through), or its row is left out; either way it is noted.

import { sql } from 'kysely';
import { latestInstant } from '#model/counts.ts';

/** What could not be read. */
export interface UnreadRows {
  readonly count: number;
  /** The first few: "host web-1: addresses". */
  readonly samples: readonly string[];
}

const mostSamples = 10;

export class UnreadNotes implements UnreadRows {
  readonly samples: string[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  note(what: string, count = 1): void {
    if (count === 0) return;
    this.#count += count;
    if (this.samples.length < mostSamples) this.samples.push(what);
  }

  /** The value, or what stands for one that could not be read. */
  or<Value>(value: Value | undefined, least: Value, what: string): Value {
    if (value === undefined) this.note(what);
    return value ?? least;
  }
}

/** Of a column of times: none beyond 1970 to 9999, which could not be told, and beyond 2^53 not even be read. */
export function boundedTime<Time extends number | null = number>(column: string) {
  const [ref, most] = [sql.ref(column), sql.raw(String(latestInstant))];
  return sql<Time>`case when ${ref} < 0 then 0 when ${ref} > ${most} then ${most} else cast(${ref} as integer) end`;
}

/** Of a column of texts in which a hand may have put something else. */
export function storedText(column: string) {
  return sql<string>`cast(${sql.ref(column)} as text)`;
}

export function isBoundedTime(column: string) {
  return sql<boolean>`(${sql.ref(column)} is null or ${sql.ref(column)} between 0 and ${sql.raw(String(latestInstant))})`;
}

export function storedTexts(text: string): readonly string[] | undefined {
  const value = parsed(text);
  return Array.isArray(value) && value.every((one): one is string => typeof one === 'string') ? value : undefined;
}

export function storedRecord<Value>(
  text: string,
  isValue: (value: unknown) => value is Value,
): Readonly<Record<string, Value>> | undefined {
  const value = parsed(text);
  return isObject(value) && Object.values(value).every(isValue) ? (value as Record<string, Value>) : undefined;
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function storedList<Value>(
  text: string,
  isValue: (value: unknown) => value is Value,
): readonly Value[] | undefined {
  const value = parsed(text);
  return Array.isArray(value) && value.every(isValue) ? value : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
