// The desired kernel table as data: what transaction.ts turns into text. Nothing in it depends on the epoch, which comes in when the
// text is made: equal policy is equal data, and another epoch alone is another text.

import type { Decision } from '#agent-core/judge/decision.ts';
import type { Numbering } from '#agent-core/judge/numbers.ts';
import type { PeerClass, PeerClasses } from '#agent-core/judge/peer-classes.ts';
import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import type { Address, Family } from '#model/address.ts';
import type { HostRuleSet, ManagedKind } from '#model/rule-set.ts';
import type { Direction } from '#model/verdict.ts';
import type { PeerLayout } from './map-values.ts';
import type { Rule, Target } from './rule.ts';

/** Everything of ours lives in this one table, and nothing else is ever touched. */
export const tableName = 'inet segwall';

/** A base chain's `hook` is fixed at creation; regular chains have none. */
export interface Chain {
  readonly hook?: string;
  readonly rules: readonly Rule[];
}

/**
 * `by-element`: a hash map, whose elements change one by one. `late-removal`: the same, but what goes stands until the transaction
 * after the one that leaves it, for packets on their way. `fresh`: an interval map, whose content never changes: other content is
 * another map under another name (interval-map.ts).
 */
export interface ElementMap {
  readonly declaration: string;
  readonly kind: 'map' | 'set';
  readonly update: 'by-element' | 'late-removal' | 'fresh';
  /** By key in nft's words. Of many peers few are told apart: their elements share their targets. */
  readonly elements: ReadonlyMap<string, Target>;
  /** Absent where it was made from nothing. No key but these has another value than in `from`. */
  readonly since?: { readonly from: WeakRef<ElementMap>; readonly keys: readonly string[] };
}

/** A map behind a gate (peer-maps.ts). */
export interface PeerMap {
  readonly name: string;
  readonly of: 'addresses' | 'ranges';
  /** What of the address is looked up: absent, all of it. */
  readonly mask?: string;
  readonly layout: PeerLayout;
  readonly map: ElementMap;
}

/** How connections are judged through one gate, for telling a change that only widens from one that revokes. */
export interface JudgedGate {
  readonly name: string;
  readonly workload: string;
  readonly kind: ManagedKind;
  readonly direction: Direction;
  readonly classes: PeerClasses;
}

/** Where units are told apart (unit-lookup.ts): each names a chain, with one look-up a cgroup level, and the map it looks in. */
export const unitEntries = ['units_new_in', 'units_new_out', 'units_judge_in', 'units_judge_out'] as const;
export type UnitEntry = (typeof unitEntries)[number];

/** A unit workload's own entry chains. */
export interface UnitTargets {
  readonly workload: string;
  readonly unit: string;
  readonly chains: Readonly<Record<UnitEntry, string>>;
}

/** Which gates judge the containers' own addresses, and which of these are one container's. */
export interface ContainerAddresses {
  /** Gates by name, each of which is asked: more than one where several containers have the address. */
  readonly gates: Readonly<Record<Direction, ReadonlyMap<Address, readonly string[]>>>;
  /** By the key of their element. */
  readonly pairs: ReadonlyMap<string, readonly [Address, Address]>;
}

export const noContainers: ContainerAddresses = {
  gates: { inbound: new Map(), outbound: new Map() },
  pairs: new Map(),
};

export interface Table {
  /** By which its rules stamp, and believe stamps. */
  readonly marks: MarkLayout;
  /** `withheld`: it writes no mark on what it lets pass, and believes none (unstamped-table.ts). */
  readonly stamps: 'written' | 'withheld';
  /** In order of creation; a chain that a map names is among them. */
  readonly chains: ReadonlyMap<string, Chain>;
  readonly maps: ReadonlyMap<string, ElementMap>;
  readonly counters: ReadonlySet<string>;
  /** Dynamic sets that the kernel fills; created, never flushed. Name to declaration. */
  readonly deniedSets: ReadonlyMap<string, string>;
  readonly gates: readonly JudgedGate[];
  /** By gate name, in the order in which a gate looks in them. */
  readonly peerMaps: ReadonlyMap<string, Readonly<Record<Family, readonly PeerMap[]>>>;
  /** The units that have rules of their own, in the order of the rule set. */
  readonly units: readonly UnitTargets[];
  readonly containers: ContainerAddresses;
  /** What says which gate of the host or of a unit judges which packet: a change here is judged anew in full. */
  readonly dispatch: string;
  readonly decisions: ReadonlyMap<number, Decision>;
  readonly numbering: Numbering;
  /** Of what it was made beside its numbering: the policy, and as text what is the host's own. */
  readonly source: { readonly ruleSet: HostRuleSet; readonly own: string };
  readonly classes: ReadonlyMap<string, PeerClass>;
}
