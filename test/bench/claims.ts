// Whose address is it, at fleet size: what one connect, one report and one relabelling cost beside 10,000 hosts and beside 1,000, and what a
// reconnect of the whole fleet costs. In one process, without a store: this is the time for which nothing else of the control plane runs.

import { FleetInventory, type HostEntry } from '#control-plane/inventory/fleet-inventory.ts';
import { type Address, parseAddress } from '#model/address.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { assertOk } from '#model/result.ts';
import type { Workload } from '#policy/policy/policy.ts';
import { type BenchReport, type BenchResult, quartersOf } from './bench-report.ts';

const sizes = { small: 1_000, large: 10_000 } as const;
const rounds = 400;
const vip = addressOf('10.255.0.1');
const nat = addressOf('10.254.0.1');

function addressOf(text: string): Address {
  return assertOk(parseAddress(text));
}

const own = (n: number) => [addressOf(`10.0.${n >> 8}.${n & 255}`), addressOf(`fd00::${n.toString(16)}:1`)];
const nameOf = (n: number) => `host-${n}`;

function entryOf(
  n: number,
  given: { readonly addresses?: readonly Address[]; readonly role?: string } = {},
): HostEntry {
  return {
    name: nameOf(n),
    addresses: given.addresses ?? own(n),
    facts: new Map([['os', 'debian']]),
    labels: new Map([['role', given.role ?? 'edge']]),
    units: new Map(),
    containers: new Map(),
  };
}

const anycast: Workload = {
  name: 'anycast',
  kind: 'virtual',
  addresses: [vip],
  labels: new Map([['role', 'vip']]),
  holders: assertOk(parseSelector('role == "edge"')),
};

/** What a fleet takes from it after each change. */
function settle(inventory: FleetInventory): void {
  const { outcome } = inventory.claims;
  outcome.takeHolderChanges();
  outcome.takePendingChanges();
  outcome.takeVirtualChanges();
  outcome.takeEvents();
  inventory.takeHoldingChanges();
  inventory.takeChanges();
}

interface FleetOfHosts {
  readonly size: number;
  readonly inventory: FleetInventory;
  at: number;
}

function fleetOf(size: number): FleetOfHosts {
  const inventory = new FleetInventory();
  const fleet = { size, inventory, at: 0 };
  inventory.setDeclared(new Map([[anycast.name, anycast]]));
  for (let n = 0; n < size; n += 1) inventory.setHost(entryOf(n, { addresses: [...own(n), vip] }));
  reconnectAll(fleet, (n) => own(n)[0]);
  settle(inventory);
  return fleet;
}

/** As after a restart of the control plane: all come at once, each is heard, each reports what it reported before. */
function reconnectAll(fleet: FleetOfHosts, seenFrom: (n: number) => Address | undefined): void {
  const { inventory, size } = fleet;
  for (let n = 0; n < size; n += 1) {
    fleet.at += 1;
    inventory.connected(nameOf(n), { seenFrom: seenFrom(n), at: fleet.at });
    inventory.claims.heard(nameOf(n), fleet.at);
    inventory.setHost(entryOf(n, { addresses: [...own(n), vip] }));
    settle(inventory);
  }
}

function leaveAll(fleet: FleetOfHosts): void {
  for (let n = 0; n < fleet.size; n += 1) fleet.inventory.disconnected(nameOf(n), fleet.at);
  settle(fleet.inventory);
}

function timeOf(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

interface Step {
  readonly name: string;
  readonly limitUs: number;
  readonly work: (fleet: FleetOfHosts, n: number, round: number) => void;
}

const steps: readonly Step[] = [
  {
    name: 'a host goes and comes back',
    limitUs: 500,
    work: (fleet, n) => {
      fleet.inventory.disconnected(nameOf(n), fleet.at);
      fleet.inventory.connected(nameOf(n), { seenFrom: own(n)[0], at: fleet.at });
    },
  },
  {
    name: 'a report that says the same',
    limitUs: 500,
    work: ({ inventory }, n) => inventory.setHost(entryOf(n, { addresses: [...own(n), vip] })),
  },
  {
    name: 'a report with an address more, or less',
    limitUs: 500,
    work: ({ inventory }, n, round) => {
      const more = round % 2 === 0 ? [addressOf(`10.200.${n >> 8}.${n & 255}`)] : [];
      inventory.setHost(entryOf(n, { addresses: [...own(n), vip, ...more] }));
    },
  },
  {
    name: 'an address that all hold comes or goes at one',
    limitUs: 500,
    work: ({ inventory }, n, round) =>
      inventory.setHost(entryOf(n, { addresses: round % 2 === 0 ? own(n) : [...own(n), vip] })),
  },
  {
    name: 'a label that makes one a holder, or no more',
    limitUs: 500,
    work: ({ inventory }, n, round) =>
      inventory.setHost(entryOf(n, { addresses: [...own(n), vip], role: round % 2 === 0 ? 'retired' : 'edge' })),
  },
  {
    name: 'a policy that declares the same is applied',
    limitUs: 1000,
    work: ({ inventory }) => inventory.setDeclared(new Map([[anycast.name, { ...anycast }]])),
  },
];

/** Microseconds each: the median of single steps, both fleets in turn. */
function compare(step: Step, fleets: readonly [FleetOfHosts, FleetOfHosts]): BenchResult {
  const taken: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    for (const which of [0, 1] as const) {
      const fleet = fleets[which];
      fleet.at += 10;
      const n = (Math.trunc(round / 2) * 37) % fleet.size;
      taken[which].push(
        timeOf(() => {
          step.work(fleet, n, round);
          settle(fleet.inventory);
        }) * 1000,
      );
    }
  }
  const small = quartersOf(taken[0]);
  const large = quartersOf(taken[1]);
  return {
    name: step.name,
    value: large.middle,
    spread: { low: large.low, high: large.high },
    unit: 'µs',
    limit: { kind: 'at-most', value: step.limitUs },
    reference: { name: `beside ${sizes.small}`, value: small.middle, ratio: large.middle / small.middle },
  };
}

export async function run(): Promise<BenchReport> {
  const fleets = [fleetOf(sizes.small), fleetOf(sizes.large)] as const;
  const results = steps.map((step) => compare(step, [...fleets]));
  const whole = (name: string, limit: number, work: (fleet: FleetOfHosts) => void): void => {
    const [small, large] = [timeOf(() => work(fleets[0])), timeOf(() => work(fleets[1]))];
    const ratio = large / small;
    const reference = { name: `${sizes.small} hosts`, value: small, ratio };
    results.push({ name, value: large, unit: 'ms', limit: { kind: 'at-most', value: limit }, reference });
  };
  const seenFrom = (n: number) => own(n)[0];
  whole('all leave, and come back each from its own address', 3000, (fleet) => {
    leaveAll(fleet);
    reconnectAll(fleet, seenFrom);
  });
  whole('all leave, and come back from one address', 3000, (fleet) => {
    leaveAll(fleet);
    reconnectAll(fleet, () => nat);
  });
  whole('and again each from its own', 3000, (fleet) => {
    leaveAll(fleet);
    reconnectAll(fleet, seenFrom);
  });
  whole('time passes, all connected', 50, ({ inventory, at }) => inventory.passTime(at + 60_000));
  whole('the address that all hold is declared no more', 1000, ({ inventory }) => {
    inventory.setDeclared(new Map());
    settle(inventory);
  });
  whole('who holds an address that all claim lets go', 1000, ({ inventory }) => {
    const holder = inventory.holderOf(vip);
    inventory.setHost(entryOf(Number(holder?.slice('host-'.length))));
    settle(inventory);
  });
  whole('it is declared again', 1000, ({ inventory }) => {
    inventory.setDeclared(new Map([[anycast.name, anycast]]));
    settle(inventory);
  });
  whole('time passes, all absent, until their leases end', 3000, (fleet) => {
    leaveAll(fleet);
    fleet.inventory.passTime(fleet.at + 8 * 86_400_000);
    settle(fleet.inventory);
  });
  return {
    method: `${sizes.large} hosts that all hold one virtual address besides their own; each small figure is the median of ${rounds} steps, in turn with a fleet of ${sizes.small}, the others are one run each.`,
    results,
  };
}
