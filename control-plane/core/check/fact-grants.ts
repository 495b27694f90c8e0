// Where a claim of a host would be a permission: what a rule grants to peers selected by facts, which segments have members by them, and
// whom they let hold a virtual workload's addresses. A fact is what the host says of itself, and nothing else speaks for it.

import { factPrefix } from '#model/label.ts';
import type { Selector } from '#model/selector.ts';
import type { Peer, Policy, Rule, Segment, Workload } from '#policy/policy/policy.ts';

/** The first fact that the selector asks for. Absence is claimed as easily as a value, so it does not matter how it asks. */
export function factIn(selector: Selector): string | undefined {
  switch (selector.kind) {
    case 'all':
      return undefined;
    case 'has':
    case 'in':
    case 'not-in':
      return selector.key.startsWith(factPrefix) ? selector.key : undefined;
    case 'not':
      return factIn(selector.term);
    case 'and':
    case 'or':
      return selector.terms.map(factIn).find((fact) => fact !== undefined);
  }
}

export interface FactPeer {
  readonly side: 'from' | 'to';
  readonly fact: string;
  readonly peer: string;
}

/** Peers of "from" are granted something at inbound ends, where some address may be the destination's; those of "to" at outbound ends. */
export function factPeerOf({ from, to }: Rule): FactPeer | undefined {
  const hasInboundEnd = to.some(({ kind }) => kind !== 'fqdn');
  return (hasInboundEnd ? firstBy('from', from) : undefined) ?? firstBy('to', to);
}

function firstBy(side: 'from' | 'to', peers: readonly Peer[]): FactPeer | undefined {
  for (const peer of peers) {
    if (peer.kind !== 'workloads' && peer.kind !== 'tenant' && peer.kind !== 'segment') continue;
    const fact = peer.selector === undefined ? undefined : factIn(peer.selector);
    if (fact !== undefined) return { side, fact, peer: peer.text };
  }
  return undefined;
}

/** The fact that makes members of a segment, where being one is worth something: it has rules, or rules name it. */
export function factOfMembers(segment: Segment, named: ReadonlySet<string>): string | undefined {
  if (segment.rules.length === 0 && !named.has(segment.name)) return undefined;
  return factIn(segment.selector) ?? segment.each.find((key) => key.startsWith(factPrefix));
}

/** Segments that some rule names as a peer. */
export function segmentsNamed(policy: Policy): ReadonlySet<string> {
  const named = new Set<string>();
  for (const { rules } of policy.segments.values()) {
    for (const { from, to } of rules)
      for (const peer of [...from, ...to]) if (peer.kind === 'segment') named.add(peer.segment);
  }
  return named;
}

export function factOfHolders({ holders }: Workload): string | undefined {
  return holders === undefined ? undefined : factIn(holders);
}
