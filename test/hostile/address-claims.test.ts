// Hosts that claim what is not theirs, against a fleet with a store of its own: who is known by which address to a third host, and
// whether that one was sent anything at all.

import { describe, expect, test } from 'vitest';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { millis } from '#model/time.ts';
import { fleetUnderTest, shopPolicy, tenant } from '../server/fleet-under-test.ts';

const minuteMs = 60_000;
const dayMs = 86_400_000;
const contested = assertOk(parseAddress('10.0.0.1'));
const web = { labels: { app: 'shop', role: 'web' }, addresses: ['10.0.0.1'], seenFrom: '10.0.0.1' };
const api = { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.2'], seenFrom: '10.0.0.2' };
const evil = { labels: { app: 'evil' }, seenFrom: '10.0.0.66' };
const status = { revision: 1, enforcing: true, lost: 0, spooledBatches: 0, repairs: 0, problem: '' };
const report = (...addresses: readonly string[]) => ({ addresses, facts: new Map([['os', 'debian']]) });

/** Whom the api host lets in. */
function admitted(ruleSet: HostRuleSet | undefined): readonly string[] {
  const peers = ruleSet?.workloads[0]?.inbound.grants[0]?.peers;
  if (ruleSet === undefined || peers?.kind !== 'sets') return [];
  return peers.ids.flatMap((id) => ruleSet.peerSets.get(id)?.addresses ?? []);
}

async function shop() {
  let elapsedMs = 0;
  const under = await fleetUnderTest({ elapsedMs: () => elapsedMs });
  await under.apply(shopPolicy());
  const atApi = await under.connect('api-1', api);
  const atWeb = await under.connect('web-1', web);
  const pass = async (ms: number, fleet = under.fleet) => {
    elapsedMs += ms;
    await fleet.passTime();
  };
  return { ...under, atApi, atWeb, pass };
}

const pendingOf = (fleet: Awaited<ReturnType<typeof shop>>['fleet'], host: string) =>
  Object.fromEntries(fleet.pendingClaims(host).map(({ address, reason }) => [address, reason.kind]));

describe('an enrolled host', () => {
  test('that claims a connected host’s address takes nothing, and third hosts are sent nothing', async () => {
    const { connect, fleet, atApi, atWeb, pass } = await shop();
    const before = [atApi.sent.length, atWeb.sent.length];
    await connect('evil', { ...evil, addresses: ['10.0.0.1', '10.0.0.2'] });
    await pass(dayMs);
    expect([atApi.sent.length, atWeb.sent.length]).toEqual(before);
    expect(admitted(atApi.sent.at(-1))).toEqual(['10.0.0.1']);
    expect(pendingOf(fleet, 'evil')).toEqual({ '10.0.0.1': 'held-by', '10.0.0.2': 'held-by' });
    expect(fleet.agents().find(({ host }) => host === 'evil')?.problem).toMatch(
      /10\.0\.0\.1 is held by web-1, and 1 more/,
    );
  });

  test('that claims none is known by the address it talks from', async () => {
    const { connect, fleet } = await shop();
    await connect('evil', { ...evil, addresses: [] });
    expect(fleet.inventory().workloads.get('evil')?.addresses).toEqual(['10.0.0.66']);
    expect(fleet.agents().find(({ host }) => host === 'evil')?.problem).toMatch(/publishes no address/);
  });

  test('with ranges lends nothing to a stranger outside of them', async () => {
    const { connect, fleet, atApi } = await shop();
    await connect('web-2', { labels: web.labels, addresses: ['10.0.0.7'], seenFrom: '10.0.0.7' });
    await fleet.allowAddresses({
      host: 'web-2',
      change: { kind: 'replace', ranges: ['10.0.0.0/24'] },
      actor: 'operator/test',
    });
    const second = await connect('web-2', { addresses: ['10.0.0.7', '203.0.113.9'], seenFrom: '10.0.0.7' });
    expect(admitted(atApi.sent.at(-1))).toEqual(['10.0.0.1', '10.0.0.7']);
    expect(pendingOf(fleet, 'web-2')).toEqual({ '203.0.113.9': 'outside-ranges' });
    second.connection.disconnected();
  });

  test('that is quarantined sheds nothing by letting go, and gains nothing by claiming', async () => {
    const { connect, fleet } = await shop();
    const agent = await connect('evil', { ...evil, addresses: ['10.0.0.66', '10.0.0.67'] });
    await fleet.quarantine({ workload: 'evil', peers: [], actor: 'operator/test' });
    agent.connection.hostReported(report('10.0.0.99'));
    await fleet.quiet();
    expect(fleet.inventory().workloads.get('evil')?.addresses).toEqual(['10.0.0.66', '10.0.0.67']);
    expect(pendingOf(fleet, 'evil')).toEqual({ '10.0.0.99': 'contained' });
  });

  test('that is revoked keeps its addresses until it is removed, after a restart too', async () => {
    const under = await shop();
    const { fleet, store } = under;
    const certificate = {
      serial: 'a',
      tenant,
      host: 'web-1',
      enrolment: '',
      fingerprint: 'f',
      authority: 'ca',
      notBefore: millis(0),
      notAfter: millis(1e15),
    };
    await store.recordCertificate({ certificate, at: millis(Date.now()) });
    await fleet.revokeAgent('web-1', 'operator/test');
    under.atWeb.connection.disconnected();
    const again = await under.restart();
    await again.connect('web-2', { labels: web.labels, addresses: ['10.0.0.1'], seenFrom: '10.0.0.1' });
    await under.pass(30 * dayMs, again.fleet);
    expect(again.fleet.inventory().workloads.get('web-1')?.addresses).toEqual(['10.0.0.1']);
    await again.fleet.removeAgent('web-1', 'operator/test');
    expect(again.fleet.inventory().workloads.get('web-2')?.addresses).toEqual(['10.0.0.1']);
  });

  test('whose claims flap fills neither the audit log nor the store', async () => {
    const { connect, fleet, store, pass } = await shop();
    const agent = await connect('evil', evil);
    const before = fleet.revision;
    for (let turn = 0; turn < 500; turn += 1) {
      agent.connection.hostReported(report(...(turn % 2 === 0 ? ['10.0.0.1'] : [])));
      if (turn % 50 === 0) await pass(5000);
    }
    await fleet.quiet();
    const audit = await store.listAudit({ tenant, afterSeq: 0, limit: 1000 });
    expect(audit.filter(({ action }) => action.startsWith('address')).length).toBeLessThanOrEqual(2);
    expect(fleet.revision).toBe(before);
    expect(agent.closed).toEqual([]);
  });

  test('with 4,400 addresses stays connected, and the ones beyond the limit are pending', async () => {
    const { connect, fleet } = await shop();
    const addresses = Array.from({ length: 4400 }, (_, index) => `10.7.${index >> 8}.${index & 255}`);
    const agent = await connect('wide', { seenFrom: '10.0.0.77', addresses });
    expect(agent.closed).toEqual([]);
    expect(fleet.pendingClaims('wide')).toHaveLength(4096 - 16);
    expect(fleet.agents().find(({ host }) => host === 'wide')?.pendingClaims.claims).toHaveLength(32);
  });
});

describe('a successor', () => {
  test('has a dead host’s address minutes after it, with an audit entry, across a restart', async () => {
    const under = await shop();
    under.atWeb.connection.disconnected();
    await under.fleet.quiet();
    await under.pass(2 * minuteMs);
    const again = await under.restart();
    const atApi = await again.connect('api-1', api);
    const next = await again.connect('web-9', { labels: web.labels, addresses: ['10.0.0.1'], seenFrom: '10.0.0.1' });
    next.connection.statusReported(status);
    await under.pass(3 * minuteMs - 1, again.fleet);
    expect(again.fleet.holderOf(contested)).toBe('web-1');
    await under.pass(1, again.fleet);
    expect(again.fleet.holderOf(contested)).toBe('web-9');
    expect(admitted(atApi.sent.at(-1))).toEqual(['10.0.0.1']);
    const audit = await again.store.listAudit({ tenant, afterSeq: 0, limit: 1000 });
    expect(audit.filter(({ action }) => action === 'address-passed').map(({ target }) => target)).toEqual(['10.0.0.1']);
  });

  test('of a host whose lease has ended: time in which the control plane was down does not count', async () => {
    const under = await shop();
    under.atWeb.connection.disconnected();
    await under.fleet.quiet();
    await under.pass(6 * dayMs);
    const again = await under.restart();
    await under.pass(dayMs - 1, again.fleet);
    expect(again.fleet.holderOf(contested)).toBe('web-1');
    await under.pass(1, again.fleet);
    expect(again.fleet.holderOf(contested)).toBeUndefined();
  });
});
