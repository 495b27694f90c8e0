// Discovered containers as the control plane has them: names, what survives a container, and whose an address is, on its own host and
// elsewhere. Two hosts' containers of one address are neither a conflict nor each other.

import { describe, expect, test } from 'vitest';
import type { ReportedContainer } from '#control-plane/agents/agent-backend.ts';
import { FleetInventory, type HostEntry } from '#control-plane/inventory/fleet-inventory.ts';
import { type HostContainers, withReportedContainers } from '#control-plane/inventory/host-containers.ts';
import type { Address } from '#model/address.ts';
import { rangeText } from '#model/address-range.ts';
import { millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { hasErrors, problemText } from '#policy/source/problem.ts';

const addresses = (...texts: readonly string[]) => texts as readonly string[] as readonly Address[];
const box = (name: string, ...own: readonly string[]): ReportedContainer => ({ name, addresses: own, reachable: [] });

function reported(
  host: string,
  list: readonly ReportedContainer[] | undefined,
  known: HostContainers = new Map(),
  isTaken: (name: string) => boolean = () => false,
): HostContainers {
  return withReportedContainers({ host, known, reported: list, hostAddresses: addresses('10.0.0.1'), isTaken });
}

/** A host whose agent is connected, and reports. */
function connect(inventory: FleetInventory, entry: HostEntry): void {
  if (inventory.host(entry.name) === undefined) {
    inventory.setHost(entry);
    inventory.connected(entry.name, { seenFrom: undefined, at: 0 });
  } else inventory.setHost(entry);
}

const names = (containers: HostContainers) => [...containers.keys()];

describe('names', () => {
  test.each([
    ['web', 'h1-web'],
    ['shop_web.1', 'h1-shop-web-1'],
    ['/Shop', 'h1-shop'],
  ])('%s', (container, name) => expect(names(reported('h1', [box(container, '172.17.0.2')]))).toEqual([name]));

  test.each([
    ['taken by another workload', 'web', (name: string) => name === 'h1-web'],
    ['too long', 'w'.repeat(80), () => false],
    ['without a letter', '---', () => false],
  ])('%s, it ends in a digest', (_, container, isTaken) => {
    const [name = ''] = names(reported('h1', [box(container, '172.17.0.2')], new Map(), isTaken));
    expect(name).toMatch(/^h1-[a-z0-9-]*[0-9a-f]{8}$/);
    expect(name.length).toBeLessThanOrEqual(63);
  });

  test('two that would have one name have two, and keep them', () => {
    const first = reported('h1', [box('a_b', '172.17.0.2'), box('a-b', '172.17.0.3')]);
    expect(new Set(names(first)).size).toBe(2);
    expect(reported('h1', [box('a-b', '172.17.0.3'), box('a_b', '172.17.0.2')], first)).toBe(first);
  });
});

describe('what is believed', () => {
  test('no address that is the host’s, loopback’s or one link’s', () => {
    const own = ['10.0.0.1', '127.0.0.1', 'fe80::1', '224.0.0.1', '172.17.0.2'];
    expect([...reported('h1', [box('web', ...own)]).values()].map((entry) => entry.addresses)).toEqual([
      ['172.17.0.2'],
    ]);
    expect(reported('h1', [box('web', '10.0.0.1')]).size).toBe(0);
  });

  test('a container that is gone is gone; what an operator said of it is there when it comes back', () => {
    const first = reported('h1', [box('web', '172.17.0.2'), box('api', '172.17.0.3')]);
    const labelled: HostContainers = new Map(first).set('h1-web', {
      ...(first.get('h1-web') ?? { container: 'web', addresses: [], reachable: [] }),
      labels: new Map([['role', 'web']]),
    });
    const gone = reported('h1', [], labelled);
    expect(names(gone)).toEqual(['h1-web']);
    expect(gone.get('h1-web')?.addresses).toEqual([]);
    const back = reported('h1', [box('web', '172.17.0.9')], gone);
    expect(back.get('h1-web')).toMatchObject({ addresses: ['172.17.0.9'], labels: new Map([['role', 'web']]) });
    expect(reported('h1', undefined, back).size).toBe(0);
  });
});

function hostEntry(name: string, own: string, containers: HostContainers, quarantine?: readonly string[]): HostEntry {
  return {
    name,
    addresses: addresses(own),
    facts: new Map(),
    labels: new Map([['role', 'host']]),
    units: new Map(),
    containers,
    ...(quarantine === undefined ? {} : { quarantine }),
  };
}

const labelled = (role: string, own: readonly string[], reachable: readonly string[] = []): HostContainers =>
  new Map([
    [
      role === 'web' ? 'h1-web' : 'h2-api',
      {
        container: role,
        addresses: addresses(...own),
        reachable: addresses(...reachable),
        labels: new Map([['role', role]]),
      },
    ],
  ]);

const policy = `apiVersion: segwall/v1
kind: Segment
metadata: { name: s }
spec:
  selector: role in {"web", "api"}
  inbound: enforce
  rules:
    - { name: all, from: [{ workloads: all() }], to: [{ workloads: all() }], services: [tcp/80] }
`;

function peersSeenBy(inventory: FleetInventory, host: string): readonly string[] {
  const checked = checkPolicy({
    files: [{ path: 'p.yaml', text: policy }],
    inventoryFiles: [],
    now: millis(0),
    mode: 'server',
  });
  if (checked.policy === undefined || hasErrors(checked.problems)) {
    throw new Error(checked.problems.map(problemText).join('\n'));
  }
  const fleet = compileFleet({ policy: checked.policy, inventory: inventory.current(), now: millis(0) });
  const sets = fleet.ruleSetOf(host, 1)?.peerSets.values() ?? [];
  return [...sets].flatMap((set) => set.addresses);
}

describe('whose address it is', () => {
  test('on its own host a container is its own address, elsewhere its host’s', () => {
    const inventory = new FleetInventory();
    connect(inventory, hostEntry('h1', '10.0.0.1', labelled('web', ['172.17.0.2'])));
    connect(inventory, hostEntry('h2', '10.0.0.2', labelled('api', ['172.17.0.2'])));
    expect(inventory.conflicts()).toEqual([]);
    // Not the host's own address: the host itself is no member.
    expect(peersSeenBy(inventory, 'h1')).toEqual(['10.0.0.2', '172.17.0.2']);
    expect(peersSeenBy(inventory, 'h2')).toEqual(['10.0.0.1', '172.17.0.2']);
  });

  test('an address that other hosts can reach is the container’s everywhere, and a second claim is a conflict', () => {
    const inventory = new FleetInventory();
    connect(inventory, hostEntry('h1', '10.0.0.1', labelled('web', ['10.244.1.2'], ['10.244.1.2'])));
    connect(inventory, hostEntry('h2', '10.0.0.2', labelled('api', ['172.17.0.2'])));
    expect(peersSeenBy(inventory, 'h2')).toEqual(['10.244.1.2', '172.17.0.2']);
    connect(inventory, hostEntry('h2', '10.0.0.2', labelled('api', ['10.244.1.2'], ['10.244.1.2'])));
    expect(inventory.conflicts()).toEqual([{ address: '10.244.1.2', holder: 'h1', claimants: ['h2'] }]);
    // The second still has it for its own host, where nobody else can mean it.
    expect(peersSeenBy(inventory, 'h2')).toEqual(['10.244.1.2']);
  });

  test('a container has its host’s quarantine, and none of its labels', () => {
    const inventory = new FleetInventory();
    connect(inventory, hostEntry('h1', '10.0.0.1', labelled('web', ['172.17.0.2']), ['10.0.0.9']));
    const workload = inventory.current().workloads.get('h1-web');
    expect(workload).toMatchObject({ kind: 'container', host: 'h1', quarantine: { name: 'h1' } });
    expect([...(workload?.labels ?? [])]).toEqual([['role', 'web']]);
  });

  test('a quarantine whose peer is the container itself ends, and means it as other hosts know it', () => {
    const inventory = new FleetInventory();
    const [[name, entry] = ['', undefined]] = labelled('web', ['172.17.0.2']);
    if (entry === undefined) throw new Error('no container');
    connect(inventory, hostEntry('h1', '10.0.0.1', new Map([[name, { ...entry, quarantine: [name] }]])));
    const [peer] = inventory.current().workloads.get(name)?.quarantine?.peers ?? [];
    expect(peer?.kind === 'ranges' ? peer.ranges.map(rangeText) : peer).toEqual(['10.0.0.1']);
  });

  test('a host that is removed takes its containers along', () => {
    const inventory = new FleetInventory();
    connect(inventory, hostEntry('h1', '10.0.0.1', labelled('web', ['172.17.0.2'])));
    inventory.current();
    inventory.removeHost('h1');
    expect([...inventory.current().workloads.keys()]).toEqual([]);
    expect(inventory.container('h1-web')).toBeUndefined();
  });
});
