// One host as the settling of addresses knows it: what it claims, what it may claim, and what came of it.

import type { Address } from '#model/address.ts';
import type { AddressRange } from '#model/address-range.ts';
import type { PendingReason } from './address-standing.ts';
import type { RememberedSeen } from './seen-addresses.ts';

/**
 * `contained`: quarantined or revoked. Such a host keeps what it has, so that what contains it holds, and gains nothing by claiming. `inside`: a unit or
 * container of it alone is. It claims as others do, and its silence ends no lease: what is inside of it is cut off by addresses of these.
 */
export type Containment = 'none' | 'inside' | 'contained';

export interface ClaimingHost {
  readonly name: string;
  /** What its agent says, its containers' included. */
  reported: ReadonlySet<Address>;
  /** Absent: neither a token nor an operator gave it any. Normalised. */
  ranges: readonly AddressRange[] | undefined;
  containment: Containment;
  /** Up time of its last disconnection; absent while it is connected. */
  absentSince: number | undefined;
  /** Its alone; those of virtual workloads are not among them. */
  readonly held: Set<Address>;
  readonly pending: Map<Address, PendingReason>;
}

/** What a store remembers of one host. */
export interface RememberedHost {
  readonly name: string;
  readonly reported: readonly Address[];
  readonly ranges: readonly AddressRange[] | undefined;
  readonly containment: Containment;
  readonly absentSince: number;
  readonly seen?: RememberedSeen;
  readonly held: readonly Address[];
}
