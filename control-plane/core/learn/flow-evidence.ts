// Who saw a flow. What one host says of a connection is its word alone; between two hosts that both report, a connection that happened
// was seen at both ends. Counts as seen where the other host reported the same service with an address of this end, at any time of the
// flows given. Where ports are translated on the way (a container's published port) the two ends speak of different services.

import type { Address } from '#model/address.ts';
import { sortedByCodeUnits } from '#model/code-unit-order.ts';
import type { Millis } from '#model/time.ts';
import type { Direction, EndVerdict } from '#model/verdict.ts';
import type { Workload } from '#policy/policy/policy.ts';
import type { ObservedFlow } from './observed-flow.ts';

/**
 * Why the other end did not report it too. `did-not-see`: its host reported other flows since, and not this one. `silent`: it reported
 * nothing since. `away`: nothing since, and its agent is not connected. `denied-here`: this end kept it from getting there.
 */
export const remoteEnds = ['did-not-see', 'silent', 'away', 'denied-here'] as const;
export type RemoteEnd = (typeof remoteEnds)[number];

/** Which end alone reported a connection between two managed hosts, and what became of the other. */
export interface OneEnd {
  readonly seenBy: 'client' | 'server';
  /** The host that did not report it. */
  readonly remoteHost: string;
  readonly remoteEnd: RemoteEnd;
}

/** `ends` is absent where the other end is no managed workload, or on the same host: then there is nobody else to ask. */
export interface FlowEvidence {
  /** Hosts that reported it, in order. */
  readonly reporters: readonly string[];
  readonly ends?: 'both' | OneEnd;
}

export interface RemoteReport {
  readonly direction: Direction;
  readonly verdict: EndVerdict;
  readonly firstSeenAt: Millis;
  /** When the other host's newest report is of, or came. */
  readonly newestOfRemote: Millis | undefined;
  readonly isRemoteConnected: boolean;
}

export function remoteEndOf({
  direction,
  verdict,
  firstSeenAt,
  newestOfRemote,
  isRemoteConnected,
}: RemoteReport): RemoteEnd {
  if (direction === 'outbound' && verdict === 'deny') return 'denied-here';
  if (newestOfRemote !== undefined && newestOfRemote >= firstSeenAt) return 'did-not-see';
  return isRemoteConnected ? 'silent' : 'away';
}

export interface EvidenceParts {
  readonly workloads: ReadonlyMap<string, Workload>;
  /** All there are, also those of which nothing is asked. */
  readonly flows: Iterable<ObservedFlow>;
  /** Hosts whose agents are connected now; all, where it is not given. */
  readonly connected?: ReadonlySet<string>;
}

export class FlowSightings {
  readonly #workloads: EvidenceParts['workloads'];
  readonly #connected: ReadonlySet<string> | undefined;
  readonly #hosts = new Map<Address, Set<string>>();
  readonly #newest = new Map<string, Millis>();
  /** By host, then by direction and service: the addresses at the other end. */
  readonly #peers = new Map<string, Map<number, Set<Address>>>();

  constructor({ workloads, flows, connected }: EvidenceParts) {
    this.#workloads = workloads;
    this.#connected = connected;
    for (const { host, addresses } of workloads.values()) {
      if (host === undefined) continue;
      for (const address of addresses) entryOf(this.#hosts, address, () => new Set()).add(host);
    }
    for (const flow of flows) {
      const services = entryOf(this.#peers, flow.host, () => new Map<number, Set<Address>>());
      entryOf(services, codeOf(flow.direction, flow), () => new Set()).add(flow.peer);
      const newest = this.#newest.get(flow.host);
      if (newest === undefined || flow.lastSeenAt > newest) this.#newest.set(flow.host, flow.lastSeenAt);
    }
  }

  evidenceOf(flow: ObservedFlow): FlowEvidence {
    const { host, direction, peer, verdict, firstSeenAt } = flow;
    const remote = this.#hosts.get(peer);
    if (remote === undefined || remote.has(host)) return { reporters: [host] };
    const code = codeOf(direction === 'inbound' ? 'outbound' : 'inbound', flow);
    // Others may know this end by another of its addresses than the packet's here: its host's, behind which a container is.
    const local = [flow.local, ...(this.#workloads.get(flow.workload)?.addresses ?? [])];
    const saw = [...remote].filter((other) => {
      const peers = this.#peers.get(other)?.get(code);
      return peers !== undefined && local.some((address) => peers.has(address));
    });
    if (saw.length > 0) return { reporters: sortedByCodeUnits([host, ...saw]), ends: 'both' };
    const [remoteHost = ''] = sortedByCodeUnits(remote);
    const newestOfRemote = this.#newest.get(remoteHost);
    const isRemoteConnected = this.#connected?.has(remoteHost) ?? true;
    const remoteEnd = remoteEndOf({ direction, verdict, firstSeenAt, newestOfRemote, isRemoteConnected });
    return {
      reporters: [host],
      ends: { seenBy: direction === 'outbound' ? 'client' : 'server', remoteHost, remoteEnd },
    };
  }
}

/** Of two sightings of one pair: seen by both ends once is seen; else the reason that weighs most is told. */
export function joinedEvidence(a: FlowEvidence, b: FlowEvidence): FlowEvidence {
  if (a === b) return a;
  const reporters = sortedByCodeUnits(new Set([...a.reporters, ...b.reporters]));
  const ends = joinedEnds(a.ends, b.ends);
  return { reporters, ...(ends === undefined ? {} : { ends }) };
}

function joinedEnds(a: FlowEvidence['ends'], b: FlowEvidence['ends']): FlowEvidence['ends'] {
  if (a === undefined || b === undefined) return a ?? b;
  if (a === 'both' || b === 'both') return 'both';
  return remoteEnds.indexOf(a.remoteEnd) <= remoteEnds.indexOf(b.remoteEnd) ? a : b;
}

/** "api-1 reports flows, and not this one". */
export function remoteEndText({ remoteEnd, remoteHost }: Pick<OneEnd, 'remoteEnd' | 'remoteHost'>): string {
  switch (remoteEnd) {
    case 'did-not-see':
      return `${remoteHost} reports flows, and not this one`;
    case 'silent':
      return `${remoteHost} has reported nothing since`;
    case 'away':
      return `the agent of ${remoteHost} is away`;
    case 'denied-here':
      return `it was denied before it came to ${remoteHost}`;
  }
}

function codeOf(direction: Direction, { protocol, port }: Pick<ObservedFlow, 'protocol' | 'port'>): number {
  return (direction === 'inbound' ? 0 : 1 << 24) + (protocol << 16) + port;
}

function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
