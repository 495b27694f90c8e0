// What one end of a connection decides, read straight from a host's rule set: docs/reference/policy.md's layers from
// the first to the last, the first that decides ends it. Slow and plain on purpose: the kernel table must say the same,
// and flows that carry no mark of it are attributed here.

import type { Address } from './address.ts';
import { familyOf } from './address.ts';
import { rangesContain } from './address-range.ts';
import { holds } from './code-unit-order.ts';
import { cutOffSetOf } from './cut-off.ts';
import type {
  EssentialEntry,
  GuardrailDeny,
  HostRuleSet,
  LocalAddresses,
  PeerSet,
  Peers,
  SegmentRef,
  WorkloadRules,
} from './rule-set.ts';
import { type Service, type ServiceTerm, termMatches } from './service.ts';
import type { Direction, End } from './verdict.ts';

/**
 * `localAddress` is the workload's address that the packet carries, `peerAddress` the other end's, both of one family.
 * `essentials` are the host's own settings; offline there are none.
 */
export interface EndQuery {
  readonly ruleSet: HostRuleSet;
  readonly workload: string;
  readonly direction: Direction;
  readonly localAddress: Address;
  readonly peerAddress: Address;
  readonly service: Service;
  readonly essentials?: readonly EssentialEntry[];
}

/**
 * A workload that the rule set does not hold is unmanaged. Of loopback, one end can see only that the peer's address is
 * one of the workload's own: the essential entry is then named "loopback".
 */
export function evaluateEnd(query: EndQuery): End {
  const { ruleSet, workload, direction } = query;
  const rules = ruleSet.workloads.find((candidate) => candidate.workload === workload);
  if (rules === undefined) return { verdict: 'unmanaged', reason: 'unmanaged', workload };
  const { mode, grants, guardrails, selective, defaultSegment } = rules[direction];

  if (query.localAddress === query.peerAddress || rules.addresses.includes(query.peerAddress)) {
    return { verdict: 'allow', reason: 'essential', workload, essential: 'loopback' };
  }
  const essential = essentialFor(query.essentials ?? [], query);
  if (essential !== undefined) return { verdict: 'allow', reason: 'essential', workload, essential: essential.name };

  if (rules.quarantine !== undefined && !peersMatch(rules.quarantine.peers, query)) {
    return { verdict: 'deny', reason: 'quarantine', workload, quarantine: rules.quarantine.name };
  }
  const cutOff = cutOffSetOf(ruleSet.peerSets, query.peerAddress);
  if (cutOff?.quarantine !== undefined && !isExempt(rules, cutOff, query)) {
    return { verdict: 'deny', reason: 'quarantine', workload, quarantine: cutOff.quarantine };
  }

  const hits = guardrails.filter((entry) => entryHits(entry, query));
  const enforced = hits.find((entry) => entry.mode === 'enforce');
  if (enforced !== undefined) return { verdict: 'deny', reason: 'guardrail', workload, guardrail: enforced.guardrail };
  const remembered = hits[0]?.guardrail;

  if (mode === 'off') return { verdict: 'allow', reason: 'off', workload };

  const grant = grants.find((entry) => entryHits(entry, query));
  if (grant !== undefined) {
    const rule = { reason: 'rule', workload, ...refOf(grant), rule: grant.rule } as const;
    return remembered === undefined
      ? { verdict: 'allow', ...rule }
      : { verdict: 'would-deny', ...rule, guardrail: remembered };
  }

  if (mode === 'enforce') return { verdict: 'deny', reason: 'default', workload, ...refOf(defaultSegment) };
  const selected = mode === 'selective' ? selective.find(({ services }) => servicesMatch(services, query)) : undefined;
  if (selected !== undefined) return { verdict: 'deny', reason: 'default', workload, ...refOf(selected) };
  return { verdict: 'would-deny', reason: 'default', workload, ...refOf(defaultSegment) };
}

/** The first of a host's essential entries that lets this through, whatever its policy says. */
export function essentialFor(
  essentials: readonly EssentialEntry[],
  query: Pick<EndQuery, 'direction' | 'peerAddress' | 'service'>,
): EssentialEntry | undefined {
  return essentials.find(
    ({ direction, peers, services }) =>
      direction === query.direction && localMatches(peers, query.peerAddress) && servicesMatch(services, query),
  );
}

/** Whether the set holds the address; both its lists are sorted, so by two binary searches. */
export function setHolds(set: PeerSet, address: Address): boolean {
  return holds(set.addresses, address) || rangesContain(set.ranges, address);
}

type Entry = Pick<GuardrailDeny, 'peers' | 'local' | 'services'>;

function entryHits(entry: Entry, query: EndQuery): boolean {
  return (
    localMatches(entry.local, query.localAddress) &&
    servicesMatch(entry.services, query) &&
    peersMatch(entry.peers, query)
  );
}

function peersMatch(peers: Peers, { ruleSet, peerAddress }: EndQuery): boolean {
  if (peers.kind === 'any') return true;
  return peers.ids.some((id) => {
    const set = ruleSet.peerSets.get(id);
    if (set === undefined) throw new Error(`the rule set of ${ruleSet.host} lacks peer set "${id}"`);
    return setHolds(set, peerAddress);
  });
}

function isExempt({ exemptFrom = [] }: WorkloadRules, { id }: PeerSet, { localAddress }: EndQuery): boolean {
  return exemptFrom.some(({ set, local }) => set === id && localMatches(local, localAddress));
}

function localMatches(local: LocalAddresses, address: Address): boolean {
  return local.kind === 'any' || rangesContain(local.ranges, address);
}

function servicesMatch(
  terms: readonly ServiceTerm[],
  { peerAddress, service }: Pick<EndQuery, 'peerAddress' | 'service'>,
): boolean {
  const family = familyOf(peerAddress);
  return terms.some((term) => termMatches(term, family, service));
}

function refOf(ref: SegmentRef | undefined): Partial<SegmentRef> {
  if (ref === undefined) return {};
  return ref.combination === undefined
    ? { segment: ref.segment }
    : { segment: ref.segment, combination: ref.combination };
}
