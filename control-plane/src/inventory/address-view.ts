// A host's claims to addresses as operators see them, and in words what of them needs somebody.

import type { Address } from '#model/address.ts';
import { type PendingClaim, pendingText } from '#policy/claims/address-standing.ts';
import type { FleetInventory } from './fleet-inventory.ts';

export interface AddressView {
  /** What it holds, containers' aside. */
  readonly addresses: readonly Address[];
  /** Those of virtual workloads that it holds too. */
  readonly virtualAddresses: readonly { readonly address: Address; readonly workload: string }[];
  readonly pendingClaims: {
    readonly count: number;
    readonly claims: readonly { readonly address: Address; readonly reason: string }[];
  };
  readonly seenFrom?: { readonly address: Address; readonly shared: 'yes' | 'no' };
  readonly allowedAddresses?: readonly string[];
}

const claimsTold = 32;

export function addressViewOf(inventory: FleetInventory, host: string): AddressView {
  const pending = inventory.pendingOf(host);
  const seen = inventory.claims.seenOf(host);
  const ranges = inventory.host(host)?.ranges;
  return {
    addresses: inventory.addressesOf(host),
    virtualAddresses: [...inventory.claims.virtualHeldBy(host)]
      .sort()
      .map((address) => ({ address, workload: inventory.holderOf(address) ?? '' })),
    pendingClaims: { count: pending.length, claims: pending.slice(0, claimsTold).map(toldClaim) },
    ...(seen === undefined ? {} : { seenFrom: { address: seen.address, shared: seen.isShared ? 'yes' : 'no' } }),
    ...(ranges === undefined ? {} : { allowedAddresses: ranges }),
  };
}

/** Empty where there is nothing to do about the addresses of a host that is connected. */
export function addressProblem(inventory: FleetInventory, host: string): string {
  const troubles: string[] = [];
  const entry = inventory.host(host);
  if (entry?.addresses.length === 0) {
    const [known] = inventory.addressesOf(host);
    const others = known === undefined ? 'no other host knows it' : `other hosts know it by ${known} alone`;
    troubles.push(`it publishes no address: ${others}; see the setting interfaces of its agent`);
  }
  const [first, ...more] = inventory.pendingOf(host);
  if (first !== undefined) {
    const others = more.length === 0 ? '' : `, and ${more.length} more`;
    troubles.push(`address ${first.address} ${pendingText(first.reason)}${others}; see segwall agents --json`);
  }
  return troubles.join('; ');
}

function toldClaim({ address, reason }: PendingClaim): { readonly address: Address; readonly reason: string } {
  return { address, reason: pendingText(reason) };
}
