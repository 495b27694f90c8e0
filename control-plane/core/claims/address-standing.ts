// What can be said of one host's claim to one address, as values and in words. The words are for operators and for the host itself.

import type { Address } from '#model/address.ts';

/** Why an address that a host claims is not its own: until that ends it matches no peer by that claim. */
export type PendingReason =
  | { readonly kind: 'held-by'; readonly holder: string }
  | { readonly kind: 'not-a-holder'; readonly virtual: string }
  | { readonly kind: 'outside-ranges' }
  | { readonly kind: 'reserved' }
  | { readonly kind: 'too-many'; readonly allowed: number }
  | { readonly kind: 'shared-seen-address' }
  | { readonly kind: 'contained' };

export interface PendingClaim {
  readonly address: Address;
  readonly reason: PendingReason;
}

export interface ClaimLimits {
  /** Addresses that a host without ranges may hold besides the one it is seen talking from. */
  readonly withoutRanges: number;
  /** From a holder's last connection until a newcomer that is seen talking from its address gets it. */
  readonly graceMs: number;
  /** From a host's last connection until it loses its addresses, in time that the control plane was up. */
  readonly leaseMs: number;
}

export const defaultClaimLimits: ClaimLimits = {
  withoutRanges: 16,
  graceMs: 5 * 60_000,
  leaseMs: 7 * 86_400_000,
};

/** What came of claims by themselves, that operators must be able to look up. */
export type ClaimEvent =
  | { readonly kind: 'passed'; readonly address: Address; readonly from: string; readonly to: string }
  | { readonly kind: 'lease-ended'; readonly host: string; readonly addresses: readonly Address[] };

/** "is held by web-1". */
export function pendingText(reason: PendingReason): string {
  switch (reason.kind) {
    case 'held-by':
      return `is held by ${reason.holder}`;
    case 'not-a-holder':
      return `belongs to virtual workload ${reason.virtual}, whose holders do not select this host`;
    case 'outside-ranges':
      return 'is outside of the ranges that this host may claim';
    case 'reserved':
      return 'is reserved: of the control plane, a proxy or a reserved range';
    case 'too-many':
      return `is beyond the ${reason.allowed} that a host without ranges may claim`;
    case 'shared-seen-address':
      return 'is one that several hosts talk from';
    case 'contained':
      return 'is claimed by a host that is quarantined or revoked';
  }
}
