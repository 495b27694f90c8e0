// A policy that has been read and checked: every name resolved, every selector parsed, every list normalised. What check
// makes, and what the oracle, the compiler, plan and suggest take. Nothing here can be wrong any more; where a thing stood in
// the files is kept for messages.

import type { Address } from '#model/address.ts';
import type { AddressRange } from '#model/address-range.ts';
import type { Labels } from '#model/label.ts';
import type { TimeWindow, Weekday } from '#model/schedule.ts';
import type { Selector } from '#model/selector.ts';
import type { Service, ServiceTerm } from '#model/service.ts';
import type { Millis } from '#model/time.ts';
import type { DenyAction, EnforcementMode } from '#model/verdict.ts';
import type { Position } from '#policy/source/position.ts';

/** `ranges` are normalised and have the exceptions taken out; `source` is "ipList NAME" or the CIDR, for messages. */
export type Peer =
  | { readonly kind: 'workloads'; readonly selector: Selector; readonly text: string }
  | { readonly kind: 'segment'; readonly segment: string; readonly selector?: Selector; readonly text: string }
  | { readonly kind: 'tenant'; readonly selector: Selector; readonly text: string }
  | { readonly kind: 'ranges'; readonly ranges: readonly AddressRange[]; readonly source: string }
  | { readonly kind: 'fqdn'; readonly name: string }
  | { readonly kind: 'any' };

export type { TimeWindow, Weekday };

export interface Rule {
  readonly name: string;
  readonly from: readonly Peer[];
  readonly to: readonly Peer[];
  /** Service names resolved to their terms. */
  readonly services: readonly ServiceTerm[];
  readonly reason?: string;
  readonly owner?: string;
  /** From this instant on the rule grants nothing. */
  readonly expiresAt?: Millis;
  readonly when?: TimeWindow;
  readonly position: Position;
}

export interface Segment {
  readonly name: string;
  readonly description?: string;
  readonly selector: Selector;
  readonly selectorText: string;
  readonly inbound: EnforcementMode;
  readonly outbound: EnforcementMode;
  readonly selective: readonly ServiceTerm[];
  readonly onDeny: { readonly inbound: DenyAction; readonly outbound: DenyAction };
  /** Label keys in the document's order; empty for an ordinary segment. */
  readonly each: readonly string[];
  readonly rules: readonly Rule[];
  readonly position: Position;
}

export interface GuardrailEntry {
  readonly from: readonly Peer[];
  readonly to: readonly Peer[];
  readonly services: readonly ServiceTerm[];
  readonly reason?: string;
  readonly position: Position;
}

export interface Guardrail {
  readonly name: string;
  readonly mode: 'observe' | 'enforce';
  readonly deny: readonly GuardrailEntry[];
  readonly position: Position;
}

export type TestEnd =
  | { readonly kind: 'workload'; readonly workload: string }
  | { readonly kind: 'address'; readonly address: Address }
  | { readonly kind: 'labels'; readonly labels: Labels };

export interface Assertion {
  readonly from: TestEnd;
  readonly to: TestEnd;
  /** One term as written, resolved: several where it names a Service. */
  readonly services: readonly ServiceTerm[];
  readonly serviceText: string;
  readonly expect: 'allow' | 'deny';
  readonly via?: { readonly segment: string; readonly rule: string };
  readonly position: Position;
}

/** As the segments are written, or as if every one of them enforced both directions: what must hold also while still observing. */
export type Judgement = 'as-written' | 'as-enforced';

export interface PolicyTest {
  readonly name: string;
  readonly judge: Judgement;
  readonly tests: readonly Assertion[];
  readonly position: Position;
}

/** Maps are by metadata.name; iteration is in code-unit order of the names, whatever the order of files. */
export interface Policy {
  readonly segments: ReadonlyMap<string, Segment>;
  readonly guardrails: ReadonlyMap<string, Guardrail>;
  readonly services: ReadonlyMap<string, readonly ServiceTerm[]>;
  readonly ipLists: ReadonlyMap<string, readonly AddressRange[]>;
  readonly tests: ReadonlyMap<string, PolicyTest>;
  /** Workload documents that stood in the policy directory itself. */
  readonly workloads: ReadonlyMap<string, Workload>;
}

export type WorkloadKind = 'host' | 'unit' | 'container' | 'external' | 'virtual';

/**
 * `labels` include facts under "fact/". A unit's `addresses` are those of its host's workload together with any of its own.
 * `conflicting` addresses (live only: two hosts claim them) are in `addresses` of none. A virtual workload's addresses are in those
 * of nobody else, hosts that hold them included.
 */
export interface Workload {
  readonly name: string;
  readonly kind: WorkloadKind;
  /** Absent for external and virtual workloads. */
  readonly host?: string;
  readonly addresses: readonly Address[];
  /**
   * A container's own addresses where it is known by others elsewhere (its host's, behind whose address translation it is): it
   * has these on its own host, and there only these.
   */
  readonly onHost?: readonly Address[];
  readonly unit?: string;
  /** Present exactly where kind is virtual: hosts whose workload of kind host it selects may hold the addresses, and no other. */
  readonly holders?: Selector;
  readonly labels: Labels;
  readonly quarantine?: WorkloadQuarantine;
  readonly position?: Position;
}

/** Set by an operator, never by policy files. */
export interface WorkloadQuarantine {
  readonly name: string;
  readonly peers: readonly Peer[];
}

/** `resolutions` is what names resolved to (lower case, no final dot), for fqdn peers in offline work. */
export interface Inventory {
  readonly workloads: ReadonlyMap<string, Workload>;
  readonly resolutions: ReadonlyMap<string, readonly Address[]>;
}

/** A connection to judge. Both addresses are of one family. Workload names tell units apart from their host. */
export interface Query {
  readonly src: Address;
  readonly dst: Address;
  readonly service: Service;
  readonly srcWorkload?: string;
  readonly dstWorkload?: string;
  readonly at: Millis;
}
