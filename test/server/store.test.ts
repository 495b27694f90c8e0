// The contract of the store, which every engine must keep.

import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openStore, type Store, StoreError } from '#control-plane/store/store.ts';
import { millis } from '#model/time.ts';
import { flowRecord, nothingLost } from './flow-records.ts';
import { scratchDirectory } from './scratch-directory.ts';

const tenant = 'default';
const at = millis(1_000);
const note = { at, actor: 'operator/test', action: 'tested', target: 'store' };

async function openScratchStore(): Promise<{ readonly store: Store; readonly path: string }> {
  const path = join(await scratchDirectory(), 'store.db');
  const store = await openStore({ path });
  onTestFinished(() => store.close());
  return { store, path };
}

const token = { tenant, id: 't1', hash: 'h1', labels: { app: 'shop' }, uses: 1, expiresAt: millis(5_000), note };

const shown = { enrolment: 'e1', serial: 's1' };

describe('join tokens', () => {
  const cases = [
    { name: 'a good one is spent', hash: 'h1', host: 'web-1', at: 2_000, outcome: 'joined' },
    { name: 'an unknown one is refused', hash: 'other', host: 'web-1', at: 2_000, outcome: 'token-unknown' },
    {
      name: 'one is refused from the instant it expires',
      hash: 'h1',
      host: 'web-1',
      at: 5_000,
      outcome: 'token-expired',
    },
    { name: 'a taken name is refused', hash: 'h2', host: 'taken', at: 2_000, outcome: 'name-taken' },
    { name: 'a spent one is refused', hash: 'h0', host: 'web-1', at: 2_000, outcome: 'token-spent' },
    { name: 'a revoked one is unknown', hash: 'h3', host: 'web-1', at: 2_000, outcome: 'token-unknown' },
  ];
  test.each(cases)('$name', async ({ hash, host, at, outcome }) => {
    const { store } = await openScratchStore();
    await store.createJoinToken({ ...token, id: 't0', hash: 'h0' });
    await store.spendJoinToken({ hash: 'h0', host: 'taken', at: millis(1_500) });
    await store.createJoinToken(token);
    await store.createJoinToken({ ...token, id: 't2', hash: 'h2' });
    await store.createJoinToken({ ...token, id: 't3', hash: 'h3' });
    await store.revokeJoinToken({ tenant, id: 't3', note });
    const spending = await store.spendJoinToken({ hash, host, at: millis(at) });
    expect(spending.kind === 'refused' ? spending.refusal : spending.kind).toBe(outcome);
  });

  test.each([
    ['its own host, by itself', 'web-1', undefined, 'renewed'],
    ['its own host, which shows its key too', 'web-1', shown, 'renewed'],
    ['another host', 'web-2', undefined, 'token-unknown'],
    ['another host that shows its key', 'web-2', shown, 'token-unknown'],
    ['a name that nobody has', 'web-9', undefined, 'token-unknown'],
  ] as const)('made to renew a host is good for it alone: %s', async (_, host, renewal, outcome) => {
    const { store } = await openScratchStore();
    await store.createJoinToken({ ...token, id: 't0', hash: 'h0', uses: 2 });
    for (const name of ['web-1', 'web-2']) await store.spendJoinToken({ hash: 'h0', host: name, at, enrolment: 'e1' });
    await store.createJoinToken({ ...token, id: 't9', hash: 'h9', uses: 1, renews: 'web-1' });
    const proof = renewal === undefined ? {} : { renewal };
    const spending = await store.spendJoinToken({ hash: 'h9', host, at, enrolment: 'e2', ...proof });
    expect(spending.kind === 'refused' ? spending.refusal : spending.kind).toBe(outcome);
    const again = await store.spendJoinToken({ hash: 'h9', host, at, enrolment: 'e3', ...proof });
    expect(again).toMatchObject({ refusal: outcome === 'renewed' ? 'token-spent' : 'token-unknown' });
  });

  test('of any kind renews who shows the key, and a name without it stays taken', async () => {
    const { store } = await openScratchStore();
    await store.createJoinToken({ ...token, uses: 3 });
    await store.spendJoinToken({ hash: 'h1', host: 'web-1', at, enrolment: 'e1' });
    expect(await store.spendJoinToken({ hash: 'h1', host: 'web-1', at, enrolment: 'e2' })).toMatchObject({
      refusal: 'name-taken',
    });
    const renewed = await store.spendJoinToken({ hash: 'h1', host: 'web-1', at, enrolment: 'e2', renewal: shown });
    expect(renewed).toMatchObject({ kind: 'renewed' });
    const { enrolments } = await store.loadFleet({ tenant, now: at });
    expect(enrolments).toMatchObject([{ host: 'web-1', id: 'e2' }]);
  });

  test('a refused name costs no use', async () => {
    const { store } = await openScratchStore();
    await store.createJoinToken({ ...token, uses: 2 });
    await store.spendJoinToken({ hash: 'h1', host: 'web-1', at });
    await store.spendJoinToken({ hash: 'h1', host: 'web-1', at });
    expect(await store.spendJoinToken({ hash: 'h1', host: 'web-2', at })).toMatchObject({ kind: 'joined' });
  });

  test('many hosts at once never spend more than there is', async () => {
    const { store } = await openScratchStore();
    await store.createJoinToken({ ...token, uses: 3 });
    const hosts = Array.from({ length: 10 }, (_, number) => `web-${number}`);
    const spendings = await Promise.all(hosts.map((host) => store.spendJoinToken({ hash: 'h1', host, at })));
    expect(spendings.filter(({ kind }) => kind === 'joined')).toHaveLength(3);
    expect((await store.loadFleet({ tenant, now: at })).hosts).toHaveLength(3);
  });

  test('the labels of the token become those of the host', async () => {
    const { store } = await openScratchStore();
    await store.createJoinToken(token);
    await store.spendJoinToken({ hash: 'h1', host: 'web-1', at });
    expect((await store.loadFleet({ tenant, now: at })).labels).toEqual([
      { workload: 'web-1', key: 'app', value: 'shop' },
    ]);
  });
});

describe('the fleet', () => {
  test('everything is there after closing and opening', async () => {
    const { store, path } = await openScratchStore();
    await store.createJoinToken(token);
    await store.spendJoinToken({ hash: 'h1', host: 'web-1', at });
    await store.updateHost({
      tenant,
      host: 'web-1',
      addresses: ['10.0.0.1'],
      facts: { os: 'debian' },
      units: { 'web-1-nginx': 'nginx.service' },
      containers: { 'web-1-box': { container: 'box', addresses: ['172.17.0.2'], reachable: [] } },
      forgotten: [],
      agentVersion: '1',
      connectedAt: at,
    });
    await store.changeLabels({ tenant, workload: 'web-1', set: { role: 'web' }, remove: ['app'], revision: 7, note });
    await store.changeQuarantine({ tenant, workload: 'web-1', peers: ['10.9.0.0/16'], revision: 8, note });
    await store.recordCertificate({
      certificate: {
        serial: 'aa',
        tenant,
        host: 'web-1',
        enrolment: '',
        fingerprint: 'ff',
        authority: 'ca',
        notBefore: at,
        notAfter: millis(9_000),
      },
      at,
    });
    await store.revokeCertificates({ tenant, host: 'web-1', revision: 1, note });
    await store.close();
    const again = await openStore({ path });
    const fleet = await again.loadFleet({ tenant, now: at });
    await again.close();
    expect(fleet).toEqual({
      revision: 8,
      upMs: 0,
      unread: { count: 0, samples: [] },
      holders: [],
      revokedHosts: ['web-1'],
      hosts: [
        {
          name: 'web-1',
          enrolledAt: at,
          addresses: ['10.0.0.1'],
          facts: { os: 'debian' },
          units: { 'web-1-nginx': 'nginx.service' },
          containers: { 'web-1-box': { container: 'box', addresses: ['172.17.0.2'], reachable: [] } },
          agentVersion: '1',
          lastConnectedAt: at,
        },
      ],
      labels: [{ workload: 'web-1', key: 'role', value: 'web' }],
      quarantines: [{ workload: 'web-1', peers: ['10.9.0.0/16'], createdAt: at, createdBy: 'operator/test' }],
      revokedSerials: ['aa'],
      enrolments: [{ host: 'web-1', id: '', newest: 0, newestUsedAt: 0, usedCa: '', issuedCa: 'ca', revokedAt: at }],
    });
  });

  test('a removed host leaves its name free and its certificates revoked', async () => {
    const { store } = await openScratchStore();
    await store.createJoinToken({ ...token, uses: 2 });
    await store.spendJoinToken({ hash: 'h1', host: 'web-1', at });
    await store.recordCertificate({
      certificate: {
        serial: 'aa',
        tenant,
        host: 'web-1',
        enrolment: '',
        fingerprint: 'ff',
        authority: 'ca',
        notBefore: at,
        notAfter: millis(9_000),
      },
      at,
    });
    expect(await store.removeHost({ tenant, host: 'web-1', inside: ['web-1-nginx'], revision: 2, note })).toEqual([
      'aa',
    ]);
    expect(await store.loadFleet({ tenant, now: at })).toMatchObject({ hosts: [], labels: [], revokedSerials: ['aa'] });
    expect(await store.spendJoinToken({ hash: 'h1', host: 'web-1', at })).toMatchObject({ kind: 'joined' });
  });

  test('revisions never go back', async () => {
    const { store } = await openScratchStore();
    await store.setRevision({ tenant, revision: 9 });
    await store.setRevision({ tenant, revision: 4 });
    expect((await store.loadFleet({ tenant, now: at })).revision).toBe(9);
  });
});

describe('policies', () => {
  const files = [{ path: 'a.yaml', text: 'kind: Segment' }];

  test('a draft is listed until it is activated', async () => {
    const { store } = await openScratchStore();
    const id = await store.savePolicy({ tenant, files, note });
    expect(await store.listDrafts({ tenant, limit: 10 })).toMatchObject([{ id, fileCount: 1 }]);
    await store.activatePolicy({ tenant, source: { kind: 'stored', policy: id }, revision: 3, kind: 'apply', note });
    expect(await store.listDrafts({ tenant, limit: 10 })).toEqual([]);
    expect(await store.listActivations({ tenant, limit: 10 })).toMatchObject([
      { revision: 3, policy: id, kind: 'apply' },
    ]);
    expect((await store.readPolicy({ tenant, id }))?.files).toEqual(files);
  });

  test('a failed operation leaves nothing behind, and those beside it stand', async () => {
    const { store } = await openScratchStore();
    const source = { kind: 'files', files } as const;
    const [first, second, third] = await Promise.allSettled([
      store.activatePolicy({ tenant, source, revision: 3, kind: 'apply', note }),
      store.activatePolicy({ tenant, source, revision: 3, kind: 'apply', note }),
      store.savePolicy({ tenant, files, note }),
    ]);
    expect(first).toMatchObject({ status: 'fulfilled', value: 1 });
    expect(second).toMatchObject({ status: 'rejected', reason: expect.any(StoreError) });
    expect(third).toMatchObject({ status: 'fulfilled', value: 2 });
    expect(await store.listActivations({ tenant, limit: 10 })).toHaveLength(1);
  });
});

describe('flows', () => {
  const batch = { tenant, host: 'api-1', sequence: 1, lost: nothingLost };
  const flows = [{ ...flowRecord(), peerWorkload: 'web-1' }];
  const all = { tenant, since: millis(0), limit: 100 };

  test('a batch is taken once, however often it is sent', async () => {
    const { store } = await openScratchStore();
    const kinds = await Promise.all([1, 1, 2, 1].map((sequence) => store.ingestFlows({ ...batch, sequence, flows })));
    expect(kinds).toEqual(['taken', 'duplicate', 'taken', 'duplicate']);
    expect(await store.listFlows(all)).toMatchObject([{ connections: 4, bytes_reply: 10_000 }]);
  });

  test('a late batch is taken, one from long before is known', async () => {
    const { store } = await openScratchStore();
    await store.ingestFlows({ ...batch, sequence: 6_000, flows });
    expect(await store.ingestFlows({ ...batch, sequence: 5_999, flows })).toBe('taken');
    expect(await store.ingestFlows({ ...batch, sequence: 5, flows })).toBe('duplicate');
  });

  test('another verdict, peer, port or hour is another row, and one more sighting is not', async () => {
    const { store } = await openScratchStore();
    const variants = [
      flowRecord(),
      flowRecord({ connections: 5, firstSeenAt: millis(900_000) }),
      flowRecord({ peer: '10.0.0.9' }),
      flowRecord({ port: 80 }),
      flowRecord({ end: { verdict: 'deny', reason: 'default', workload: 'api-1', segment: 'shop' } }),
      flowRecord({ lastSeenAt: millis(4_000_000) }),
    ];
    await store.ingestFlows({ ...batch, flows: variants.map((flow) => ({ ...flow, peerWorkload: '' })) });
    const rows = await store.listFlows(all);
    expect(rows).toHaveLength(5);
    expect(rows).toContainEqual(expect.objectContaining({ connections: 7, first_seen: 900_000, last_seen: 1_060_000 }));
  });

  const filters = [
    { name: 'by the name of the client that another host reported', filter: { from: 'web-1' }, found: 1 },
    { name: 'by the address of the client', filter: { from: '10.0.0.1' }, found: 1 },
    { name: 'by the server that reported it', filter: { to: 'api-1' }, found: 1 },
    { name: 'not the other way round', filter: { from: 'api-1' }, found: 0 },
    { name: 'by verdict', filter: { verdict: 'deny' }, found: 0 },
    { name: 'by segment', filter: { segment: 'shop' }, found: 1 },
    { name: 'by unit', filter: { unit: 'api.service' }, found: 1 },
    { name: 'not by another unit', filter: { unit: 'web.service' }, found: 0 },
    { name: 'by time', filter: { since: millis(1_060_001) }, found: 0 },
  ];
  test.each(filters)('are found $name', async ({ filter, found }) => {
    const { store } = await openScratchStore();
    await store.ingestFlows({ ...batch, flows: flows.map((flow) => ({ ...flow, unit: 'api.service' })) });
    expect(await store.listFlows({ ...all, ...filter })).toHaveLength(found);
  });

  test('losses add up', async () => {
    const { store } = await openScratchStore();
    await store.ingestFlows({
      ...batch,
      sequence: 1,
      flows: [],
      lost: { overruns: 1, records: 2, spooled: 3, deniedInbound: 4, deniedOutbound: 0 },
    });
    await store.ingestFlows({
      ...batch,
      sequence: 2,
      flows: [],
      lost: { overruns: 1, records: 0, spooled: 0, deniedInbound: 1, deniedOutbound: 6 },
    });
    expect(await store.listFlowLosses({ tenant })).toEqual([
      { host: 'api-1', overruns: 2, records: 2, spooled: 3, deniedInbound: 5, deniedOutbound: 6 },
    ]);
  });

  test('pruning keeps what is young, and the newest rows of a host that must give some up', async () => {
    const { store } = await openScratchStore();
    const records = [1, 2, 3, 4].map((hour) => ({
      ...flowRecord({ lastSeenAt: millis(hour * 3_600_000) }),
      peerWorkload: '',
    }));
    await store.ingestFlows({ ...batch, flows: records });
    await store.pruneFlows({ tenant, before: millis(2 * 3_600_000) });
    expect(await store.countFlowRows({ tenant })).toEqual([{ host: 'api-1', rows: 3 }]);
    expect(await store.pruneHostFlows({ tenant, host: 'api-1', rows: 1 })).toBe(1);
    expect(await store.pruneHostFlows({ tenant, host: 'api-2', rows: 1 })).toBe(0);
    expect((await store.listFlows(all)).map((row) => row.last_seen / 3_600_000)).toEqual([4, 3]);
  });
});

test('a file that is no database is refused with a reason', async () => {
  const directory = await scratchDirectory();
  await expect(openStore({ path: directory })).rejects.toThrow(/cannot open/);
});
