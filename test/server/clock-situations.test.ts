// Clocks that are wrong, each by minutes, days and years, ahead and behind: the control plane's own, which steps under a fleet that runs, and
// a host's. What is asked of each: streams, enrolment, flows, the audit log, and that operators are told.

import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createVerifier } from '#cli/server/audit-log.ts';
import { OperatorTokens } from '#control-plane/fleet/operator-tokens.ts';
import { newOperatorToken, tokenHash } from '#control-plane/fleet/tokens.ts';
import { createPolicyTime } from '#control-plane/publish/policy-time.ts';
import { Secret } from '#model/secret.ts';
import { millis } from '#model/time.ts';
import { type FleetUnderTest, fleetUnderTest, shopPolicy, tenant } from './fleet-under-test.ts';
import { flowRecord, nothingLost } from './flow-records.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const noon = Date.UTC(2026, 10, 30, 12);

const offs: readonly (readonly [string, number])[] = [
  ['three minutes ahead', 3 * minute],
  ['three minutes behind', -3 * minute],
  ['three days ahead', 3 * day],
  ['three days behind', -3 * day],
  ['two years in the future', 730 * day],
  ['in 1990', Date.UTC(1990, 0, 1) - noon],
];

const api = { labels: { app: 'shop', role: 'api' }, addresses: ['10.0.0.2'] };
const status = { revision: 0, enforcing: true, lost: 0, spooledBatches: 0, repairs: 0, problem: '' };

async function world() {
  const clock = { off: 0 };
  const now = () => millis(noon + clock.off);
  const under = await fleetUnderTest({ now });
  const join = async (fleet: FleetUnderTest['fleet'], host: string, token: Secret) =>
    fleet.redeemToken({ token, host });
  const token = async (ttlMs = hour) => {
    const text = new Secret(randomUUID());
    const note = { at: now(), actor: 'operator/test', action: 'token-created', target: 'any' };
    const made = { tenant, id: randomUUID(), hash: tokenHash(text), labels: {}, uses: 1, note };
    await under.store.createJoinToken({ ...made, expiresAt: millis(now() + ttlMs) });
    return text;
  };
  const report = (at: number) => {
    const lastSeenAt = millis(at);
    const records = [flowRecord({ firstSeenAt: lastSeenAt, lastSeenAt })];
    const batch = { sequence: 1, records, lost: nothingLost } as never;
    return under.fleet.ingestFlows({ tenant, host: 'api-1', serial: 's' }, batch);
  };
  const verdict = async () => {
    const verifier = createVerifier({});
    for (const entry of await under.store.listAudit({ tenant, afterSeq: 0, limit: 1000 })) verifier.entry(entry);
    return verifier.verdict().kind;
  };
  const shown = () => under.fleet.agents().find(({ host }) => host === 'api-1');
  return { ...under, clock, now, join, token, report, verdict, shown };
}

describe.each(offs)('a control plane whose clock steps: it is %s from then on', (_, off) => {
  test('streams stay and are served, and the audit log verifies over it', async () => {
    const { apply, clock, connect, fleet, verdict, shown } = await world();
    await apply(shopPolicy({ mode: 'observe' }));
    const { sent, closed } = await connect('api-1', api);
    clock.off = off;
    await apply(shopPolicy());
    expect([sent.at(-1)?.revision, closed]).toEqual([fleet.revision, []]);
    expect(shown()).toMatchObject({ state: 'connected', acked: fleet.revision });
    await fleet.quarantine({ workload: 'api-1', peers: [], actor: 'operator/test' });
    expect(sent.at(-1)?.revision).toBe(fleet.revision);
    expect(await verdict()).toBe('intact');
  });

  test('a token of before ends by that clock, and one of after is good', async () => {
    const { clock, fleet, join, token } = await world();
    const before = await token();
    clock.off = off;
    const redeemed = await join(fleet, 'old', before);
    expect(redeemed.ok ? 'good' : redeemed.error).toEqual(off >= hour ? 'token-expired' : 'good');
    expect(await join(fleet, 'new', await token())).toMatchObject({ ok: true });
  });

  test('flows of hosts with right clocks are kept, and are never later than now', async () => {
    const { clock, connect, now, report, store } = await world();
    await connect('api-1', api);
    clock.off = off;
    const tooOld = off > 400 * day;
    expect(await report(noon)).toMatchObject({ ok: true, value: { refused: { time: tooOld ? 1 : 0 } } });
    const kept = await store.listFlows({ tenant, since: millis(0), limit: 10 });
    expect(kept.map((row) => row.last_seen)).toEqual(tooOld ? [] : [Math.min(noon, now())]);
  });
});

describe.each(offs)('a host whose clock is %s', (_, off) => {
  test('is served, is told of with how far it is off, and its flows are kept and never later than now', async () => {
    const { apply, connect, fleet, report, shown, store } = await world();
    await apply(shopPolicy());
    const { connection, sent } = await connect('api-1', api);
    connection.statusReported({ ...status, clock: millis(noon + off) });
    expect(shown()).toMatchObject({ clockAheadSeconds: off / 1000, problem: expect.stringContaining('clock') });
    expect(sent.at(-1)?.revision).toBe(fleet.revision);
    const tooOld = off < -400 * day;
    expect(await report(noon + off)).toMatchObject({ ok: true, value: { refused: { time: tooOld ? 1 : 0 } } });
    const kept = await store.listFlows({ tenant, since: millis(0), limit: 10 });
    expect(kept.map((row) => row.last_seen)).toEqual(tooOld ? [] : [Math.min(noon, noon + off)]);
  });
});

describe.each(offs)('a control plane whose clock steps: it is %s from then on', (_, off) => {
  test('an operator’s token that has ended stays ended, and one that is made then lives as long as it says', () => {
    let [wall, elapsed] = [noon, 0];
    const time = createPolicyTime(
      () => millis(wall),
      () => elapsed,
    );
    const pass = (ms: number) => {
      wall += ms;
      elapsed += ms;
    };
    const made = (name: string) => {
      const token = newOperatorToken('00');
      const createdAt = operators.now();
      const row = { hash: tokenHash(token), id: name, tenant, name, createdAt, createdBy: '', ca: '' };
      operators.put([{ ...row, expiresAt: millis(createdAt + hour) }]);
      return () => operators.find(token).kind;
    };
    const operators = new OperatorTokens([], { now: time.now, used: () => undefined });
    const older = made('ann');
    expect(older()).toBe('holds');
    pass(hour);
    wall += off;
    expect(older()).toBe('expired');
    const newer = made('ben');
    pass(hour - 1);
    expect(newer()).toBe('holds');
    pass(1);
    expect([older(), newer()]).toEqual(['expired', 'expired']);
  });
});
