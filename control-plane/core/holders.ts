// Whose address is it: address → workloads, and the one workload that a query means by an address.

import type { Address } from '#model/address.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { Workload, WorkloadKind } from './policy.ts';

export interface Holders {
  /** Every workload that holds the address, units included. */
  holdersOf(address: Address): readonly Workload[];
  /** Both at once, for half the work. */
  at(address: Address): Held;
  /** The named one; else the host, container or external workload that holds the address; else a unit alone on it. */
  workloadAt(address: Address, name?: string): Workload | undefined;
}

/** An address's holders, units included, and the one it means where no workload is named. */
export interface Held {
  readonly by: readonly Workload[];
  readonly meant: Workload | undefined;
}

const byNobody: Held = { by: [], meant: undefined };

const precedence: Record<Exclude<WorkloadKind, 'unit'>, number> = { host: 0, container: 1, external: 2 };

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

  return {
    at,
    holdersOf: (address) => at(address).by,
    workloadAt: (address, name) => (name === undefined ? at(address).meant : workloads.get(name)),
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
