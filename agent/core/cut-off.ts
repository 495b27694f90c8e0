// The quarantined workloads that a gate is cut off from, as one set of addresses: they meet the same denial, and one more of them is one
// more address in the gate's peer maps. Where there are none there is no set, and no rule looks for any.

import type { Address } from '#model/address.ts';
import { holds, sortedByCodeUnits } from '#model/code-unit-order.ts';
import { cutOffSets } from '#model/cut-off.ts';
import type { HostRuleSet, PeerSet } from '#model/rule-set.ts';
import type { Gate } from './gate.ts';

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

/** The addresses that every container of the host is cut off from. */
export function cutOffFromContainers(gates: readonly { readonly gate: Gate }[], cutOff: CutOff): readonly Address[] {
  const [first, ...others] = new Set(
    gates.filter(({ gate }) => gate.workload.kind === 'container').flatMap(({ gate }) => cutOff.from(gate)),
  );
  return (first?.addresses ?? []).filter((address) => others.every(({ addresses }) => holds(addresses, address)));
}
