// Which workloads an agent enforces, asked wherever "has no agent" makes a difference; and whose the addresses are that several of
// them may hold.

import type { Address } from '#model/address.ts';
import type { ManagedKind } from '#model/rule-set.ts';
import type { Workload } from './policy.ts';

/** External workloads have no agent; a virtual one has none of its own, but those of the hosts that hold it. */
export function isManaged<Kinded extends Pick<Workload, 'kind'>>(
  workload: Kinded,
): workload is Kinded & { readonly kind: ManagedKind } {
  return workload.kind !== 'external' && workload.kind !== 'virtual';
}

/** The workloads, those that hold addresses of virtual ones without these: peers know them as the virtual workload's alone. */
export function withVirtualAddressesApart(workloads: ReadonlyMap<string, Workload>): ReadonlyMap<string, Workload> {
  const virtual = virtualAddressesIn(workloads);
  if (virtual.size === 0) return workloads;
  return new Map([...workloads].map(([name, workload]) => [name, apartFrom(workload, virtual)]));
}

export function virtualAddressesIn(workloads: ReadonlyMap<string, Workload>): ReadonlySet<Address> {
  const virtual = new Set<Address>();
  for (const { kind, addresses } of workloads.values()) {
    if (kind === 'virtual') for (const address of addresses) virtual.add(address);
  }
  return virtual;
}

export function apartFrom(workload: Workload, virtual: ReadonlySet<Address>): Workload {
  if (workload.kind === 'virtual' || !workload.addresses.some((address) => virtual.has(address))) return workload;
  return { ...workload, addresses: workload.addresses.filter((address) => !virtual.has(address)) };
}
