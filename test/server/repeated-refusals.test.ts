// What the audit log has of refused enrolments: the first of each source at once, the rest as numbers, and never more than so many entries.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RefusedEnrolment } from '#control-plane/agents/agent-backend.ts';
import { type RefusalNote, RepeatedRefusals } from '#control-plane/notes/repeated-refusals.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, tenant } from './fleet-under-test.ts';

type Reason = RefusedEnrolment['reason'];

const windowMs = 600_000;
const start = Date.UTC(2026, 0, 1);

let told: RefusalNote<Reason>[];
let refusals: RepeatedRefusals<Reason>;
beforeEach(() => {
  vi.useFakeTimers({ now: start });
  told = [];
  refusals = new RepeatedRefusals({ now: () => millis(Date.now()), tell: (note) => told.push(note) });
});
afterEach(() => {
  vi.useRealTimers();
});

const refuse = (given: Partial<RefusedEnrolment> & { readonly times?: number }) => {
  for (let time = 0; time < (given.times ?? 1); time += 1) {
    refusals.take({
      address: given.address ?? '203.0.113.9',
      name: given.host ?? 'web-1',
      reason: given.reason ?? 'token-unknown',
    });
  }
};
/** "ADDRESS REASON TIMES" */
const entries = () => told.splice(0).map(({ details: { address, reason, times } }) => `${address} ${reason} ${times}`);

describe('one source', () => {
  test('is told of at once, with the name it claimed', () => {
    refuse({});
    expect(told).toEqual([{ target: 'web-1', details: { address: '203.0.113.9', reason: 'token-unknown', times: 1 } }]);
  });

  test('is one more entry at the end of the window, however often it tries', () => {
    refuse({});
    vi.advanceTimersByTime(1000);
    refuse({ times: 5000 });
    refuse({ host: 'web-2' });
    expect(told.splice(0)).toHaveLength(1);
    vi.advanceTimersByTime(windowMs);
    expect(told).toEqual([
      {
        target: 'web-1',
        details: {
          address: '203.0.113.9',
          reason: 'token-unknown',
          times: 5001,
          since: new Date(start + 1000).toISOString(),
          names: ['web-1', 'web-2'],
        },
      },
    ]);
  });

  test('that goes on is one entry a window, and one that has stopped is told of at once again', () => {
    for (let window = 0; window < 3; window += 1) {
      refuse({ times: 10 });
      vi.advanceTimersByTime(windowMs);
    }
    expect(entries()).toEqual([1, 9, 10, 10].map((times) => `203.0.113.9 token-unknown ${times}`));
    vi.advanceTimersByTime(windowMs);
    refuse({});
    expect(entries()).toEqual(['203.0.113.9 token-unknown 1']);
  });

  test('is told apart by reason', () => {
    refuse({ reason: 'token-unknown' });
    refuse({ reason: 'name-taken' });
    expect(entries()).toEqual(['203.0.113.9 token-unknown 1', '203.0.113.9 name-taken 1']);
  });

  test('is a network where it is IPv6', () => {
    for (let one = 1; one <= 50; one += 1) refuse({ address: `2001:db8:0:7::${one}` });
    vi.advanceTimersByTime(windowMs);
    expect(entries()).toEqual(['2001:db8:0:7::1 token-unknown 1', '2001:db8:0:7::/64 token-unknown 49']);
  });

  test('gives no text of its own choosing but a name that could be one', () => {
    refuse({ host: '\u001b[2J\nadmin', times: 2 });
    vi.advanceTimersByTime(windowMs);
    expect(told.map(({ target, details }) => [target, details.names])).toEqual([
      ['-', undefined],
      ['-', ['-']],
    ]);
  });
});

test('many sources fill no log: sixteen are told of, the rest is counted by reason', () => {
  for (let one = 0; one < 2000; one += 1)
    refuse({ address: `10.1.${one >> 8}.${one & 255}`, reason: one % 2 === 0 ? 'token-unknown' : 'csr-invalid' });
  for (let one = 0; one < 16; one += 1) refuse({ address: `10.1.0.${one}`, reason: 'name-taken' });
  vi.advanceTimersByTime(windowMs);
  const all = entries();
  expect(all).toHaveLength(16 + 3);
  expect(all.slice(16)).toEqual(['(others) token-unknown 992', '(others) csr-invalid 992', '(others) name-taken 16']);
});

test('what is counted when the process stops is told', () => {
  refuse({ times: 3 });
  refusals.stop();
  expect(entries()).toEqual(['203.0.113.9 token-unknown 1', '203.0.113.9 token-unknown 2']);
  expect(vi.getTimerCount()).toBe(0);
});

test('the audit chain has them, counts of a fleet that stops included', async () => {
  vi.useRealTimers();
  const before = await fleetUnderTest();
  const strange = { address: '203.0.113.9', host: 'web-1', reason: 'token-spent' } as const;
  for (let time = 0; time < 4; time += 1) before.fleet.enrolmentRefused(strange);
  const { store } = await before.restart();
  const found = (await store.listAudit({ tenant, afterSeq: 0, limit: 100 })).filter(
    ({ action }) => action === 'enrolment-refused',
  );
  expect(found.map(({ actor, target, details }) => [actor, target, JSON.parse(details)])).toEqual([
    ['control-plane', 'web-1', { address: '203.0.113.9', reason: 'token-spent', times: 1 }],
    ['control-plane', 'web-1', expect.objectContaining({ reason: 'token-spent', times: 3, names: ['web-1'] })],
  ]);
});
