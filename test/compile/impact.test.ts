// What plan shows: which workloads change and in what, and which observed flows fare differently.

import { describe, expect, test } from 'vitest';
import { millis } from '#model/time.ts';
import { type Impact, impactOf } from '#policy/learn/impact.ts';
import type { ObservedFlow } from '#policy/learn/observed-flow.ts';
import { address, type Fleet, fleetOf, host, noon, shop } from './fleet.ts';

function fleet({ inbound = 'observe', rules = [] as readonly string[], extra = '', inventory = shop } = {}): Fleet {
  return fleetOf(
    `kind: Segment\nmetadata: { name: shop }\nspec: { selector: app == "shop", inbound: ${inbound}, rules: [${rules.join(', ')}] }${extra}`,
    inventory,
  );
}

const rule = (from: string, to: string, service: string) =>
  `{ name: ${from}-to-${to}, from: [{ workloads: role == "${from}" }], to: [{ workloads: role == "${to}" }], services: [${service}] }`;
const webToApi = rule('web', 'api', 'tcp/8080');

function flow(peer: string, rest: Partial<ObservedFlow> = {}): ObservedFlow {
  const counts = { connections: 1, firstSeenAt: noon, lastSeenAt: noon };
  const seen = { verdict: 'would-deny', reason: 'default' } as const;
  const ends = {
    host: 'api-1',
    workload: 'api-1',
    direction: 'inbound',
    local: address('10.0.0.3'),
    peer: address(peer),
  } as const;
  return { ...ends, protocol: 6, port: 8080, ...seen, ...counts, ...rest };
}

function impact(current: Fleet, draft: Fleet, flows: readonly ObservedFlow[] = []): Impact {
  return impactOf({ current, draft, flows, now: noon });
}

const none = { added: [], removed: [], changed: [] };
const untouched = { grants: none, covers: [], guardrails: none, defaults: 'same' };

describe('workloads', () => {
  test('that are as before are only counted', () => {
    expect(impact(fleet(), fleet())).toMatchObject({ workloads: [], unchangedWorkloads: 6 });
  });

  test('a rule more is a grant at the ends it lands on, and nowhere else', () => {
    const { workloads, unchangedWorkloads } = impact(fleet(), fleet({ rules: [webToApi] }));
    const added = { ...untouched, grants: { ...none, added: [{ segment: 'shop', rule: 'web-to-api' }] } };
    const covers = [expect.objectContaining({ services: ['tcp/8080'], peers: expect.any(Number) })];
    const opened = { ...added, covers };
    expect(workloads).toEqual([
      { host: 'api-1', workload: 'api-1', change: 'changed', inbound: opened, outbound: untouched },
      { host: 'api-2', workload: 'api-2', change: 'changed', inbound: opened, outbound: untouched },
      { host: 'web-1', workload: 'web-1', change: 'changed', inbound: untouched, outbound: opened },
      { host: 'web-2', workload: 'web-2', change: 'changed', inbound: untouched, outbound: opened },
    ]);
    expect(unchangedWorkloads).toBe(2);
  });

  test('of thousands that share their rules, one on a host with sets of its own is told apart', () => {
    const withBox = (onHost: string): Fleet => {
      const { policy, inventory } = fleet({ rules: [webToApi] });
      const labels = new Map([
        ['app', 'shop'],
        ['role', 'web'],
      ]);
      const addresses = [address('10.0.0.4')];
      const box = {
        name: 'box',
        kind: 'container',
        host: 'api-2',
        addresses,
        onHost: [address(onHost)],
        labels,
      } as const;
      return { policy, inventory: { ...inventory, workloads: new Map(inventory.workloads).set('box', box) } };
    };
    const { workloads, unchangedWorkloads } = impact(withBox('172.17.0.2'), withBox('172.17.0.3'));
    expect(workloads.map(({ workload, inbound }) => [workload, inbound.grants.changed.length])).toEqual([['api-2', 1]]);
    expect(unchangedWorkloads).toBe(6);
  });

  test('a segment that selects the same workloads in other words changes nothing', () => {
    const worded = (selector: string) =>
      fleetOf(`kind: Segment
metadata: { name: shop }
spec:
  selector: ${selector}
  rules: [{ name: r, from: [{ workloads: role == "web" }, { workloads: role == "db" }], to: [{ workloads: all() }], services: [tcp/1] }]`);
    expect(impact(worded('app == "shop"'), worded('has(app) && role != "dev"')).workloads).toEqual([]);
  });

  test('what many workloads share is one object in a plan', () => {
    const { workloads } = impact(fleet(), fleet({ rules: [webToApi] }));
    const [first, second] = workloads.filter(({ workload }) => workload.startsWith('api'));
    expect(first?.inbound.grants.added).toHaveLength(1);
    expect(second?.inbound).toBe(first?.inbound);
  });

  test('a rule less is a grant removed', () => {
    const { workloads } = impact(fleet({ rules: [webToApi] }), fleet());
    expect(workloads[0]?.inbound.grants).toEqual({ ...none, removed: [{ segment: 'shop', rule: 'web-to-api' }] });
  });

  test('a rule with other services, or whose peers are others, is changed', () => {
    const services = impact(fleet({ rules: [webToApi] }), fleet({ rules: [rule('web', 'api', 'tcp/9090')] }));
    const more = `${shop}\n${host('web-3', { app: 'shop', role: 'web' }, '10.0.0.7')}`;
    const peers = impact(fleet({ rules: [webToApi] }), fleet({ rules: [webToApi], inventory: more }));
    for (const { workloads } of [services, peers]) {
      const api = workloads.find(({ workload }) => workload === 'api-1');
      expect(api?.inbound.grants).toEqual({ ...none, changed: [{ segment: 'shop', rule: 'web-to-api' }] });
    }
    expect(peers.workloads.map(({ workload, change }) => [workload, change])).toEqual([
      ['api-1', 'changed'],
      ['api-2', 'changed'],
      ['web-3', 'added'],
    ]);
  });

  test('another mode is named with the one before', () => {
    const { workloads } = impact(fleet(), fleet({ inbound: 'enforce' }));
    expect(workloads).toHaveLength(5);
    expect(workloads[0]?.inbound).toEqual({ ...untouched, mode: { before: 'observe', after: 'enforce' } });
  });

  test('a guardrail more is shown at both its ends', () => {
    const guardrail = `
---
kind: Guardrail
metadata: { name: no-dev }
spec: { mode: enforce, deny: [{ from: [{ workloads: role == "dev" }], to: [{ workloads: role == "db" }], services: [any] }] }`;
    const { workloads } = impact(fleet(), fleet({ extra: guardrail }));
    expect(
      workloads.map(({ workload, inbound, outbound }) => [
        workload,
        inbound.guardrails.added,
        outbound.guardrails.added,
      ]),
    ).toEqual([
      ['db-1', ['no-dev'], []],
      ['dev-1', [], ['no-dev']],
    ]);
  });

  test('one that leaves is removed', () => {
    const { workloads } = impact(
      fleet(),
      fleet({
        inventory: shop
          .split('---')
          .filter((document) => !document.includes('dev-1'))
          .join('---'),
      }),
    );
    expect(workloads.map(({ workload, change }) => [workload, change])).toEqual([['dev-1', 'removed']]);
  });
});

describe('observed flows', () => {
  const web = flow('10.0.0.1');
  const db = flow('10.0.0.5');

  test('that enforcement would cut are newly denied, those with a rule stay', () => {
    const { flows } = impact(fleet(), fleet({ inbound: 'enforce', rules: [webToApi] }), [db, web]);
    expect(flows.newlyDenied).toEqual([
      {
        flow: db,
        evidence: {
          reporters: ['api-1'],
          ends: { seenBy: 'server', remoteHost: 'db-1', remoteEnd: 'silent' },
        },
        before: { verdict: 'would-deny', reason: 'default', workload: 'api-1', segment: 'shop' },
        after: { verdict: 'deny', reason: 'default', workload: 'api-1', segment: 'shop' },
      },
    ]);
    expect(flows).toMatchObject({ newlyAllowed: [], newlyWouldDeny: [], unchanged: 1, unjudged: 0 });
  });

  test('that were denied and get a rule are newly allowed', () => {
    const { flows } = impact(fleet({ inbound: 'enforce' }), fleet({ inbound: 'enforce', rules: [webToApi] }), [
      web,
      db,
    ]);
    expect(flows.newlyAllowed.map(({ flow: one }) => one)).toEqual([web]);
    expect(flows.unchanged).toBe(1);
  });

  test('that lose their rule under observe would be denied', () => {
    const { flows } = impact(fleet({ rules: [webToApi] }), fleet(), [web]);
    expect(flows.newlyWouldDeny).toHaveLength(1);
  });

  test('that the host’s own settings pass are never denied by a draft', () => {
    const essential = flow('10.0.0.5', { verdict: 'allow', reason: 'essential' });
    expect(impact(fleet(), fleet({ inbound: 'enforce' }), [essential]).flows).toMatchObject({
      newlyDenied: [],
      unchanged: 1,
    });
  });

  test('that were recorded under two verdicts are told once, with both records’ connections', () => {
    const later = millis(noon + 1000);
    const flows = [
      flow('10.0.0.5', { verdict: 'allow', reason: 'off', connections: 2, firstSeenAt: later, lastSeenAt: later }),
      db,
      flow('10.0.0.5', { verdict: 'deny', connections: 4, port: 8081 }),
      flow('10.0.0.5', { direction: 'outbound', connections: 8 }),
      flow('10.0.0.5', { verdict: 'allow', reason: 'essential', connections: 16 }),
    ];
    const { newlyDenied, unchanged } = impact(fleet(), fleet({ inbound: 'enforce' }), flows).flows;
    expect(newlyDenied.map(({ flow: { port, connections, lastSeenAt } }) => [port, connections, lastSeenAt])).toEqual([
      [8080, 3, later],
      [8081, 4, noon],
    ]);
    expect(unchanged).toBe(2);
  });

  test('of workloads that are gone are counted as not judged', () => {
    expect(impact(fleet(), fleet(), [flow('10.0.0.1', { workload: 'gone' })]).flows.unjudged).toBe(1);
  });
});
