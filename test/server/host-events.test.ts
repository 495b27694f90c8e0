// What agents tell of their hosts: in the audit chain once, however often it is sent, and in the fleet's status.

import { expect, test } from 'vitest';
import { createVerifier } from '#cli/server/audit-log.ts';
import type { HostEvent } from '#model/host-event.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, tenant } from './fleet-under-test.ts';

const tampered: HostEvent = {
  id: '0001-1',
  at: millis(Date.UTC(2026, 0, 2, 3, 4, 5)),
  kind: 'table-tampered',
  details: new Map([
    ['processes', 'nft (4711)'],
    ['changes', '1'],
  ]),
};

test('an event that is sent three times, and after a restart, is in the audit chain once, with who and when', async () => {
  const first = await fleetUnderTest();
  const agent = await first.connect('web-1');
  await agent.connection.eventsReported([tampered, { ...tampered, id: '0001-2', kind: 'opened', details: new Map() }]);
  await agent.connection.eventsReported([tampered]);
  const second = await first.restart();
  const again = await second.connect('web-1');
  await again.connection.eventsReported([tampered]);
  const entries = await second.store.listAudit({ tenant, afterSeq: 0, limit: 1000 });
  const told = entries.filter(({ action }) => action === 'table-tampered' || action === 'opened');
  expect(told.map(({ actor, action, target }) => [actor, action, target])).toEqual([
    ['agent/web-1', 'table-tampered', 'web-1'],
    ['agent/web-1', 'opened', 'web-1'],
  ]);
  expect(JSON.parse(told[0]?.details ?? '')).toEqual({
    processes: 'nft (4711)',
    changes: '1',
    happenedAt: '2026-01-02T03:04:05.000Z',
  });
  const verifier = createVerifier({});
  for (const entry of entries) verifier.entry(entry);
  expect(verifier.verdict()).toMatchObject({ kind: 'intact' });
});

test('events of one id on two hosts are two entries', async () => {
  const { connect, store } = await fleetUnderTest();
  for (const host of ['web-1', 'web-2']) await (await connect(host)).connection.eventsReported([tampered]);
  const entries = await store.listAudit({ tenant, afterSeq: 0, limit: 1000 });
  expect(entries.filter(({ action }) => action === 'table-tampered').map(({ target }) => target)).toEqual([
    'web-1',
    'web-2',
  ]);
});

test('a host that was opened at its console is shown so while it is', async () => {
  const { connect, fleet } = await fleetUnderTest();
  const { connection } = await connect('web-1');
  const status = { revision: 1, enforcing: false, lost: 0, spooledBatches: 0, repairs: 0, problem: '' };
  const panic = { since: millis(5), reason: 'shop down' };
  connection.statusReported({ ...status, panic });
  expect(fleet.agents()).toMatchObject([{ host: 'web-1', enforcing: 'no', panic }]);
  connection.statusReported({ ...status, enforcing: true });
  expect(fleet.agents()[0]?.panic).toBeUndefined();
});
