// Whose address is it: address → workloads, and the one workload that a query means by an address. A virtual workload's address means
// every host that its `holders` selects: each of them may have it, and all of them at once.

import type { Address } from '#model/address.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { Workload, WorkloadKind } from '#policy/policy/policy.ts';
import { heldVirtuals } from './held-virtuals.ts';

export interface Holders {
  /** The workloads as which an end there is judged: one, or every host that may hold a virtual workload's address. */
  judgedAt(address: Address, name?: string): readonly Workload[];
  /** Who the address means at the workload's own end: itself, and virtual workloads of whose holders it is. */
  localAt(workload: Workload, address: Address): readonly Workload[];
  /** Virtual workloads whose addresses the workload may hold, as a host or as a unit of one, by name. */
  virtualOf(workload: Workload): readonly Workload[];
  /** Every workload that holds the address, units included. */
  holdersOf(address: Address): readonly Workload[];
  /** Both at once, for half the work. */
  at(address: Address): Held;
  /** The named one; else the host, container, external or virtual workload that has the address; else a unit alone on it. */
  workloadAt(address: Address, name?: string): Workload | undefined;
}

/** An address's holders, units included, and the one it means where no workload is named. */
export interface Held {
  readonly by: readonly Workload[];
  readonly meant: Workload | undefined;
}

const byNobody: Held = { by: [], meant: undefined };

const precedence: Record<Exclude<WorkloadKind, 'unit'>, number> = { host: 0, container: 1, external: 2, virtual: 3 };

export function createHolders(workloads: ReadonlyMap<string, Workload>): Holders {
  const byAddress = new Map<Address, Workload[]>();
  for (const workload of workloads.values()) {
    for (const address of workload.addresses) {
      const held = byAddress.get(address);
      if (held === undefined) byAddress.set(address, [workload]);
      else held.push(workload);
    }
  }
  const holders = new Map<Address, Held>();
  for (const [address, by] of byAddress) holders.set(address, { by, meant: meantOf(by) });
  const at = (address: Address) => holders.get(address) ?? byNobody;
  const held = heldVirtuals(workloads);
  const workloadAt = (address: Address, name?: string) =>
    name === undefined ? at(address).meant : workloads.get(name);

  return {
    at,
    holdersOf: (address) => at(address).by,
    workloadAt,
    virtualOf: held.virtualOf,
    judgedAt: (address, name) => {
      const workload = workloadAt(address, name);
      if (workload === undefined) return [];
      return workload.kind === 'virtual' ? held.holdersOf(workload) : [workload];
    },
    localAt: (workload, address) => {
      const virtual = held.virtualOf(workload);
      return virtual.length === 0
        ? [workload]
        : [workload, ...virtual.filter(({ addresses }) => addresses.includes(address))];
    },
  };
}

/** Of those who hold an address. */
export function meantOf(held: readonly Workload[]): Workload | undefined {
  let best: { readonly workload: Workload; readonly rank: number } | undefined;
  for (const workload of held) {
    if (workload.kind === 'unit') continue;
    const rank = precedence[workload.kind];
    const isBetter =
      best === undefined ||
      rank < best.rank ||
      (rank === best.rank && compareCodeUnits(workload.name, best.workload.name) < 0);
    if (isBetter) best = { workload, rank };
  }
  if (best !== undefined) return best.workload;
  return held.length === 1 ? held[0] : undefined;
}
