// The quarantined workloads that a gate is cut off from, as one set of addresses: they meet the same denial, and one
// more of them is one more address in the gate's peer maps. Where there are none there is no set, and no rule looks for
// any.

import { type Address, familyOf } from '#model/address.ts';
import { holds, sortedByCodeUnits } from '#model/code-unit-order.ts';
import { cutOffSets } from '#model/cut-off.ts';
import type { HostRuleSet, PeerSet } from '#model/rule-set.ts';
import { type Gate, gateAt, type WorkloadGates } from './gate.ts';

/** No rule names a set of this id: what they name begins with a kind and a slash. */
export const cutOffId = 'cut off';

export interface CutOff {
  /** One set, or none at all. */
  from(gate: Gate): readonly PeerSet[];
}

/** Gates with the same exemptions share one set. Linear in the addresses for each kind of exemptions. */
export function createCutOff({ peerSets }: Pick<HostRuleSet, 'peerSets'>): CutOff {
  const sets = cutOffSets(peerSets);
  const made = new Map<string, readonly PeerSet[]>();
  return {
    from({ exemptFrom }) {
      if (sets.length === 0) return [];
      const exempt = new Set(exemptFrom.map(({ set }) => set));
      const key = JSON.stringify([...exempt]);
      const known = made.get(key);
      if (known !== undefined) return known;
      const others = exempt.size === 0 ? sets : sets.filter(({ id }) => !exempt.has(id));
      const addresses = sortedByCodeUnits(others.flatMap((set) => set.addresses));
      const found = [{ id: cutOffId, addresses, ranges: [] }];
      made.set(key, found);
      return found;
    },
  };
}

/**
 * For packets without a connection: the addresses that some container is cut off from, and the pairs that are exempt.
 */
export interface ContainerCutOff {
  readonly addresses: readonly Address[];
  /** The container's address, and the remote one that it is not cut off from. */
  readonly spared: readonly (readonly [Address, Address])[];
}

/**
 * One container's exemption is its own: the others stay cut off. Pairs are as many as exempt containers have addresses
 * that exempt them.
 */
export function cutOffFromContainers(workloads: readonly WorkloadGates[], cutOff: CutOff): ContainerCutOff {
  const containers = workloads
    .filter(({ workload }) => workload.kind === 'container')
    .flatMap(({ workload, choices }) =>
      workload.addresses.map((address) => ({ address, from: cutOff.from(gateAt(choices.inbound, address)) })),
    );
  const sets = new Set(containers.flatMap(({ from }) => from));
  const all = sortedByCodeUnits([...new Set([...sets].flatMap(({ addresses }) => addresses))]);
  const spared = containers.flatMap(({ address, from }) => {
    const own = from.flatMap(({ addresses }) => addresses);
    if (own.length === all.length) return [];
    const others = all.filter((remote) => familyOf(remote) === familyOf(address) && !holds(own, remote));
    return others.map((remote) => [address, remote] as const);
  });
  return { addresses: all, spared };
}
