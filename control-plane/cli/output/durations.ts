// Durations and instants as people type them.

import { durationForm, parseDurationMs } from '#model/duration.ts';
import { CommandFailure } from './failure.ts';

/** "500ms", "30s", "15m", "1h", "7d", "2w" in milliseconds. */
export function durationMs(text: string, option: string): number {
  const ms = parseDurationMs(text);
  if (ms === undefined) {
    throw new CommandFailure(2, 'bad-option', `${option} is "${text}"; allowed is ${durationForm}`);
  }
  return ms;
}

/** Whole seconds, rounded up, within bounds. */
export function durationSeconds(
  text: string,
  { option, least, greatestDays }: { readonly option: string; readonly least: number; readonly greatestDays: number },
): number {
  const seconds = Math.ceil(durationMs(text, option) / 1000);
  if (seconds >= least && seconds <= greatestDays * 86_400) return seconds;
  throw new CommandFailure(
    2,
    'bad-option',
    `${option} is "${text}"; allowed is a duration from ${least}s to ${greatestDays}d`,
  );
}

/** A duration back from now, or an instant in ISO 8601; in milliseconds since 1970. */
export function sinceMs(text: string, nowMs: number): number {
  if (/^\d+[a-z]+$/.test(text)) return Math.max(0, nowMs - durationMs(text, '--since'));
  const instant = Date.parse(text);
  if (Number.isNaN(instant)) {
    throw new CommandFailure(
      2,
      'bad-option',
      `--since is "${text}"; allowed is a duration back from now, as in 1h or 7d, or an ISO 8601 instant`,
    );
  }
  return Math.max(0, instant);
}
