// What one host is to enforce: the seam between the control plane's compiler and the agent. Its workloads, each with
// its own allow-lists per direction, and the peer sets those name. Labels, selectors and segments' membership are
// already resolved; when a grant holds is the host's to judge, and addresses, services and the order of layers are not
// yet nftables.

import type { Address } from './address.ts';
import type { AddressRange } from './address-range.ts';
import type { Schedule } from './schedule.ts';
import type { ServiceTerm } from './service.ts';
import type { DenyAction, EnforcementMode } from './verdict.ts';

/** Names a peer set within the fleet; equal ids mean equal sets within one revision. */
export type PeerSetId = string;

/**
 * Addresses of workloads, each once, in code-unit order; ranges normalised (address-range.ts). With `fqdn`
 * (domain-name.ts) the set also holds what the host's own resolver says of that name: the host learns it, and no
 * message carries it. A set with `quarantine` holds what a quarantined workload has, and is named by no rule: all
 * workloads are cut off from it (cut-off.ts). No address is in two.
 */
export interface PeerSet {
  readonly id: PeerSetId;
  readonly fqdn?: string;
  /** The quarantine's name. */
  readonly quarantine?: string;
  readonly addresses: readonly Address[];
  readonly ranges: readonly AddressRange[];
}

/** The remote side of a rule: every address, or the union of some sets. An empty union is no address at all. */
export type Peers = { readonly kind: 'any' } | { readonly kind: 'sets'; readonly ids: readonly PeerSetId[] };

/**
 * The local side of a rule: whichever of the workload's addresses the packet carries, or only those in some ranges (a
 * rule whose own side is a CIDR or IPList). Ranges are normalised.
 */
export type LocalAddresses =
  | { readonly kind: 'any' }
  | { readonly kind: 'ranges'; readonly ranges: readonly AddressRange[] };

/**
 * A rule's address. `combination` is that of a segment with `each`, as "app=shop,env=prod", keys in the document's
 * order.
 */
export interface SegmentRef {
  readonly segment: string;
  readonly combination?: string;
}

/** One rule of one of the workload's segments, as it applies at this end. */
export interface Grant extends SegmentRef {
  readonly rule: string;
  readonly peers: Peers;
  readonly local: LocalAddresses;
  readonly services: readonly ServiceTerm[];
  /** When it grants, judged by the host (rules-at.ts); absent where it always does. */
  readonly schedule?: Schedule;
}

/** One entry of a guardrail, as it applies at this end. */
export interface GuardrailDeny {
  readonly guardrail: string;
  readonly mode: 'observe' | 'enforce';
  readonly peers: Peers;
  readonly local: LocalAddresses;
  readonly services: readonly ServiceTerm[];
}

/**
 * The selective services of one segment that is selective in this direction. `onDeny` is there where it is not the
 * direction's.
 */
export interface SelectiveServices extends SegmentRef {
  readonly services: readonly ServiceTerm[];
  readonly onDeny?: DenyAction;
}

/**
 * One direction of one workload. `defaultSegment` is the segment that the default decision names (absent: no segment
 * selects the workload). Lists are in code-unit order of segment, combination and rule; where several entries decide,
 * the first is named. `guardrails` keep holding whatever the mode. `selective` is empty unless `mode` is selective.
 */
export interface DirectionRules {
  readonly mode: EnforcementMode;
  readonly defaultSegment?: SegmentRef;
  readonly onDeny: DenyAction;
  readonly selective: readonly SelectiveServices[];
  readonly guardrails: readonly GuardrailDeny[];
  readonly grants: readonly Grant[];
}

/** An operator's quarantine: all is denied but what `peers` exempts, which goes on to the later layers. */
export interface Quarantine {
  readonly name: string;
  readonly peers: Peers;
}

/**
 * A quarantined workload's set of addresses from which this workload is not cut off, since that quarantine names it as
 * a peer.
 */
export interface Exemption {
  readonly set: PeerSetId;
  /** For which of its own addresses. */
  readonly local: LocalAddresses;
}

export type ManagedKind = 'host' | 'unit' | 'container';

/** `unit` is present exactly where kind is unit. */
export interface WorkloadRules {
  readonly workload: string;
  readonly kind: ManagedKind;
  readonly unit?: string;
  readonly addresses: readonly Address[];
  readonly quarantine?: Quarantine;
  /** In code-unit order of the sets, each once; absent where there are none. */
  readonly exemptFrom?: readonly Exemption[];
  readonly inbound: DirectionRules;
  readonly outbound: DirectionRules;
}

/**
 * Everything one host enforces at one revision. Every id that a rule names is in `peerSets`; workloads are in code-unit
 * order.
 */
export interface HostRuleSet {
  readonly revision: number;
  readonly host: string;
  readonly workloads: readonly WorkloadRules[];
  readonly peerSets: ReadonlyMap<PeerSetId, PeerSet>;
}

/** Whose connections: of the processes of one user, by who made their sockets. */
export interface SocketOwner {
  readonly uid: number;
}

/**
 * A host's own setting that passes before any policy (docs/reference/policy.md, verdicts 1). `peers` are normalised
 * ranges, or every address. With an `owner`, it lets through connections of that one alone; whoever else asks for the
 * same is under policy.
 */
export interface EssentialEntry {
  readonly name: string;
  readonly direction: 'inbound' | 'outbound';
  readonly peers: LocalAddresses;
  readonly services: readonly ServiceTerm[];
  readonly owner?: SocketOwner;
}
