// What keeps a lost host away from the others: its quarantine, or the revocation of its certificates, which counts as a quarantine that names no
// peers. Who is contained, by what, and which addresses the others cut off for it (docs/decisions/containment.md). Values in, values out.

import type { Address } from '#model/address.ts';
import type { AddressClaims } from '#policy/claims/address-claims.ts';
import type { Containment } from '#policy/claims/claiming-host.ts';

interface Contained {
  readonly quarantine?: readonly string[];
  readonly isRevoked?: boolean;
}

/** Of the inventory, what tells whose an address is. */
interface Holdings {
  readonly claims: Pick<AddressClaims, 'heldBy'>;
  host(name: string): object | undefined;
  container(name: string): BoxedContainer | undefined;
}

interface BoxedContainer {
  readonly host: { readonly name: string };
  readonly container: { readonly reachable: readonly Address[] };
}

/** Peers that a host may keep; undefined where nothing contains it. */
export function peersKept({ quarantine, isRevoked }: Contained): readonly string[] | undefined {
  return quarantine ?? (isRevoked === true ? [] : undefined);
}

interface Holder extends Contained {
  readonly units: ReadonlyMap<string, Contained>;
  readonly containers: ReadonlyMap<string, Contained>;
}

/**
 * Whether the host is contained, or something inside of it alone. Who would forget a host, or take what it holds, asks this: with a host goes what is
 * inside of it, and only an operator ends a containment.
 */
export function containmentWithin(host: Holder): Containment {
  if (peersKept(host) !== undefined) return 'contained';
  for (const inside of [host.units, host.containers])
    for (const one of inside.values()) if (peersKept(one) !== undefined) return 'inside';
  return 'none';
}

/**
 * What the others cut off where this workload is contained, in order. Nothing for a unit: they know it by its host's addresses, so its
 * quarantine holds on its host alone.
 */
export function cutOffAddresses(inventory: Holdings, name: string): readonly Address[] {
  const { claims } = inventory;
  const boxed = inventory.host(name) === undefined ? inventory.container(name) : undefined;
  const own = boxed?.container.reachable.filter((address) => claims.heldBy(boxed.host.name).has(address));
  return [...(own ?? claims.heldBy(name))].sort();
}

/** In one audit entry. */
const addressesTold = 32;

export function cutOffDetails(addresses: readonly Address[]) {
  return { cutOff: addresses.slice(0, addressesTold), cutOffCount: addresses.length };
}
