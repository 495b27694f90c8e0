// What an agent calls its units and containers (HOST-NAME) keeps no policy, rollback, canary or enrolment from the name: what was discovered is
// called otherwise from then on, and everything that was said and seen of it goes along.

import { describe, expect, onTestFinished, test } from 'vitest';
import { digestName } from '#control-plane/inventory/discovered-names.ts';
import { mostUnits } from '#control-plane/inventory/host-units.ts';
import { reviewPolicy } from '#control-plane/publish/policy-review.ts';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { limits } from '#wire/limits.ts';
import { checkedPolicy, type FleetUnderTest, fleetUnderTest, shopPolicy, tenant } from '../server/fleet-under-test.ts';
import { flowRecord, nothingLost } from '../server/flow-records.ts';
import { startApiServer } from './support/api-server.ts';
import { enrolFakeAgent } from './support/fake-agent.ts';
import { operatorOf } from './support/operator.ts';

const facts = new Map<string, string>();
const actor = 'operator/test';
const addresses = ['10.0.0.2'];
const box = (name: string, address: string) => ({ name, addresses: [address], reachable: [] });
const digest = expect.stringMatching(/^db-vip-[0-9a-f]{8}$/);

const vip = '10.77.0.1';

function declared(name: string, kind: 'external' | 'virtual' = 'external', address = vip): string {
  const holders = kind === 'virtual' ? ', holders: \'app == "shop"\'' : '';
  return `---\napiVersion: segwall/v1\nkind: Workload\nmetadata: { name: ${name}, labels: { app: vip } }\nspec: { kind: ${kind}, addresses: [${address}]${holders} }\n`;
}

const withVip = shopPolicy({ documents: declared('db-vip') });

const discovered = {
  unit: { units: ['vip.service'] },
  container: { containers: [box('vip', '172.17.0.2')] },
} as const;

const insideOf = (fleet: FleetUnderTest['fleet'], host: string): readonly string[] => {
  const { units, containers } = fleet.hostEntry(host) ?? {};
  return [...(units?.keys() ?? []), ...(containers?.keys() ?? [])];
};

async function turned(kind: keyof typeof discovered) {
  const under = await fleetUnderTest();
  await under.apply(shopPolicy());
  const db = await under.connect('db', { labels: { app: 'shop' }, addresses });
  db.connection.hostReported({ addresses, facts, ...discovered[kind] });
  await under.fleet.quiet();
  expect(insideOf(under.fleet, 'db')).toEqual(['db-vip']);
  return { ...under, db };
}

const startCanary = ({ fleet }: FleetUnderTest, text: string) =>
  fleet.startCanary({
    policy: checkedPolicy(text),
    source: { kind: 'files', files: [{ path: 'p.yaml', text }] },
    hosts: ['db'],
    limits: { holdMs: 60_000, answerMs: 60_000 },
    actor,
  });

describe.each(['unit', 'container'] as const)('a %s that has the name', (kind) => {
  test.each([
    ['an applied policy', (under: FleetUnderTest) => under.apply(withVip), 'external'],
    [
      'one with a virtual workload',
      (under: FleetUnderTest) => under.apply(shopPolicy({ documents: declared('db-vip', 'virtual') })),
      'virtual',
    ],
    ['a canary', (under: FleetUnderTest) => startCanary(under, withVip), undefined],
    ['a host that enrols', (under: FleetUnderTest) => under.enrol('db-vip'), 'host'],
  ] as const)('gives it to %s, and is the same after a restart', async (_who, want, now) => {
    const under = await turned(kind);
    const { fleet, store, restart } = under;
    await want(under);
    expect(fleet.inventory().workloads.get('db-vip')?.kind).toBe(now);
    expect(insideOf(fleet, 'db')).toEqual([digest]);
    const [name] = insideOf(fleet, 'db');
    under.db.connection.hostReported({ addresses, facts: new Map([['os', 'other']]), ...discovered[kind] });
    await fleet.quiet();
    expect(insideOf(fleet, 'db')).toEqual([name]);
    const entries = await store.listAudit({ tenant, afterSeq: 0, limit: 100 });
    const told = entries.filter(({ action }) => action === 'names-yielded');
    expect(told).toMatchObject([{ actor: 'control-plane', target: 'db' }]);
    expect(JSON.parse(told[0]?.details ?? '')).toMatchObject({ count: 1, names: [{ from: 'db-vip', to: name }] });
    const { fleet: again } = await restart();
    expect(insideOf(again, 'db')).toEqual([name]);
    if (now !== undefined) expect(again.inventory().workloads.get('db-vip')?.kind).toBe(now);
  });

  test('takes its labels, its quarantine and its flows along, and who named it goes on meaning it', async () => {
    const under = await turned(kind);
    const { fleet, store, enrol } = under;
    const [wall] = await Promise.all([enrol('web'), enrol('api')]);
    expect(wall).toBeDefined();
    await fleet.label({ workload: 'db-vip', set: new Map([['role', 'lb']]), remove: [], actor });
    await fleet.quarantine({ workload: 'db-vip', peers: ['10.9.9.9'], actor });
    await fleet.quarantine({ workload: 'web', peers: ['db-vip', '10.9.9.9'], actor });
    const seen = flowRecord({ local: '10.0.0.2', end: { ...flowRecord().end, workload: 'db-vip' } });
    const sent = async (sequence: number) =>
      fleet.ingestFlows({ tenant, host: 'db', serial: 'serial-db' }, {
        run: '',
        sequence,
        records: [{ ...seen, lastSeenAt: millis(Date.now()) }],
        lost: nothingLost,
      } as never);
    await sent(1);
    await under.apply(withVip);
    const [name = ''] = insideOf(fleet, 'db');
    // Its agent spooled one under the old name.
    await sent(2);
    const check = async ({ fleet: now }: FleetUnderTest) => {
      expect(now.quarantineOf(name)).toEqual(['10.9.9.9']);
      expect(now.inventory().workloads.get(name)?.labels.get('role')).toBe('lb');
      expect(now.quarantineOf('web')).toEqual([name, '10.9.9.9']);
    };
    await check(under);
    const flows = await store.listFlows({ tenant, since: millis(0), limit: 10 });
    expect(flows.map(({ workload }) => workload)).toEqual(flows.map(() => name));
    expect(flows.reduce((sum, { connections }) => sum + connections, 0)).toBe(4);
    expect(fleet.agents().find(({ host }) => host === 'db')?.refusedFlows).toMatchObject({ workload: 0 });
    await check(await under.restart());
  });

  test('never takes one back, nor one that a policy or a canary has', async () => {
    const under = await turned(kind);
    const { fleet, db } = under;
    db.connection.hostReported({ addresses, facts });
    await fleet.quiet();
    await under.apply(withVip);
    await startCanary(
      under,
      shopPolicy({ documents: declared('db-vip') + declared('db-lb', 'external', '10.77.0.2') }),
    );
    const lb =
      kind === 'unit'
        ? { units: ['vip.service', 'lb.service'] }
        : { containers: [box('vip', '172.17.0.2'), box('lb', '172.17.0.3')] };
    db.connection.hostReported({ addresses, facts, ...lb });
    await fleet.quiet();
    expect(insideOf(fleet, 'db').toSorted()).toEqual([expect.stringMatching(/^db-lb-[0-9a-f]{8}$/), digest]);
    expect(fleet.inventory().workloads.get('db-vip')?.kind).toBe('external');
  });
});

test('a digest that a host or a policy has is not given: another is tried', () => {
  const what = { kind: 'unit', host: 'db', own: 'vip.service' } as const;
  const first = digestName(what, () => false);
  const second = digestName(what, (name) => name === first);
  expect(second).toMatch(/^db-vip-[0-9a-f]{8}$/);
  expect(second).not.toBe(first);
});

test('the digest that a policy wants too is given up with the name', async () => {
  const under = await turned('unit');
  const first = digestName({ kind: 'unit', host: 'db', own: 'vip.service' }, () => false);
  await under.apply(shopPolicy({ documents: declared('db-vip') + declared(first, 'external', '10.77.0.2') }));
  expect(under.fleet.inventory().workloads.get(first)?.kind).toBe('external');
  const [name] = insideOf(under.fleet, 'db');
  expect(name).toEqual(digest);
  expect(name).not.toBe(first);
});

test('a host has so many names of what is inside of it, and no more', async () => {
  const { connect, fleet } = await fleetUnderTest();
  const db = await connect('db', { addresses });
  const units = [...Array(3000).keys()].map((at) => `u${at}.service`);
  const containers = [...Array(3000).keys()].map((at) => box(`c${at}`, `172.${16 + (at >> 8)}.${at & 255}.1`));
  db.connection.hostReported({ addresses, facts, units, containers });
  await fleet.quiet();
  expect(insideOf(fleet, 'db').length).toBe(mostUnits + limits.reportedContainers);
});

test('a store in which a unit has a host’s and a policy’s name is mended at the start', async () => {
  const under = await turned('unit');
  await under.apply(withVip);
  const names = new Map([[insideOf(under.fleet, 'db')[0] ?? '', 'db-vip']]);
  const hosts = [{ host: 'db', units: { 'db-vip': 'vip.service' }, containers: {}, names }];
  await under.store.renameDiscovered({ tenant, hosts, peers: new Map(), notes: [] });
  const { fleet, store } = await under.restart();
  expect(insideOf(fleet, 'db')).toEqual([digest]);
  expect(fleet.inventory().workloads.get('db-vip')?.kind).toBe('external');
  expect((await store.loadFleet({ tenant, now: millis(0) })).hosts.find(({ name }) => name === 'db')?.units).toEqual({
    [insideOf(fleet, 'db')[0] ?? '']: 'vip.service',
  });
});

describe('what is told of names', () => {
  const review = (under: FleetUnderTest, text: string, testNames: 'live' | 'trusted' = 'live') =>
    reviewPolicy({
      files: [{ path: 'p.yaml', text }],
      inventory: under.fleet.inventory(),
      now: millis(0),
      tests: 'skip',
      testNames,
    });
  const codes = (found: ReturnType<typeof review>) =>
    (found.kind === 'good' ? found.warnings : found.kind === 'invalid' ? found.problems : []).map(({ code }) => code);

  test('that a unit gives its name up is told before; its tests still judge it', async () => {
    const under = await turned('unit');
    const found = review(under, withVip);
    expect([found.kind, codes(found)]).toEqual(['good', expect.arrayContaining(['name-yielded'])]);
  });

  test('that a test names a unit as its host calls it is told', async () => {
    const under = await turned('unit');
    const text = shopPolicy({
      documents:
        '---\napiVersion: segwall/v1\nkind: PolicyTest\nmetadata: { name: t }\nspec: { tests: [{ from: db-vip, to: { ip: 10.9.9.9 }, service: tcp/1, expect: allow }, { from: db, to: { ip: 10.9.9.9 }, service: tcp/1, expect: allow }] }\n',
    });
    expect(codes(review(under, text)).filter((code) => code === 'test-names-discovered')).toHaveLength(1);
  });

  test('a host of that name keeps it: a new policy is refused, an accepted one comes back without that workload', async () => {
    const under = await fleetUnderTest();
    await under.enrol('db-vip');
    expect(codes(review(under, withVip))).toContain('duplicate-name');
    const back = review(under, withVip, 'trusted');
    expect([back.kind, codes(back)]).toEqual(['good', expect.arrayContaining(['name-of-host'])]);
    await under.apply(withVip);
    const kindOf = ({ fleet }: FleetUnderTest) => fleet.inventory().workloads.get('db-vip')?.kind;
    expect(kindOf(under)).toBe('host');
    expect(under.fleet.holderOf(assertOk(parseAddress(vip)))).toBeUndefined();
    const again = await under.restart();
    expect(kindOf(again)).toBe('host');
    await again.fleet.removeAgent('db-vip', actor);
    expect(kindOf(again)).toBe('external');
  });
});

test('a real control plane: neither rollback, nor apply, nor an enrolment depends on what a host calls its units', async () => {
  const server = await startApiServer();
  onTestFinished(() => server.close());
  const { call, joinToken } = operatorOf(server);
  const { directory } = server;
  const { agents: controlPlane, caFingerprint } = server.controlPlane;
  const enrol = async (name: string) => {
    const agent = await enrolFakeAgent({
      controlPlane,
      caFingerprint,
      token: await joinToken({ app: 'shop' }),
      name,
      directory,
    });
    onTestFinished(() => agent.close());
    return agent;
  };
  const apply = (text: string) => call('POST', '/api/v1/policy/apply', { files: [{ path: 'p.yaml', text }] });
  expect((await apply(withVip)).status).toBe(200);
  expect((await apply(shopPolicy())).status).toBe(200);
  const db = await enrol('db');
  await db.greeted({ host: { addresses, facts, units: ['vip.service', '1.service', 'lb.service'] } });
  const names = async () =>
    ((await call('GET', '/api/v1/workloads')).body as readonly { readonly name: string; readonly kind: string }[]).map(
      ({ name, kind }) => `${kind} ${name}`,
    );
  await expect.poll(names).toContain('unit db-vip');

  expect((await call('PUT', '/api/v1/workloads/db-1/quarantine', { allow: ['db-lb', '10.9.9.9'] })).body).toMatchObject(
    {
      named: [{ name: 'db-lb', kind: 'unit', host: 'db', unit: 'lb.service', count: 1, addresses }],
    },
  );
  const rollback = await call('POST', '/api/v1/policy/rollback', {});
  expect(rollback).toMatchObject({
    status: 200,
    body: { warnings: expect.arrayContaining([expect.objectContaining({ code: 'name-yielded' })]) },
  });
  expect(await names()).toContain('external db-vip');
  expect(
    (await apply(shopPolicy({ documents: declared('db-vip') + declared('db-lb', 'virtual', '10.77.0.2') }))).status,
  ).toBe(200);
  await enrol('db-1');
  const shown = (await names()).map((text) => text.replace(/-[0-9a-f]{8}$/, '-DIGEST')).sort();
  expect(shown).toEqual([
    'external db-vip',
    'host db',
    'host db-1',
    'unit db-1-DIGEST',
    'unit db-lb-DIGEST',
    'unit db-vip-DIGEST',
    'virtual db-lb',
  ]);
});
