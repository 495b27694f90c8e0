// The desired kernel table as data: what transaction.ts turns into text. Lines are nft's own words, but for what changes with
// every revocation: the epoch stands in them as a mark that is filled in when the text is made, so that equal policy is equal
// data whatever the epoch.

import type { Decision } from '#agent-core/judge/decision.ts';
import type { Numbering } from '#agent-core/judge/numbers.ts';
import type { PeerClass, PeerClasses } from '#agent-core/judge/peer-classes.ts';
import { complement, type MarkLayout, maskText } from '#agent-core/marks/mark-layout.ts';
import type { Family } from '#model/address.ts';
import type { HostRuleSet, ManagedKind } from '#model/rule-set.ts';
import type { Direction } from '#model/verdict.ts';
import type { PeerLayout } from './map-values.ts';

/** Everything of ours lives in this one table, and nothing else is ever touched. */
export const tableName = 'inet segwall';

/** Counts dropped TCP that has no conntrack entry and does not begin with a SYN. */
export const midCounter = 'n_mid';
/** What conntrack calls invalid: where it takes nothing up in its midst, what has lost its entry too. */
export const oddCounter = 'n_odd';

const epochSlot = '<epoch>';
const stampPattern = /<stamp (\d+)>/g;

/** The words that accept only connections stamped with today's epoch. */
export function epochWords({ epochMask }: MarkLayout): string {
  return `ct mark and 0x${epochMask.toString(16)} == ${epochSlot}`;
}

/** The words that stamp a connection with a decision and today's epoch, leaving the bits of others. */
export function stampWords(marks: MarkLayout, number: number): string {
  return `ct mark set ct mark and ${maskText(complement(marks.mask))} or <stamp ${number}>`;
}

/** The words that mark a connection as denied by a decision: epoch 0, which is never today's. */
export function denialWords(marks: MarkLayout, number: number): string {
  return `ct mark set ct mark and ${maskText(complement(marks.mask))} or 0x${marks.stamp(number, 0).toString(16)}`;
}

/** The words that name a decision in the mark where another end is still to be judged: it gives no epoch, and so nothing passes by it. */
export const nameWords = denialWords;

/** The words that give today's epoch to a connection whose decision stands in its mark. */
export function giveEpochWords({ epochMask }: MarkLayout): string {
  return `ct mark set ct mark and ${maskText(complement(epochMask))} or ${epochSlot}`;
}

/** The words for what stands in the mark of the decision alone. */
export function decisionWords({ decisionMask }: MarkLayout): string {
  return `ct mark and ${maskText(decisionMask)}`;
}

/** The words for a connection that nobody judged. */
export function unjudgedWords({ mask }: MarkLayout): string {
  return `ct mark and ${maskText(mask)} == 0`;
}

export function isEpochLine(line: string): boolean {
  return line.includes(epochSlot) || line.includes('<stamp ');
}

/** Whether a line lets what stands in a mark decide: which packets pass unasked, whose rules are asked. */
export function believesMark(line: string): boolean {
  return line.includes(`== ${epochSlot}`) || /(?:^| )ct mark and 0x[0-9a-f]+ (?:vmap |== 0x[0-9a-f]+ goto )/.test(line);
}

export function fillEpoch(line: string, epoch: number, marks: MarkLayout): string {
  return line
    .replaceAll(epochSlot, `0x${marks.stamp(0, epoch).toString(16)}`)
    .replace(stampPattern, (_, number: string) => `0x${marks.stamp(Number(number), epoch).toString(16)}`);
}

/** A base chain's `hook` is fixed at creation; regular chains have none. */
export interface Chain {
  readonly hook?: string;
  readonly lines: readonly string[];
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
  /** Key to value in nft's words; a set's values are empty. */
  readonly elements: ReadonlyMap<string, string>;
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
  /** What says which gate of the host or of a unit judges which packet: a change here is judged anew in full. */
  readonly dispatch: string;
  readonly decisions: ReadonlyMap<number, Decision>;
  readonly numbering: Numbering;
  /** Of what it was made beside its numbering: the policy, and as text what is the host's own. */
  readonly source: { readonly ruleSet: HostRuleSet; readonly own: string };
  readonly classes: ReadonlyMap<string, PeerClass>;
}
