// Service terms between the model and the message, with every number checked on the way in.

import type { PortProtocol, ServiceTerm } from '#model/service.ts';
import { createEnumCodec } from './enum-codec.ts';
import type { segwall } from './generated.js';
import { limits } from './limits.ts';
import { v1 } from './protobuf.ts';
import { boundedCount, refuseUnless } from './refusal.ts';

type Message = segwall.v1.ServiceTerm.$Properties;
type WireKind = 'any' | PortProtocol | 'icmp' | 'icmp type' | 'icmpv6' | 'icmpv6 type' | 'protocol';

const kinds = createEnumCodec<WireKind, segwall.v1.ServiceKind>('service kind', {
  any: v1.ServiceKind.SERVICE_ANY,
  tcp: v1.ServiceKind.SERVICE_TCP,
  udp: v1.ServiceKind.SERVICE_UDP,
  sctp: v1.ServiceKind.SERVICE_SCTP,
  icmp: v1.ServiceKind.SERVICE_ICMP,
  'icmp type': v1.ServiceKind.SERVICE_ICMP_TYPE,
  icmpv6: v1.ServiceKind.SERVICE_ICMPV6,
  'icmpv6 type': v1.ServiceKind.SERVICE_ICMPV6_TYPE,
  protocol: v1.ServiceKind.SERVICE_PROTOCOL,
});

export function encodeServices(terms: readonly ServiceTerm[]): Message[] {
  return terms.map(encodeTerm);
}

export function decodeServices(messages: readonly Message[] | null | undefined, where: string): ServiceTerm[] {
  boundedCount(messages?.length ?? 0, limits.servicesPerRule, `${where}, services`);
  return (messages ?? []).map((message) => decodeTerm(message, `${where}, services`));
}

function encodeTerm(term: ServiceTerm): Message {
  switch (term.kind) {
    case 'any':
      return { kind: kinds.encode('any') };
    case 'ports':
      return { kind: kinds.encode(term.protocol), low: term.low, high: term.high };
    case 'icmp':
    case 'icmpv6':
      if (term.type === 'any') return { kind: kinds.encode(term.kind) };
      return { kind: kinds.encode(`${term.kind} type`), low: term.type, high: term.type };
    case 'protocol':
      return { kind: kinds.encode('protocol'), low: term.number, high: term.number };
  }
}

function decodeTerm(message: Message, where: string): ServiceTerm {
  const kind = kinds.decode(message.kind ?? 0, where);
  const low = message.low ?? 0;
  const high = message.high ?? 0;
  const found = () => `${kind} with ${low} to ${high}`;
  switch (kind) {
    case 'any':
      refuseUnless(low === 0 && high === 0, where, found, 'no numbers');
      return { kind };
    case 'tcp':
    case 'udp':
    case 'sctp':
      refuseUnless(1 <= low && low <= high && high <= 65535, where, found, 'ports 1 to 65535, low ≤ high');
      return { kind: 'ports', protocol: kind, low, high };
    case 'icmp':
    case 'icmpv6':
      refuseUnless(low === 0 && high === 0, where, found, 'no numbers');
      return { kind, type: 'any' };
    case 'icmp type':
    case 'icmpv6 type':
      refuseUnless(low === high && low <= 255, where, found, 'one number from 0 to 255');
      return { kind: kind === 'icmp type' ? 'icmp' : 'icmpv6', type: low };
    case 'protocol':
      refuseUnless(low === high && low <= 255, where, found, 'one number from 0 to 255');
      return { kind, number: low };
  }
}
