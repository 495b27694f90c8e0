// The judge of a suggested rule: whether it would grant, at any member of any combination of the segment, a peer address that was
// neither seen there for that service nor allowed before. Works on what the compiler would make of the rule, so nothing that
// the rule would really do escapes it.

import { type Address, addressFromValue, familyOf } from '#model/address.ts';
import { rangesContain } from '#model/address-range.ts';
import { evaluateEnd } from '#model/evaluate.ts';
import { type ServiceTerm, serviceTermText } from '#model/service.ts';
import type { Direction } from '#model/verdict.ts';
import { isManaged } from '#policy/claims/managed-workload.ts';
import type { CompiledFleet } from '#policy/compile/compile.ts';
import { type PeerList, PeerSets } from '#policy/compile/peer-sets.ts';
import type { Inventory, Peer } from '#policy/policy/policy.ts';
import type { LabelIndex, WorkloadNumber } from '#policy/select/label-index.ts';
import type { Combination, SegmentMembers } from '#policy/select/segment-members.ts';
import { serviceOfFlow } from './observed-flow.ts';
import { addressesOf, type Pair } from './observed-pairs.ts';

interface BoundsParts {
  readonly index: LabelIndex;
  readonly segments: SegmentMembers;
  readonly inventory: Inventory;
  /** The policy without the suggestion, everything enforced. */
  readonly enforced: CompiledFleet;
  readonly combinations: readonly Combination[];
  readonly pairs: readonly Pair[];
}

interface Sides {
  readonly from: readonly Peer[];
  readonly to: readonly Peer[];
}

export class GrantBounds {
  readonly #parts: BoundsParts;
  readonly #peerSets: PeerSets;
  readonly #wanted = new Map<string, Set<Address>>();
  /** Every combination of a segment tends to ask about the same wording first. */
  readonly #answers = new Map<string, boolean>();

  constructor(parts: BoundsParts) {
    this.#parts = parts;
    const { index, segments, inventory } = parts;
    this.#peerSets = new PeerSets({ index, segments, resolutions: inventory.resolutions });
    for (const { client, server, term } of parts.pairs) {
      if (typeof client === 'number')
        this.#want(endKey(client, 'outbound', term), addressesOf(server, index.workloads));
      if (typeof server === 'number') this.#want(endKey(server, 'inbound', term), addressesOf(client, index.workloads));
    }
  }

  /** Whether the rule grants nothing beyond the bounds. Its address peers are single addresses. */
  holds(rule: Sides, term: ServiceTerm): boolean {
    const key = JSON.stringify([serviceTermText(term), [rule.from, rule.to].map((peers) => peers.map(peerText))]);
    const answer = this.#answers.get(key) ?? this.#judge(rule, term);
    this.#answers.set(key, answer);
    return answer;
  }

  #judge(rule: Sides, term: ServiceTerm): boolean {
    return this.#parts.combinations.every((combination) => {
      const from = this.#peerSets.list(rule.from, combination);
      const to = this.#peerSets.list(rule.to, combination);
      return [...combination.members].every(
        (member) =>
          this.#holdsAt({ member, direction: 'outbound', local: from, remote: to, term }) &&
          this.#holdsAt({ member, direction: 'inbound', local: to, remote: from, term }),
      );
    });
  }

  #want(key: string, addresses: readonly Address[]): void {
    const wanted = this.#wanted.get(key) ?? new Set();
    for (const address of addresses) wanted.add(address);
    this.#wanted.set(key, wanted);
  }

  #holdsAt(end: BoundedEnd): boolean {
    const { member, direction, local, remote, term } = end;
    const workload = this.#parts.index.workloads[member];
    if (workload?.kind === 'virtual' && local.matches(member)) return this.#isWanted(end);
    if (workload === undefined || !isManaged(workload)) return true;
    const own = local.matches(member)
      ? workload.addresses
      : workload.addresses.filter((address) => rangesContain(local.asLocal, address));
    if (own.length === 0) return true;
    const wanted = this.#wanted.get(endKey(member, direction, term));
    return this.#addresses(remote).every(
      (peer) => wanted?.has(peer) || workload.addresses.includes(peer) || this.#isAllowed(end, own, peer),
    );
  }

  /** What lands at the hosts that may hold a virtual workload's addresses is only what was seen there. */
  #isWanted({ member, direction, remote, term }: BoundedEnd): boolean {
    const wanted = this.#wanted.get(endKey(member, direction, term));
    return this.#addresses(remote).every((peer) => wanted?.has(peer) === true);
  }

  #addresses(remote: PeerList): readonly Address[] {
    if (remote.asRemote.kind === 'any') return [];
    return remote.asRemote.ids.flatMap((id) => {
      const { addresses, ranges } = this.#peerSets.get(id);
      return [...addresses, ...ranges.map(({ family, first }) => addressFromValue(family, first))];
    });
  }

  #isAllowed({ member, direction, term }: BoundedEnd, local: readonly Address[], peer: Address): boolean {
    const workload = this.#parts.index.workloads[member];
    const ruleSet = workload?.host === undefined ? undefined : this.#parts.enforced.ruleSetOf(workload.host, 0);
    if (workload === undefined || ruleSet === undefined) return true;
    return local
      .filter((address) => familyOf(address) === familyOf(peer))
      .every((localAddress) => {
        const service = serviceOfTerm(term);
        const query = { ruleSet, workload: workload.name, direction, localAddress, peerAddress: peer, service };
        return evaluateEnd(query).reason === 'rule';
      });
  }
}

interface BoundedEnd {
  readonly member: WorkloadNumber;
  readonly direction: Direction;
  readonly local: PeerList;
  readonly remote: PeerList;
  readonly term: ServiceTerm;
}

function peerText(peer: Peer): string {
  return `${peer.kind} ${peer.kind === 'ranges' ? peer.source : 'text' in peer ? peer.text : ''}`;
}

function endKey(workload: WorkloadNumber, direction: Direction, term: ServiceTerm): string {
  return `${workload} ${direction} ${serviceTermText(term)}`;
}

/** Suggested terms are points: one port, one ICMP type, one protocol. */
function serviceOfTerm(term: ServiceTerm): ReturnType<typeof serviceOfFlow> {
  switch (term.kind) {
    case 'ports':
      return serviceOfFlow({ protocol: { tcp: 6, udp: 17, sctp: 132 }[term.protocol], port: term.low });
    case 'icmp':
      return { protocol: 1, icmpType: term.type === 'any' ? 0 : term.type };
    case 'icmpv6':
      return { protocol: 58, icmpType: term.type === 'any' ? 0 : term.type };
    case 'protocol':
      return { protocol: term.number };
    case 'any':
      return { protocol: 255 };
  }
}
