// What looks wrong of virtual workloads, where the inventory is known: that nobody may hold one, and that one is a member of a segment
// which one of its holders is no member of. At a holder's end only the holder's own segments enforce and grant.

import { createHolders } from '#policy/judge/address-holders.ts';
import { createMatching, type Membership } from '#policy/judge/matching.ts';
import type { Inventory, Policy, Workload } from '#policy/policy/policy.ts';

export type VirtualWarning =
  | { readonly kind: 'no-holders'; readonly virtual: Workload }
  | { readonly kind: 'apart'; readonly virtual: Workload; readonly holder: string; readonly segment: string };

/** At most one of each virtual workload. */
export function* virtualWarnings(policy: Policy, inventory: Inventory): Generator<VirtualWarning> {
  const virtuals = [...inventory.workloads.values()].filter(({ kind }) => kind === 'virtual');
  if (virtuals.length === 0) return;
  const holders = createHolders(inventory.workloads);
  const matching = createMatching({ policy, inventory, holders });
  for (const virtual of virtuals) {
    const [address] = virtual.addresses;
    const hosts = address === undefined ? [] : holders.judgedAt(address, virtual.name);
    if (hosts.length === 0) {
      yield { kind: 'no-holders', virtual };
      continue;
    }
    const memberships = matching.membershipsOf(virtual);
    const apart = hosts.flatMap((host) => {
      const missing = memberships.find((own) => isWorthIt(own) && !matching.isMember(host, own));
      return missing === undefined ? [] : [{ holder: host.name, segment: missing.segment.name }];
    });
    const [first] = apart;
    if (first !== undefined) yield { kind: 'apart', virtual, ...first };
  }
}

/** A segment that neither denies nor grants is missed by nobody. */
function isWorthIt({ segment }: Membership): boolean {
  return (
    segment.rules.length > 0 ||
    [segment.inbound, segment.outbound].some((mode) => mode === 'enforce' || mode === 'selective')
  );
}
