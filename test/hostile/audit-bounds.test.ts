// What hosts do is in the audit log, and no host can fill it: each thing once at once, the rest as a number.

import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { HostHappenings } from '#control-plane/notes/host-happenings.ts';
import type { AuditNote } from '#control-plane/store/audit.ts';
import { millis } from '#model/time.ts';
import { type FleetUnderTest, fleetUnderTest, tenant } from '../server/fleet-under-test.ts';

describe('the notes of hosts', () => {
  const windowMs = 1000;
  let told: Omit<AuditNote, 'at'>[];
  let notes: HostHappenings;
  beforeEach(() => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    told = [];
    notes = new HostHappenings({ now: () => millis(Date.now()), audit: (note) => told.push(note), windowMs });
  });

  test('of one that flaps are two a kind and window, whatever it does', () => {
    for (let time = 0; time < 500; time += 1) {
      notes.take('agent-connected', 'web-1', { time });
      notes.take('agent-disconnected', 'web-1', { time });
      notes.holdingsChanged('web-1', new Set(['10.0.0.1']), new Set([`10.0.1.${time % 200}`]));
      notes.factsChanged('web-1', new Map([['os', 'a']]), new Map([['os', `b${time}`]]));
    }
    vi.advanceTimersByTime(windowMs);
    const actions = told.map(({ action, details }) => `${action} ${details?.['times'] ?? 1}`);
    const kinds = ['agent-connected', 'agent-disconnected', 'claims-granted', 'claims-withdrawn', 'facts-changed'];
    expect(actions.sort()).toEqual(kinds.flatMap((kind) => [`${kind} 1`, `${kind} 499`]).sort());
    expect(told.at(-1)).toMatchObject({ actor: 'agent/web-1', details: { after: { os: 'b499' } } });
  });

  test('of a fleet that connects anew are a bounded number, the others by name and number', () => {
    for (let host = 0; host < 10_000; host += 1) notes.take('agent-connected', `web-${host}`, {});
    notes.stop();
    expect(told).toHaveLength(257);
    expect(told.at(-1)).toMatchObject({
      actor: 'control-plane',
      target: '(others)',
      details: { times: 10_000 - 256, names: expect.arrayContaining(['web-256']) },
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('hold sixteen facts and addresses at most', () => {
    const many = Array.from({ length: 300 }, (_, index) => String(index));
    notes.factsChanged('web-1', new Map(), new Map(many.map((key) => [key, key])));
    notes.holdingsChanged('web-1', new Set(), new Set(many));
    const [facts, granted] = told;
    expect(facts?.details).toMatchObject({ count: 300 });
    expect(Object.keys(facts?.details?.['after'] as object)).toHaveLength(16);
    expect(granted?.details).toMatchObject({ count: 300, addresses: { length: 16 } });
  });
});

describe('a fleet', () => {
  const entriesOf = async ({ fleet, store }: FleetUnderTest) => {
    await fleet.quiet();
    const entries = await store.listAudit({ tenant, afterSeq: 0, limit: 1000 });
    return entries.map(({ actor, action, target, details }) => ({
      actor,
      action,
      target,
      details: JSON.parse(details) as Readonly<Record<string, unknown>>,
    }));
  };

  test('tells of each thing a host does and says, and nothing of what a restart remembers', async () => {
    const first = await fleetUnderTest();
    const { connection } = await first.connect('web-1', {
      addresses: ['10.0.0.1', '10.0.0.5'],
      seenFrom: '10.0.0.1',
    });
    connection.hostReported({ addresses: ['10.0.0.1'], facts: new Map([['os', 'fedora']]) });
    await first.fleet.quiet();
    connection.disconnected();
    const entries = await entriesOf(first);
    const of = (action: string) => entries.filter((entry) => entry.action === action);
    expect(of('agent-connected')).toMatchObject([{ actor: 'agent/web-1', details: { from: '10.0.0.1' } }]);
    expect(of('agent-disconnected')).toMatchObject([{ actor: 'agent/web-1', target: 'web-1' }]);
    expect(of('claims-granted')).toMatchObject([{ details: { addresses: ['10.0.0.1', '10.0.0.5'] } }]);
    expect(of('claims-withdrawn')).toMatchObject([{ target: 'web-1', details: { addresses: ['10.0.0.5'] } }]);
    expect(of('facts-changed').at(-1)).toMatchObject({ actor: 'agent/web-1', target: 'web-1' });
    const again = await first.restart();
    await again.connect('web-1', { addresses: ['10.0.0.1'], seenFrom: '10.0.0.1' });
    const since = (await entriesOf(again)).slice(entries.length).map(({ action }) => action);
    expect(since).toContain('agent-connected');
    expect(since.filter((action) => action.startsWith('claims-'))).toEqual([]);
  });

  test('tells of a certificate that is refused, with where it came from, and of a host that is not admitted', async () => {
    const under = await fleetUnderTest();
    const id = await under.enrol('web-1');
    await under.fleet.revokeAgent('web-1', 'operator/test');
    const identity = { tenant, host: 'web-1', serial: 'ab' };
    const times = { notBefore: millis(0), notAfter: millis(1e15), authority: 'ca' };
    for (let time = 0; time < 50; time += 1)
      under.fleet.refusalOf({ identity, enrolment: id, ...times }, '203.0.113.9');
    under.fleet.refusalOf({ identity, enrolment: id, ...times });
    const hello = { addresses: [], facts: new Map(), agentVersion: '1', revision: 0 };
    const connected = under.fleet.connect(identity, hello, { send: () => undefined, close: () => undefined });
    expect(connected.ok).toBe(false);
    const entries = await entriesOf(under);
    expect(entries.filter(({ action }) => action === 'certificate-refused')).toMatchObject([
      { actor: 'control-plane', target: 'web-1', details: { from: '203.0.113.9', serial: 'ab' } },
    ]);
    expect(entries.filter(({ action }) => action === 'agent-refused')).toHaveLength(1);
  });
});
