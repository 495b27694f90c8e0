// One service of each class that a policy can tell apart: terms cut the space of services at their ends, and between two cuts
// every service is judged alike. Trying one of each is trying all of them.

import type { Family } from '#model/address.ts';
import { type PortProtocol, protocolNumbers, type Service, type ServiceTerm, termMatches } from '#model/service.ts';
import type { Policy } from '#policy/policy/policy.ts';

const portProtocols: readonly PortProtocol[] = ['tcp', 'udp', 'sctp'];
const portProtocolNumbers: readonly number[] = portProtocols.map((name) => protocolNumbers[name]);

/** Where the policy's terms begin and just after they end, by protocol. */
export interface ServiceCuts {
  /** Ascending first ports of classes; the first is 1. */
  readonly ports: ReadonlyMap<PortProtocol, readonly number[]>;
  /** ICMP types that some term names, and one that none does, if there is one. */
  readonly icmpTypes: readonly number[];
  readonly icmpv6Types: readonly number[];
  /** Protocols without ports that some term names, and one that none does. */
  readonly protocols: readonly number[];
}

export function serviceCuts(terms: Iterable<ServiceTerm>): ServiceCuts {
  const ports = new Map(portProtocols.map((name) => [name, new Set([1])]));
  const icmpTypes = new Set<number>();
  const icmpv6Types = new Set<number>();
  const protocols = new Set<number>([protocolNumbers.icmp, protocolNumbers.icmpv6]);
  for (const term of terms) {
    if (term.kind === 'ports') {
      ports.get(term.protocol)?.add(term.low);
      if (term.high < 65535) ports.get(term.protocol)?.add(term.high + 1);
    }
    if (term.kind === 'icmp' && term.type !== 'any') icmpTypes.add(term.type);
    if (term.kind === 'icmpv6' && term.type !== 'any') icmpv6Types.add(term.type);
    if (term.kind === 'protocol' && !portProtocolNumbers.includes(term.number)) protocols.add(term.number);
  }
  addUnnamed(icmpTypes, []);
  addUnnamed(icmpv6Types, []);
  addUnnamed(protocols, portProtocolNumbers);
  return {
    ports: new Map([...ports].map(([name, cuts]) => [name, ascending(cuts)])),
    icmpTypes: ascending(icmpTypes),
    icmpv6Types: ascending(icmpv6Types),
    protocols: ascending(protocols),
  };
}

/** All terms of rules, guardrails and selective lists. */
export function policyTerms(policy: Policy): readonly ServiceTerm[] {
  const terms: ServiceTerm[] = [];
  for (const segment of policy.segments.values()) {
    terms.push(...segment.selective, ...segment.rules.flatMap((rule) => rule.services));
  }
  for (const guardrail of policy.guardrails.values()) terms.push(...guardrail.deny.flatMap((entry) => entry.services));
  return terms;
}

/** Services of the family that `terms` hold, one per class of the policy. `cuts` must include those of `terms` themselves. */
export function representativeServices(
  terms: readonly ServiceTerm[],
  family: Family,
  cuts: ServiceCuts,
): readonly Service[] {
  return allServices(family, cuts).filter((service) => terms.some((term) => termMatches(term, family, service)));
}

function allServices(family: Family, cuts: ServiceCuts): readonly Service[] {
  const services: Service[] = [];
  for (const [name, ports] of cuts.ports) {
    for (const port of ports) services.push({ protocol: protocolNumbers[name], port });
  }
  for (const protocol of cuts.protocols) {
    const isOwn = protocol === (family === 'ipv4' ? protocolNumbers.icmp : protocolNumbers.icmpv6);
    if (!isOwn) services.push({ protocol });
    else
      for (const icmpType of family === 'ipv4' ? cuts.icmpTypes : cuts.icmpv6Types)
        services.push({ protocol, icmpType });
  }
  return services;
}

/** The least of 0 to 255 that is neither named nor taken otherwise; nothing where all are. */
function addUnnamed(named: Set<number>, taken: readonly number[]): void {
  for (let number = 0; number <= 255; number += 1) {
    if (named.has(number) || taken.includes(number)) continue;
    named.add(number);
    return;
  }
}

function ascending(numbers: Iterable<number>): readonly number[] {
  return [...numbers].sort((a, b) => a - b);
}
