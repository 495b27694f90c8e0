// What a rule may name as a service, and what a packet's service is. A term is a set of services; a service is one
// point: protocol number with port or ICMP type. docs/reference/policy.md, "Service", is the source.

import type { Family } from './address.ts';
import { err, ok, type Result } from './result.ts';

export type PortProtocol = 'tcp' | 'udp' | 'sctp';

/** `icmp` is of IPv4 only and `icmpv6` of IPv6 only; `protocol` is all of that protocol in either family. */
export type ServiceTerm =
  | { readonly kind: 'any' }
  | { readonly kind: 'ports'; readonly protocol: PortProtocol; readonly low: number; readonly high: number }
  | { readonly kind: 'icmp'; readonly type: number | 'any' }
  | { readonly kind: 'icmpv6'; readonly type: number | 'any' }
  | { readonly kind: 'protocol'; readonly number: number };

/** One packet's or connection's service. `port` is the server's, 0 where the protocol has none; `icmpType` likewise. */
export interface Service {
  readonly protocol: number;
  readonly port?: number;
  readonly icmpType?: number;
}

export const protocolNumbers = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

const portProtocols: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp']);

/** Reads every term but the name of a Service, which only the policy's reader can resolve. */
export function parseServiceTerm(text: string): Result<ServiceTerm> {
  if (text === 'any') return ok({ kind: 'any' });
  const [name = '', value, ...rest] = text.split('/');
  if (rest.length > 0) return err(`"${text}" is not a service: more than one "/"`);
  if (portProtocols.has(name)) return parsePorts(text, name as PortProtocol, value);
  if (name === 'icmp' || name === 'icmpv6') {
    if (value === undefined) return ok({ kind: name, type: 'any' });
    const type = parseNumber(value, 255);
    return type === undefined ? err(`"${text}": an ICMP type is a number from 0 to 255`) : ok({ kind: name, type });
  }
  if (name === 'proto') {
    const number = parseNumber(value ?? '', 255);
    if (number === undefined) return err(`"${text}": a protocol number is from 0 to 255, as in proto/47`);
    return ok({ kind: 'protocol', number });
  }
  return err(
    `"${text}" is not a service: allowed are any, tcp/PORT, udp/PORT, sctp/PORT, PROTO/LOW-HIGH, icmp, icmp/TYPE, icmpv6, icmpv6/TYPE, proto/NUMBER, or the name of a Service`,
  );
}

export function serviceTermText(term: ServiceTerm): string {
  switch (term.kind) {
    case 'any':
      return 'any';
    case 'ports':
      return term.low === term.high ? `${term.protocol}/${term.low}` : `${term.protocol}/${term.low}-${term.high}`;
    case 'icmp':
    case 'icmpv6':
      return term.type === 'any' ? term.kind : `${term.kind}/${term.type}`;
    case 'protocol':
      return `proto/${term.number}`;
  }
}

export function termMatches(term: ServiceTerm, family: Family, service: Service): boolean {
  switch (term.kind) {
    case 'any':
      return true;
    case 'ports':
      return (
        service.protocol === protocolNumbers[term.protocol] &&
        service.port !== undefined &&
        term.low <= service.port &&
        service.port <= term.high
      );
    case 'icmp':
      return family === 'ipv4' && service.protocol === 1 && (term.type === 'any' || term.type === service.icmpType);
    case 'icmpv6':
      return family === 'ipv6' && service.protocol === 58 && (term.type === 'any' || term.type === service.icmpType);
    case 'protocol':
      return service.protocol === term.number;
  }
}

/** "tcp/443", "icmp/8", "proto/47": how people and records write one service. */
export function serviceText(service: Service): string {
  for (const name of ['tcp', 'udp', 'sctp'] as const) {
    if (service.protocol === protocolNumbers[name]) return `${name}/${service.port ?? 0}`;
  }
  if (service.protocol === 1) return service.icmpType === undefined ? 'icmp' : `icmp/${service.icmpType}`;
  if (service.protocol === 58) return service.icmpType === undefined ? 'icmpv6' : `icmpv6/${service.icmpType}`;
  return `proto/${service.protocol}`;
}

function parsePorts(text: string, protocol: PortProtocol, value: string | undefined): Result<ServiceTerm> {
  const [lowText = '', highText, ...rest] = (value ?? '').split('-');
  const low = parseNumber(lowText, 65535);
  const high = highText === undefined ? low : parseNumber(highText, 65535);
  if (rest.length > 0 || low === undefined || high === undefined || low < 1) {
    return err(`"${text}": a port is a number from 1 to 65535, as in ${protocol}/443 or ${protocol}/8000-8010`);
  }
  if (low > high)
    return err(`"${text}": the first port of a range is not above the last; write ${protocol}/${high}-${low}`);
  return ok({ kind: 'ports', protocol, low, high });
}

function parseNumber(text: string, greatest: number): number | undefined {
  if (!/^(0|[1-9]\d{0,4})$/.test(text)) return undefined;
  const value = Number(text);
  return value <= greatest ? value : undefined;
}
