// What a store that fails is owed: it is tried again, in order, in a bounded number.

import pino from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OwedWrites } from '#control-plane/fleet/owed-writes.ts';
import { millis } from '#model/time.ts';

let state: 'works' | 'fails';
let stored: string[];
let owed: OwedWrites;
beforeEach(() => {
  vi.useFakeTimers();
  state = 'fails';
  stored = [];
  const write = async (text: string) => {
    if (state === 'fails') throw new Error('database or disk is full');
    stored.push(text);
  };
  owed = new OwedWrites({
    store: {
      setRevision: ({ revision }) => write(`revision ${revision}`),
      appendAudit: ({ note }) => write(`${note.action} ${note.target} ${JSON.stringify(note.details ?? '')}`),
    },
    tenant: 'default',
    now: () => millis(0),
    log: pino({ level: 'silent' }),
    payAgain: () => void owed.pay(),
  });
});
afterEach(() => {
  owed.stop();
  vi.useRealTimers();
});

const note = (target: string) => owed.note({ at: millis(0), actor: 'control-plane', action: 'told', target });

test('it is tried again until the store takes it: the newest revision, and entries in their order', async () => {
  owed.revision(7);
  note('a');
  await owed.pay();
  owed.revision(8);
  note('b');
  await owed.pay();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(stored).toEqual([]);
  state = 'works';
  await vi.advanceTimersByTimeAsync(5000);
  expect(stored).toEqual(['revision 8', 'told a ""', 'told b ""']);
  await owed.pay();
  expect(stored).toHaveLength(3);
  expect(vi.getTimerCount()).toBe(0);
});

test('what does not fit is counted, and the count is an entry', async () => {
  for (let one = 0; one < 1003; one += 1) note(String(one));
  await owed.pay();
  state = 'works';
  await vi.advanceTimersByTimeAsync(5000);
  expect(stored).toHaveLength(1001);
  expect(stored.slice(-2)).toEqual(['told 999 ""', 'audit-lost audit {"entries":3}']);
});

test('nothing is tried after the stop', async () => {
  note('a');
  await owed.pay();
  owed.stop();
  expect(vi.getTimerCount()).toBe(0);
});
