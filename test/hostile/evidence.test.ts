// A host can say that it talked to anyone. What one end alone says is told as that, with what became of the other end, wherever flows
// become decisions: suggestions, plans and the listing.

import { describe, expect, test } from 'vitest';
import {
  type FlowView,
  type PlanAnswer,
  planAnswer,
  type SuggestAnswer,
  suggestAnswer,
} from '#control-plane/answers/schemas.ts';
import type { FlowRecord } from '#model/flow.ts';
import { millis } from '#model/time.ts';
import { FlowSightings } from '#policy/learn/flow-evidence.ts';
import type { ObservedFlow } from '#policy/learn/observed-flow.ts';
import { fleetOf } from '#test/compile/fleet.ts';
import { shopPolicy, tenant } from '#test/server/fleet-under-test.ts';
import { flowRecord, nothingLost } from '#test/server/flow-records.ts';
import { apiUnderTest } from './support/api-under-test.ts';

const at = Date.now() - 60_000;
const seenAt = { firstSeenAt: millis(at), lastSeenAt: millis(at + 1000) };
const addresses = { 'web-1': '10.0.0.1', 'api-1': '10.0.0.2' } as const;
type Host = keyof typeof addresses;

/** What this end would say of a connection of web-1 to a port of api-1. */
function sighting(host: Host, port: number, given: Partial<FlowRecord> = {}) {
  const peer = host === 'web-1' ? addresses['api-1'] : addresses['web-1'];
  return flowRecord({
    ...seenAt,
    direction: host === 'web-1' ? 'outbound' : 'inbound',
    port,
    end: { verdict: 'would-deny', reason: 'default', workload: host },
    ...given,
    local: addresses[host],
    peer,
  });
}

/** web-1 claims that it talked to `port` of api-1; `also` is what api-1 reports. */
async function claim(
  given: { readonly port?: number; readonly also?: readonly FlowRecord[]; readonly remote?: 'away' } = {},
) {
  const under = await apiUnderTest();
  const { fleet, apply, connect } = under;
  await apply(shopPolicy({ mode: 'observe' }).replace(/\n {2}rules:\n.*\n/, '\n'));
  await connect('web-1', { labels: { app: 'shop', role: 'web' }, addresses: [addresses['web-1']] });
  const api = await connect('api-1', { labels: { app: 'shop', role: 'api' }, addresses: [addresses['api-1']] });
  if (given.remote === 'away') api.connection.disconnected();
  const report = (host: Host, records: readonly FlowRecord[]) =>
    fleet.ingestFlows(
      { tenant, host, serial: `serial-${host}` },
      { sequence: 1, startedAt: millis(at), endedAt: millis(at), records, lost: nothingLost },
    );
  await report('web-1', [sighting('web-1', given.port ?? 5432)]);
  if (given.also !== undefined) await report('api-1', given.also);
  return under;
}

/** From somewhere else. */
const other = [flowRecord({ ...sighting('api-1', 22), peer: '203.0.113.9' })];
const same = [sighting('api-1', 5432)];

const table = [
  ['its peer reports others, and not this one', { also: other }, 'did-not-see'],
  ['its peer has reported nothing', {}, 'silent'],
  ['the agent of its peer is away', { remote: 'away' }, 'away'],
  ['its peer saw it too', { also: same }, undefined],
] as const;

describe('a connection that one host reports, where', () => {
  test.each(table)('%s', async (_, given, remoteEnd) => {
    const { call } = await claim(given);
    const expected =
      remoteEnd === undefined
        ? { reporters: ['api-1', 'web-1'], ends: 'both' }
        : { reporters: ['web-1'], ends: 'one', oneEnd: { seenBy: 'client', remoteHost: 'api-1', remoteEnd } };

    const flows = await call<readonly FlowView[]>('GET', '/api/v1/flows?from=web-1');
    expect(flows.filter(({ port, host }) => port === 5432 && host === 'web-1')).toMatchObject([expected]);

    const suggestion = await call<SuggestAnswer>('POST', '/api/v1/suggestions', { segment: 'shop' });
    const rule = suggestion.rules.find(({ services }) => services.includes('tcp/5432'));
    const { yaml } = suggestion;
    // Nobody checks these answers on their way out: they are what is described, and nothing else.
    expect(suggestAnswer.parse(suggestion)).toEqual(suggestion);
    if (remoteEnd === undefined) {
      expect(rule).toMatchObject({ ends: 'both', oneSided: { count: 0 }, reporters: { count: 2 } });
      expect(yaml).toContain('reported by api-1, web-1; both ends saw it');
    } else {
      const pair = {
        client: 'web-1',
        server: 'api-1',
        service: 'tcp/5432',
        seenBy: 'client',
        remoteHost: 'api-1',
        remoteEnd,
      };
      expect(rule).toMatchObject({ ends: 'one', oneSided: { count: 1, pairs: [pair] }, reporters: { count: 1 } });
      expect(yaml).toContain('reported by web-1; ONE END ONLY saw all of it:');
    }

    const files = [{ path: 'policy.yaml', text: shopPolicy({ mode: 'enforce\n  outbound: enforce' }) }];
    const plan = await call<PlanAnswer>('POST', '/api/v1/policy/plan', { files });
    expect(planAnswer.parse(plan)).toEqual(plan);
    const denied = plan.newlyDenied.flows.filter(
      ({ service, direction }) => service === 'tcp/5432' && direction === 'outbound',
    );
    expect(denied).toMatchObject([expected]);
    expect(plan.newlyDenied.oneEnded).toBe(remoteEnd === undefined ? 0 : 1);
  });
});

describe('of two ends, counts as both', () => {
  const inventory = fleetOf('kind: Segment\nmetadata: { name: shop }\nspec: { selector: app == "shop" }').inventory;
  const client = { direction: 'outbound', local: '10.0.0.1', peer: '10.0.0.3' } as const;
  const server = { direction: 'inbound', local: '10.0.0.3', peer: '10.0.0.1' } as const;
  const observed = (host: string, given: object): ObservedFlow => ({
    ...{ host, workload: host, protocol: 6, port: 8080, verdict: 'would-deny', reason: 'default', connections: 1 },
    ...seenAt,
    ...(given as Pick<ObservedFlow, 'direction' | 'local' | 'peer'>),
  });
  const own = observed('web-1', client);

  test.each<readonly [string, readonly ObservedFlow[], object]>([
    ['the same service from this end’s address', [observed('api-1', server)], { ends: 'both' }],
    [
      'the same from another address of this end',
      [observed('api-1', { ...server, local: 'fd00::3', peer: 'fd00::1' })],
      { ends: 'both' },
    ],
    ['no other service', [observed('api-1', { ...server, port: 80 })], { ends: { remoteEnd: 'did-not-see' } }],
    [
      'nobody else’s connection',
      [observed('api-1', { ...server, peer: '10.0.0.2' })],
      { ends: { remoteEnd: 'did-not-see' } },
    ],
    [
      'no connection the other way',
      [observed('api-1', { ...client, ...server, direction: 'outbound' })],
      { ends: { remoteEnd: 'did-not-see' } },
    ],
    ['nothing that a third host says of it', [observed('db-1', server)], { ends: { remoteEnd: 'silent' } }],
    [
      'no report from before it was seen',
      [observed('api-1', { ...server, port: 80, lastSeenAt: millis(at - 1) })],
      { ends: { remoteEnd: 'silent' } },
    ],
  ])('%s', (_, others, expected) => {
    const sightings = new FlowSightings({ workloads: inventory.workloads, flows: [own, ...others] });
    expect(sightings.evidenceOf(own)).toMatchObject(expected);
  });

  test('nobody is asked where the other end is no managed host, and none who could not see it is blamed', () => {
    const outside = observed('web-1', { ...client, peer: '203.0.113.9' });
    const denied = observed('web-1', { ...client, verdict: 'deny' });
    const self = observed('web-1', { ...client, peer: '10.0.0.1' });
    const sightings = new FlowSightings({ workloads: inventory.workloads, flows: [outside, denied, self] });
    expect(sightings.evidenceOf(outside)).toEqual({ reporters: ['web-1'] });
    expect(sightings.evidenceOf(self)).toEqual({ reporters: ['web-1'] });
    expect(sightings.evidenceOf(denied)).toMatchObject({ ends: { remoteEnd: 'denied-here' } });
  });
});
