// Who is cut off from a quarantined workload at his own end, one row a case, as the oracle reads the documents and as an agent reads its rule
// set: the two share nothing. "query | outbound end | inbound end".

import { describe, expect, test } from 'vitest';
import { evaluateEnd } from '#model/evaluate.ts';
import type { Direction, End } from '#model/verdict.ts';
import { type CompiledFleet, compileFleet } from '#policy/compile/compile.ts';
import { createOracle, type Oracle } from '#policy/judge/oracle.ts';
import type { Inventory, Peer, Query, Workload } from '#policy/policy/policy.ts';
import { address, createWorld, endText, noon, query, segment, workloads } from './world.ts';

const inventory = workloads(
  'lost h1 10.0.0.1,10.1.0.1,fd00::1 role=web',
  'lost-nginx h1/nginx.service - role=edge',
  'lost-box h1/container 10.0.1.1,fd00:1::1 role=box',
  'api h2 10.0.0.2,fd00::2 role=api',
  'api-box h2/container 10.0.1.2 role=box',
  'admin h3 10.0.0.3,10.1.0.3 role=admin',
  'admin-box h3/container 10.0.1.3 role=admin',
  'sql external 10.9.0.1 role=sql',
);
const open = createWorld(
  segment(
    'all',
    'selector: has(role)\nrules:\n  - { name: any, from: [any], to: [any], services: [any] }\ninbound: enforce\noutbound: enforce',
  ),
  inventory,
);
const off = createWorld(segment('all', 'selector: has(role)\ninbound: off\noutbound: off'), inventory);
const granted = 'allow rule all/any';

const byRole = (role: string): Peer => ({
  kind: 'tenant',
  selector: { kind: 'in', key: 'role', values: new Set([role]) },
  text: `role == "${role}"`,
});
const byAddress = (first: bigint, last = first): Peer => ({
  kind: 'ranges',
  ranges: [{ family: 'ipv4', first, last }],
  source: 'an operator',
});

type Row = readonly [query: string, outbound: string, inbound: string];

/** `quarantines`: by workload, the peers that stay. */
function check(world: typeof open, quarantines: Readonly<Record<string, readonly Peer[]>>, rows: readonly Row[]): void {
  const quarantined: Inventory = {
    ...world.inventory,
    workloads: new Map(
      [...world.inventory.workloads].map(([name, workload]) => {
        const peers = quarantines[name];
        return [name, peers === undefined ? workload : { ...workload, quarantine: { name, peers } }];
      }),
    ),
  };
  const given = { policy: world.policy, inventory: quarantined };
  const oracle = createOracle(given);
  const fleet = compileFleet({ ...given, now: noon });
  test.each(rows)('%s: %s, %s', (text, outbound, inbound) => {
    const asked = query(text);
    const verdict = oracle.judge(asked);
    const compiled = (direction: Direction) => endText(endOn(fleet, oracle, { asked, direction }));
    expect([endText(verdict.outbound), endText(verdict.inbound)]).toEqual([outbound, inbound]);
    expect([compiled('outbound'), compiled('inbound')]).toEqual([outbound, inbound]);
  });
}

function endOn(
  fleet: CompiledFleet,
  oracle: Oracle,
  { asked, direction }: { readonly asked: Query; readonly direction: Direction },
): End {
  const [local, peer] = direction === 'outbound' ? [asked.src, asked.dst] : [asked.dst, asked.src];
  const workload: Workload | undefined = oracle.workloadAt(local);
  const ruleSet = fleet.ruleSetOf(workload?.host ?? '', 1);
  if (workload === undefined || ruleSet === undefined) return { verdict: 'unmanaged', reason: 'unmanaged' };
  return evaluateEnd({
    ruleSet,
    workload: workload.name,
    direction,
    localAddress: local,
    peerAddress: peer,
    service: asked.service,
  });
}

describe('who is cut off from a quarantined workload', () => {
  describe('everybody, at every address and in both families, whatever policy grants', () => {
    check(open, { lost: [] }, [
      ['10.0.0.1 10.0.0.2 tcp/1', 'deny quarantine lost', 'deny quarantine lost'],
      ['10.0.0.2 10.0.0.1 tcp/1', 'deny quarantine lost', 'deny quarantine lost'],
      ['10.1.0.1 10.0.0.2 udp/1', 'deny quarantine lost', 'deny quarantine lost'],
      ['fd00::2 fd00::1 icmpv6/128', 'deny quarantine lost', 'deny quarantine lost'],
      ['10.0.1.2 10.0.0.1 tcp/1', 'deny quarantine lost', 'deny quarantine lost'],
      ['10.0.0.2 10.0.0.3 tcp/1', granted, granted],
      // who has no agent is not
      ['10.9.0.1 10.0.0.1 tcp/1', 'unmanaged', 'deny quarantine lost'],
    ]);
  });

  describe('also where no segment enforces anything', () => {
    check(off, { lost: [] }, [
      ['10.0.0.1 10.0.0.2 tcp/1', 'deny quarantine lost', 'deny quarantine lost'],
      ['10.0.0.2 10.0.0.3 tcp/1', 'allow off', 'allow off'],
    ]);
  });

  describe('but the peers that its quarantine names, by their own labels or addresses', () => {
    check(open, { lost: [byRole('admin'), byAddress(0x0a000002n)] }, [
      ['10.0.0.3 10.0.0.1 tcp/1', granted, granted],
      ['10.0.0.1 10.1.0.3 tcp/1', granted, granted],
      ['10.0.1.3 10.0.0.1 tcp/1', granted, granted],
      ['10.0.0.1 10.0.0.2 tcp/1', granted, granted],
      ['10.0.1.2 10.0.0.1 tcp/1', 'deny quarantine lost', 'deny quarantine lost'],
    ]);
  });

  describe('an address that a quarantine names stands for itself, not for all of its workload', () => {
    check(open, { lost: [byAddress(0x0a010003n)] }, [
      ['10.1.0.3 10.0.0.1 tcp/1', granted, granted],
      ['10.0.0.3 10.0.0.1 tcp/1', 'deny quarantine lost', 'deny quarantine lost'],
    ]);
  });

  describe('a peer of one quarantine is none of another', () => {
    check(open, { lost: [byRole('admin')], api: [byRole('web')] }, [
      ['10.0.0.3 10.0.0.1 tcp/1', granted, granted],
      ['10.0.0.3 10.0.0.2 tcp/1', 'deny quarantine api', 'deny quarantine api'],
      // each names or does not name the other: both must
      ['10.0.0.1 10.0.0.2 tcp/1', 'deny quarantine lost', 'deny quarantine lost'],
    ]);
  });

  describe('a container is cut off by its own addresses, its host is not', () => {
    check(open, { 'lost-box': [] }, [
      ['10.0.1.1 10.0.0.2 tcp/1', 'deny quarantine lost-box', 'deny quarantine lost-box'],
      ['fd00::2 fd00:1::1 tcp/1', 'deny quarantine lost-box', 'deny quarantine lost-box'],
      ['10.0.0.1 10.0.0.2 tcp/1', granted, granted],
    ]);
  });

  describe('a unit shares its host’s addresses, so its quarantine holds on its host alone', () => {
    check(open, { 'lost-nginx': [] }, [
      ['10.0.0.1 10.0.0.2 tcp/1', granted, granted],
      ['10.0.0.2 10.0.0.1 tcp/1', granted, granted],
    ]);
  });

  describe('an external workload has no end of its own, and is cut off by everybody else', () => {
    check(open, { sql: [byRole('api')] }, [
      ['10.0.0.3 10.9.0.1 tcp/1', 'deny quarantine sql', 'unmanaged'],
      ['10.0.0.2 10.9.0.1 tcp/1', granted, 'unmanaged'],
    ]);
  });
});

test('one quarantine is one peer set, the same for every host, and changes no workload’s rules', () => {
  const { policy } = open;
  const lost = open.inventory.workloads.get('lost');
  if (lost === undefined) throw new Error('the world has a workload "lost"');
  const quarantined = new Map(open.inventory.workloads).set('lost', {
    ...lost,
    quarantine: { name: 'lost', peers: [] },
  });
  const before = compileFleet({ policy, inventory: open.inventory, now: noon });
  const after = compileFleet({ policy, inventory: { ...open.inventory, workloads: quarantined }, now: noon });
  const sets = ['h2', 'h3'].map((host) => after.ruleSetOf(host, 1)?.peerSets.get('quarantine/lost'));
  expect(sets[0]).toEqual({
    id: 'quarantine/lost',
    quarantine: 'lost',
    addresses: ['10.0.0.1', '10.1.0.1', 'fd00::1'].map(address),
    ranges: [],
  });
  expect(sets[1]).toBe(sets[0]);
  for (const host of ['h2', 'h3'])
    expect(after.ruleSetOf(host, 1)?.workloads).toEqual(before.ruleSetOf(host, 1)?.workloads);
});
