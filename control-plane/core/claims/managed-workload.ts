// Which workloads an agent enforces, asked wherever "has no agent" makes a difference; and whose the addresses are that several of
// them may hold.

import type { Address } from '#model/address.ts';
import type { ManagedKind } from '#model/rule-set.ts';
import type { Workload } from '#policy/policy/policy.ts';

/** External workloads have no agent; a virtual one has none of its own, but those of the hosts that hold it. */
export function isManaged<Kinded extends Pick<Workload, 'kind'>>(
  workload: Kinded,
): workload is Kinded & { readonly kind: ManagedKind } {
  return workload.kind !== 'external' && workload.kind !== 'virtual';
}

/** Hosts report their units and containers, and so choose how these are called. */
export function isDiscovered({ kind }: Pick<Workload, 'kind'>): boolean {
  return kind === 'unit' || kind === 'container';
}

/** "the unit nginx.service of host web-1". */
export function inHost({ unit, host }: Workload): string {
  return `${unit === undefined ? 'a container' : `the unit ${unit}`} of host ${host ?? ''}`;
}

/**
 * The live fleet's workloads and those that a policy declares. A host keeps its name, and the policy's workload of that name is nobody. A
 * discovered one gives its name up for another, which it has not been given yet: until then it stands under one that no workload can have.
 */
export function besideDeclared(
  live: Iterable<readonly [string, Workload]>,
  declared: ReadonlyMap<string, Workload>,
): Map<string, Workload> {
  const beside = new Map(declared);
  for (const [name, workload] of live) {
    const key = isDiscovered(workload) && declared.has(name) ? `${name} on ${workload.host ?? ''}` : name;
    beside.set(key, key === name ? workload : { ...workload, name: key });
  }
  return beside;
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
