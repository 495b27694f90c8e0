// What operators see of a host's clock and certificate: nothing while they are right, and a problem in words once they are not.

import { describe, expect, test } from 'vitest';
import { agentViewOf, spanText } from '#control-plane/fleet/agent-view.ts';
import { millis } from '#model/time.ts';

const minute = 60_000;
const day = 1440 * minute;
const now = millis(Date.UTC(2026, 10, 30));

function problemOf(clockAheadMs: number | undefined, endsInMs: number): string {
  const status = { revision: 1, enforcing: true, lost: 0, spooledBatches: 0, repairs: 0, problem: '' };
  return agentViewOf({
    host: { name: 'web-1' },
    history: undefined,
    live: { acked: 0, status: clockAheadMs === undefined ? status : { ...status, clockAheadMs } },
    due: 0,
    addresses: {},
    certificateEndsAt: millis(now + endsInMs),
    now,
  } as never).problem;
}

describe('the problem of a host', () => {
  test.each([
    ['is none where its clock is right', 0, ''],
    ['is none where it does not tell', undefined, ''],
    ['is none for half a minute', 30_000, ''],
    ['says minutes ahead', 5 * minute, 'its clock is 5 minutes ahead'],
    ['says a minute behind', -minute, 'its clock is 1 minute behind'],
    ['says days behind', -3 * day - minute, 'its clock is 3 days behind'],
    ['says years as days', 400 * day, 'its clock is 400 days ahead'],
  ])('%s', (_, clockAheadMs, problem) => {
    expect(problemOf(clockAheadMs, 20 * day)).toBe(problem);
  });

  test.each([
    [10 * day + 1, ''],
    [10 * day, 'its certificate ends in 10 days'],
    [90 * minute, 'its certificate ends in 1 hour'],
    [1000, 'its certificate ends in less than a minute'],
    [-1, 'its certificate ended less than a minute ago'],
    [-40 * day, 'its certificate ended 40 days ago'],
  ])('with %i ms left of its certificate is %j', (endsInMs, problem) => {
    expect(problemOf(0, endsInMs)).toBe(problem);
  });

  test('names both', () => {
    expect(problemOf(-2 * minute, day)).toBe('its clock is 2 minutes behind; its certificate ends in 1 day');
  });
});

test('a span is told in its largest unit', () => {
  expect([0, minute, 119 * minute, 2 * 60 * minute, day].map(spanText)).toEqual([
    'less than a minute',
    '1 minute',
    '1 hour',
    '2 hours',
    '1 day',
  ]);
});
