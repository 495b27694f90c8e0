// How late a control plane's messages come on one stream: tables of relays, stalls and clocks, a heartbeat every ten seconds.

import { expect, test } from 'vitest';
import { lagAfter, type MessageLag } from '#agent-core/time/message-lag.ts';
import { millis } from '#model/time.ts';

const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000];
/** What an agent bears of silence. */
const silence = 35 * second;
const noon = Date.UTC(2026, 10, 30, 12);

interface Way {
  /** Of the heartbeat sent so long after the first: how late it comes, in milliseconds. */
  readonly late?: (sentMs: number) => number;
  /** What the clock here counts of the time that passes. */
  readonly rate?: number;
  /** The control plane's clock is set ahead so far. */
  readonly ahead?: (sentMs: number) => number;
  readonly forMs: number;
}

/** When messages first come later than an agent bears, in seconds, and the most they lag before. */
function heard({ late = () => 0, rate = 1, ahead = () => 0, forMs }: Way): number | 'never' {
  let lag: MessageLag | undefined;
  for (let sentMs = 0; sentMs <= forMs; sentMs += 10 * second) {
    const atMs = 7 + (sentMs + late(sentMs)) * rate;
    lag = lagAfter(lag, { sentAt: millis(noon + sentMs + ahead(sentMs)), atMs });
    if (lag.lateMs > silence) return Math.round((sentMs + late(sentMs)) / second);
  }
  return 'never';
}

test.each<readonly [string, Way, number | 'never']>([
  ['nothing on the way', { forMs: day }, 'never'],
  ['half a second, more or less', { late: (ms) => (ms % 7) * 80, forMs: day }, 'never'],
  ['a way that is slow from the first message on', { late: () => 30 * second, forMs: day }, 'never'],
  [
    'a stall of half a minute, after which all comes',
    { late: (ms) => (ms === hour ? 30 * second : 0), forMs: day },
    'never',
  ],
  ['a relay that hands on at half the pace: found out within two minutes', { late: (ms) => ms, forMs: day }, 80],
  ['a relay a tenth slower', { late: (ms) => ms / 10, forMs: day }, 396],
  ['a relay that holds all by forty seconds, once', { late: (ms) => (ms < hour ? 0 : 40 * second), forMs: day }, 3640],
  ['a clock here that is fast, for a month', { rate: 1.0005, forMs: 30 * day }, 'never'],
  ['a clock here that is slow, for a month', { rate: 0.9995, forMs: 30 * day }, 'never'],
  [
    'a control plane whose clock is set a day ahead',
    { ahead: (ms) => (ms < hour ? 0 : day), forMs: 2 * hour },
    'never',
  ],
  [
    '… behind a relay that then holds messages back',
    { ahead: (ms) => (ms < hour ? 0 : day), late: (ms) => (ms < hour ? 0 : (ms - hour) / 2), forMs: 2 * hour },
    hour / second + 105 + 15,
  ],
])('%s', (_, way, expected) => {
  expect(heard(way)).toBe(expected);
});

test('a relay can hold back no more than is borne, and what two clocks may drift apart', () => {
  // As slowly as is not told from a clock: three and a half seconds an hour.
  expect(heard({ late: (ms) => ms / 1001, forMs: 10 * day })).toBe('never');
  expect(heard({ late: (ms) => ms / 500, forMs: day })).toBeLessThan((silence / second) * 1100);
  expect(minute).toBeGreaterThan(silence);
});
