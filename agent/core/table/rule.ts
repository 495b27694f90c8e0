// What a rule of our table says, as a value: packets that meet all of `match` have `statements` done to them, in order, and then
// `verdict`. Whoever asks what a rule does asks this value; nobody reads its text (render-rule.ts makes it, for nft alone).
//
// What matters to anyone is a kind of its own: whatever reads or writes our bits of the mark, and every name of a set, map, counter or
// chain. A comparison that nobody asks about stays in nft's words.

import { equalStructures } from '#model/structure.ts';

/** What the kernel looks up or compares: an expression in nft's words ("ip saddr"), or the decision in the mark. */
export type Key = string | MarkedDecision;
interface MarkedDecision {
  readonly kind: 'marked-decision';
}
export const markedDecision: MarkedDecision = { kind: 'marked-decision' };

export type Match =
  /** A whole comparison in nft's words: "ct state new". */
  | string
  | { readonly kind: 'in-set' | 'not-in-set'; readonly key: string; readonly set: string }
  /** The connection was let in in today's epoch. */
  | { readonly kind: 'todays-epoch' }
  /** This decision judged the connection, in whatever epoch. */
  | { readonly kind: 'decided-by'; readonly decision: number }
  | { readonly kind: 'decided' | 'unjudged' };

export type Statement =
  /** The decision and today's epoch come into the mark: the connection is let in. */
  | { readonly kind: 'stamp'; readonly decision: number }
  /**
   * The decision comes into the mark with epoch 0, which is never today's. `deny`: it is denied; `name`: another end is still to be
   * judged, and nothing passes by it.
   */
  | { readonly kind: 'deny' | 'name'; readonly decision: number }
  /** Today's epoch comes to the decision that stands in the mark. */
  | { readonly kind: 'give-epoch' }
  | { readonly kind: 'count'; readonly counter: string }
  /** The packet's key comes into a dynamic set; where that is full, the rule ends. `over`: beyond this rate alone. */
  | {
      readonly kind: 'add' | 'update';
      readonly set: string;
      readonly key: string;
      readonly over?: { readonly perMinute: number; readonly burst: number };
    }
  /** What the map says of the key becomes the packet's priority. */
  | { readonly kind: 'tag'; readonly key: string; readonly map: string }
  | { readonly kind: 'log'; readonly group: number };

/** Where an element of a map leads, or a tag that leads there by a second map (map-values.ts). */
export type Target =
  | { readonly kind: 'goto' | 'jump'; readonly chain: string }
  | { readonly kind: 'tag'; readonly number: number }
  /** Of a set. */
  | { readonly kind: 'member' };

/** A tag where no tag is meant cannot be written: verdicts lead to chains alone. */
export type Way = Extract<Target, { readonly chain: string }>;

export type Verdict =
  | { readonly kind: 'accept' | 'drop' | 'reject' | 'return' }
  /** To the chain's next rule. */
  | { readonly kind: 'continue' }
  | Way
  /** The way that a map gives the key; where it has none, on to the next rule. */
  | { readonly kind: 'look-up'; readonly key: Key; readonly map: string }
  /** The same, by a map within the rule. */
  | { readonly kind: 'choose'; readonly key: string; readonly ways: readonly (readonly [key: string, way: Way])[] }
  /** To whoever listens at this queue; past it where nobody does. */
  | { readonly kind: 'queue'; readonly number: number };

export interface Rule {
  readonly match: readonly Match[];
  readonly statements: readonly Statement[];
  readonly verdict: Verdict;
}

/** How a rule ends once its matches are met. */
export type Ending = Pick<Rule, 'statements' | 'verdict'>;

const nothing: readonly never[] = [];

export const accept: Verdict = { kind: 'accept' };
export const drop: Verdict = { kind: 'drop' };
export const reject: Verdict = { kind: 'reject' };
export const back: Verdict = { kind: 'return' };
export const goOn: Verdict = { kind: 'continue' };
export const member: Target = { kind: 'member' };
export const todaysEpoch: Match = { kind: 'todays-epoch' };
export const decided: Match = { kind: 'decided' };
export const unjudged: Match = { kind: 'unjudged' };
export const giveEpoch: Statement = { kind: 'give-epoch' };

export const goto = (chain: string): Way => ({ kind: 'goto', chain });
export const jump = (chain: string): Way => ({ kind: 'jump', chain });
export const lookUp = (key: Key, map: string): Verdict => ({ kind: 'look-up', key, map });
export const inSet = (key: string, set: string): Match => ({ kind: 'in-set', key, set });
export const notInSet = (key: string, set: string): Match => ({ kind: 'not-in-set', key, set });
export const decidedBy = (decision: number): Match => ({ kind: 'decided-by', decision });
export const count = (counter: string): Statement => ({ kind: 'count', counter });

export function ending(statements: readonly Statement[], verdict: Verdict): Ending {
  return { statements, verdict };
}

export function rule(match: readonly Match[], end: Verdict | Ending): Rule {
  return 'kind' in end ? { match, statements: nothing, verdict: end } : { match, ...end };
}

/**
 * Which part of a mark the rule believes. `epoch`: that a connection was let in today, so that it passes unasked. `mark`: which decision
 * judged it, so that it is asked again by that one's rules. While marks are in doubt such rules are left out (change/script.ts).
 */
export function trustOf({ match, verdict }: Rule): 'epoch' | 'mark' | 'none' {
  const believes = (kind: 'todays-epoch' | 'decided-by') =>
    match.some((one) => typeof one !== 'string' && one.kind === kind);
  if (believes('todays-epoch')) return 'epoch';
  const looksUp = verdict.kind === 'look-up' && verdict.key === markedDecision;
  return looksUp || believes('decided-by') ? 'mark' : 'none';
}

/** Whether today's epoch is in its text, so that another epoch is another text. */
export function carriesEpoch({ match, statements }: Rule): boolean {
  return (
    match.some((one) => typeof one !== 'string' && one.kind === 'todays-epoch') ||
    statements.some(({ kind }) => kind === 'stamp' || kind === 'give-epoch')
  );
}

/** The chains it leads to by itself; those that its map leads to are the map's. */
export function chainsOf({ verdict }: Pick<Rule, 'verdict'>): readonly string[] {
  switch (verdict.kind) {
    case 'goto':
    case 'jump':
      return [verdict.chain];
    case 'choose':
      return verdict.ways.map(([, { chain }]) => chain);
    default:
      return nothing;
  }
}

export function isSameTarget(one: Target | undefined, other: Target): boolean {
  if (one === other) return true;
  if (one === undefined || one.kind !== other.kind) return false;
  if ('chain' in one) return 'chain' in other && one.chain === other.chain;
  return one.kind === 'member' || ('number' in other && one.number === other.number);
}

export function areSameRules(some: readonly Rule[], others: readonly Rule[]): boolean {
  return equalStructures(some, others);
}
