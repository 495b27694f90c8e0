// Whether one rule of a segment grants nothing that another does not: told from what is written, peer by peer and term by
// term, so a no may be wrong and a yes never is.

import { type AddressRange, rangeText, subtractRanges } from '#model/address-range.ts';
import { protocolNumbers, type ServiceTerm } from '#model/service.ts';
import type { Peer, Rule, TimeWindow } from '#policy/policy/policy.ts';
import { selectorText } from '#policy/policy/selector-text.ts';

export function isRuleCovered(rule: Rule, other: Rule): boolean {
  return (
    isTimeCovered(rule, other) &&
    rule.from.every((peer) => other.from.some((candidate) => isPeerCovered(peer, candidate))) &&
    rule.to.every((peer) => other.to.some((candidate) => isPeerCovered(peer, candidate))) &&
    rule.services.every((term) => other.services.some((candidate) => isTermCovered(term, candidate)))
  );
}

function isTimeCovered(rule: Rule, other: Rule): boolean {
  const lasts = other.expiresAt === undefined || (rule.expiresAt !== undefined && rule.expiresAt <= other.expiresAt);
  return (
    lasts && (other.when === undefined || (rule.when !== undefined && windowText(rule.when) === windowText(other.when)))
  );
}

function windowText({ days, fromMinute, toMinute, zone }: TimeWindow): string {
  return `${[...days].sort().join()} ${fromMinute} ${toMinute} ${zone}`;
}

function isPeerCovered(peer: Peer, other: Peer): boolean {
  if (other.kind === 'any') return true;
  if (peer.kind === 'ranges' && other.kind === 'ranges') return isWithin(peer.ranges, other.ranges);
  return peerKey(peer) === peerKey(other);
}

function isWithin(ranges: readonly AddressRange[], others: readonly AddressRange[]): boolean {
  return subtractRanges(ranges, others).length === 0;
}

const peerKeys = new WeakMap<Peer, string>();

/** Equal only for peers that mean the same, in the same place. Kept, since selectors and lists of ranges can be long. */
export function peerKey(peer: Peer): string {
  const known = peerKeys.get(peer);
  if (known !== undefined) return known;
  const key = writtenKey(peer);
  peerKeys.set(peer, key);
  return key;
}

function writtenKey(peer: Peer): string {
  switch (peer.kind) {
    case 'any':
      return 'any';
    case 'workloads':
    case 'tenant':
      return `${peer.kind} ${selectorText(peer.selector)}`;
    case 'segment':
      return `segment ${peer.segment} ${peer.selector === undefined ? '' : selectorText(peer.selector)}`;
    case 'ranges':
      return `ranges ${peer.ranges.map(rangeText).join()}`;
    case 'fqdn':
      return `fqdn ${peer.name}`;
  }
}

function isTermCovered(term: ServiceTerm, other: ServiceTerm): boolean {
  if (other.kind === 'any') return true;
  if (other.kind === 'protocol') {
    if (term.kind === 'protocol') return term.number === other.number;
    if (term.kind === 'ports') return protocolNumbers[term.protocol] === other.number;
    return term.kind !== 'any' && protocolNumbers[term.kind] === other.number;
  }
  if (term.kind === 'ports' && other.kind === 'ports') {
    return term.protocol === other.protocol && other.low <= term.low && term.high <= other.high;
  }
  if ((term.kind === 'icmp' || term.kind === 'icmpv6') && term.kind === other.kind) {
    return other.type === 'any' || other.type === term.type;
  }
  return false;
}
