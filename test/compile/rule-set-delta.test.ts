// What a change costs on the wire, and every way in which a delta can fail to fit its base.

import { describe, expect, test } from 'vitest';
import type { HostRuleSet } from '#model/rule-set.ts';
import { applyRuleSetDelta, diffRuleSets, isEmptyDelta, type RuleSetDelta } from '#model/rule-set-delta.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { address, fleetOf, host, noon, shop } from './fleet.ts';

const policy = (port: number) => `kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: enforce
  rules:
    - { name: web-to-api, from: [{ workloads: role == "web" }], to: [{ workloads: role == "api" }], services: [tcp/${port}] }
    - { name: office, from: [{ cidr: 192.0.2.0/24 }], to: [{ workloads: role == "db" }], services: [tcp/5432] }`;

function ruleSet(name: string, revision: number, { port = 8080, inventory = shop } = {}): HostRuleSet {
  const found = compileFleet({ ...fleetOf(policy(port), inventory), now: noon }).ruleSetOf(name, revision);
  if (found === undefined) throw new Error(`${name} has no rule set`);
  return found;
}

const nothing = {
  addedPeerSets: [],
  removedPeerSets: [],
  changedPeerSets: [],
  replacedWorkloads: [],
  removedWorkloads: [],
};

describe('what changes', () => {
  const web3 = `${shop}\n${host('web-3', { app: 'shop', role: 'web' }, '10.0.0.7')}`;

  test('a workload more is one address in one set, to those who name it', () => {
    const delta = diffRuleSets(ruleSet('api-1', 4), ruleSet('api-1', 5, { inventory: web3 }));
    expect(delta).toEqual({
      baseRevision: 4,
      revision: 5,
      host: 'api-1',
      ...nothing,
      changedPeerSets: [
        { id: 'members/app == "shop"/role == "web"', addedAddresses: ['10.0.0.7'], removedAddresses: [] },
      ],
    });
  });

  test('a workload less is one address out of one set', () => {
    const delta = diffRuleSets(ruleSet('api-1', 4, { inventory: web3 }), ruleSet('api-1', 5));
    expect(delta.changedPeerSets).toEqual([
      { id: 'members/app == "shop"/role == "web"', addedAddresses: [], removedAddresses: ['10.0.0.7'] },
    ]);
    expect(delta.replacedWorkloads).toEqual([]);
  });

  test('and nothing to the rest', () => {
    expect(isEmptyDelta(diffRuleSets(ruleSet('db-1', 4), ruleSet('db-1', 5, { inventory: web3 })))).toBe(true);
  });

  test('another service replaces the workload, and no set', () => {
    const delta = diffRuleSets(ruleSet('api-1', 4), ruleSet('api-1', 5, { port: 9090 }));
    expect(delta.replacedWorkloads.map(({ workload }) => workload)).toEqual(['api-1']);
    expect({ ...delta, replacedWorkloads: [] }).toEqual({ baseRevision: 4, revision: 5, host: 'api-1', ...nothing });
  });

  test('other hosts have no delta between them', () => {
    expect(() => diffRuleSets(ruleSet('api-1', 4), ruleSet('db-1', 5))).toThrow('one host');
  });
});

describe('a delta that does not fit is refused whole', () => {
  const base = ruleSet('api-1', 4);
  const web = 'members/app == "shop"/role == "web"';
  const [workload] = base.workloads;
  if (workload === undefined) throw new Error('api-1 has rules');
  const set = { id: web, addresses: [], ranges: [] };
  const change = { id: web, addedAddresses: [], removedAddresses: [] };

  const table: readonly (readonly [title: string, delta: Partial<RuleSetDelta>, error: string])[] = [
    ['another host', { host: 'api-2' }, 'for host api-2'],
    ['another base', { baseRevision: 3 }, 'builds on revision 3, held is revision 4'],
    ['back in time', { revision: 3 }, 'goes back from revision 4 to 3'],
    ['removes a set not held', { removedPeerSets: ['tenant/all()'] }, 'removes peer set "tenant/all()"'],
    [
      'changes a set not held',
      { changedPeerSets: [{ ...change, id: 'tenant/all()' }] },
      'changes peer set "tenant/all()"',
    ],
    ['adds a set that is held', { addedPeerSets: [set] }, 'held already'],
    [
      'adds an address that is there',
      { changedPeerSets: [{ ...change, addedAddresses: [address('10.0.0.1')] }] },
      'holds it already',
    ],
    [
      'removes an address that is not',
      { changedPeerSets: [{ ...change, removedAddresses: [address('10.0.0.9')] }] },
      'does not hold it',
    ],
    [
      'adds an address twice',
      { changedPeerSets: [{ ...change, addedAddresses: [address('10.0.0.9'), address('10.0.0.9')] }] },
      'holds it already',
    ],
    ['removes a workload not held', { removedWorkloads: ['web-1'] }, 'removes workload web-1'],
    ['replaces one twice', { replacedWorkloads: [workload, workload] }, 'replaces workload api-1 twice'],
    ['takes away a set that rules name', { removedPeerSets: [web] }, 'names peer set'],
  ];

  test.each(table)('%s', (_title, delta, error) => {
    const before = structuredClone(base);
    const applied = applyRuleSetDelta(base, { baseRevision: 4, revision: 5, host: 'api-1', ...nothing, ...delta });
    expect(applied).toMatchObject({ ok: false, error: expect.stringContaining(error) });
    expect(base).toEqual(before);
  });

  test('an empty one moves the revision only', () => {
    const applied = applyRuleSetDelta(base, { baseRevision: 4, revision: 5, host: 'api-1', ...nothing });
    expect(applied).toEqual({ ok: true, value: { ...base, revision: 5 } });
  });
});
