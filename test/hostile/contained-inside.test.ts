// A unit or a container that is quarantined, on a host that is not: the host's silence ends its quarantine no more than its own would.

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { RemoveOfflineAnswer } from '#control-plane/answers/schemas.ts';
import { tokenHash } from '#control-plane/fleet/tokens.ts';
import { assertOk } from '#model/result.ts';
import { Secret } from '#model/secret.ts';
import { millis } from '#model/time.ts';
import { tenant } from '#test/server/fleet-under-test.ts';
import { apiUnderTest } from './support/api-under-test.ts';

const actor = 'operator/test';
const dayMs = 86_400_000;
const addresses = ['10.0.0.1'];
const box = { name: 'db', addresses: ['10.1.0.50'], reachable: ['10.1.0.50'] };

/** `lost` is of an autoscaled group, runs one unit and one container, and is silent for eight days: longer than any lease. */
async function silent(inside: 'lost-nginx' | 'lost-db') {
  let elapsedMs = 0;
  const under = await apiUnderTest({ elapsedMs: () => elapsedMs });
  const { fleet, store, connect } = under;
  const token = new Secret(randomUUID());
  const note = { at: millis(Date.now()), actor, action: 'token-created', target: 'lost' };
  const expiresAt = millis(Date.now() + dayMs);
  const made = { tenant, id: 'group', hash: tokenHash(token), labels: {}, uses: 1, expiresAt, note };
  await store.createJoinToken({ ...made, ephemeralMs: 300_000 });
  assertOk(await fleet.redeemToken({ token, host: 'lost' }));
  const other = await connect('other', { addresses: ['10.0.0.2'] });
  const { connection } = await connect('lost', { addresses });
  connection.hostReported({ addresses, facts: new Map(), units: ['nginx.service'], containers: [box] });
  await fleet.quiet();
  await fleet.quarantine({ workload: inside, peers: [], actor });
  connection.disconnected();
  await fleet.quiet();
  elapsedMs += 8 * dayMs;
  return { ...under, other };
}

const kinds = ['lost-nginx', 'lost-db'] as const;

test.each(kinds)('%s: its host is not removed as one that is offline, and the operator is told why', async (inside) => {
  const { fleet, call } = await silent(inside);
  const ask = (mode: string) =>
    call<RemoveOfflineAnswer>('POST', '/api/v1/agents/remove-offline', { offlineForMs: dayMs, mode });
  for (const mode of ['preview', 'remove'])
    expect(await ask(mode)).toMatchObject({ count: 0, kept: { count: 1, names: ['lost'] } });
  const found = fleet.offline({ offlineForMs: dayMs });
  expect(await fleet.removeOffline(found, { offlineForMs: dayMs, actor })).toEqual([]);
  expect(fleet.quarantined()).toEqual([inside]);
});

test.each(kinds)('%s: its host is not removed as one of an autoscaled group', async (inside) => {
  const { fleet } = await silent(inside);
  await fleet.passTime();
  expect(fleet.quarantined()).toEqual([inside]);
  await fleet.quarantine({ workload: inside, actor });
  await fleet.passTime();
  expect(fleet.agents().map(({ host }) => host)).toEqual(['other']);
});

test('lost-db: its addresses stay cut off past any lease, and after a restart', async () => {
  const { fleet, other, restart } = await silent('lost-db');
  const cutOff = () => [...(other.sent.at(-1)?.peerSets.values() ?? [])].filter(({ quarantine }) => quarantine);
  await fleet.passTime();
  expect(cutOff()).toMatchObject([{ quarantine: 'lost-db', addresses: ['10.1.0.50'] }]);
  const { fleet: again } = await restart();
  await again.passTime();
  expect(again.inventory().workloads.get('lost-db')).toMatchObject({ addresses: ['10.1.0.50'] });
});

test.each(kinds)('%s: who removes its host by name is told that this ends a containment', async (inside) => {
  const { fleet } = await silent(inside);
  expect(await fleet.removeAgent('lost', actor)).toEqual({ was: 'contained' });
});
