// The state that a store remembers: where changes go on from at a start.

import { storedEntries } from '#control-plane/inventory/host-entries.ts';
import type { StoredFleet } from '#control-plane/store/hosts.ts';
import type { Store } from '#control-plane/store/store.ts';
import { type FleetStart, type FleetState, fleetState } from './fleet-state.ts';

export interface RememberedFleet {
  readonly state: FleetState;
  readonly stored: StoredFleet;
}

/** `active` is the policy of the store's last activation, checked. */
export async function rememberedFleet(
  given: Omit<FleetStart, 'remembered'> & { readonly store: Store; readonly tenant: string },
): Promise<RememberedFleet> {
  const { store, tenant, now, active } = given;
  const stored = await store.loadFleet({ tenant, now: now() });
  const { revision, revokedSerials, enrolments } = stored;
  const { lineage, hold } = await store.readLineage({ tenant });
  const announcement = await store.readAnnouncement({ tenant });
  const remembered = { revision, revokedSerials, stored: enrolments, standing: { lineage, hold }, announcement };
  const state = fleetState({ ...given, remembered });
  for (const { entry, history, remembered: claims } of storedEntries(stored)) {
    state.history.set(entry.name, history);
    state.inventory.rememberHost(entry, claims);
  }
  for (const { name, ephemeralMs } of stored.hosts)
    if (ephemeralMs !== undefined) state.silenceMs.set(name, ephemeralMs);
  state.inventory.claims.remembered();
  state.inventory.setDeclared(active.policy.workloads);
  return { state, stored };
}
