// Flows as suggestions and plans need them: what one end saw of one peer and service, added up over any span of time.

import { type Address, familyOf } from '#model/address.ts';
import { protocolNumbers, type Service, type ServiceTerm } from '#model/service.ts';
import type { Millis } from '#model/time.ts';
import type { Direction, EndVerdict, Reason } from '#model/verdict.ts';

/**
 * `host` reported it. `workload` is the end that saw it, `local` its address in the packets, `peer` the other end's. `port` is the server's port, the
 * ICMP type, or 0. `verdict` and `reason` are what this end decided then; records that differ in them are flows of their own.
 */
export interface ObservedFlow {
  readonly host: string;
  readonly workload: string;
  readonly direction: Direction;
  readonly local: Address;
  readonly peer: Address;
  readonly protocol: number;
  readonly port: number;
  readonly verdict: EndVerdict;
  readonly reason: Reason;
  readonly connections: number;
  readonly firstSeenAt: Millis;
  readonly lastSeenAt: Millis;
  /** The port that clients asked for, where NAT on the host made it `port`. */
  readonly askedPort?: number;
}

export function serviceOfFlow({ protocol, port }: Pick<ObservedFlow, 'protocol' | 'port'>): Service {
  if (portProtocolOf(protocol) !== undefined) return { protocol, port };
  if (protocol === protocolNumbers.icmp || protocol === protocolNumbers.icmpv6) return { protocol, icmpType: port };
  return { protocol };
}

/** The narrowest term that matches the flow; undefined where only one far too wide would (port or type 0, ICMP in the other family). */
export function termOfFlow({
  protocol,
  port,
  local,
}: Pick<ObservedFlow, 'protocol' | 'port' | 'local'>): ServiceTerm | undefined {
  const name = portProtocolOf(protocol);
  if (name !== undefined) return port === 0 ? undefined : { kind: 'ports', protocol: name, low: port, high: port };
  const family = familyOf(local);
  if (protocol === protocolNumbers.icmp)
    return family === 'ipv4' && port > 0 ? { kind: 'icmp', type: port } : undefined;
  if (protocol === protocolNumbers.icmpv6)
    return family === 'ipv6' && port > 0 ? { kind: 'icmpv6', type: port } : undefined;
  return { kind: 'protocol', number: protocol };
}

function portProtocolOf(protocol: number): 'tcp' | 'udp' | 'sctp' | undefined {
  return (['tcp', 'udp', 'sctp'] as const).find((name) => protocolNumbers[name] === protocol);
}
