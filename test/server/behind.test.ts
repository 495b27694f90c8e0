// A store that is older than what hosts were told, found out by what they can show of it; and that no host can do so by its word.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { namesDigest, RevisionProofs } from '#control-plane/publish/revision-proofs.ts';
import { ruleSetDigest } from '#wire/rule-set-digest.ts';
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
  const contained = [{ name: 'db-1', standing: 'proven', hosts: 0 }];
  expect(fleet.hold).toMatchObject({ kind: 'behind', ahead: ['web-1'], cutOffSince: contained });
  const cutOff = Array.from({ length: 1024 }, (_, at) => `a-${at}`);
  const db = await older.connect('db-1', { ...shop, proof: after.db, cutOff, hears: 'nothing' });
  expect(fleet.hold).toMatchObject({ cutOffSince: contained, cutOffSaid: [] });
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

test('a store that hosts had count on is found out all the same, over a restart too', async () => {
  const { older, after } = await copied();
  const report = async (under: typeof older) => {
    // The host that was cut off since comes first, shows nothing, and reports itself until the numbers are beyond what the others know.
    const db = await under.connect('db-1', { ...shop, addresses: ['10.0.0.9'] });
    for (let at = 0; at < 9; at += 1) {
      const facts = new Map([['os', `debian-${under.fleet.revision}`]]);
      db.connection.hostReported({ addresses: ['10.0.0.9'], facts });
      await under.fleet.quiet();
    }
    return db;
  };
  const told = proofs.read('web-1', after.web)?.revision ?? 0;
  await report(older);
  const again = await older.restart();
  const db = await report(again);
  expect(again.fleet.revision).toBeGreaterThan(told + 4);
  const heard = db.sent.length;
  const web = await again.connect('web-1', { ...shop, proof: after.web, cutOff: ['db-1'], hears: 'nothing' });
  expect(again.fleet.hold).toMatchObject({ kind: 'behind', ahead: ['web-1'], cutOffSince: [{ name: 'db-1' }] });
  expect(again.fleet.hold?.why).toContain('in a history that this store does not have');
  expect([web.sent.length, db.sent.length]).toEqual([0, heard]);
  const resumed = await again.fleet.resume('operator/test');
  await again.connect('db-1', { ...shop, addresses: ['10.0.0.9'], proof: after.db });
  expect([again.fleet.hold, web.sent.at(-1)?.revision]).toEqual([undefined, resumed?.revision]);
});

test('a lineage that hosts show and the store never had: held once, and known when the operator went on', async () => {
  const under = await fleetUnderTest({ proofs });
  await under.connect('web-1', shop);
  const run = { name: 'cd'.repeat(16), number: 3 };
  const proof = proofs.issue('web-1', { lineage: 'ab'.repeat(16), revision: 1, run });
  await under.connect('web-1', { proof, serial: 'second', hears: 'nothing' });
  expect(under.fleet.hold).toMatchObject({ kind: 'behind', ahead: ['web-1'] });
  await under.fleet.resume('operator/test');
  const again = await under.restart();
  await again.connect('web-1', { proof });
  expect(again.fleet.hold).toBeUndefined();
});

describe('what is sent after a start, before all have shown what they were told', () => {
  const covered = { proof: 'own', revision: 'told' } as const;
  const cases: readonly [
    string,
    { proof?: 'own' | 'before'; revision?: 'told' | 'more'; digest?: 'same' },
    'sent' | 'waits',
  ][] = [
    ['a host that holds nothing: at once', {}, 'sent'],
    ['a host whose own proof covers what it holds: at once', covered, 'sent'],
    ['a host that holds what it would be sent, proof or none: at once', { revision: 'more', digest: 'same' }, 'sent'],
    ['a host without a proof that holds something else: in half a minute', { revision: 'told' }, 'waits'],
    ['a host whose proof is of an older one than it holds: the same', { proof: 'own', revision: 'more' }, 'waits'],
    ['a host that shows a proof of the version before: at once', { proof: 'before', revision: 'told' }, 'sent'],
  ];
  test.each(cases)('%s', async (_, shown, expected) => {
    let at = 0;
    const under = await fleetUnderTest({ proofs, elapsedMs: () => at });
    const web = await under.connect('web-1', shop);
    await under.apply(shopPolicy());
    await under.fleet.passTime();
    const held = web.sent.at(-1);
    if (held === undefined) throw new Error('web-1 was sent nothing');
    const own = web.proofs.at(-1);
    const before = proofs.issue('web-1', { lineage: under.fleet.lineage, revision: held.revision });
    const again = await under.restart();
    const proof = { own, before, none: undefined }[shown.proof ?? 'none'];
    const revision = { told: held.revision, more: held.revision + 1, none: 0 }[shown.revision ?? 'none'];
    const digest = shown.digest === 'same' ? { digest: ruleSetDigest(held) } : {};
    const back = await again.connect('web-1', { ...shop, proof, revision, ...digest, hears: 'nothing' });
    expect(back.sent.length > 0 ? 'sent' : 'waits').toBe(expected);
    at += 31_000;
    await again.fleet.passTime();
    expect(back.sent).toHaveLength(1);
  });
});

test('a host that contains somebody has its proof with the acknowledgement, not with the next look', async () => {
  const { fleet, connect } = await fleetUnderTest({ proofs });
  const web = await connect('web-1', shop);
  await connect('db-1', { ...shop, addresses: ['10.0.0.9'] });
  expect(web.proofs).toHaveLength(1);
  await fleet.quarantine({ workload: 'db-1', peers: [], actor: 'operator/test' });
  await expect.poll(() => web.proofs.length).toBe(2);
  expect(proofs.read('web-1', web.proofs.at(-1))).toMatchObject({
    revision: fleet.revision,
    cutOff: namesDigest(['db-1']),
  });
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
    [
      'another lineage, as the version before showed it',
      () => proofs.issue('web-1', { lineage: 'ab'.repeat(16), revision: 99 }),
    ],
  ];
  test.each(cases)('%s', async (_, shown) => {
    const given = await copied();
    const { fleet, connect } = given.older;
    await connect('web-1', { ...shop, proof: shown(given), revision: 2 ** 39, hears: 'nothing' });
    expect(fleet.hold).toBeUndefined();
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
