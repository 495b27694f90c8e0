// A store that is older than what hosts were told, found out by what they can show of it; and that no host can do so by its word.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { RevisionProofs } from '#control-plane/revision-proofs.ts';
import { fleetUnderTest, shopPolicy } from './fleet-under-test.ts';
import { scratchDirectory } from './scratch-directory.ts';

const proofs = new RevisionProofs(Buffer.alloc(32, 7));
const shop = { labels: { app: 'shop' } };

/** A store that was copied before a policy enforced and a host was cut off, and what the hosts can show of what came after. */
async function copied() {
  const under = await fleetUnderTest({ proofs });
  const [web, db] = [
    await under.connect('web-1', shop),
    await under.connect('db-1', { ...shop, addresses: ['10.0.0.9'] }),
  ];
  await under.apply(shopPolicy({ mode: 'observe' }));
  await under.fleet.passTime();
  const directory = await scratchDirectory();
  const source = new DatabaseSync(under.storePath, { readOnly: true });
  source.prepare('vacuum into ?').run(join(directory, 'store.db'));
  source.close();
  const before = web.proofs.at(-1);
  await under.apply(shopPolicy());
  await under.fleet.quarantine({ workload: 'db-1', peers: [], actor: 'operator/test' });
  await under.fleet.passTime();
  const older = await fleetUnderTest({ proofs, directory });
  const after = { web: web.proofs.at(-1), db: db.proofs.at(-1) };
  return { older, before, after, lineage: under.fleet.lineage };
}

test('a host that shows what it was told later holds the store before anything of it goes out', async () => {
  const { older, after } = await copied();
  const { fleet } = older;
  const web = await older.connect('web-1', { ...shop, proof: after.web, cutOff: ['db-1'], hears: 'nothing' });
  expect(fleet.hold).toMatchObject({ kind: 'behind', ahead: ['web-1'], cutOffSince: ['db-1'] });
  const db = await older.connect('db-1', { ...shop, proof: after.db, hears: 'nothing' });
  expect(fleet.hold?.ahead).toEqual(['db-1', 'web-1']);
  expect([web.sent, db.sent]).toEqual([[], []]);
  await fleet.quarantine({ workload: 'db-1', peers: [], actor: 'operator/test' });
  expect(fleet.hold?.cutOffSince).toEqual([]);
  await fleet.passTime();
  expect([...web.proofs, ...web.sent]).toEqual([]);
  const resumed = await fleet.resume('operator/test');
  expect(web.sent.at(-1)?.revision).toBe(resumed?.revision);
  await fleet.passTime();
  expect(web.proofs).toHaveLength(1);
});

test('the hold outlives the process, and who comes with what the lineage before told is served after it', async () => {
  const { older, after } = await copied();
  await older.connect('web-1', { ...shop, proof: after.web, hears: 'nothing' });
  const again = await older.restart();
  expect(again.fleet.hold).toMatchObject({ kind: 'behind', ahead: [] });
  const late = await again.connect('db-1', { ...shop, hears: 'nothing' });
  expect(late.sent).toEqual([]);
  await again.apply(shopPolicy());
  expect(again.fleet.hold).toBeUndefined();
  await again.connect('web-1', { ...shop, proof: after.web });
  expect(again.fleet.hold).toBeUndefined();
});

describe('nothing is held for', () => {
  type Copied = Awaited<ReturnType<typeof copied>>;
  const cases: readonly [string, (given: Copied) => Uint8Array | undefined][] = [
    ['a number that a host says', () => undefined],
    ['what the store knows of', ({ before }) => before],
    ['what another host was told', ({ after }) => after.db],
    ['bytes that nobody made here', ({ after }) => after.web?.map((byte, at) => (at === 24 ? byte ^ 1 : byte))],
    ['bytes of another length', ({ after }) => after.web?.subarray(1)],
    [
      'what another key made',
      ({ lineage }) => new RevisionProofs(Buffer.alloc(32, 8)).issue('web-1', { lineage, revision: 99 }),
    ],
    ['another lineage', () => proofs.issue('web-1', { lineage: 'ab'.repeat(16), revision: 99 })],
  ];
  test.each(cases)('%s', async (_, shown) => {
    const given = await copied();
    const { fleet, connect } = given.older;
    const web = await connect('web-1', { ...shop, proof: shown(given), revision: 2 ** 39 });
    expect(fleet.hold).toBeUndefined();
    expect(web.sent.length).toBeGreaterThan(0);
  });
});

test('what went out and is not stored is shown to nobody: a crash on a full disk is no older store', async () => {
  const { fleet, store, connect } = await fleetUnderTest({ proofs });
  const { setRevision } = store;
  Object.assign(store, { setRevision: () => Promise.reject(new Error('database or disk is full')) });
  const web = await connect('web-1', shop);
  await fleet.passTime();
  expect(web.proofs).toEqual([]);
  Object.assign(store, { setRevision });
  await fleet.label({ workload: 'web-1', set: new Map([['role', 'web']]), remove: [], actor: 'operator/test' });
  await expect.poll(() => fleet.passTime().then(() => web.proofs.length), { timeout: 60_000 }).toBe(1);
});
