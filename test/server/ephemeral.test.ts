// Hosts of an autoscaled group go without a word: removed after the silence that their token allows, and nobody else ever.

import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { tokenHash } from '#control-plane/fleet/tokens.ts';
import { assertOk } from '#model/result.ts';
import { Secret } from '#model/secret.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, tenant } from './fleet-under-test.ts';

const minute = 60_000;

async function group() {
  let at = 0;
  const under = await fleetUnderTest({ elapsedMs: () => at });
  const join = async (host: string) => {
    const token = new Secret(randomUUID());
    const note = { at: millis(Date.now()), actor: 'operator/test', action: 'token-created', target: host };
    const expiresAt = millis(Date.now() + minute);
    const made = { tenant, id: randomUUID(), hash: tokenHash(token), labels: {}, uses: 1, expiresAt, note };
    await under.store.createJoinToken({ ...made, ephemeralMs: 10 * minute });
    assertOk(await under.fleet.redeemToken({ token, host }));
  };
  return {
    ...under,
    join,
    pass: async (ms: number, fleet = under.fleet) => {
      at += ms;
      await fleet.passTime();
    },
    names: (fleet = under.fleet) => fleet.agents().map(({ host }) => host),
  };
}

test('one that is silent for longer than its token allows is removed, and told; others stay however long', async () => {
  const { connect, join, pass, names, store } = await group();
  await connect('stays');
  const away = await connect('usual');
  away.connection.disconnected();
  for (const host of ['auto-1', 'auto-2', 'never']) await join(host);
  const first = await connect('auto-1');
  await connect('auto-2');
  await pass(30 * minute);
  expect(names()).toEqual(['auto-1', 'auto-2', 'stays', 'usual']);
  first.connection.disconnected();
  await pass(9 * minute);
  expect(names()).toContain('auto-1');
  await pass(minute);
  expect(names()).toEqual(['auto-2', 'stays', 'usual']);
  const told = await store.listAudit({ tenant, afterSeq: 0, limit: 100 });
  expect(told.filter(({ action }) => action === 'ephemeral-removed').map(({ target }) => target)).toEqual([
    'never',
    'auto-1',
  ]);
});

test('none is removed by a control plane that nobody reaches, nor one that is contained', async () => {
  const { connect, join, pass, names, fleet } = await group();
  for (const host of ['auto-1', 'auto-2']) await join(host);
  const agents = [await connect('auto-1'), await connect('auto-2')];
  await fleet.quarantine({ workload: 'auto-2', peers: [], actor: 'operator/test' });
  for (const { connection } of agents) connection.disconnected();
  await pass(60 * minute);
  expect(names()).toEqual(['auto-1', 'auto-2']);
  await connect('stays');
  await pass(0);
  expect(names()).toEqual(['auto-2', 'stays']);
});

test('a restart forgets neither that it is ephemeral nor since when it is silent', async () => {
  const { connect, join, pass, names, restart, fleet } = await group();
  await join('auto-1');
  const agent = await connect('auto-1');
  agent.connection.disconnected();
  await fleet.quiet();
  await pass(8 * minute);
  const again = await restart();
  await again.connect('stays');
  await pass(minute, again.fleet);
  expect(names(again.fleet)).toContain('auto-1');
  await pass(2 * minute, again.fleet);
  expect(names(again.fleet)).toEqual(['stays']);
});
