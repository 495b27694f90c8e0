// A checked segment written back as the document it came from: every field, in docs/reference/policy.md's order, so
// that reading the text gives the same segment. Names of Services are not kept by a checked policy; their terms stand
// in their place.

import { type AddressRange, parseCidr, rangeCidrs, subtractRanges } from '#model/address-range.ts';
import { type ServiceTerm, serviceTermText } from '#model/service.ts';
import type { Peer, Rule, Segment, TimeWindow, Weekday } from './policy.ts';

/** Plain data as the yaml library writes it. */
export type Plain = string | readonly Plain[] | { readonly [key: string]: Plain };

const weekdayOrder: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

export function segmentDocument(segment: Segment): { readonly [key: string]: Plain } {
  const { name, description, selectorText, inbound, outbound, selective, onDeny, each, rules } = segment;
  return {
    apiVersion: 'segwall/v1',
    kind: 'Segment',
    metadata: { name, ...(description === undefined ? {} : { description }) },
    spec: {
      selector: selectorText,
      ...(each.length === 0 ? {} : { each }),
      inbound,
      outbound,
      ...(selective.length === 0 ? {} : { selective: servicesDocument(selective) }),
      onDeny: { inbound: onDeny.inbound, outbound: onDeny.outbound },
      rules: rules.map(ruleDocument),
    },
  };
}

export function ruleDocument(rule: Omit<Rule, 'position'>): { readonly [key: string]: Plain } {
  const { reason, owner, expiresAt, when } = rule;
  return {
    name: rule.name,
    from: rule.from.flatMap(peerDocuments),
    to: rule.to.flatMap(peerDocuments),
    services: servicesDocument(rule.services),
    ...(reason === undefined ? {} : { reason }),
    ...(owner === undefined ? {} : { owner }),
    ...(expiresAt === undefined ? {} : { expires: new Date(expiresAt).toISOString() }),
    ...(when === undefined ? {} : { when: windowDocument(when) }),
  };
}

function servicesDocument(terms: readonly ServiceTerm[]): readonly string[] {
  return terms.map(serviceTermText);
}

/** Several where ranges have no one CIDR around them, which no document makes but a caller may. */
function peerDocuments(peer: Peer): readonly Plain[] {
  switch (peer.kind) {
    case 'workloads':
      return [{ workloads: peer.text }];
    case 'tenant':
      return [{ tenant: peer.text }];
    case 'segment':
      return [{ segment: peer.segment, ...(peer.selector === undefined ? {} : { workloads: peer.text }) }];
    case 'ranges':
      return rangesDocuments(peer.ranges, peer.source);
    case 'fqdn':
      return [{ fqdn: peer.name }];
    case 'any':
      return ['any'];
  }
}

function rangesDocuments(ranges: readonly AddressRange[], source: string): readonly Plain[] {
  if (source.startsWith('ipList ')) return [{ ipList: source.slice('ipList '.length) }];
  const whole = parseCidr(source);
  if (!whole.ok) return ranges.flatMap(rangeCidrs).map((cidr) => ({ cidr }));
  const except = subtractRanges([whole.value], ranges).flatMap(rangeCidrs);
  return [{ cidr: source, ...(except.length === 0 ? {} : { except }) }];
}

function windowDocument({ days, fromMinute, toMinute, zone }: TimeWindow): Plain {
  return {
    days: weekdayOrder.filter((day) => days.has(day)),
    from: clockText(fromMinute),
    to: clockText(toMinute),
    zone,
  };
}

function clockText(minute: number): string {
  return [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, '0')).join(':');
}
