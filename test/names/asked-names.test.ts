// A kernel that can show no answers: exact names are learnt by asking, names below "*." are not, and DNS itself is not touched.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { waitFor } from '#test/support/wait.ts';
import { policy, zone } from './live-names.ts';
import { createNamesWorld, type NamesWorld, serverAddress, servicePort } from './world.ts';

let world: NamesWorld;

beforeAll(async () => {
  world = await createNamesWorld('lookups');
  await world.zone({ zone });
  await world.apply(policy({ api: 'api.test.example', gone: 'gone.test.example', wild: '*.wild.example' }));
});

afterAll(async () => {
  await world?.remove();
});

test('where no answer can be seen, exact names are learnt by asking for them, and what has no answer is counted', async () => {
  await waitFor(
    async () => (await world.status()).names.find(({ name }) => name === 'api.test.example')?.addresses === 2,
    {
      what: 'the name was asked for',
    },
  );
  const asked = { name: 'api.test.example', port: servicePort };
  await waitFor(async () => (await world.ask(asked)).outcome === 'connected', { what: 'it is reached' });
  const got = await world.ask({ name: 'one.wild.example', port: servicePort });
  expect(got.addresses).toEqual([serverAddress(3)]);
  expect(got.outcome).not.toBe('connected');
  const status = await world.status();
  expect(status.source).toBe('lookups');
  expect(status.answers).toBe(0);
  await waitFor(async () => (await world.status()).failedLookups === 1, { what: 'the name without answer is counted' });
  const { stdout } = await world.host.exec(['nft', 'list', 'table', 'inet', 'segwall']);
  expect(stdout).not.toContain('answers_');
});
