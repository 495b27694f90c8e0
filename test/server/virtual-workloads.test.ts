// Virtual workloads in a live fleet: which hosts hold their addresses, what peers are sent when one moves, and what operators are told.

import { describe, expect, test } from 'vitest';
import { parseAddress } from '#model/address.ts';
import { rangeText } from '#model/address-range.ts';
import { assertOk } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { checkedPolicy, fleetUnderTest, shopPolicy, type TestAgent, tenant } from './fleet-under-test.ts';
import { flowRecord, nothingLost } from './flow-records.ts';

const vip = ['10.0.0.100', 'fd00::100'];
const report = (...addresses: readonly string[]) => ({ addresses, facts: new Map([['os', 'debian']]) });
const lb = (n: number) => ({ labels: { app: 'shop', role: 'lb' }, addresses: [`10.0.0.${n}`, `fd00::${n}`] });
const actor = 'operator/test';

const vipPolicy = shopPolicy({
  documents: `    - { name: web-to-vip, from: [{ workloads: 'role == "web"' }], to: [{ workloads: 'role == "vip"' }], services: [tcp/443] }
    - { name: web-to-lb, from: [{ workloads: 'role == "web"' }], to: [{ workloads: 'role == "lb"' }], services: [tcp/22] }
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: shop-vip, labels: { app: shop, role: vip } }
spec: { kind: virtual, addresses: [${vip.map((one) => `"${one}"`).join(', ')}], holders: role == "lb" }
`,
});

/** Two hosts that may hold the address, one that may not, and a client. */
async function shop() {
  const under = await fleetUnderTest();
  await under.apply(vipPolicy);
  const web = await under.connect('web-1', {
    labels: { app: 'shop', role: 'web' },
    addresses: ['10.0.0.1', 'fd00::1'],
  });
  const one = await under.connect('lb-1', lb(2));
  const two = await under.connect('lb-2', lb(3));
  const other = await under.connect('other', { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.4'] });
  return { ...under, web, one, two, other };
}

type Shop = Awaited<ReturnType<typeof shop>>;

const heldBy = ({ fleet }: Pick<Shop, 'fleet'>) =>
  Object.fromEntries(
    fleet.agents().flatMap(({ host, virtualAddresses }) => {
      const held = virtualAddresses.map(({ address, workload }) => `${workload} ${address}`);
      return held.length === 0 ? [] : [[host, held]];
    }),
  );
const both = vip.map((address) => `shop-vip ${address}`);

/** The addresses that a client’s rule means, in order. */
function reached({ sent }: TestAgent, name = 'web-to-vip'): readonly string[] {
  const ruleSet = sent.at(-1);
  const peers = ruleSet?.workloads[0]?.outbound.grants.find(({ rule }) => rule === name)?.peers;
  return peers?.kind === 'sets' ? peers.ids.flatMap((id) => ruleSet?.peerSets.get(id)?.addresses ?? []).sort() : [];
}

describe('the address of a virtual workload', () => {
  test('is held by one selected host, by all, or by another, and neither peers nor holders are sent anything', async () => {
    const world = await shop();
    const { fleet, one, two } = world;
    const agents = [world.web, one, two, world.other];
    const before = [fleet.revision, ...agents.map(({ sent }) => sent.length)];
    expect(reached(world.web)).toEqual(vip);
    const steps: unknown[] = [];
    const says = async (agent: typeof one, n: number, ...more: readonly string[]) => {
      agent.connection.hostReported(report(`10.0.0.${n}`, `fd00::${n}`, ...more));
      await fleet.quiet();
      steps.push(heldBy(world));
    };
    await says(one, 2, ...vip);
    await says(two, 3, ...vip);
    await says(one, 2);
    expect(steps).toEqual([{ 'lb-1': both }, { 'lb-1': both, 'lb-2': both }, { 'lb-2': both }]);
    expect([fleet.revision, ...agents.map(({ sent }) => sent.length)]).toEqual(before);
    expect(fleet.inventory().workloads.get('lb-2')?.addresses).toEqual(['10.0.0.3', 'fd00::3']);
    expect(fleet.holderOf(assertOk(parseAddress('10.0.0.100')))).toBe('shop-vip');
    expect(fleet.pendingCount()).toBe(0);
  });

  test('is pending for a host that is not selected, seen talking from it or not, and it is told', async () => {
    const world = await shop();
    const { fleet, connect } = world;
    world.other.connection.hostReported(report('10.0.0.4', ...vip));
    await connect('evil', { labels: { app: 'evil' }, seenFrom: '10.0.0.100' });
    expect(heldBy(world)).toEqual({});
    expect(fleet.claimants()).toEqual(['evil', 'other']);
    expect(fleet.agents().find(({ host }) => host === 'other')?.problem).toMatch(
      'address 10.0.0.100 belongs to virtual workload shop-vip, whose holders do not select this host, and 1 more',
    );
    expect(reached(world.web)).toEqual(vip);
  });

  test('comes and goes with the labels of a host', async () => {
    const world = await shop();
    const { fleet } = world;
    const relabel = async (workload: string, role: string) => {
      const set = new Map([['role', role]]);
      expect(await fleet.label({ workload, set, remove: [], actor })).toMatchObject({
        labels: new Map([
          ['app', 'shop'],
          ['role', role],
        ]),
      });
      return [heldBy(world), [...fleet.claimants()]];
    };
    world.one.connection.hostReported(report('10.0.0.2', ...vip));
    world.other.connection.hostReported(report('10.0.0.4', ...vip));
    await fleet.quiet();
    expect(await relabel('lb-1', 'retired')).toEqual([{}, ['lb-1', 'other']]);
    expect(await relabel('other', 'lb')).toEqual([{ other: both }, ['lb-1']]);
    expect(await relabel('lb-1', 'lb')).toEqual([{ 'lb-1': both, other: both }, []]);
  });

  test('is judged at whoever is selected, whether the fleet has heard that it holds it or not', async () => {
    const world = await shop();
    const grants = ({ sent }: typeof world.one) =>
      sent
        .at(-1)
        ?.workloads[0]?.inbound.grants.map(({ rule, local }) => [
          rule,
          local.kind === 'ranges' ? local.ranges.map(rangeText) : 'any',
        ]);
    expect([grants(world.one), grants(world.two), grants(world.other)]).toEqual([
      [
        ['web-to-lb', 'any'],
        ['web-to-vip', vip],
      ],
      [
        ['web-to-lb', 'any'],
        ['web-to-vip', vip],
      ],
      [['web-to-api', 'any']],
    ]);
  });

  test('is taken from a host that had it before the policy declared it, and given back after', async () => {
    const world = await shop();
    const { fleet, apply } = world;
    await apply(shopPolicy());
    world.other.connection.hostReported(report('10.0.0.4', '10.0.0.100'));
    world.one.connection.hostReported(report('10.0.0.2', '10.0.0.100'));
    await fleet.quiet();
    const known = () => fleet.inventory().workloads.get('other')?.addresses;
    expect(known()).toEqual(['10.0.0.100', '10.0.0.4']);
    await apply(vipPolicy);
    expect([known(), heldBy(world), fleet.claimants()]).toEqual([
      ['10.0.0.4'],
      { 'lb-1': ['shop-vip 10.0.0.100'] },
      ['other'],
    ]);
    await apply(shopPolicy());
    expect(heldBy(world)).toEqual({});
    expect(fleet.inventory().workloads.has('shop-vip')).toBe(false);
  });

  test('of a policy on trial is not its holder’s, also where the active policy knows nothing of it', async () => {
    const { fleet, apply, connect } = await fleetUnderTest();
    await apply(shopPolicy());
    const web = await connect('web-1', { labels: { app: 'shop', role: 'web' }, addresses: ['10.0.0.1'] });
    const one = await connect('lb-1', lb(2));
    const source = { kind: 'files' as const, files: [{ path: 'policy.yaml', text: vipPolicy }] };
    const limits = { answerMs: 20_000, holdMs: 20_000 };
    const given = { policy: checkedPolicy(vipPolicy), source, hosts: ['web-1'], limits, actor };
    assertOk(await fleet.startCanary(given));
    one.connection.hostReported(report('10.0.0.2', 'fd00::2', '10.0.0.22', '10.0.0.100'));
    await fleet.quiet();
    expect(reached(web, 'web-to-lb')).toEqual(['10.0.0.2', '10.0.0.22', 'fd00::2']);
    expect(reached(web)).toEqual(vip);
  });

  test('is held again after a restart by who comes with it, and in the store it is nobody’s', async () => {
    const before = await shop();
    before.one.connection.hostReported(report('10.0.0.2', 'fd00::2', ...vip));
    await before.fleet.quiet();
    const world = await before.restart();
    expect(heldBy(world)).toEqual({});
    const web = await world.connect('web-1', { addresses: ['10.0.0.1', 'fd00::1'] });
    expect(reached(web)).toEqual(vip);
    await world.connect('lb-1', { addresses: ['10.0.0.2', 'fd00::2', ...vip] });
    expect(heldBy(world)).toEqual({ 'lb-1': both });
  });

  test('is not cut off by the quarantine of a holder, who gains it nowhere', async () => {
    const world = await shop();
    const { fleet } = world;
    world.one.connection.hostReported(report('10.0.0.2', 'fd00::2', ...vip));
    await fleet.quarantine({ workload: 'lb-1', peers: [], actor });
    expect(reached(world.web)).toEqual(vip);
    world.one.connection.hostReported(report('10.0.0.2', 'fd00::2'));
    await fleet.quiet();
    world.one.connection.hostReported(report('10.0.0.2', 'fd00::2', ...vip));
    await fleet.quiet();
    expect([heldBy(world), fleet.claimants()]).toEqual([{}, ['lb-1']]);
  });

  test('has flows that count for who may hold it, and for nobody else', async () => {
    const world = await shop();
    const { fleet, store } = world;
    world.one.connection.hostReported(report('10.0.0.2', 'fd00::2', ...vip));
    world.other.connection.hostReported(report('10.0.0.4', ...vip));
    await fleet.quiet();
    const at = millis(Date.now());
    const times = { firstSeenAt: millis(at - 2000), lastSeenAt: millis(at - 1000) };
    const end = (workload: string) => ({ verdict: 'allow', reason: 'rule', workload }) as const;
    const refusedOf = async (host: string) => {
      const records = vip.map((local, index) =>
        flowRecord({ ...times, end: end(host), local, peer: index === 0 ? '10.0.0.1' : 'fd00::1' }),
      );
      const batch = { sequence: 1, startedAt: millis(at - 5000), endedAt: at, records, lost: nothingLost };
      const receipt = assertOk(await fleet.ingestFlows({ tenant, host, serial: `serial-${host}` }, batch));
      return receipt.kind === 'taken' ? receipt.refused?.address : receipt.kind;
    };
    expect([await refusedOf('lb-1'), await refusedOf('lb-2'), await refusedOf('other')]).toEqual([0, 0, 2]);
    expect(await store.listFlows({ tenant, since: millis(0), limit: 10 })).toHaveLength(4);
  });
});
