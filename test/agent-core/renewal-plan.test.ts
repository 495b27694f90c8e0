// When a host renews its certificate, whatever clocks say: how often in a day and in a year, and that it never asks over and over.

import { describe, expect, test } from 'vitest';
import { isRenewalDue, type RenewalState, renewalWaitMs } from '#agent-core/time/renewal-plan.ts';
import { millis } from '#model/time.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = Date.UTC(2026, 0, 1);
const lifeMs = 30 * day;

interface Clocks {
  /** How far each clock is ahead of the truth, at an age of the host. */
  readonly host: (ms: number) => number;
  readonly server: (ms: number) => number;
  /** Whether the control plane gives a certificate then. */
  readonly isThere: (ms: number) => boolean;
}

const right = () => 0;
const always = () => true;

/** The hours at which a host asked, from its enrolment on. */
function asked(spanMs: number, { host, server, isThere }: Clocks): readonly number[] {
  const times: number[] = [];
  const issued = (ms: number) => {
    const now = start + ms + server(ms);
    return { notBefore: millis(now - 10 * minute), notAfter: millis(now + lifeMs) };
  };
  let ms = 0;
  let state: RenewalState = { life: issued(0), came: { atMs: 0, wasDue: false }, failures: 0 };
  while (ms < spanMs && times.length < 20_000) {
    const now = millis(start + ms + host(ms));
    const waitMs = renewalWaitMs(state, now, ms);
    if (waitMs > 0) {
      ms += Math.max(waitMs, 1000);
      continue;
    }
    times.push(Math.floor(ms / hour));
    if (isThere(ms)) {
      const life = issued(ms);
      state = { life, came: { atMs: ms, wasDue: isRenewalDue(life, now) }, failures: 0, triedAtMs: ms };
    } else state = { ...state, failures: state.failures + 1, triedAtMs: ms };
    ms += 1000;
  }
  return times;
}

describe('in a year a host asks', () => {
  const rows: readonly (readonly [string, Partial<Clocks>, number, number])[] = [
    ['every twenty days where clocks are right', {}, 17, 19],
    ['no more often where its clock is a year ahead', { host: () => 365 * day }, 17, 20],
    ['… or ten years', { host: () => 3650 * day }, 17, 20],
    ['… or a year behind', { host: () => -365 * day }, 17, 19],
    ['… or begins in 1970', { host: (ms) => -(start + ms) }, 17, 19],
    ['no more often where the control plane is a year ahead', { server: () => 365 * day }, 17, 19],
    ['… or a year behind, so that what comes has expired by the host’s clock', { server: () => -365 * day }, 17, 20],
    ['once more for a step of a year ahead in its half', { host: (ms) => (ms < 180 * day ? 0 : 365 * day) }, 18, 20],
    ['no more often for a step back', { host: (ms) => (ms < 180 * day ? 0 : -365 * day) }, 17, 19],
    [
      'a few times a day where its clock jumps ahead and back every hour',
      { host: (ms) => (Math.floor(ms / hour) % 2) * 365 * day },
      0,
      800,
    ],
  ];
  test.each(rows)('%s', (_, clocks, least, most) => {
    const times = asked(365 * day, { host: right, server: right, isThere: always, ...clocks });
    expect(times.length).toBeGreaterThanOrEqual(least);
    expect(times.length).toBeLessThanOrEqual(most);
  });
});

test('whatever its clock does, a host that is given what it asks for asks once in an hour at most', () => {
  for (const step of [day, 30 * day, 365 * day, -day, -365 * day]) {
    const host = (ms: number) => Math.floor(ms / (10 * minute)) * step;
    const times = asked(5 * day, { host, server: right, isThere: always });
    expect(times.filter((time, at) => times[at + 1] === time)).toEqual([]);
  }
});

test('a host that is refused asks after a minute, two, four, and then every hour, and soon after it is heard again', () => {
  const isThere = (ms: number) => ms > 22 * day;
  const times = asked(30 * day, { host: right, server: right, isThere });
  expect(times.length).toBeGreaterThan(48);
  expect(times.length).toBeLessThan(60);
  expect(times.at(-1)).toBeLessThanOrEqual(22 * 24 + 1);
});

test('a host whose certificate has expired, or is not taken, asks at once, and not over and over', () => {
  const life = { notBefore: millis(start), notAfter: millis(start + lifeMs) };
  expect(renewalWaitMs({ life, failures: 0 }, millis(start + 400 * day), 0)).toBe(0);
  const refused = { life, failures: 0, wanted: 'now' } as const;
  expect(renewalWaitMs(refused, millis(start), 0)).toBe(0);
  expect(renewalWaitMs({ ...refused, triedAtMs: 0, failures: 1 }, millis(start), 1000)).toBe(59_000);
  expect(renewalWaitMs({ ...refused, triedAtMs: 0 }, millis(start), 1000)).toBe(hour - 1000);
});
