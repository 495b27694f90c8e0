// The fleet as a value with named parts: what its changes made of it, and nothing of who is connected. The maps are the state's own, and
// changes are applied to them in place: to copy them would cost the whole fleet at each of its changes. Nobody else writes to it.

import { FleetInventory } from '#control-plane/inventory/fleet-inventory.ts';
import type { HostHistory } from '#control-plane/inventory/host-entries.ts';
import { Enrolments, type EnrolmentsOptions } from '#control-plane/pki/enrolments.ts';
import type { CanaryState } from '#control-plane/publish/canary.ts';
import type { StoreStanding } from '#control-plane/publish/store-holding.ts';
import type { StoredAnnouncement } from '#control-plane/store/announcement.ts';
import { AddressClaims, type AddressClaimsOptions } from '#policy/claims/address-claims.ts';
import { defaultClaimLimits } from '#policy/claims/address-standing.ts';
import type { Policy } from '#policy/policy/policy.ts';

export interface ActivePolicy {
  /** The stored policy's id. */
  readonly id: number;
  /** The revision at which it was activated. */
  readonly revision: number;
  readonly policy: Policy;
  /** Why the stored policy could not be read by this version. While it holds, agents are sent nothing and keep what they have. */
  readonly problem?: string;
}

export interface FleetState extends StoreStanding {
  revision: number;
  active: ActivePolicy;
  /** The canary that runs, or how the last one ended. */
  canary: CanaryState | undefined;
  announcement: StoredAnnouncement | undefined;
  /** Changes of their tables by others that hosts told of. */
  tamperings: number;
  /** Stored policies as read, by id: a change names one by its id, and whoever runs the change has put it here. */
  readonly policies: Map<number, Policy>;
  readonly inventory: FleetInventory;
  readonly enrolments: Enrolments;
  readonly history: Map<string, HostHistory>;
  /** How long a host may be silent before it is removed; hosts that are not here, for ever. */
  readonly silenceMs: Map<string, number>;
}

export interface FleetStart extends Pick<EnrolmentsOptions, 'now' | 'elapsedMs' | 'overlapMs'> {
  readonly active: ActivePolicy;
  /** Which claims to addresses are believed, and for how long. */
  readonly claims?: Partial<AddressClaimsOptions> | undefined;
  /** What a store remembers; absent: it is empty. */
  readonly remembered?: {
    readonly revision: number;
    readonly standing: StoreStanding;
    readonly announcement: StoredAnnouncement | undefined;
  } & Pick<EnrolmentsOptions, 'stored' | 'revokedSerials'>;
}

/** Without hosts: those that a store remembers come into its inventory before the first change. */
export function fleetState({ active, claims, remembered, ...clocks }: FleetStart): FleetState {
  const { stored = [], revokedSerials = [], revision = 0, standing, announcement } = remembered ?? {};
  return {
    revision,
    active,
    canary: undefined,
    lineage: standing?.lineage ?? '',
    hold: standing?.hold,
    announcement,
    tamperings: 0,
    policies: new Map(),
    inventory: new FleetInventory(
      new AddressClaims({ limits: defaultClaimLimits, reserved: [], proxies: [], ...claims }),
    ),
    enrolments: new Enrolments({ stored, revokedSerials, ...clocks }),
    history: new Map(),
    silenceMs: new Map(),
  };
}

export function runningCanary({ canary }: Pick<FleetState, 'canary'>) {
  return canary?.state === 'running' ? canary.canary : undefined;
}
