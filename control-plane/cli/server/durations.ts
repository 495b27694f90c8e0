// Durations and instants as people type them.

import { CommandFailure } from './failure.ts';

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** "500ms", "30s", "15m", "1h", "7d", "2w" in milliseconds. */
export function durationMs(text: string, option: string): number {
  const match = /^(\d{1,9})(ms|s|m|h|d|w)$/.exec(text);
  const unit = unitMs[match?.[2] ?? ''];
  if (match === null || unit === undefined) {
    throw new CommandFailure(
      2,
      'bad-option',
      `${option} is "${text}"; allowed is a number with ms, s, m, h, d or w, as in 30s or 7d`,
    );
  }
  return Number(match[1]) * unit;
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
