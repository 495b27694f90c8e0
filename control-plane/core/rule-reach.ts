// Whom of an inventory the two sides of a rule can mean. For warnings: combinations of `each` are taken together, and time is
// left out of account.

import { addressValue, familyOf } from '#model/address.ts';
import { rangesContainValue } from '#model/address-range.ts';
import type { ServiceTerm } from '#model/service.ts';
import { protocolNumbers } from '#model/service.ts';
import type { Matching } from './matching.ts';
import type { Peer, Workload } from './policy.ts';

export interface RuleReach {
  /** Workloads that some peer of the side matches. */
  readonly from: ReadonlySet<Workload>;
  readonly to: ReadonlySet<Workload>;
  /** Whether the side also means addresses of nobody known: any, a range, a name. */
  readonly fromIsOpen: boolean;
  readonly toIsOpen: boolean;
  /** Those matched by their labels, not by an address. */
  readonly selected: { readonly from: ReadonlySet<Workload>; readonly to: ReadonlySet<Workload> };
}

export interface ReachInput {
  readonly matching: Matching;
  readonly workloads: readonly Workload[];
  /** Members of the rule's segment; undefined in a guardrail, where `workloads` selects in the whole tenant. */
  readonly members: ReadonlySet<Workload> | undefined;
  readonly match: { readonly from: readonly Peer[]; readonly to: readonly Peer[] };
}

export function reachOf({ matching, workloads, members, match }: ReachInput): RuleReach {
  const side = (peers: readonly Peer[]): Set<Workload> => {
    const found = new Set<Workload>();
    for (const peer of peers) {
      const among = peer.kind === 'workloads' && members !== undefined ? members : workloads;
      for (const workload of among) if (means(matching, peer, workload)) found.add(workload);
    }
    return found;
  };
  const bySelector = (peers: readonly Peer[]) => peers.filter((peer) => !isOpen(peer));
  const selected = { from: side(bySelector(match.from)), to: side(bySelector(match.to)) };
  return {
    from: match.from.some(isOpen) ? side(match.from) : selected.from,
    to: match.to.some(isOpen) ? side(match.to) : selected.to,
    fromIsOpen: match.from.some(isOpen),
    toIsOpen: match.to.some(isOpen),
    selected,
  };
}

function isOpen(peer: Peer): boolean {
  return peer.kind === 'any' || peer.kind === 'ranges' || peer.kind === 'fqdn';
}

function means(matching: Matching, peer: Peer, workload: Workload): boolean {
  switch (peer.kind) {
    case 'any':
      return true;
    case 'ranges':
      return workload.addresses.some((address) =>
        rangesContainValue(peer.ranges, familyOf(address), addressValue(address)),
      );
    case 'fqdn':
      return false;
    case 'tenant':
      return matching.selects(peer.selector, workload);
    case 'workloads':
      return matching.selects(peer.selector, workload);
    case 'segment':
      return (
        (peer.selector === undefined || matching.selects(peer.selector, workload)) &&
        matching.membershipsOf(workload).some(({ segment }) => segment.name === peer.segment)
      );
  }
}

/** Whether some service is in both. */
export function termsOverlap(some: readonly ServiceTerm[], others: readonly ServiceTerm[]): boolean {
  return some.some((a) => others.some((b) => overlap(a, b) || overlap(b, a)));
}

function overlap(a: ServiceTerm, b: ServiceTerm): boolean {
  if (a.kind === 'any') return true;
  if (a.kind === 'ports' && b.kind === 'ports') return a.protocol === b.protocol && a.low <= b.high && b.low <= a.high;
  if (a.kind === 'protocol' && b.kind === 'protocol') return a.number === b.number;
  if (a.kind === 'protocol' && b.kind === 'ports') return a.number === protocolNumbers[b.protocol];
  if (a.kind === 'protocol' && (b.kind === 'icmp' || b.kind === 'icmpv6')) return a.number === protocolNumbers[b.kind];
  if ((a.kind === 'icmp' || a.kind === 'icmpv6') && b.kind === a.kind)
    return a.type === 'any' || b.type === 'any' || a.type === b.type;
  return false;
}
