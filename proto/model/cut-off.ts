// Whom every workload of a host is cut off from: the addresses of quarantined workloads, in peer sets that carry their quarantine's name.
// Asked for each flow and each gate, so what a rule set comes to is worked out once.

import type { Address } from './address.ts';
import type { PeerSet, PeerSetId } from './rule-set.ts';

type PeerSetsById = ReadonlyMap<PeerSetId, PeerSet>;

const known = new WeakMap<PeerSetsById, ReadonlyMap<Address, PeerSet>>();

/** The sets of quarantined workloads, in the order of the rule set. */
export function cutOffSets(peerSets: PeerSetsById): readonly PeerSet[] {
  return [...peerSets.values()].filter(({ quarantine }) => quarantine !== undefined);
}

/** The quarantined workload's set that holds the address. */
export function cutOffSetOf(peerSets: PeerSetsById, address: Address): PeerSet | undefined {
  let byAddress = known.get(peerSets);
  if (byAddress === undefined) {
    byAddress = new Map(cutOffSets(peerSets).flatMap((set) => set.addresses.map((held) => [held, set] as const)));
    known.set(peerSets, byAddress);
  }
  return byAddress.get(address);
}
